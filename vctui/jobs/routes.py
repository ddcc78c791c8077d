"""The way to a device: directly, or through jump hosts, as the device, `config.yaml` or ssh_config has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from vctui.config import Settings
from vctui.hostnames import is_host
from vctui.jobs.selection import compile_pattern
from vctui.jump_hosts import DIRECT, JumpHost
from vctui.records import CredentialInfo, Device
from vctui.ssh import KnownHosts, OpenSSHConfig, SSHHost

_DEFAULTS = JumpHost("")


@dataclass(frozen=True, slots=True)
class PlannedHop:
    """One jump host on the way to a device."""

    name: str
    host: str
    port: int
    credential: str
    """Its name; empty where a key file takes its place, or the vault has none."""
    credential_id: int | None
    host_known: bool
    user: str | None = None
    """In place of the credential's."""
    key_files: tuple[Path, ...] = ()
    """Of the OpenSSH configuration: the first that is there is used, for want of a credential."""
    legacy: bool = False
    transports: int = _DEFAULTS.transports
    max_channels: int = _DEFAULTS.max_channels


class NoRoute(Exception):
    """Why a device cannot be reached as it is configured."""


class Routes:
    """Ways to devices, over one reading of everything that tells them. Raises UsageError for a bad file."""

    def __init__(
        self, settings: Settings, known_hosts: KnownHosts, credentials: Sequence[CredentialInfo] = ()
    ) -> None:
        self._jumps = {jump.name: jump for jump in settings.jump_hosts}
        self._covers = [(jump, _cover(jump)) for jump in settings.jump_hosts if jump.has_devices]
        self._known_hosts = known_hosts
        self._credentials = {info.name: info for info in credentials}
        self._default = next((info for info in credentials if info.is_default), None)
        self._openssh = None if settings.ssh_config is None else OpenSSHConfig(settings.ssh_config)
        self._paths: dict[str, tuple[PlannedHop, ...]] = {}

    @property
    def warnings(self) -> Sequence[str]:
        """What was passed over in the OpenSSH configuration."""
        return () if self._openssh is None else self._openssh.warnings

    def names(self) -> list[str]:
        """The jump hosts of `config.yaml`."""
        return list(self._jumps)

    def to(self, device: Device) -> tuple[PlannedHop, ...]:
        """The jump hosts on the way to a device, the nearest first; none when it is reached directly.

        Its own choice wins, then the first entry of `config.yaml` that it belongs to, then its ProxyJump in
        the OpenSSH configuration. Raises NoRoute.
        """
        name = device.jump or next((jump.name for jump, covers in self._covers if covers(device)), None)
        if name == DIRECT:
            return ()
        path = self.through(name) if name is not None else self._proxy_jump(device.name)
        here = (device.host, device.port)
        ends = next((at for at, hop in enumerate(path) if (hop.host, hop.port) == here), len(path))
        return path[:ends]  # a device that is one of these itself is not behind it

    def through(self, name: str) -> tuple[PlannedHop, ...]:
        """The way to and through a jump host. Raises NoRoute."""
        if name not in self._paths:
            self._paths[name] = self._find(name)
        return self._paths[name]

    def _find(self, name: str) -> tuple[PlannedHop, ...]:
        jump = self._jumps.get(name)
        if jump is None and self._openssh is None:
            raise NoRoute(f"its jump host {name} is not in config.yaml")
        jump = jump or JumpHost(name)
        before = self.through(jump.via) if jump.via is not None else self._proxy_jump(name)
        return (*before, self._hop(jump, self._said_of(name)))

    def _said_of(self, name: str) -> SSHHost:
        return SSHHost(name, name) if self._openssh is None else self._openssh.lookup(name)

    def _proxy_jump(self, name: str) -> tuple[PlannedHop, ...]:
        """The jump hosts that the OpenSSH configuration puts before a host."""
        if self._openssh is None:
            return ()
        path = self._openssh.path(name)
        if not path and self._openssh.lookup(name).has_command:
            raise NoRoute("it has a ProxyCommand in the OpenSSH configuration, which is never run")
        return tuple(self._hop(self._jumps.get(host.name) or JumpHost(host.name), host) for host in path)

    def _hop(self, jump: JumpHost, said: SSHHost) -> PlannedHop:
        host = jump.host or said.host
        if not is_host(host):
            raise NoRoute(f"its jump host {jump.name} has no host that can be")
        port = jump.port or said.port or 22
        own_key = jump.credential is None and bool(said.identity_files)
        if jump.credential is not None and self._credentials and jump.credential not in self._credentials:
            raise NoRoute(f"its jump host {jump.name} names a credential that is gone: {jump.credential}")
        info = None if own_key else self._credentials.get(jump.credential or "", self._default)
        if info is not None and (reason := info.scope.refusal(name=jump.name, host=host)):
            raise NoRoute(f"credential {info.name!r} may not be sent to its jump host {jump.name}: {reason}")
        hop = PlannedHop(
            jump.name,
            host,
            port,
            credential=info.name if info else "",
            credential_id=info.id if info else None,
            host_known=self._known_hosts.is_known(host, port),
            user=jump.user or (said.user if own_key or jump.credential is None else None),
            key_files=said.identity_files if own_key else (),
            legacy=jump.legacy,
            transports=jump.transports,
            max_channels=jump.max_channels,
        )
        if own_key and hop.user is None:
            raise NoRoute(f"its jump host {jump.name} has a key and no user name")
        return hop


def _cover(jump: JumpHost) -> Callable[[Device], bool]:
    """Whether a device is behind this jump host: of every kind that it names, one must fit."""
    matches = (
        compile_pattern(jump.name_pattern, f"jump_hosts.{jump.name}.for.name_pattern")
        if jump.name_pattern
        else None
    )

    def covers(device: Device) -> bool:
        kinds = (
            (jump.devices, (device.name,)),
            (jump.sites, (device.site, device.site_name)),
            (jump.platforms, (device.platform, device.platform_name, device.device_type)),
            (jump.roles, (device.role, device.role_name)),
        )
        named = all(not wanted or _any(wanted, names) for wanted, names in kinds)
        return named and (matches is None or matches(device.name))

    return covers


def _any(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern) for name in names if name for pattern in patterns)
