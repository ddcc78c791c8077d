"""From an address to a key exchange: resolving, connecting and the SSH handshake, each with a deadline."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import select
import socket
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

from paramiko.channel import Channel
from paramiko.ssh_exception import ChannelException, IncompatiblePeer, SSHException

from vctui.errors import DeviceError
from vctui.hostnames import is_host
from vctui.ssh.algorithms import KNOWN, LEGACY
from vctui.ssh.hostkeys import ScannedKey
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.transport import ClosedBeforeIdent, IdentTimeout, NotSSH, OldSSH, Transport
from vctui.ssh.turns import TURNS
from vctui.ssh.wire import is_ready
from vctui.text import safe_line

_UNREACHABLE = {
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EACCES,
    errno.EPERM,
}

_PROMPT = 0.05
"""Seconds in which most devices have answered; only who waits longer can be interrupted."""
ALLOW_OLD = (
    "Allow it old algorithms: vctui devices edit DEVICE --legacy on "
    "(all of its kind: legacy_algorithms: true in a platform file)"
)
_Address = tuple[int, Any]
Made = TypeVar("Made", bound=Transport)


def open_socket(host: str, port: int, deadline: Deadline, lifeline: Lifeline) -> socket.socket:
    """A connected socket without Nagle's delay. Raises DeviceError."""
    addresses = _resolve(host, port, deadline, lifeline)
    failure: OSError = TimeoutError()
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        sock: socket.socket | None = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            _connect(sock, address, deadline.remaining() / left, lifeline)
            lifeline.tie(lambda sock=sock: shut(sock))  # type: ignore[misc]
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            failure = error
            if sock is not None:
                sock.close()
        if lifeline.is_cut:
            break
    raise _connect_error(port, failure) from failure


def _connect(sock: socket.socket, address: Any, timeout: float, lifeline: Lifeline) -> None:
    """Connect, unless the lifeline is cut first; a socket shut down this early would look connected."""
    sock.setblocking(False)
    code = sock.connect_ex(address)
    if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
        if not _is_connected(sock, timeout, lifeline) or lifeline.is_cut:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _is_connected(sock: socket.socket, timeout: float, lifeline: Lifeline) -> bool:
    """Wait for the answer; where it takes its time, the lifeline ends the wait."""
    if is_ready(sock, select.POLLOUT, min(timeout, _PROMPT)):
        return True
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    wake, waker = socket.socketpair()
    with wake, waker, TURNS.resting():
        lifeline.tie(lambda: shut(waker))
        poll.register(wake, select.POLLIN)
        ready = {handle for handle, _ in poll.poll(max(0.0, timeout - _PROMPT) * 1000)}
    return sock.fileno() in ready


