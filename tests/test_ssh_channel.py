"""The channel without locks: each message is, byte for byte, paramiko's, and it ends as a channel has to."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.channel import Channel
from paramiko.common import (
    cMSG_CHANNEL_CLOSE,
    cMSG_CHANNEL_DATA,
    cMSG_CHANNEL_EOF,
    cMSG_CHANNEL_EXTENDED_DATA,
    cMSG_CHANNEL_FAILURE,
    cMSG_CHANNEL_OPEN,
    cMSG_CHANNEL_OPEN_FAILURE,
    cMSG_CHANNEL_OPEN_SUCCESS,
    cMSG_CHANNEL_REQUEST,
    cMSG_CHANNEL_SUCCESS,
    cMSG_CHANNEL_WINDOW_ADJUST,
)
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from vctui.ssh.pump_channel import LARGEST, WINDOW, PumpedChannel

OURS, THEIRS = 3, 77


class Pump:
    """A connection on which each look brings the next thing that was planned."""

    channel_timeout = 0.0

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.planned: deque[Callable[[], object]] = deque()

    def pump(self, seconds: float) -> bool:
        if not self.planned:
            return False
        self.planned.popleft()()
        return True

    def has_data(self) -> bool:
        return bool(self.planned)

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)


def message(kind: bytes, *values: int | bytes | bool) -> bytes:
    made = Message()
    made.add_byte(kind)
    for value in values:
        if isinstance(value, bool):
            made.add_boolean(value)
        elif isinstance(value, int):
            made.add_int(value)
        else:
            made.add_string(value)
    return made.asbytes()


def opened(window: int = WINDOW, largest: int = LARGEST) -> tuple[PumpedChannel, Pump]:
    pump = Pump()
    channel = PumpedChannel(pump, OURS)
    hear(channel, message(cMSG_CHANNEL_OPEN_SUCCESS, OURS, THEIRS, window, largest))
    assert channel.is_open
    assert channel.settled.is_set()
    return channel, pump


def hear(channel: PumpedChannel, payload: bytes) -> None:
    channel.hear(payload[0], payload)


def test_it_is_asked_for_and_gets_its_shell() -> None:
    channel, pump = opened()
    assert channel.request == message(cMSG_CHANNEL_OPEN, b"session", OURS, WINDOW, LARGEST)
    channel.start_shell(511, 24)
    assert pump.sent == [
        message(cMSG_CHANNEL_REQUEST, THEIRS, b"pty-req", True, b"vt100", 511, 24, 0, 0, b""),
        message(cMSG_CHANNEL_REQUEST, THEIRS, b"shell", True),
    ]


def test_a_refusal_says_why() -> None:
    channel = PumpedChannel(Pump(), OURS)
    hear(channel, message(cMSG_CHANNEL_OPEN_FAILURE, OURS, 1, b"its own words", b"en"))
    assert channel.settled.is_set()
    assert not channel.is_open
    assert channel.refusal is not None
    assert channel.refusal.text == "Administratively prohibited"


class _Stock:
    """What paramiko's own channel needs of its transport."""

    active = True
    server_object = None

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def _send_user_message(self, data: Message) -> None:
        self.sent.append(data.asbytes())

    def get_log_channel(self) -> str:
        return "vctui.ssh.paramiko"

    def _sanitize_packet_size(self, size: int) -> int:
        return max(4096, size)

    def _unlink_channel(self, number: int) -> None:
        pass


def stock(window: int, largest: int) -> tuple[Any, _Stock]:
    transport = _Stock()
    channel: Any = Channel(OURS)
    channel._set_transport(transport)
    channel._set_window(WINDOW, LARGEST)
    channel._set_remote_channel(THEIRS, window, largest)
    channel.set_combine_stderr(True)
    return channel, transport


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 20_000)),
        st.tuples(st.just("data"), st.integers(0, 300_000)),
        st.tuples(st.just("stderr"), st.integers(0, 3)),
        st.tuples(st.just("adjust"), st.integers(0, 100_000)),
        st.tuples(
            st.just("request"),
            st.tuples(st.sampled_from([b"exit-status", b"xon-xoff", b"exit-signal", b"x"]), st.booleans()),
        ),
        st.tuples(st.just("success"), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 400_000)),
    ),
    max_size=12,
)
LAST = st.sampled_from(["close", "closed", "eof", "failure"])


@given(steps=STEPS, last=LAST, largest=st.sampled_from([0, 4096, 20_000, LARGEST]))
def test_it_says_what_paramikos_channel_says(steps: list[tuple[str, Any]], last: str, largest: int) -> None:
    ours, pump = opened(60_000, largest)
    theirs, transport = stock(60_000, largest)
    waiting, window = 0, 60_000
    for what, value in steps:
        if what == "send":
            if value > window:
                continue
            window -= value
            ours.sendall(b"s" * value)
            theirs.sendall(b"s" * value)
        elif what == "data":
            waiting += value
            ours.feed(b"d" * value)
            theirs._feed(b"d" * value)
        elif what == "read":
            if waiting:
                got = ours.recv(value)
                assert got == theirs.recv(value)
                waiting -= len(got)
        else:
            window += value if what == "adjust" else 0
            waiting += 2 if (what, value) == ("stderr", 1) else 0
            both_hear(ours, theirs, what, value)
    if last == "close":
        ours.close()
        theirs.close()
    else:
        both_hear(ours, theirs, last, None)
    assert pump.sent == transport.sent
    while waiting > 0:
        got = ours.recv(100_000)
        assert got == theirs.recv(100_000)
        waiting -= len(got)
    assert ours.recv(10) == theirs.recv(10) == b""
    assert pump.sent == transport.sent


