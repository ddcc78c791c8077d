"""Looking at host keys without logging in: a key exchange takes place, and no name or password is sent.

Where jump hosts are on the way, those are logged in to, once their own keys are trusted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from vctui.config import SSHTransport
from vctui.errors import DeviceError
from vctui.questions import HEADLESS, Desk
from vctui.records import SSHCredentials
from vctui.ssh.connect import hang_up, open_socket, presented_key, shake_hands
from vctui.ssh.entry import Surroundings, Visit
from vctui.ssh.held import Held
from vctui.ssh.hostkeys import KnownHosts, ScannedKey
from vctui.ssh.jump import Jumps
from vctui.ssh.jump_link import Route
from vctui.ssh.keys import KeyRing
from vctui.ssh.lifeline import Deadline, Lifeline, Lifelines
from vctui.ssh.model import ExecutorOptions, Hop, Target
from vctui.ssh.pump import transport_class
from vctui.ssh.workers import work_through

ScanResult = ScannedKey | DeviceError
WORKERS = 32
_LIMIT = 600.0
"""Seconds for one host in all: a jump host may ask a person on the way."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host key is to be looked at, and how one gets there."""

    host: str
    port: int = 22
    jump: tuple[Hop, ...] = ()
    legacy: bool = False


def scan_host_key(
    host: str,
    port: int = 22,
    timeout: float = 10.0,
    *,
    known: Sequence[str] = (),
    legacy: bool = False,
    transport: SSHTransport | None = None,
    lifeline: Lifeline | None = None,
) -> ScannedKey:
    """The key that a host presents; key types in `known` are asked for first. Raises DeviceError."""
    route = Route(open_socket(host, port, Deadline(timeout), lifeline or Lifeline()))
    return _look(route, Place(host, port, legacy=legacy), timeout, known, transport)


def scan_host_keys(
    places: Iterable[Place],
    known_hosts: KnownHosts,
    *,
    options: ExecutorOptions = ExecutorOptions(),  # noqa: B008 - frozen
    workers: int = WORKERS,
    cancel: threading.Event | None = None,
    on_result: Callable[[Place, ScanResult], None] | None = None,
    desk: Desk = HEADLESS,
) -> dict[Place, ScanResult]:
    """Scan many hosts at once; a failure is a result. `on_result` is called from several threads.

    Each connection takes at most `connect_timeout` seconds. Key types that are known of a host are asked for
    first: one with a new key of another type has not changed.
    """
    lifelines = Lifelines()
    results: dict[Place, ScanResult] = {}
    # A jump host must be trusted before: nothing is stored on the way.
    shared = Surroundings(replace(options, host_keys="strict"), known_hosts, KeyRing(), Held(0), desk)
    jumps = Jumps(shared, lifelines.open(), lambda status: None)

    def scan(place: Place) -> None:
        line = lifelines.open()
        result: ScanResult
        try:
            result = _scan(place, jumps, line)
        except DeviceError as error:
            result = error
        except Exception as error:  # noqa: BLE001 - one host must not cost the others their results
            result = DeviceError("internal", type(error).__name__)
        if line.is_cut and isinstance(result, DeviceError):
            result = DeviceError("cancelled", "the scan was cancelled")
        lifelines.close(line)
        results[place] = result
        if on_result is not None:
            on_result(place, result)

    wanted = list(dict.fromkeys(places))
    try:
        work_through(wanted, scan, workers=workers, name="scan", lifelines=lifelines, cancel=cancel)
    finally:
        jumps.close()
        shared.keys.forget()
    return {place: results[place] for place in wanted}


def _scan(place: Place, jumps: Jumps, lifeline: Lifeline) -> ScannedKey:
    nobody = SSHCredentials("")
    target = Target(place.host, place.host, nobody, (), place.port, jump=place.jump)
    visit = Visit(target, jumps.shared, lifeline, Deadline(_LIMIT))
    seconds = jumps.shared.options.connect_timeout
    known = jumps.shared.known_hosts.key_types(place.host, place.port)
    route = jumps.route(visit, seconds)
    try:
        return _look(route, place, seconds, known, jumps.shared.options.transport)
    except DeviceError as error:
        raise route.explain(error) from error


def _look(
    route: Route, place: Place, seconds: float, known: Sequence[str], transport: SSHTransport | None
) -> ScannedKey:
    """The key at the end of a route, which is closed."""
    try:
        connection = shake_hands(
            route.sock,
            ident_timeout=seconds,
            kex_timeout=seconds,
            known=known,
            legacy=place.legacy,
            make=transport_class(transport),
        )
        try:
            return presented_key(connection, place.host, place.port)
        finally:
            hang_up(connection)
    finally:
        route.close()
