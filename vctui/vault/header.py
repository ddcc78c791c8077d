"""Which vault a database holds, and whether its records are the ones vctui left there."""

from __future__ import annotations

from collections.abc import Iterable

from vctui.errors import VaultError, VaultLocked
from vctui.vault import tables
from vctui.vault.manifest import Manifest, check_records, entry_of, open_manifest, seal_manifest
from vctui.vault.record_rows import read_records
from vctui.vault.schemes import LegacyHeader, Record, Scheme, parse_legacy
from vctui.vault.tables import Database, VaultRow

Header = VaultRow | LegacyHeader


def read_header(db: Database) -> Header | None:
    """The vault's public part, or None when there is no vault."""
    return tables.read_vault(db) or parse_legacy(tables.read_metadata(db))


def require_header(db: Database) -> Header:
    """The vault's public part. Raises VaultError when there is no vault."""
    header = read_header(db)
    if header is None:
        raise VaultError("the vault is not initialised", "Create it with: vctui vault init")
    return header


def require_same(db: Database, scheme: Scheme) -> Header:
    """The public part of the vault that was unlocked. Raises VaultLocked when another took its place."""
    header = require_header(db)
    if header.vault != scheme.vault:
        raise VaultLocked("the vault was replaced after it was unlocked", "Unlock it again")
    return header


def read_manifest(db: Database, scheme: Scheme) -> Manifest | None:
    """The vault's list of records; VelocityCollector's vaults have none. Raises DataError when altered."""
    header = require_same(db, scheme)
    if isinstance(header, LegacyHeader):
        return None
    return open_manifest(scheme.key, scheme.vault, header.manifest)


def write_manifest(
    db: Database, scheme: Scheme, *, add: Record | None = None, drop: Iterable[int] = ()
) -> None:
    """Bring the vault's list of records up to date after a change."""
    manifest = read_manifest(db, scheme)
    if manifest is None:
        return
    entries = [entry for entry in manifest.values() if entry.id not in set(drop)]
    if add is not None:
        entries.append(entry_of(add))
    tables.write_manifest(db, seal_manifest(scheme.key, scheme.vault, entries))


def checked_records(db: Database, scheme: Scheme) -> tuple[list[Record], Manifest | None]:
    """Every record, once the list of them agrees. Raises DataError naming the credential that does not."""
    manifest = read_manifest(db, scheme)
    records = read_records(db)
    if manifest is not None:
        check_records(manifest, records)
    return records, manifest
