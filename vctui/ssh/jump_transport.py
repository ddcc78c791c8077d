"""A connection to a jump host: many channels to other hosts, and for each the reason why it did not open."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from paramiko.channel import Channel
from paramiko.common import cMSG_CHANNEL_OPEN
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from vctui.errors import DeviceError
from vctui.ssh.lifeline import Lifeline
from vctui.ssh.transport import Transport
from vctui.ssh.turns import TURNS
from vctui.text import safe_line

_SHORTAGE, _CONNECT_FAILED = 4, 2


class NoRoom(Exception):
    """The jump host opens no more channels than it has."""


class JumpLost(Exception):
    """The connection to the jump host has ended."""


class ForwardedChannel(Channel):
    """A channel that another connection uses as its socket.

    A thread of that connection may send while another one closes: see `JumpTransport._send_message`.
    """

    def _send(self, s: bytes, m: Any) -> int:
        m.channel = self
        sent: int = super()._send(s, m)  # type: ignore[misc]
        return sent

    def close(self) -> None:
        """As a socket does, it closes whether the other end is still there or not."""
        with contextlib.suppress(EOFError, OSError, SSHException):
            super().close()


class _Opening:
    """A channel that was asked for. Whoever no longer waits for it leaves it to be closed when it comes."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.done = threading.Event()
        self.is_open = False
        self.is_abandoned = False
        self.reason: tuple[int, str] | None = None


class JumpTransport(Transport):
    """A transport that the sessions behind a jump host share; a thread of its own reads it.

    paramiko keeps one error for the whole connection, which is no good when many open channels at a time.
    """

    def __init__(self, sock: Any, **options: Any) -> None:
        super().__init__(sock, **options)
        self._openings: dict[int, _Opening] = {}

    @property
    def is_lost(self) -> bool:
        """True as soon as it has ended, before those who read its channels notice."""
        return not self.is_active() or self.saved_exception is not None

    def _send_message(self, data: Any) -> None:
        """Nothing more on a channel that was closed: OpenSSH would end the whole connection.

        paramiko looks before it waits for its turn to send; here it is our turn.
        """
        channel = getattr(data, "channel", None)
        if channel is None or not channel.closed:
            super()._send_message(data)  # type: ignore[misc]

    def open_to(self, host: str, port: int, seconds: float, lifeline: Lifeline) -> Channel:
        """A channel to a host, as the jump host sees it.

        Raises DeviceError when the host cannot be reached or the jump host forbids it; NoRoom; JumpLost.
        """
        opening = self._ask_for(host, port)
        lifeline.tie(opening.done.set)
        with TURNS.resting():
            opening.done.wait(seconds)
        with self.lock:
            if not opening.is_open:
                opening.is_abandoned = True
        if opening.is_open:
            return opening.channel
        if self.is_lost:
            raise JumpLost
        if opening.reason is None:
            raise DeviceError("connection_timeout", f"port {port} does not answer")
        code, text = opening.reason
        if code == _SHORTAGE:
            raise NoRoom
        if code == _CONNECT_FAILED:
            raise DeviceError(
                "unreachable",
                f"the jump host cannot reach it: {text}",
                "Check the route from the jump host to it",
            )
        raise DeviceError(
            "jump_failed",
            f"the jump host refuses to forward: {text}",
            "Check AllowTcpForwarding and PermitOpen there",
        )

    def _ask_for(self, host: str, port: int) -> _Opening:
        inner: Any = self  # the stubs have none of what follows
        with self.lock:
            number = inner._next_channel()
            channel: Any = ForwardedChannel(number)
            inner._channels.put(number, channel)
            inner.channels_seen[number] = True
            channel._set_transport(self)
            channel._set_window(self.default_window_size, self.default_max_packet_size)
            opening = self._openings[number] = _Opening(channel)
        message = Message()
        message.add_byte(cMSG_CHANNEL_OPEN)
        message.add_string("direct-tcpip")
        for part in (number, self.default_window_size, self.default_max_packet_size):
            message.add_int(part)
        message.add_string(host)
        message.add_int(port)
        message.add_string("127.0.0.1")
        message.add_int(0)
        try:
            inner._send_user_message(message)
        except (SSHException, EOFError, OSError) as error:
            raise JumpLost from error
        if self.is_lost:  # it ended before it could hear of this one
            raise JumpLost
        return opening

    def _parse_channel_open_success(self, m: Message) -> None:
        number = m.get_int()
        m.rewind()
        super()._parse_channel_open_success(m)  # type: ignore[misc]
        opening = self._openings.pop(number, None)
        if opening is None:
            return
        with self.lock:
            opening.is_open = not opening.is_abandoned
        opening.done.set()
        if opening.is_abandoned:
            opening.channel.close()

    def _parse_channel_open_failure(self, m: Message) -> None:
        number, code, text = m.get_int(), m.get_int(), m.get_string()
        opening = self._openings.pop(number, None)
        self._unlink_channel(number)  # type: ignore[attr-defined]
        if opening is not None:
            opening.reason = code, safe_line(text.decode("utf-8", "replace"), 100)
            opening.done.set()

    def run(self) -> None:
        try:
            super().run()
        finally:
            for opening in list(self._openings.values()):
                opening.done.set()
