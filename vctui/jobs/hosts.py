"""Whose host keys a run depends on, and looking at them: the jump hosts first, then the devices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vctui.config import Settings
from vctui.errors import DeviceError
from vctui.jobs.hops import open_hops
from vctui.jobs.plan import PlanItem
from vctui.jobs.routes import PlannedHop
from vctui.questions import HEADLESS, Desk
from vctui.records import Device, SSHCredentials
from vctui.ssh import ExecutorOptions, KnownHosts, Place, ScannedKey, get_platform, scan_host_keys
from vctui.storage import Audit
from vctui.vault import CredentialResolver

OnKey = Callable[["KeyHost", ScannedKey | DeviceError], None]


@dataclass(frozen=True, slots=True)
class KeyHost:
    """A host whose key matters: a device, or a jump host."""

    name: str
    host: str
    port: int
    path: tuple[PlannedHop, ...] = ()
    """The jump hosts on the way to it."""
    legacy: bool = False
    is_jump: bool = False

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port


def trusted_hosts(settings: Settings) -> KnownHosts:
    """The home's known_hosts; what is trusted through it is in the audit trail before it is in the file."""
    return KnownHosts(settings.known_hosts, Audit(settings.home).write_many)


def device_host(settings: Settings, device: Device, path: tuple[PlannedHop, ...]) -> KeyHost:
    """A device of the inventory that has an address."""
    legacy = device.legacy
    if legacy is None:
        legacy = get_platform(device.kind, settings.platforms_dir).legacy_algorithms
    return KeyHost(device.name, device.host or "", device.port, path, legacy)


def jump_rounds(paths: Iterable[tuple[PlannedHop, ...]]) -> list[list[KeyHost]]:
    """The jump hosts of these ways, those without one before them first: a round needs the one before."""
    rounds: list[dict[KeyHost, None]] = []
    for path in dict.fromkeys(paths):
        for at, hop in enumerate(path):
            if at == len(rounds):
                rounds.append({})
            rounds[at][KeyHost(hop.name, hop.host, hop.port, path[:at], hop.legacy, is_jump=True)] = None
    return [list(hosts) for hosts in rounds]


def new_hosts(settings: Settings, items: Sequence[PlanItem]) -> list[list[KeyHost]]:
    """The hosts of a plan whose keys are not known, in the order in which they can be looked at."""
    known = KnownHosts(settings.known_hosts)
    devices = [device_host(settings, item.device, item.jump) for item in items if not item.host_known]
    rounds = [*jump_rounds(item.jump for item in items), devices]
    unknown = [[host for host in hosts if not known.is_known(*host.address)] for hosts in rounds]
    return [hosts for hosts in unknown if hosts]


def read_keys(
    settings: Settings,
    hosts: Sequence[KeyHost],
    credentials: CredentialResolver | SSHCredentials,
    *,
    on_key: OnKey = lambda host, key: None,
    cancel: threading.Event | None = None,
    desk: Desk = HEADLESS,
) -> dict[KeyHost, ScannedKey | DeviceError]:
    """What each host presents, or why it presents nothing. Logs in to jump hosts on the way, nowhere else.

    Raises VaultError and UsageError for a jump host that cannot be logged in to as it is configured.
    """
    hops = open_hops(credentials, (hop for host in hosts for hop in host.path))
    places = {
        host: Place(host.host, host.port, tuple(hops[hop] for hop in host.path), host.legacy)
        for host in hosts
    }
    who: dict[Place, list[KeyHost]] = {}
    for host, place in places.items():
        who.setdefault(place, []).append(host)

    def tell(place: Place, result: ScannedKey | DeviceError) -> None:
        for host in who[place]:
            on_key(host, result)

    found = scan_host_keys(
        who,
        KnownHosts(settings.known_hosts),
        options=ExecutorOptions(known_hosts=settings.known_hosts, transport=settings.ssh_transport),
        cancel=cancel,
        on_result=tell,
        desk=desk,
    )
    return {host: found[place] for host, place in places.items()}
