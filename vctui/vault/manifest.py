"""The sealed list of a vault's records: shows that a row was removed, renamed or put back to an old state.

It cannot show that the whole database was replaced by an older copy of itself: nothing inside a file can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vctui.errors import DataError
from vctui.text import safe_line
from vctui.vault.schemes import Record
from vctui.vault.seal import SealBroken, manifest_binding, seal, unseal


@dataclass(frozen=True, slots=True)
class Entry:
    """What a record must look like."""

    uuid: str
    id: int
    name: str
    version: int
    fields: tuple[str, ...]
    """The names of its sealed fields, sorted."""


Manifest = Mapping[str, Entry]
"""Entries by the record's uuid."""


def entry_of(record: Record) -> Entry:
    """The entry of a record as it is now."""
    return Entry(record.uuid, record.id, record.name, record.version, tuple(sorted(record.tokens)))


def seal_manifest(key: bytes, vault: str, entries: Iterable[Entry]) -> str:
    """The token to store."""
    rows = [[e.uuid, e.id, e.name, e.version, e.fields] for e in sorted(entries, key=lambda e: e.id)]
    return seal(key, json.dumps(rows, separators=(",", ":")).encode("ascii"), manifest_binding(vault))


def open_manifest(key: bytes, vault: str, token: str) -> dict[str, Entry]:
    """The entries of a stored token. Raises DataError when it was altered."""
    try:
        rows = json.loads(unseal(key, token, manifest_binding(vault)))
    except SealBroken:
        raise DataError(
            "vault: the list of credentials was altered outside vctui", "Restore collector.db from a backup"
        ) from None
    return {row[0]: Entry(row[0], row[1], row[2], row[3], tuple(row[4])) for row in rows}


def check_records(manifest: Manifest, records: Iterable[Record]) -> None:
    """Raise DataError, naming the credential, when a record is not as the manifest has it.

    Rows that the manifest does not know are no danger to the others: they do not open.
    """
    found = {record.uuid: entry_of(record) for record in records if record.uuid}
    for entry in manifest.values():
        now = found.get(entry.uuid)
        if now == entry:
            continue
        name = safe_line(entry.name)
        if now is None:
            what = "was removed"
            step = f"If that was meant, confirm it with: vctui vault remove '{name}'"
        else:
            what = "was altered"
            step = f"Restore collector.db, or remove it (vctui vault remove '{name}') and add it anew"
        raise DataError(f"vault: credential '{name}' {what} outside vctui", step)
