"""From VelocityCollector's scheme to vctui's own: one transaction, read back before it is final."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from vctui.errors import DataError
from vctui.storage import back_up_database
from vctui.vault import record_rows, slots, tables
from vctui.vault.copies import old_copies
from vctui.vault.header import checked_records, read_header, require_same
from vctui.vault.kdf import encode_password
from vctui.vault.manifest import entry_of, seal_manifest
from vctui.vault.password import Changed, reseal
from vctui.vault.schemes import SealedScheme
from vctui.vault.store import Vault
from vctui.vault.tables import VaultRow

BACKUP_SUFFIX = ".before-upgrade"


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade came to."""

    changed: Changed
    old_copies: tuple[Path, ...]
    """Files beside the database that still hold the old vault, the backup that was just made among them."""


def upgrade(vault: Vault, password: str) -> Upgraded | None:
    """Move VelocityCollector's vault to vctui's own scheme; None when it is in it already.

    Credentials keep their ids. The database is copied first. Whatever interrupts it leaves the old vault as
    it was; to do it again is harmless. Raises WrongPassword, StorageError, DataError.
    """
    before = vault.scheme_of_password(password, source="upgrade")
    if isinstance(before, SealedScheme):
        return None
    back_up_database(vault.path, BACKUP_SUFFIX)
    scheme = SealedScheme(str(uuid.uuid4()), slots.new_key())
    slot, note = slots.wrap_with_password(scheme, encode_password(password), vault.kdf)
    with vault.writing() as db:
        require_same(db, before)
        record_rows.drop_orphans(db)
        ids = [record.id for record in record_rows.read_records(db)]
        damaged = reseal(db, before, scheme, {id: str(uuid.uuid4()) for id in ids})
        # Neither the salt nor the verifier, which is cheap to guess against, is of any use from here on.
        tables.delete_metadata(db, ("salt", "password_hash"))
        tables.delete_slots(db, "keyring")
        entries = [entry_of(record) for record in record_rows.read_records(db)]
        tables.insert_vault(db, VaultRow(scheme.vault, seal_manifest(scheme.key, scheme.vault, entries)))
        tables.insert_slot(db, slot)
        if not isinstance(read_header(db), VaultRow) or len(checked_records(db, scheme)[0]) != len(ids):
            raise DataError("vault: what was written cannot be read back", "Nothing was changed; try again")
        vault.note("vault_upgraded", credentials=len(ids), damaged=list(damaged))
    vault.adopt(scheme)
    changed = Changed(len(ids), damaged, (note,) if note else ())
    return Upgraded(changed, old_copies(vault))
