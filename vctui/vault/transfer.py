"""Credentials in a file of their own, to carry from one home to another: sealed with a password of its own.

A file is three lines of ASCII: what it is, how the key comes from the password, and the sealed credentials.
The first two are bound to the third, so that nothing of it can be changed, and the second is held to the
same bounds as the vault's before anything is derived. There is no plaintext form.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vctui.errors import CredentialNotFound, DataError, UsageError, WrongPassword
from vctui.storage import write_private
from vctui.text import safe_line
from vctui.vault.header import checked_records
from vctui.vault.kdf import (
    PRODUCTION,
    KdfPolicy,
    check_new_password,
    derive,
    derive_new,
    encode_password,
    parse_params,
)
from vctui.vault.password import open_fields
from vctui.vault.schemes import FIELDS, Scheme
from vctui.vault.seal import SealBroken, canonical, canonical_object, seal, unseal
from vctui.vault.store import Vault

MAGIC = "vctui vault export 1"
SQLITE = b"SQLite format 3\0"
MAX_FILE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """One credential on its way from one vault to another."""

    name: str
    username: str
    scope: str
    is_default: bool
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file was given."""

    names: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    """Left out: they do not open."""


def export_vault(vault: Vault, file: Path, password: str, *, names: Collection[str] = ()) -> Exported:
    """Write the credentials, or those of these names, into a new file.

    Raises VaultLocked, CredentialNotFound, UsageError for a file that is there already, StorageError.
    """
    scheme = vault.require_scheme()
    check_target(file)
    items, damaged = read_items(vault, scheme, names=names)
    data = write_export(items, password, vault.kdf)
    exported = Exported(tuple(item.name for item in items), damaged)
    vault.note("vault_exported", file=str(file), names=list(exported.names))
    write_private(file, data)
    return exported


def check_target(file: Path) -> None:
    """Raise UsageError where an export would not be written, before anybody is asked for a password."""
    if file.exists():
        raise UsageError(f"{file} exists already", "Choose another name, or move it aside")
    if not file.parent.is_dir():
        raise UsageError(f"{file.parent} is not a folder", "Make it first, or choose another")


def read_items(
    vault: Vault, scheme: Scheme, *, names: Collection[str] = ()
) -> tuple[list[Item], tuple[str, ...]]:
    """The credentials of a vault, or those of these names; and the names of those that do not open."""
    with vault.reading() as db:
        records, manifest = checked_records(db, scheme)
    missing = set(names) - {record.name for record in records}
    if missing:
        raise CredentialNotFound(f"there is no credential named '{safe_line(min(missing))}'")
    items: list[Item] = []
    damaged: list[str] = []
    for record in records:
        if names and record.name not in names:
            continue
        values, broken = open_fields(scheme, record)
        if broken or (manifest is not None and record.uuid not in manifest):
            damaged.append(record.name)
        else:
            items.append(Item(record.name, record.username, record.scope, record.is_default, values))
    return items, tuple(damaged)


def write_export(items: Collection[Item], password: str, policy: KdfPolicy = PRODUCTION) -> bytes:
    """The bytes of an export. Raises VaultError for a password that is too short."""
    rows = [
        {"name": i.name, "username": i.username, "scope": i.scope, "default": i.is_default} | dict(i.secrets)
        for i in items
    ]
    key, params, _ = derive_new(check_new_password(password), policy)
    header = canonical_object(params.header())
    token = seal(key, json.dumps({"credentials": rows}).encode("ascii"), _bound(header))
    return f"{MAGIC}\n{header}\n{token}\n".encode("ascii")


def read_export(data: bytes, password: str, policy: KdfPolicy = PRODUCTION) -> list[Item]:
    """The credentials in the bytes of an export. Raises DataError, WrongPassword, VaultError."""
    header, token = _lines(data)
    key = derive(encode_password(password), parse_params(header, policy))
    try:
        plain = unseal(key, token, _bound(header))
    except SealBroken:
        plain = None
    if plain is None:
        raise WrongPassword("the password is not the file's, or the file was altered")
    try:
        return [_item(row) for row in json.loads(plain)["credentials"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DataError("the file holds no credentials that this vctui can read", "Upgrade vctui")


def read_file(file: Path) -> bytes:
    """The bytes of a file that may be an export or a collector.db. Raises UsageError."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if is_database(data):
        return data[: len(SQLITE)]
    if len(data) > MAX_FILE:
        raise UsageError(f"{file} is larger than 64 MiB", "This is not an export of a vault")
    _lines(data)
    return data


def is_database(data: bytes) -> bool:
    """Whether these are the first bytes of a collector.db."""
    return data.startswith(SQLITE)


def read_database(file: Path, password: str) -> tuple[list[Item], tuple[str, ...]]:
    """The credentials of another home's collector.db, and the names of those that do not open.

    The file is only read. Raises WrongPassword, VaultError, DataError.
    """
    other = Vault(file)
    return read_items(other, other.scheme_of_password(password, source="import"))


def _lines(data: bytes) -> tuple[str, str]:
    lines = data.decode("ascii", "replace").split("\n")
    if lines[0] != MAGIC:
        other = lines[0].startswith(MAGIC.rpartition(" ")[0])
        raise DataError(
            "the export is of another version" if other else "this is no export of a vault",
            "Upgrade vctui" if other else "Make one with: vctui vault export FILE",
        )
    if len(lines) != 4 or lines[3]:
        raise DataError("the export is cut short or was added to", "Make it again: vctui vault export FILE")
    return lines[1], lines[2]


def _bound(header: str) -> bytes:
    return canonical("export", MAGIC, header)


def _item(row: dict[str, Any]) -> Item:
    secrets = {name: _text(row[name]) for name in FIELDS if name in row}
    return Item(
        _text(row["name"]), _text(row["username"]), _text(row["scope"]), bool(row["default"]), secrets
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
