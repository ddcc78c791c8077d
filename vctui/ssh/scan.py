"""Looking at host keys without logging in: a key exchange takes place, and no name or password is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from vctui.config import SSHTransport
from vctui.errors import DeviceError
from vctui.ssh.connect import hang_up, open_socket, presented_key, shake_hands
from vctui.ssh.hostkeys import ScannedKey
from vctui.ssh.lifeline import Deadline, Lifeline, Lifelines
from vctui.ssh.pump import transport_class
from vctui.ssh.workers import work_through

Address = tuple[str, int]
ScanResult = ScannedKey | DeviceError


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
    make = transport_class(transport)
    deadline = Deadline(timeout)
    sock = open_socket(host, port, deadline, lifeline or Lifeline())
    try:
        left = deadline.remaining()
        connection = shake_hands(
            sock,
            ident_timeout=left,
            kex_timeout=left,
            known=known,
            legacy=legacy,
            make=make,
        )
        try:
            return presented_key(connection, host, port)
        finally:
            hang_up(connection)
    finally:
        sock.close()


def scan_host_keys(
    addresses: Iterable[Address],
    workers: int = 32,
    cancel: threading.Event | None = None,
    on_result: Callable[[Address, ScanResult], None] | None = None,
    timeout: float = 10.0,
    transport: SSHTransport | None = None,
) -> dict[Address, ScanResult]:
    """Scan many hosts at once; a failure is a result. `on_result` is called from several threads."""
    lifelines = Lifelines()
    results: dict[Address, ScanResult] = {}

    def scan(address: Address) -> None:
        line = lifelines.open()
        result: ScanResult
        try:
            result = scan_host_key(*address, timeout, transport=transport, lifeline=line)
        except DeviceError as error:
            result = error
        except Exception as error:  # noqa: BLE001 - one host must not cost the others their results
            result = DeviceError("internal", type(error).__name__)
        if line.is_cut and isinstance(result, DeviceError):
            result = DeviceError("cancelled", "the scan was cancelled")
        lifelines.close(line)
        results[address] = result
        if on_result is not None:
            on_result(address, result)

    wanted = list(dict.fromkeys(addresses))
    work_through(wanted, scan, workers=workers, name="scan", lifelines=lifelines, cancel=cancel)
    return {address: results[address] for address in wanted}
