"""What a pumped connection reads and writes: a TCP socket, or a channel of a jump host's connection."""

from __future__ import annotations

import math
import select
import socket
import struct
import time
from typing import Any, Protocol

from vctui.ssh.lifeline import Deadline
from vctui.ssh.turns import TURNS

_SMALL, _LARGE = 16 * 1024, 256 * 1024
_SHARE = 0.75
"""How much of a wait the kernel is told at first: the next one, hardly shorter, then needs no new limit."""


class Wire(Protocol):
    """Bytes in and out, each within so many seconds. Raises OSError, as a socket does."""

    def read(self, seconds: float) -> bytes | None:
        """What has arrived; b"" at the end of the connection, None when nothing came in time."""

    def has_data(self) -> bool:
        """False when reading would have to wait, for sure."""

    def write(self, data: bytes, seconds: float) -> bytes:
        """Hand it over, and return what was not taken in time."""


def wire(sock: Any) -> Wire:
    """The wire for a socket, or for anything with a socket's settimeout, recv and send."""
    return _SocketWire(sock) if isinstance(sock, socket.socket) else _StreamWire(sock)


def is_ready(sock: socket.socket, events: int, seconds: float) -> bool:
    """Wait until one of poll's events has come, without the turn."""
    poll = select.poll()
    poll.register(sock, events)
    watch = TURNS.watch
    if watch is not None:
        TURNS.wait(watch, sock.fileno(), seconds, events)
        return bool(poll.poll(0))
    with TURNS.resting():
        return bool(poll.poll(math.ceil(seconds * 1000)))


class _SocketWire:
    """Waits in the kernel, in one system call.

    A timeout of Python's own makes two of it, and after each the thread queues for the interpreter.
    """

    def __init__(self, sock: socket.socket) -> None:
        if sock.gettimeout() is not None:
            sock.settimeout(None)
        self._sock = sock
        self._handle = sock.fileno()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._limit = 0.0  # the kernel's, as it was set last
        self._size = _SMALL

    def read(self, seconds: float) -> bytes | None:
        if seconds <= 0:
            return self._take(socket.MSG_DONTWAIT)
        ends = time.monotonic() + seconds
        while (watch := TURNS.watch) is not None and seconds > 0:
            came = TURNS.wait(watch, self._handle, seconds)
            data = self._take(socket.MSG_DONTWAIT)
            if data is not None or not came:
                return data
            seconds = ends - time.monotonic()
        share = _SHARE
        while seconds > 0:
            if not self._limit <= seconds <= 4 * self._limit:
                self._set_limit(seconds * share)
            TURNS.rest()
            try:
                data = self._take(0)
            finally:
                TURNS.back()
            if data is not None:
                return data
            seconds, share = ends - time.monotonic(), 1.0
        return None

    def has_data(self) -> bool:
        return bool(self._poll.poll(0))

    def _set_limit(self, seconds: float) -> None:
        self._limit = seconds
        value = struct.pack("ll", *divmod(math.ceil(seconds * 1_000_000), 1_000_000))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)

    def _take(self, flags: int) -> bytes | None:
        try:
            data = self._sock.recv(self._size, flags)
        except BlockingIOError:
            return None
        if len(data) == self._size < _LARGE:
            self._size *= 2
        return data

    def write(self, data: bytes, seconds: float) -> bytes:
        deadline: Deadline | None = None
        while data:
            try:
                data = data[self._sock.send(data, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                deadline = deadline or Deadline(seconds)
                if not is_ready(self._sock, select.POLLOUT, deadline.remaining()):
                    break
        return data


class _StreamWire:
    """Another connection's channel, which the thread of that connection fills."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, seconds: float) -> bytes | None:
        self._stream.settimeout(max(0.0, seconds))
        try:
            with TURNS.resting():
                data: bytes = self._stream.recv(_LARGE)
        except (TimeoutError, BlockingIOError):
            return None
        return data

    def has_data(self) -> bool:
        return True  # only reading tells

    def write(self, data: bytes, seconds: float) -> bytes:
        deadline = Deadline(seconds)
        while data:
            self._stream.settimeout(deadline.remaining())
            try:
                with TURNS.resting():
                    sent = self._stream.send(data)
            except (TimeoutError, BlockingIOError):
                break
            if not sent:
                raise BrokenPipeError
            data = data[sent:]
        return data
