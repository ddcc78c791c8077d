"""One connection to a jump host: reached, its key checked, logged in."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from math import inf

from paramiko.channel import Channel

from vctui.errors import DeviceError
from vctui.ssh.connect import hang_up, open_socket, shake_hands
from vctui.ssh.entry import Surroundings, Visit, check_host_key
from vctui.ssh.jump_transport import JumpTransport
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import NO_DEVICE, Hop, Target


class Route:
    """The way to one host: its `sock` is a socket, or a channel through a jump host."""

    def __init__(self, sock: socket.socket | Channel) -> None:
        self.sock = sock

    @property
    def is_broken(self) -> bool:
        """True when the way has failed, so that what the host seemed to say was not the host."""
        return False

    def explain(self, error: DeviceError) -> DeviceError:
        """The error, or the one behind it."""
        return error

    def close(self) -> None:
        """Give the way back; to be called once, when the host has been left."""
        self.sock.close()


@dataclass(slots=True, eq=False)
class Link:
    """A connection, how many channels it carries, and how many it seems to take."""

    transport: JumpTransport
    route: Route
    is_personal: bool
    """A person had to answer something to open it."""
    channels: int = 0
    limit: float = inf

    def close(self) -> None:
        hang_up(self.transport)
        self.route.close()


def about(hop: Hop) -> str:
    """How a jump host is called where devices are, too."""
    return f"jump host {hop.name}"


def visit_to(hop: Hop, shared: Surroundings, lifeline: Lifeline) -> Visit:
    """The login at a jump host, as one at a device."""
    options = shared.options
    limit = options.connect_timeout + 2 * options.banner_timeout + options.auth_timeout
    target = Target(about(hop), hop.host, hop.credentials, (), port=hop.port, key=NO_DEVICE)
    return Visit(target, shared, lifeline, Deadline(limit), about=about(hop))


def direct_route(hop: Hop, visit: Visit, seconds: float) -> Route:
    """The way to a jump host that is reached without another one. Raises DeviceError."""
    return Route(_kept_alive(open_socket(hop.host, hop.port, Deadline(seconds), visit.lifeline)))


def connect(hop: Hop, visit: Visit, route: Route) -> Link:
    """Shake hands, check the host key and log in, once. Closes the route when it fails with DeviceError."""
    shared, options = visit.shared, visit.shared.options
    transport: JumpTransport | None = None
    try:
        key = visit.key()
        transport = shake_hands(
            route.sock,
            ident_timeout=options.banner_timeout,
            kex_timeout=options.banner_timeout,
            known=shared.known_hosts.key_types(hop.host, hop.port),
            legacy=hop.legacy,
            debug=options.debug,
            make=JumpTransport,
        )
        check_host_key(transport, hop.host, hop.port, shared.known_hosts, options.host_keys)
        login = visit.log_in(transport, key, options.auth_timeout, lambda: route.is_broken)
    except BaseException as error:
        if transport is not None:
            hang_up(transport)
        route.close()
        if isinstance(error, DeviceError):
            raise route.explain(error) from error
        raise
    transport.get_exception()  # what was said of refused methods is history
    return Link(transport, route, login.has_asked)


def _kept_alive(sock: socket.socket) -> socket.socket:
    """Have the system notice a jump host that is gone: many devices depend on it, and few bytes may flow."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 15),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 30_000),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock
