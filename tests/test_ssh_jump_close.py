"""Channels through a jump host end without taking its connection with them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from paramiko.common import MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF

from vctui.ssh.jump_transport import ForwardedChannel, JumpTransport


class Turn(threading.Event):
    """paramiko's event that it is allowed to send; `meanwhile` happens while somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.set()
        self.meanwhile: list[Any] = []

    def wait(self, timeout: float | None = None) -> bool:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().wait(timeout)


@pytest.fixture
def link() -> Iterator[tuple[JumpTransport, Any, Turn, list[int]]]:
    """A connection that is up, an open channel on it, and the kinds of the messages that go out."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport: Any = JumpTransport(ours)
        sent: list[int] = []
        transport.active, transport.clear_to_send = True, Turn()
        transport.packetizer.send_message = lambda message: sent.append(message.asbytes()[0])
        channel: Any = ForwardedChannel(3)
        channel._set_transport(transport)
        channel._set_window(2**20, 2**15)
        channel._set_remote_channel(7, 2**20, 2**15)
        yield transport, channel, transport.clear_to_send, sent
        transport.active = False


def test_nothing_follows_the_close_of_a_channel(link: tuple[JumpTransport, Any, Turn, list[int]]) -> None:
    _, channel, turn, sent = link
    channel.sendall(b"one")
    turn.meanwhile.append(channel.close)
    channel.send(b"two")
    assert sent == [MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_CLOSE]


def test_a_channel_that_is_open_is_not_held_up(link: tuple[JumpTransport, Any, Turn, list[int]]) -> None:
    _, channel, _, sent = link
    for _ in range(3):
        channel.sendall(b"more")
    assert sent == [MSG_CHANNEL_DATA] * 3
