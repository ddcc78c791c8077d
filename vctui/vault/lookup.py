"""Finding a credential among the records, showing it, opening it."""

from __future__ import annotations

from collections.abc import Sequence

from vctui.errors import CredentialNotFound, DataError, UsageError
from vctui.records import CredentialInfo, SSHCredentials
from vctui.scope import NOWHERE, Scope, parse_scope
from vctui.text import safe_line
from vctui.vault.manifest import Manifest
from vctui.vault.schemes import (
    AGENT,
    ANY_KEY,
    ENABLE_SECRET,
    PASSPHRASE,
    PASSWORD,
    PRIVATE_KEY,
    Record,
    Scheme,
)
from vctui.vault.seal import SealBroken


def not_found(name: str) -> CredentialNotFound:
    """The error for a name that no credential has."""
    return CredentialNotFound(
        f"there is no credential named '{safe_line(name)}'", "See the names with: vctui vault list"
    )


def find_record(records: Sequence[Record], name: str | None = None, id: int | None = None) -> Record:
    """The record with that id, else that name, else the default one. Raises CredentialNotFound."""
    if id is not None:
        for record in records:
            if record.id == id:
                return record
        raise CredentialNotFound(
            f"there is no credential with id {id}", "Choose another for the device or job that names it"
        )
    if name is not None:
        for record in records:
            if record.name == name:
                return record
        raise not_found(name)
    for record in records:
        if record.is_default:
            return record
    if not records:
        raise CredentialNotFound("the vault holds no credentials", "Add one: vctui vault add NAME -u USER")
    raise CredentialNotFound("no credential is the default", "Choose one: vctui vault set-default NAME")


def info_of(record: Record) -> CredentialInfo:
    """What may be shown of a record."""
    return CredentialInfo(
        id=record.id,
        name=record.name,
        username=record.username,
        is_default=record.is_default,
        has_password=PASSWORD in record.tokens,
        has_key=PRIVATE_KEY in record.tokens,
        has_enable=ENABLE_SECRET in record.tokens,
        has_agent=AGENT in record.tokens,
        scope=scope_of(record),
    )


def scope_of(record: Record) -> Scope:
    """Where a credential may be sent; one that says nothing sensible may be sent nowhere."""
    try:
        return parse_scope(record.scope)
    except UsageError:
        return NOWHERE


def open_record(scheme: Scheme, record: Record, manifest: Manifest | None) -> SSHCredentials:
    """A record with its secrets. Raises DataError when it was altered, or written by somebody else."""
    if manifest is not None and record.uuid not in manifest:
        raise altered(record, "was not added by vctui")
    try:
        values = {name: scheme.unseal(record, name, token) for name, token in record.tokens.items()}
    except SealBroken:
        raise altered(record, "was altered outside vctui, or is damaged") from None
    return SSHCredentials(
        username=record.username,
        name=record.name,
        id=record.id,
        password=values.get(PASSWORD),
        private_key=values.get(PRIVATE_KEY),
        passphrase=values.get(PASSPHRASE),
        enable_secret=values.get(ENABLE_SECRET),
        agent=AGENT in values,
        agent_key=values.get(AGENT, ANY_KEY).removeprefix(ANY_KEY),
        scope=scope_of(record),
    )


def altered(record: Record, what: str) -> DataError:
    """The error for a credential that is not what vctui left, and what to do about it."""
    name = safe_line(record.name)
    return DataError(
        f"vault: credential '{name}' {what}",
        f"Restore collector.db, or remove it (vctui vault remove '{name}') and add it anew",
    )
