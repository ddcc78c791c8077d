"""Devices and logins by the names that users give."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.records import Device


def find_device(settings: Settings, name: str) -> Device:
    """The device of that name, or of `NAME@SITE`. Raises UsageError."""
    from vctui.errors import UsageError
    from vctui.storage import Inventory

    with Inventory(settings.dcim_db) as inventory:
        bare, at, site = name.rpartition("@")
        device = inventory.get(bare, site) if at else None
        device = device or inventory.get(name)
    if device is None:
        raise UsageError(f"there is no device {name}", "See them with: vctui devices list")
    return device


def credential_id(settings: Settings, name: str) -> int | None:
    """The id of a login; None for an empty name. Raises CredentialNotFound."""
    from vctui.errors import CredentialNotFound
    from vctui.vault import Vault

    if not name:
        return None
    for credential in Vault(settings.collector_db).list():
        if credential.name == name:
            return credential.id
    raise CredentialNotFound(f"no credential is called {name}", "See them with: vctui vault list")
