"""How a credential is shown in a row, and below the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.credential_actions import OLD, Overview
from screens.widgets.rows import Cells, Column
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.records import CredentialInfo

COLUMNS = (
    Column("Name", 16, flex=2),
    Column("User", 12, flex=1),
    Column("Default", 7),
    Column("Logs in with", 20, flex=2),
    Column("Scope", 16, flex=2, optional=1),
)
SECRETS = {
    "password": ("Password", "has_password"),
    "passphrase": ("Passphrase of the key", "has_key"),
    "enable_secret": ("Enable secret", "has_enable"),
}
"""What can be copied: by its name in SSHCredentials, how it is called and how it is known to be there."""


def methods(info: CredentialInfo) -> str:
    """`password, key, agent; enable`."""
    ways = {"password": info.has_password, "key": info.has_key, "agent": info.has_agent}
    text = ", ".join(name for name, there in ways.items() if there) or "nothing"
    return f"{text}; enable" if info.has_enable else text


def cells(info: CredentialInfo) -> Cells:
    """The row of a credential."""
    scope = safe_line(str(info.scope)) or "anywhere"
    default = "default" if info.is_default else ""
    return (safe_line(info.name), safe_line(info.username), default, methods(info), scope), ""


def detail(info: CredentialInfo | None, found: Overview | None) -> str:
    """Where it is sent, and who uses it: two lines."""
    if info is None or found is None:
        return ""
    users = found.users.get(info.id)
    where = safe_line(str(info.scope)) or "anywhere"
    return f"Sent to: {where}\nUsed by: {safe_line(str(users)) if users else 'nobody by name'}"


def vault_text(found: Overview | None, *, unlocked: bool) -> str:
    """The line above the list: open or locked, whose scheme, who remembers it."""
    if found is None:
        return ""
    parts = ["Vault open" if unlocked else "Vault locked"]
    if found.status.scheme == OLD:
        parts.append("VelocityCollector's scheme (u upgrades it)")
    here = [one for one in found.remembered if one.here]
    if here:
        parts.append(f"remembered by {here[-1]}")
    return safe_line(", ".join(parts))
