"""A new master password: one slot of vctui's own vault, or everything in VelocityCollector's, in one step."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vctui.errors import DataError, VaultError, WrongPassword
from vctui.vault import record_rows, slots, tables
from vctui.vault.header import checked_records, read_header, require_header, require_same
from vctui.vault.kdf import SALT_BYTES, check_new_password, encode_password
from vctui.vault.schemes import LegacyHeader, Record, Scheme, SealedScheme, make_legacy
from vctui.vault.seal import SealBroken
from vctui.vault.store import Vault
from vctui.vault.tables import Database


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of the password, or of the scheme, came to."""

    credentials: int
    damaged: tuple[str, ...] = ()
    """Credentials with a secret that did not open before and does not now; it was left as it was."""
    notes: tuple[str, ...] = ()


def change_password(vault: Vault, old: str, new: str) -> Changed:
    """Let `new` open the vault and `old` no more. Raises WrongPassword, VaultError; then nothing has changed.

    In vctui's own scheme one row is rewritten and no credential. In VelocityCollector's, where the password
    is the key, every secret is encrypted again, so that both programs go on reading it.
    """
    data = check_new_password(new)
    if old == new:
        raise VaultError("the new master password is the old one", "Choose another")
    with vault.reading() as db:
        header = require_header(db)
    if isinstance(header, LegacyHeader):
        return _change_legacy(vault, old, data)
    with vault.reading() as db:
        stored = tables.read_slots(db, header.vault, "password")
    opened = slots.unwrap_with_password(stored, encode_password(old), vault.kdf)
    if opened is None:
        vault.note("vault_unlock_failed", source="change-password")
        raise WrongPassword("the master password is wrong")
    slot, key = opened
    scheme = SealedScheme(header.vault, key)
    replacement, note = slots.wrap_with_password(scheme, data, vault.kdf, slot=slot.uuid)
    with vault.writing() as db:
        require_same(db, scheme)
        count = len(record_rows.read_records(db))
        if not tables.replace_slot(db, slot, replacement):
            raise VaultError("the master password was changed meanwhile", "Try again with the present one")
        vault.note("vault_password_changed")
    vault.adopt(scheme)
    return Changed(count, notes=(note,) if note else ())


def _change_legacy(vault: Vault, old: str, new: bytes) -> Changed:
    before = vault.scheme_of_password(old, source="change-password")
    header, after = make_legacy(new, os.urandom(SALT_BYTES))
    with vault.writing() as db:
        require_same(db, before)
        damaged = reseal(db, before, after)
        tables.write_metadata(
            db,
            {
                "salt": base64.b64encode(header.salt).decode("ascii"),
                "password_hash": base64.b64encode(header.verifier).decode("ascii"),
            },
        )
        # Keys that keyrings hold open what was; they would be of no use any more.
        tables.delete_slots(db, "keyring")
        if read_header(db) != header:
            raise DataError("vault: what was written cannot be read back", "Nothing was changed; try again")
        vault.note("vault_password_changed", damaged=list(damaged))
        count = len(record_rows.read_records(db))
    vault.adopt(after)
    return Changed(count, damaged)


def reseal(
    db: Database, before: Scheme, after: Scheme, identities: Mapping[int, str] | None = None
) -> tuple[str, ...]:
    """Seal every secret anew for another scheme, within one transaction; the names of those that are damaged.

    `identities` gives records a row of vctui's own. A secret that does not open stays as it is, and goes on
    not opening. What was written is read back and compared. Raises DataError.
    """
    damaged: list[str] = []
    expected: dict[int, dict[str, str]] = {}
    for old in checked_records(db, before)[0]:
        new = old
        if identities is not None:
            new = replace(old, uuid=identities[old.id], version=1)
        values, broken = open_fields(before, old)
        tokens = {name: after.seal(new, name, value) for name, value in values.items()}
        record_rows.update_record(db, replace(new, tokens=tokens | broken))
        expected[old.id] = values
        if broken:
            damaged.append(old.name)
    for record in record_rows.read_records(db):
        if open_fields(after, record)[0] != expected.pop(record.id, None):
            raise DataError("vault: what was written cannot be read back", "Nothing was changed; try again")
    return tuple(damaged)


def open_fields(scheme: Scheme, record: Record) -> tuple[dict[str, str], dict[str, str]]:
    """The secrets of a record that open, and the tokens of those that do not."""
    values: dict[str, str] = {}
    broken: dict[str, str] = {}
    for name, token in record.tokens.items():
        try:
            values[name] = scheme.unseal(record, name, token)
        except SealBroken:
            broken[name] = token
    return values, broken