def shut(sock: socket.socket) -> None:
    """End a connection in both directions, which wakes whoever waits on it; the owner still closes it."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _connect_error(port: int, error: OSError) -> DeviceError:
    if isinstance(error, ConnectionRefusedError):
        return DeviceError("connection_refused", f"port {port} refuses the connection")
    if isinstance(error, TimeoutError):
        return DeviceError("connection_timeout", f"port {port} does not answer")
    reason = safe_line(error.strerror or type(error).__name__)
    if error.errno in _UNREACHABLE:
        return DeviceError("unreachable", f"the device cannot be reached: {reason}")
    if isinstance(error, ConnectionError):
        return DeviceError("disconnected", f"the device drops the connection: {reason}")
    return DeviceError("internal", f"no connection: {reason}")


def _resolve(host: str, port: int, deadline: Deadline, lifeline: Lifeline) -> list[_Address]:
    if not is_host(host):
        raise DeviceError("dns_failure", f"{safe_line(host, 80)!r} is no host name or address")
    if not 0 < port < 65536:
        raise DeviceError("unreachable", f"{port} is no port", "Correct the device's port in the inventory")
    if _is_ipv4(host):
        return [(socket.AF_INET, (host, port))]
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return _ask_resolver(host, port, deadline, lifeline)
    try:
        return _lookup(host, port, socket.AI_NUMERICHOST)
    except OSError as error:
        raise DeviceError("dns_failure", f"{host} is no address that can be used here") from error


def _is_ipv4(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True


def _ask_resolver(host: str, port: int, deadline: Deadline, lifeline: Lifeline) -> list[_Address]:
    # A resolver cannot be interrupted, so it gets a thread that may outlive our patience.
    answer: list[list[_Address] | OSError] = []
    done = threading.Event()

    def ask() -> None:
        try:
            answer.append(_lookup(host, port, 0))
        except (OSError, UnicodeError) as error:
            answer.append(error if isinstance(error, OSError) else socket.gaierror(str(error)))
        done.set()

    lifeline.tie(done.set)
    threading.Thread(target=ask, name=f"resolve-{host[:40]}", daemon=True).start()
    with TURNS.resting():
        done.wait(deadline.remaining())
    if not answer:
        raise DeviceError("dns_failure", f"no answer from the resolver for {host}")
    if isinstance(answer[0], OSError):
        reason = safe_line(answer[0].strerror or str(answer[0]))
        raise DeviceError("dns_failure", f"{host} cannot be resolved: {reason}") from answer[0]
    return answer[0]


def _lookup(host: str, port: int, flags: int) -> list[_Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


def shake_hands(
    sock: socket.socket | Channel,
    *,
    ident_timeout: float,
    kex_timeout: float,
    known: Sequence[str] = (),
    legacy: bool = False,
    debug: bool = False,
    make: type[Made] = Transport,  # type: ignore[assignment] # python/mypy#3737
) -> Made:
    """Identify each other and agree on keys; nobody is authenticated yet. Raises DeviceError.

    The connection stands until `hang_up`. Timeouts are in seconds.
    """
    transport = make(sock, known=known, legacy=legacy, debug=debug)
    transport.banner_timeout = ident_timeout
    done = transport.make_event()
    transport.start_client(event=done)
    try:
        if not transport.wait_for(transport.identified, ident_timeout):
            raise DeviceError("connection_timeout", "the device does not identify itself as an SSH server")
        if not transport.wait_for(done, kex_timeout):
            raise DeviceError("connection_timeout", "the device does not finish the key exchange")
        if not transport.is_agreed:
            raise _handshake_error(transport)
    except BaseException:
        hang_up(transport)
        raise
    return transport


def presented_key(transport: Transport, host: str, port: int) -> ScannedKey:
    """The host key that signed the key exchange."""
    if transport.host_key is None:
        raise lost(transport)
    blob = transport.host_key.asbytes()
    size = int.from_bytes(blob[:4])
    came_in = transport.host_key.public_blob
    return ScannedKey(
        host,
        port,
        blob[4 : 4 + size].decode("ascii", "replace"),
        blob,
        came_in.key_blob if came_in is not None else b"",
    )


def lost(transport: Transport, cause: BaseException | None = None) -> DeviceError:
    """The error for a connection that ended, with the reason the device gave for it, if any."""
    cause = cause or transport.saved_exception
    if isinstance(cause, SSHException) and not isinstance(cause, ChannelException):
        message = f"the connection broke: {safe_line(str(cause), 200)}"
    else:
        reason = f": {safe_line(transport.disconnect_reason, 200)}" if transport.disconnect_reason else ""
        message = f"the device closed the connection{reason}"
    error = DeviceError("disconnected", message)
    error.__cause__ = cause
    return error


def hang_up(transport: Transport) -> None:
    """Close the connection, and wait for its thread to end if it has one."""
    transport.flush()
    if isinstance(transport.sock, socket.socket):
        shut(transport.sock)
    else:
        transport.sock.close()
    if transport.is_alive():
        transport.join(2.0)
    transport.close()
    transport.sock.close()


def _mismatch(transport: Transport) -> DeviceError:
    """What the device has, and the one line that helps."""
    kind, names = transport.unmatched()
    has = safe_line(", ".join(names), 200) or "none"
    message = f"the device has no {kind} that is taken here, only {has}"
    old = LEGACY.intersection(names)
    if not old:
        step = "Update the device, or turn on a newer algorithm on it"
    elif old.intersection(KNOWN):
        step = ALLOW_OLD
    else:
        step = "Install what still speaks to old devices: pip install 'vctui[legacy]'"
    return DeviceError("kex_mismatch", message, step)


def _handshake_error(transport: Transport) -> DeviceError:
    cause = transport.get_exception()
    error: DeviceError
    if isinstance(cause, NotSSH):
        error = DeviceError("not_ssh", f"the device is no SSH server: {safe_line(str(cause), 100)}")
    elif isinstance(cause, OldSSH):
        message = f"the device only speaks version {safe_line(str(cause), 20)} of SSH"
        error = DeviceError("kex_mismatch", message, "Enable SSH version 2 on the device")
    elif isinstance(cause, IdentTimeout):
        error = DeviceError("connection_timeout", "the device does not identify itself as an SSH server")
    elif isinstance(cause, ClosedBeforeIdent):
        error = DeviceError("disconnected", "the device closed the connection before any greeting")
    elif isinstance(cause, IncompatiblePeer):
        error = _mismatch(transport)
    elif cause is None or isinstance(cause, EOFError | OSError):
        return lost(transport, cause)
    elif isinstance(cause, SSHException):
        error = DeviceError("kex_mismatch", f"the key exchange failed: {safe_line(str(cause), 200)}")
    else:
        error = DeviceError("internal", f"the key exchange failed: {type(cause).__name__}")
    error.__cause__ = cause
    return error
