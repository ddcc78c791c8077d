"""Adding, changing and removing credentials, within a transaction that the vault has opened."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from vctui.errors import DataError, VaultError
from vctui.records import CredentialInfo
from vctui.scope import ANYWHERE, Scope
from vctui.text import safe_line
from vctui.vault import record_rows
from vctui.vault.checks import FieldRefused, check_fields, check_name, check_username
from vctui.vault.header import checked_records, read_manifest, require_header, write_manifest
from vctui.vault.lookup import altered, find_record, info_of, not_found
from vctui.vault.manifest import Manifest
from vctui.vault.schemes import FIELDS, OUR_FIELDS, PASSPHRASE, PRIVATE_KEY, Record, Scheme, SealedScheme
from vctui.vault.seal import SealBroken
from vctui.vault.tables import Database, VaultRow


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to become of a credential; whatever is None stays as it is."""

    name: str | None = None
    username: str | None = None
    scope: Scope | None = None
    secrets: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    """By field: its new value, or None to take it away. A field that is not named here keeps its secret."""


def add(
    db: Database,
    scheme: Scheme,
    name: str,
    username: str,
    secrets: Mapping[str, str | None],
    *,
    scope: Scope = ANYWHERE,
    default: bool = False,
) -> CredentialInfo:
    """Store a credential; the first one becomes the default. Raises VaultError, PassphraseNeeded."""
    check_name(name)
    check_username(username)
    check_scope(scheme, scope)
    values = check_fields({name: value for name, value in secrets.items() if value is not None})
    records, _ = checked_records(db, scheme)
    _refuse_used(records, name)
    own_row = _needs_own_row(scheme, values)
    record = Record(
        id=0,
        name=name,
        username=username,
        is_default=default or not any(other.is_default for other in records),
        uuid=str(uuid.uuid4()) if own_row else "",
        version=1 if own_row else 0,
        scope=str(scope),
    )
    record = replace(record, tokens=_sealed(scheme, record, values))
    record = replace(record, id=record_rows.insert_record(db, record))
    if record.is_default:
        record_rows.mark_default(db, record.id)
    write_manifest(db, scheme, add=record)
    return info_of(record)


def edit(db: Database, scheme: Scheme, name: str, change: Edit) -> CredentialInfo:
    """Change a credential in place: its id stays, and with it the devices and jobs that it is assigned to.

    Raises CredentialNotFound, PassphraseNeeded, VaultError, and DataError when a secret that shall stay
    does not open.
    """
    records, manifest = checked_records(db, scheme)
    old = find_record(records, name)
    refuse_stranger(old, manifest)
    kept = {field: token for field, token in old.tokens.items() if field not in change.secrets}
    values = _opened(scheme, old, kept)
    values |= {field: value for field, value in change.secrets.items() if value is not None}
    if PRIVATE_KEY in change.secrets and PASSPHRASE not in change.secrets:
        values.pop(PASSPHRASE, None)  # it was the old key's
    if change.secrets:
        values = check_fields(values)
    scope = old.scope
    if change.scope is not None:
        check_scope(scheme, change.scope)
        scope = str(change.scope)
    if change.name is not None and change.name != name:
        check_name(change.name)
        _refuse_used(records, change.name)
    if change.username is not None:
        check_username(change.username)
    own_row = _needs_own_row(scheme, values)
    new = replace(
        old,
        name=name if change.name is None else change.name,
        username=old.username if change.username is None else change.username,
        scope=scope,
        uuid=(old.uuid or str(uuid.uuid4())) if own_row else "",
        version=old.version + 1 if own_row else 0,
    )
    new = replace(new, tokens=_sealed(scheme, new, values))
    record_rows.update_record(db, new)
    write_manifest(db, scheme, add=new, drop=[new.id])
    return info_of(new)


def set_default(db: Database, name: str) -> CredentialInfo:
    """Make one credential the default, and no other. Raises CredentialNotFound and changes nothing."""
    record = find_record(record_rows.read_records(db), name)
    record_rows.mark_default(db, record.id)
    return info_of(record)


def remove(db: Database, scheme: Scheme | None, name: str) -> int:
    """Delete a credential, damaged or not; the default one only when it is the last. Its id.

    `scheme` may be None for a vault of VelocityCollector. Raises CredentialNotFound, VaultError.
    """
    own = isinstance(require_header(db), VaultRow)
    manifest = read_manifest(db, scheme) if own and scheme is not None else None
    records = record_rows.read_records(db)
    ids = {record.id for record in records if record.name == name}
    if manifest is not None:
        ids |= {entry.id for entry in manifest.values() if entry.name == name}
    if not ids:
        raise not_found(name)
    rest = [record for record in records if record.id not in ids]
    lost = any(record.is_default for record in records if record.id in ids)
    if lost and rest and not any(record.is_default for record in rest):
        raise VaultError(
            f"'{safe_line(name)}' is the default credential",
            "Choose another first: vctui vault set-default NAME",
        )
    record_rows.delete_records(db, ids)
    if own and scheme is not None:
        write_manifest(db, scheme, drop=ids)
    else:
        record_rows.drop_orphans(db)
    return min(ids)


def check_scope(scheme: Scheme, scope: Scope) -> None:
    """Raise VaultError where a scope could not be bound to the secrets, and so would protect nothing."""
    if scope != ANYWHERE and not isinstance(scheme, SealedScheme):
        raise VaultError(
            "VelocityCollector's vaults cannot hold a scope", "Move to vctui's own: vctui vault upgrade"
        )


def refuse_stranger(record: Record, manifest: Manifest | None) -> None:
    """Raise DataError for a row that somebody else put among ours."""
    if manifest is not None and record.uuid not in manifest:
        raise altered(record, "was not added by vctui")


def _needs_own_row(scheme: Scheme, values: Iterable[str]) -> bool:
    return isinstance(scheme, SealedScheme) or any(name in values for name in OUR_FIELDS)


def _refuse_used(records: Iterable[Record], name: str) -> None:
    if any(record.name == name for record in records):
        raise FieldRefused("name", f"a credential named '{name}' exists already", "Choose another name")


def _sealed(scheme: Scheme, record: Record, values: Mapping[str, str]) -> dict[str, str]:
    return {name: scheme.seal(record, name, values[name]) for name in FIELDS if name in values}


def _opened(scheme: Scheme, record: Record, tokens: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, token in tokens.items():
        try:
            values[name] = scheme.unseal(record, name, token)
        except SealBroken:
            what = name.replace("_", " ")
            problem = DataError(
                f"vault: the {what} of credential '{safe_line(record.name)}' does not open",
                "Enter it anew in the same edit, or restore collector.db",
            )
        else:
            continue
        raise problem
    return values
