"""The channel of a connection that is pumped by whoever reads it: a shell for one thread, without locks."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Protocol

from paramiko.common import (
    CONNECTION_FAILED_CODE,
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_CHANNEL_OPEN_SUCCESS,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS,
    MSG_CHANNEL_WINDOW_ADJUST,
)
from paramiko.ssh_exception import ChannelException

from vctui.ssh.fields import shell_requests, string, strings
from vctui.ssh.lean import Flag

WINDOW = 2 * 1024 * 1024
LARGEST = 32 * 1024
"""What the other side may send before it is told to go on, and in one message."""
_ACKNOWLEDGED = WINDOW // 10
_SMALLEST = 4096
_ROOM = 64
"""What is left of the largest message for the rest of it."""
_STDERR = 1
_OPEN = struct.Struct(">III")
_ONE = struct.Struct(">BI")
_TWO = struct.Struct(">BII")
_OPENED = struct.Struct(">BIIII")


class Pump(Protocol):
    """What a channel needs of its connection."""

    channel_timeout: float

    def pump(self, seconds: float) -> bool:
        """Handle what arrives; False when nothing came within `seconds`."""

    def has_data(self) -> bool:
        """False when pumping would have to wait, for sure."""

    def send(self, payload: bytes) -> None:
        """Send a message, behind a key exchange if there is one."""


class PumpedChannel:
    """What is typed into a shell, and what it says; who waits for that pumps the connection."""

    def __init__(self, transport: Pump, number: int) -> None:
        self._transport = transport
        self._number = number
        self._theirs = 0  # their number
        self._timeout: float | None = None
        self._pieces: list[bytes] = []
        self._is_over = False  # nothing more will come
        self._unacknowledged = 0
        self._largest = 0
        self.window = 0
        """What may be sent before they let us go on."""
        self.settled = Flag()
        """Set when the other side has opened it, or will not."""
        self.is_open = False
        self.refusal: ChannelException | None = None

    @property
    def request(self) -> bytes:
        """The message that asks for it."""
        return b"%c%b%b" % (MSG_CHANNEL_OPEN, string(b"session"), _OPEN.pack(self._number, WINDOW, LARGEST))

    def start_shell(self, columns: int, rows: int) -> None:
        """Ask for a terminal and a shell, together: a refusal closes the channel."""
        for request in shell_requests(self._theirs, columns, rows):
            self._transport.send(request)

    def settimeout(self, seconds: float | None) -> None:
        """How long one `recv` or `sendall` may take."""
        self._timeout = seconds

    # out

    def sendall(self, data: bytes) -> None:
        """Send it all. Raises TimeoutError when the other side takes no more, OSError when it is closed."""
        while data:
            if not self.window:
                self._pump_until(lambda: self.window > 0 or not self.is_open)
            if not self.is_open:
                raise OSError("the channel is closed")
            size = min(len(data), self.window, self._largest)
            self.window -= size
            self._transport.send(_TWO.pack(MSG_CHANNEL_DATA, self._theirs, size) + data[:size])
            data = data[size:]

    def close(self) -> None:
        """Say that it is over."""
        if self.is_open:
            self._transport.send(_ONE.pack(MSG_CHANNEL_EOF, self._theirs))
            self._transport.send(_ONE.pack(MSG_CHANNEL_CLOSE, self._theirs))
        self.end()

    def end(self) -> None:
        """It is closed, by whomever; what has arrived can still be read."""
        self.is_open = False
        self._is_over = True
        self.settled.set()

    # in

    def recv(self, nbytes: int) -> bytes:
        """What has come, at once; b"" at the end. Raises TimeoutError."""
        if not self._pieces:
            self._pump_until(lambda: bool(self._pieces) or self._is_over)
        data = self._take(nbytes)
        self._unacknowledged += len(data)
        if self._unacknowledged > _ACKNOWLEDGED and not self._is_over:
            adjust = _TWO.pack(MSG_CHANNEL_WINDOW_ADJUST, self._theirs, self._unacknowledged)
            self._unacknowledged = 0
            self._transport.send(adjust)
        return data

    def _take(self, nbytes: int) -> bytes:
        pieces = self._pieces
        if len(pieces) == 1 and len(pieces[0]) <= nbytes:
            return pieces.pop()
        whole = 0
        while whole < len(pieces) and len(pieces[whole]) <= nbytes:
            nbytes -= len(pieces[whole])
            whole += 1
        taken = pieces[:whole]
        del pieces[:whole]
        if pieces:
            taken.append(pieces[0][:nbytes])
            pieces[0] = pieces[0][nbytes:]
        return b"".join(taken)

    def recv_ready(self) -> bool:
        """True when there is something to be read."""
        if not (self._pieces or self._is_over) and self._transport.has_data():
            self._transport.pump(0)
        return bool(self._pieces)

    def _pump_until(self, is_there: Callable[[], bool]) -> None:
        """Pump for as long as the timeout allows. Raises TimeoutError."""
        seconds = self._transport.channel_timeout if self._timeout is None else self._timeout
        ends = time.monotonic() + seconds
        while not is_there():
            if not self._transport.pump(seconds) and seconds <= 0:
                raise TimeoutError
            seconds = max(0.0, ends - time.monotonic())

    # messages

    def feed(self, data: bytes) -> None:
        """More of what the shell says; nothing would look like the end."""
        if data and not self._is_over:
            self._pieces.append(data)

    def hear(self, kind: int, payload: bytes) -> None:
        """Any message for it but plain data. Raises when it makes no sense."""
        if kind == MSG_CHANNEL_WINDOW_ADJUST:
            self.window += _TWO.unpack_from(payload)[2]
        elif kind == MSG_CHANNEL_EXTENDED_DATA:
            _, _, code = _TWO.unpack_from(payload)
            (data,) = strings(payload[_TWO.size :], 1)
            if code == _STDERR:
                self.feed(data)
        elif kind == MSG_CHANNEL_EOF:
            self._is_over = True
        elif kind in (MSG_CHANNEL_CLOSE, MSG_CHANNEL_FAILURE):
            self.close()
        elif kind == MSG_CHANNEL_REQUEST:
            self._answer(payload[_ONE.size :])
        elif kind == MSG_CHANNEL_OPEN_SUCCESS and not self.settled.is_set():
            _, _, self._theirs, self.window, largest = _OPENED.unpack_from(payload)
            self._largest = max(_SMALLEST, largest) - _ROOM
            self.is_open = True
            self.settled.set()
        elif kind == MSG_CHANNEL_OPEN_FAILURE:
            _, _, code = _TWO.unpack_from(payload)
            self.refusal = ChannelException(code, CONNECTION_FAILED_CODE.get(code, "(unknown code)"))
            self.end()

    def _answer(self, request: bytes) -> None:
        """A server tells with requests how a program ended; more than that is not for us."""
        (name,) = strings(request, 1)
        wants_reply = request[4 + len(name) : 5 + len(name)]
        if wants_reply not in (b"", b"\0"):
            known = name in (b"exit-status", b"xon-xoff")
            self._transport.send(
                _ONE.pack(MSG_CHANNEL_SUCCESS if known else MSG_CHANNEL_FAILURE, self._theirs)
            )
