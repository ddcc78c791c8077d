"""Taking credentials of another vault in: in one transaction, each by the same checks as a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Literal

from vctui.errors import DataError, UsageError, VaultError
from vctui.scope import parse_scope
from vctui.vault import contents
from vctui.vault.contents import Edit
from vctui.vault.header import checked_records
from vctui.vault.password import open_fields
from vctui.vault.record_rows import read_records
from vctui.vault.schemes import FIELDS, PASSPHRASE, PRIVATE_KEY, Record, Scheme
from vctui.vault.store import Vault
from vctui.vault.tables import Database
from vctui.vault.transfer import Item

Conflict = Literal["skip", "rename", "replace"]
CONFLICTS: tuple[Conflict, ...] = ("skip", "rename", "replace")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the credentials, by name."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    """The name it had, and the one it got."""
    skipped: list[str] = field(default_factory=list)
    """There is another one of that name."""
    unchanged: list[str] = field(default_factory=list)
    """The very same is there already."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Its name, and why it cannot be used."""


def import_items(
    vault: Vault, items: Sequence[Item], *, conflict: Conflict = "skip", source: str = ""
) -> Imported:
    """Add credentials to an unlocked vault; `conflict` is for those whose name is taken by another.

    To do it again changes nothing. Raises VaultLocked, DataError, StorageError; then nothing was added.
    """
    scheme = vault.require_scheme()
    result = Imported()
    with vault.writing() as db:
        checked_records(db, scheme)
        # The default one first: where there is none yet, it becomes it.
        for item in sorted(items, key=lambda item: not item.is_default):
            try:
                _take(db, scheme, item, conflict, result)
            except (VaultError, UsageError, DataError) as error:
                result.refused.append((item.name, error.message))
        names = [*result.added, *result.replaced, *(new for _, new in result.renamed)]
        vault.note("vault_imported", source=source, names=names)
    return result


def _take(db: Database, scheme: Scheme, item: Item, conflict: Conflict, result: Imported) -> None:
    records = {record.name: record for record in read_records(db)}
    scope = parse_scope(item.scope)
    # A protected key may come without its passphrase, which is asked for at each run then.
    later = {PASSPHRASE: ""} if PRIVATE_KEY in item.secrets else {}

    def add(name: str) -> None:
        default = item.is_default and not any(record.is_default for record in records.values())
        secrets = later | dict(item.secrets)
        contents.add(db, scheme, name, item.username, secrets, scope=scope, default=default)

    taken = list(takewhile(records.__contains__, _names(item.name)))
    if any(_is_same(scheme, records[name], item) for name in taken):
        result.unchanged.append(item.name)
    elif not taken:
        add(item.name)
        result.added.append(item.name)
    elif conflict == "replace":
        secrets = dict.fromkeys(FIELDS) | later | dict(item.secrets)
        contents.edit(db, scheme, item.name, Edit(username=item.username, scope=scope, secrets=secrets))
        result.replaced.append(item.name)
    elif conflict == "rename":
        name = next(name for name in _names(item.name) if name not in records)
        add(name)
        result.renamed.append((item.name, name))
    else:
        result.skipped.append(item.name)


def _names(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name}-{number}"


def _is_same(scheme: Scheme, record: Record, item: Item) -> bool:
    values, broken = open_fields(scheme, record)
    public = (record.username, record.scope) == (item.username, item.scope)
    return public and not broken and values == dict(item.secrets)
