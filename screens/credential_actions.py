"""What the credential screens ask of the vault. Plain calls, made from a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vctui.errors import UsageError, VctuiError
from vctui.scope import parse_scope

if TYPE_CHECKING:
    from pathlib import Path

    from screens.context import Context
    from vctui.records import CredentialInfo
    from vctui.vault import Changed, Conflict, Imported, Remembered, Upgraded, Users, VaultStatus

OLD = "velocitycollector"


@dataclass(frozen=True, slots=True)
class Entered:
    """What was entered for a credential."""

    text: Mapping[str, str]
    """Its name, user name and scope."""
    secrets: Mapping[str, str | None] = field(repr=False)
    """By field; None takes it away."""
    key_is_file: bool
    default: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """What the list of credentials shows."""

    infos: Sequence[CredentialInfo]
    users: Mapping[int, Users]
    status: VaultStatus
    remembered: Sequence[Remembered]


def overview(context: Context) -> Overview:
    """Everything that may be known of a vault that is locked. Raises VctuiError."""
    from vctui.vault import all_users, remembered

    vault = context.resolver.vault
    status = vault.status()
    given = remembered(vault) if status.scheme else ()
    infos = vault.list()
    return Overview(infos, all_users(context.settings, infos), status, given)


def scheme(context: Context) -> str:
    """Whose scheme the vault is in; "" without one. Raises VctuiError."""
    return context.resolver.vault.status().scheme or ""


def save(context: Context, info: CredentialInfo | None, entered: Entered) -> str:
    """Store a credential, a new one without `info`; its name. Raises VctuiError."""
    from vctui.vault import Edit, FieldRefused, read_key_file

    vault = context.resolver.vault
    name, username = entered.text["name"], entered.text["username"]
    secrets = dict(entered.secrets)
    try:
        scope = parse_scope(entered.text["scope"])
    except UsageError as error:
        raise FieldRefused("scope", error.message, error.next_step) from None
    if entered.key_is_file and (key := secrets.get("ssh_key")):
        try:
            secrets["ssh_key"] = read_key_file(key)
        except UsageError as error:
            raise FieldRefused("ssh_key", error.message, error.next_step) from None
    if info is None:
        vault.add(
            name,
            username,
            password=secrets.get("password"),
            private_key=secrets.get("ssh_key"),
            passphrase=secrets.get("ssh_key_passphrase"),
            enable_secret=secrets.get("enable_secret"),
            agent=secrets.get("agent"),
            scope=scope,
            default=entered.default,
        )
        return name
    vault.edit(info.name, Edit(name=name, username=username, scope=scope, secrets=secrets))
    if entered.default and not info.is_default:
        vault.set_default(name)
    return name


def field_at_fault(error: VctuiError) -> str | None:
    """Which field an error is about, if it is about one."""
    from vctui.vault import FieldRefused

    return error.field if isinstance(error, FieldRefused) else None


def can_be_asked_later(error: VctuiError) -> bool:
    """Whether all that is missing is a key's passphrase, which a run can ask for."""
    from vctui.vault import PassphraseNeeded

    return isinstance(error, PassphraseNeeded)


def rename(context: Context, name: str, new: str) -> None:
    """Give a credential another name. Raises VctuiError."""
    from vctui.vault import Edit

    context.resolver.vault.edit(name, Edit(name=new))


def remove(context: Context, name: str) -> list[str]:
    """Delete a credential; the names of older copies that still hold it. Raises VctuiError."""
    from vctui.vault import copies_with

    vault = context.resolver.vault
    vault.remove(name)
    return [copy.name for copy in copies_with(vault, name)]


def set_default(context: Context, name: str) -> None:
    """Make a credential the default. Raises VctuiError."""
    context.resolver.vault.set_default(name)


def secret_to_copy(context: Context, name: str, what: str) -> str:
    """A secret for the clipboard, noted in the audit trail first. Raises VctuiError."""
    vault = context.resolver.vault
    found = vault.get(name)
    vault.note("secret_copied", credential=found.id, name=name, secret=what)
    return str(getattr(found, what) or "")


def change_password(context: Context, old: str, new: str) -> Changed:
    """Choose another master password. Raises VctuiError."""
    from vctui.vault import change_password

    return change_password(context.resolver.vault, old, new)


def upgrade(context: Context, password: str) -> Upgraded | None:
    """Move the vault to vctui's own scheme. Raises VctuiError."""
    from vctui.vault import upgrade

    return upgrade(context.resolver.vault, password)


def remember(context: Context) -> Remembered:
    """Give a keyring a key to the vault. Raises VctuiError."""
    from vctui.vault import remember

    return remember(context.resolver.vault)


def forget(context: Context) -> bool:
    """Make every keyring's key useless. Raises VctuiError."""
    from vctui.vault import forget

    return forget(context.resolver.vault)


def write_export(context: Context, file: Path, password: str) -> tuple[int, Sequence[str]]:
    """Write every credential into a sealed file: how many, and those that do not open. Raises VctuiError."""
    from vctui.vault import export_vault

    done = export_vault(context.resolver.vault, file, password)
    return len(done.names), done.damaged


def take_import(
    context: Context, file: Path, password: str, conflict: Conflict
) -> tuple[Imported, Sequence[str]]:
    """Add the credentials of a file: what became of them, and those that do not open. Raises VctuiError."""
    from vctui.vault import import_items, is_database, read_database, read_export, read_file

    vault = context.resolver.vault
    damaged: Sequence[str] = ()
    data = read_file(file)
    if is_database(data):
        items, damaged = read_database(file, password)
    else:
        items = read_export(data, password, vault.kdf)
    return import_items(vault, items, conflict=conflict, source=str(file)), damaged
