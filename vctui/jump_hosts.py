"""The jump hosts of `config.yaml`: how each is reached and logged in to, and which devices are behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vctui.hostnames import is_host, is_user
from vctui.values import Values

DIRECT = "none"
"""In place of a jump host's name: this device is reached without one."""
_NAME = re.compile(r"[\w][\w.-]{0,62}")
_TRANSPORTS, _CHANNELS = 2, 200
_MOST_TRANSPORTS, _MOST_CHANNELS = 4, 1000


@dataclass(frozen=True, slots=True)
class JumpHost:
    """One of them. What is None comes from the OpenSSH configuration, if one is named, else from defaults."""

    name: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    """In place of the credential's user name."""
    credential: str | None = None
    via: str | None = None
    """Another jump host, through which this one is reached."""
    legacy: bool = False
    transports: int = _TRANSPORTS
    max_channels: int = _CHANNELS
    devices: tuple[str, ...] = ()
    """Which devices are behind it: names with `*` and `?`, in lower case. Each kind that is empty is open."""
    sites: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    name_pattern: str | None = None

    @property
    def has_devices(self) -> bool:
        """False for one that is only used where a device or another jump host names it."""
        return any((self.devices, self.sites, self.platforms, self.roles, self.name_pattern))


def read_jump_hosts(values: Values) -> tuple[JumpHost, ...]:
    """The section `jump_hosts`, in its order. Raises UsageError with file, key and reason."""
    found = {name: _read(name, entry) for name, entry in values.each("jump_hosts").items()}
    sections = values.within("jump_hosts")
    for jump in found.values():
        seen = [jump.name]
        while (via := found[seen[-1]].via) is not None and via in found:
            if via in seen:
                raise sections.refuse(f"{' via '.join([*seen, via])} leads nowhere")
            seen.append(via)
    return tuple(found.values())


def _read(name: str, values: Values) -> JumpHost:
    if not _NAME.fullmatch(name) or name == DIRECT:
        raise values.refuse("is no name for a jump host")
    behind = values.within("for")
    jump = JumpHost(
        name=name,
        host=values.text("host"),
        port=values.whole("port", 1, 65535),
        user=values.text("user"),
        credential=values.text("credential"),
        via=values.text("via"),
        legacy=values.flag("legacy"),
        transports=values.whole("transports", 1, _MOST_TRANSPORTS) or _TRANSPORTS,
        max_channels=values.whole("max_channels", 1, _MOST_CHANNELS) or _CHANNELS,
        devices=_lower(behind.names("devices")),
        sites=_lower(behind.names("sites")),
        platforms=_lower(behind.names("platforms")),
        roles=_lower(behind.names("roles")),
        name_pattern=behind.text("name_pattern"),
    )
    if not is_host(jump.host or "a"):
        raise values.refuse(f"host: {jump.host!r} is no host name or address")
    if not is_user(jump.user or "a"):
        raise values.refuse(f"user: {jump.user!r} is no user name")
    # Elsewhere an unknown key is a warning; here a slip sends passwords another way.
    for section in (values, behind):
        if unknown := section.unread():
            raise section.refuse(f"does not know {', '.join(key.rpartition('.')[2] for key in unknown)}")
    return jump


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.casefold() for name in names)