def both_hear(ours: PumpedChannel, theirs: Any, what: str, value: Any) -> None:
    payload, handle = {
        "stderr": lambda: (message(cMSG_CHANNEL_EXTENDED_DATA, OURS, value, b"ee"), theirs._feed_extended),
        "adjust": lambda: (message(cMSG_CHANNEL_WINDOW_ADJUST, OURS, value), theirs._window_adjust),
        "request": lambda: (
            message(cMSG_CHANNEL_REQUEST, OURS, *value) + bytes(4),
            theirs._handle_request,
        ),
        "success": lambda: (message(cMSG_CHANNEL_SUCCESS, OURS), theirs._request_success),
        "failure": lambda: (message(cMSG_CHANNEL_FAILURE, OURS), theirs._request_failed),
        "eof": lambda: (message(cMSG_CHANNEL_EOF, OURS), theirs._handle_eof),
        "closed": lambda: (message(cMSG_CHANNEL_CLOSE, OURS), theirs._handle_close),
    }[what]()
    hear(ours, payload)
    handle(Message(payload[5:]))


def test_reading_waits_for_what_comes() -> None:
    channel, pump = opened()
    pump.planned.extend([lambda: None, lambda: channel.feed(b"first"), lambda: channel.feed(b"second")])
    assert not channel.recv_ready(), "the first look brings nothing"
    channel.settimeout(5)
    assert channel.recv(3) == b"fir"
    assert channel.recv_ready()
    assert channel.recv(100) == b"st"
    assert channel.recv_ready()
    assert channel.recv(100) == b"second"
    channel.settimeout(0)
    with pytest.raises(TimeoutError):
        channel.recv(1)
    channel.settimeout(None)
    with pytest.raises(TimeoutError):
        channel.recv(1)


def test_the_window_is_opened_again_after_a_tenth_of_it() -> None:
    channel, pump = opened()
    channel.feed(b"x" * (WINDOW // 10))
    while channel.recv_ready():
        channel.recv(1 << 20)
    assert not pump.sent
    channel.feed(b"x")
    channel.recv(1)
    assert pump.sent == [message(cMSG_CHANNEL_WINDOW_ADJUST, THEIRS, WINDOW // 10 + 1)]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100])
def test_what_came_in_pieces_is_read_in_others(size: int) -> None:
    channel, _ = opened()
    for piece in (b"abc", b"defg", b"", b"h", b"ijklmnop"):
        channel.feed(piece)
    read = []
    while channel.recv_ready():
        read.append(channel.recv(size))
    assert b"".join(read) == b"abcdefghijklmnop"
    assert max(map(len, read)) <= size


def test_a_message_without_data_is_not_the_end() -> None:
    channel, pump = opened()
    channel.settimeout(5)
    pump.planned.extend([lambda: channel.feed(b""), lambda: channel.feed(b"x")])
    assert channel.recv(10) == b"x"


def test_sending_waits_for_the_window() -> None:
    channel, pump = opened(window=3)
    pump.planned.append(lambda: hear(channel, message(cMSG_CHANNEL_WINDOW_ADJUST, OURS, 2)))
    channel.settimeout(0)
    with pytest.raises(TimeoutError):
        channel.sendall(b"abcdefg")
    assert pump.sent == [
        message(cMSG_CHANNEL_DATA, THEIRS, b"abc"),
        message(cMSG_CHANNEL_DATA, THEIRS, b"de"),
    ]
    pump.planned.append(channel.end)
    with pytest.raises(OSError, match="closed"):
        channel.sendall(b"x")


def test_after_their_last_word_there_is_still_ours() -> None:
    channel, pump = opened(window=1)
    hear(channel, message(cMSG_CHANNEL_EOF, OURS))
    channel.feed(b"too late")
    assert channel.recv(10) == b""
    assert not channel.recv_ready()
    channel.sendall(b"x")
    channel.settimeout(0)
    with pytest.raises(TimeoutError):
        channel.sendall(b"y")
    assert pump.sent == [message(cMSG_CHANNEL_DATA, THEIRS, b"x")]


def test_it_is_closed_once() -> None:
    channel, pump = opened()
    channel.feed(b"rest")
    hear(channel, message(cMSG_CHANNEL_CLOSE, OURS))
    channel.close()
    hear(channel, message(cMSG_CHANNEL_CLOSE, OURS))
    assert pump.sent == [message(cMSG_CHANNEL_EOF, THEIRS), message(cMSG_CHANNEL_CLOSE, THEIRS)]
    assert channel.recv(10) == b"rest"
    assert channel.recv(10) == b""
    with pytest.raises(OSError, match="closed"):
        channel.sendall(b"x")


@pytest.mark.parametrize(
    "payload",
    [
        message(cMSG_CHANNEL_WINDOW_ADJUST, OURS),
        message(cMSG_CHANNEL_EXTENDED_DATA, OURS, 1, 5),
        message(cMSG_CHANNEL_EXTENDED_DATA, OURS),
        message(cMSG_CHANNEL_REQUEST, OURS, 100),
        message(cMSG_CHANNEL_REQUEST, OURS),
        message(cMSG_CHANNEL_OPEN_FAILURE, OURS),
    ],
)
def test_a_message_that_is_cut_short_is_no_message(payload: bytes) -> None:
    channel, _ = opened()
    with pytest.raises((SSHException, struct.error), match=r"too short|requires a buffer"):
        hear(channel, payload)


def test_it_is_opened_once() -> None:
    channel, pump = opened(window=5)
    hear(channel, message(cMSG_CHANNEL_OPEN_SUCCESS, OURS, 99, 1000, 1000))
    channel.sendall(b"x")
    assert pump.sent == [message(cMSG_CHANNEL_DATA, THEIRS, b"x")]
    assert channel.window == 4
