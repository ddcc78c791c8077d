"""What a device's values must look like, whether they come from a file, a form or the command line."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from vctui.errors import UsageError
from vctui.storage.device_options import OPTIONS
from vctui.storage.inventory_names import NameBook

STATUSES = ("active", "planned", "staged", "failed", "offline", "decommissioning", "inventory")
FIELDS = (
    *("name", "primary_ip4", "platform", "site", "role", "status", "primary_ip6", "ssh_port"),
    *("credential_id", "manufacturer", "description", "serial_number", "asset_tag", "comments"),
    *OPTIONS,
)
MAX_NAME = 200
MAX_TEXT = 10_000
_LINES = ("description", "comments")


def check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, stripped and checked, under their names in FIELDS. Raises UsageError naming the field."""
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in FIELDS:
            raise UsageError(f"device: {name}: no such field", f"The fields are {', '.join(FIELDS)}")
        try:
            checked[name] = _check_of(name)(name, value)
        except ValueError as error:
            raise UsageError(f"device: {name}: {error}") from error
    return checked


def _text(name: str, value: Any) -> str:
    text = "" if value is None else str(value).strip()
    long = name in _LINES
    if len(text) > (MAX_TEXT if long else MAX_NAME):
        raise ValueError("too long")
    if any(unicodedata.category(char) in ("Cc", "Cs") and not (long and char in "\n\r\t") for char in text):
        raise ValueError("holds a control character")
    return text


def _address4(name: str, value: Any) -> str:
    text = _text(name, value)
    if text:
        try:
            IPv4Interface(text)
        except ValueError:
            raise ValueError(f"{text!r} is not an IPv4 address") from None
    return text


def _address6(name: str, value: Any) -> str:
    text = _text(name, value)
    if text:
        try:
            IPv6Interface(text)
        except ValueError:
            raise ValueError(f"{text!r} is not an IPv6 address") from None
    return text


def _status(name: str, value: Any) -> str:
    text = _text(name, value).lower() or "active"
    if text not in STATUSES:
        raise ValueError(f"{text!r} is not one of {', '.join(STATUSES)}")
    return text


def _port(name: str, value: Any) -> int:
    text = _text(name, value) or "22"
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or not 0 < int(text) < 65536:
        raise ValueError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _credential(name: str, value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("must be the id of a credential")


def _jump(name: str, value: Any) -> str | None:
    text = _text(name, value)
    if any(char.isspace() for char in text):
        raise ValueError(f"{text!r} is no name of a jump host")
    return text or None


def _switch(name: str, value: Any) -> int | None:
    text = _text(name, value).lower()
    if text not in ("", "on", "off"):
        raise ValueError(f"{text!r} is not one of on, off")
    return None if not text else int(text == "on")


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "primary_ip4": _address4,
    "primary_ip6": _address6,
    "status": _status,
    "ssh_port": _port,
    "credential_id": _credential,
    "jump": _jump,
    "legacy": _switch,
}


def _check_of(name: str) -> Callable[[str, Any], Any]:
    return _CHECKS.get(name, _text)


def columns_for(values: Mapping[str, Any], names: NameBook) -> dict[str, Any]:
    """The columns of dcim_device for checked values; missing sites, platforms and roles are created."""
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name == "site":
            columns["site_id"] = names.site(value)
        elif name == "role":
            columns["role_id"] = names.role(value) if value else None
        elif name == "platform":
            maker = values.get("manufacturer") or None
            columns["platform_id"] = names.platform(value, maker) if value else None
        elif name != "manufacturer" and name not in OPTIONS:
            columns[name] = None if value == "" else value
    return columns
