"""The channel of a connection that is pumped by whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from paramiko.buffered_pipe import BufferedPipe, PipeTimeout
from paramiko.channel import Channel
from paramiko.message import Message

from vctui.ssh.lifeline import Deadline


class Pump(Protocol):
    """What a channel needs of its connection."""

    channel_timeout: float

    def pump(self, seconds: float) -> bool:
        """Handle what arrives; False when nothing came within `seconds`."""

    def has_data(self) -> bool:
        """False when pumping would have to wait, for sure."""


class PumpedChannel(Channel):
    """A channel whose reader, and whose sender when the window is closed, pumps the connection."""

    transport: Pump  # type: ignore[assignment]
    _set_window: Callable[[int, int], None]

    def __init__(self, number: int, transport: Pump) -> None:
        super().__init__(number)
        self.in_buffer = _Pipe(transport)
        self.transport = transport

    def _log(self, level: int, msg: str, *args: Any) -> None:
        """Nobody reads it: the connection says what is worth saying."""

    def _send(self, s: bytes, m: Message) -> int:
        deadline = Deadline(self.transport.channel_timeout if self.timeout is None else self.timeout)
        while not (self.out_window_size or self.closed or self.eof_sent):
            if not self.transport.pump(deadline.remaining()):
                raise TimeoutError
        sent: int = super()._send(s, m)  # type: ignore[misc]
        return sent


class _Pipe(BufferedPipe):  # type: ignore[type-arg]
    """What has arrived of a channel, in the pieces in which it came."""

    _closed: bool

    def __init__(self, transport: Pump) -> None:
        super().__init__()
        self._transport = transport
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        deadline = Deadline(self._transport.channel_timeout if timeout is None else timeout)
        while not (self._pieces or self._closed):
            if not self._transport.pump(deadline.remaining()) and deadline.remaining() <= 0:
                raise PipeTimeout
        data = b"".join(self._pieces)
        self._pieces = [data[nbytes:]] if len(data) > nbytes else []
        return data[:nbytes]

    def read_ready(self) -> bool:
        if not (self._pieces or self._closed) and self._transport.has_data():
            self._transport.pump(0)
        return bool(self._pieces)

    def empty(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def __len__(self) -> int:
        return sum(map(len, self._pieces))
