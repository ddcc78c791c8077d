"""A connection without threads: whoever waits for an answer reads the socket and handles what arrives.

paramiko runs a thread for each connection, which wakes the session's own thread for every packet; a thousand
of them fight for the interpreter. Here the session pumps its connection itself, while it waits anyway. Only
the thread that uses the connection may touch it; any other one may shut its socket down.
"""

from __future__ import annotations

import os
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN_SUCCESS,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_UNIMPLEMENTED,
)
from paramiko.message import Message
from paramiko.ssh_exception import MessageOrderError, SSHException

from vctui.config import SSH_TRANSPORTS, SSHTransport
from vctui.errors import UsageError
from vctui.ssh.calm import forget_frames
from vctui.ssh.curve25519 import Curve25519
from vctui.ssh.kex import ENGINES
from vctui.ssh.lean import Flag, LeanTransport, handlers
from vctui.ssh.packetizer import Packets
from vctui.ssh.pump_channel import PumpedChannel
from vctui.ssh.transport import (
    IDENT_BYTES,
    IDENT_LINES,
    NO_IDENT,
    ClosedBeforeIdent,
    NotSSH,
    Transport,
)
from vctui.ssh.turns import CROWD
from vctui.ssh.wire import wire

VARIABLE = "VCTUI_SSH_TRANSPORT"
_PARTING = 1.0
"""Seconds that a parting word may take."""
_KEX_MESSAGES = range(30, 42)
_ANSWER = struct.Struct(">BI")
_ENGINES = {**ENGINES, "curve25519-sha256": Curve25519, "curve25519-sha256@libssh.org": Curve25519}


def transport_class(kind: SSHTransport | None) -> type[Transport]:
    """What `kind` means, unless VCTUI_SSH_TRANSPORT says otherwise. Raises UsageError."""
    wanted = os.environ.get(VARIABLE) or kind or "fast"
    if wanted not in SSH_TRANSPORTS:
        raise UsageError(f"{VARIABLE}: {wanted!r} is no transport", f"Use one of {', '.join(SSH_TRANSPORTS)}")
    return Transport if wanted == "stock" else PumpedTransport


def makes_crowd(kind: SSHTransport | None, workers: int) -> bool:
    """Whether so many sessions take turns: paramiko's own threads wait in places that know nothing of them.

    Raises UsageError.
    """
    return transport_class(kind) is not Transport and workers >= CROWD


class PumpedTransport(LeanTransport):
    """The same connection as `Transport`, pumped by whoever waits on it."""

    joins_messages = True
    _active_check_timeout = None  # the socket blocks: it has no thread that looks after it now and then
    _kex_info: ClassVar[dict[str, Any]] = {
        name: _ENGINES.get(name, engine) for name, engine in Transport._kex_info.items()
    }
    packetizer: Packets
    # The parts of paramiko that are used and not documented: all of them are in its versions 4 and 5.
    active: bool
    agreed_on_strict_kex: bool
    auth_handler: Any
    kex_engine: Any
    saved_exception: Any
    _enforce_strict_kex: Callable[[int], None]
    _expect_packet: Callable[[int], None]
    _expected_packet: tuple[int, ...]

    def __init__(self, sock: Any, **options: Any) -> None:
        super().__init__(sock, **options)
        self._wire = wire(sock)
        self._lines = 0  # before the identification
        self._heard = False
        self._later: deque[bytes] = deque()  # what must not be sent during a key exchange
        self._shells: dict[int, PumpedChannel] = {}

    @property
    def heard(self) -> bool:
        return self._heard

    def start(self) -> None:
        """No thread; the identification is sent when somebody waits for the answer."""
        self.packetizer.write_all(f"{self.local_version}\r\n".encode())

    @property
    def is_agreed(self) -> bool:
        return self.host_key is not None and self.active

    def wait_for(self, event: Flag, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while self.active and not event.is_set():
            if not self.pump(seconds) and seconds <= 0:
                break
            seconds = max(0.0, ends - time.monotonic())
        return event.is_set()

    def pump(self, seconds: float) -> bool:
        """Send what is to be sent and handle what arrives; False when nothing came within `seconds`."""
        packets = self.packetizer
        try:
            unsent = packets.take_unsent()
            if unsent:
                unsent = self._wire.write(unsent, seconds)
                if unsent:
                    packets.write_all(unsent)
                    return False
            data = self._wire.read(seconds)
            if data is None:
                return False
            if not data:
                raise EOFError
            self._heard = True
            packets.inbound.feed(data)
            self._handle_arrived()
        except (SSHException, EOFError, OSError) as error:
            self._end(error)
        return True

    def has_data(self) -> bool:
        """False when nothing has arrived that was not read, for sure."""
        return self.active and self._wire.has_data()

    def flush(self) -> None:
        try:
            self._wire.write(self.packetizer.take_unsent(), _PARTING)
        except (EOFError, OSError, SSHException) as error:
            self._end(error)

    def close(self) -> None:
        self.active = False
        self.packetizer.close()
        for channel in self._shells.values():
            channel.end()
        # What holds the whole session together: the collector would have to find it.
        self._shells.clear()
        forget_frames(self.saved_exception)

    def _handle_arrived(self) -> None:
        if not self.identified.is_set() and not self._identify():
            return
        packets = self.packetizer
        while self.active:
            if packets.wants_rekey and not self.in_kex:
                self._send_kex_init()
            payload = packets.next_payload()
            if payload is None:
                return
            try:
                self._handle(payload)
            except (SSHException, EOFError, OSError):
                raise
            except Exception as error:
                raise SSHException(f"message {payload[0]} cannot be read") from error

    def _identify(self) -> bool:
        """Look for the server's identification, and go on to the key exchange."""
        inbound = self.packetizer.inbound
        while (line := inbound.take_line()) is not None:
            self._lines += 1
            try:
                if self._is_ident(line.decode()):
                    self._send_kex_init()
                    self._expect_packet(MSG_KEXINIT)
                    return True
            except UnicodeDecodeError as error:
                raise NotSSH("it sends binary data") from error
            if self._lines == IDENT_LINES:
                raise NotSSH(NO_IDENT)
        if inbound.waiting > IDENT_BYTES:
            raise NotSSH(NO_IDENT)
        return False

    def _handle(self, payload: bytes) -> None:
        """What paramiko's thread does with a message."""
        kind = payload[0]
        expected = self._expected_packet
        if kind >= MSG_CHANNEL_OPEN_SUCCESS and kind <= MSG_CHANNEL_FAILURE and not expected:
            self._hear_channel(kind, payload)
            return
        message = Message(payload[1:])
        message.seqno = self.packetizer.inbound.sequence_of_last
        if kind in (MSG_IGNORE, MSG_DEBUG):
            self._enforce_strict_kex(kind)
        elif kind == MSG_DISCONNECT:
            self._parse_disconnect(message)
            self._end(None)
        elif expected and kind not in expected:
            wrong = MessageOrderError if self.agreed_on_strict_kex else SSHException
            raise wrong(f"Expecting packet from {expected!r}, got {kind}")
        elif expected and kind in _KEX_MESSAGES:
            self._expected_packet = ()
            self.kex_engine.parse_next(kind, message)
        else:
            self._expected_packet = ()
            self._dispatch(kind, message)

    def _dispatch(self, kind: int, message: Message) -> None:
        name = handlers().get(kind)
        if name is not None:
            getattr(self, name)(message)
            return
        handler = self.auth_handler and self.auth_handler._handler_table.get(kind)
        if handler:
            handler(message)
        elif kind != MSG_UNIMPLEMENTED:
            self.packetizer.send(_ANSWER.pack(MSG_UNIMPLEMENTED, message.seqno))

    def _hear_channel(self, kind: int, payload: bytes) -> None:
        channel = self._shells.get(int.from_bytes(payload[1:5]))
        if channel is None:
            raise SSHException("a message for a channel that was never opened")
        if kind != MSG_CHANNEL_DATA:
            channel.hear(kind, payload)
        elif len(payload) == 9 + int.from_bytes(payload[5:9]):
            channel.feed(payload[9:])
        else:
            raise SSHException("channel data of another length than it says")

    def _end(self, error: BaseException | None) -> None:
        """The connection is over: whoever waits for something is told so."""
        if not self.active:
            return
        if error is not None:
            self.saved_exception = self._reason(error)
        self.active = False
        for channel in self._shells.values():
            channel.end()
        self.packetizer.close()
        if self.completion_event is not None:
            self.completion_event.set()
        if self.auth_handler is not None:
            self.auth_handler.abort()
        self.identified.set()

    def _reason(self, error: BaseException) -> BaseException:
        if isinstance(error, EOFError) and not self.identified.is_set():
            return NotSSH("it closes the connection") if self.heard else ClosedBeforeIdent()
        return error

    # sending

    def send(self, payload: bytes) -> None:
        """Send a message, behind a key exchange if there is one; none once the connection is over."""
        if not self.active:
            return
        if self.clear_to_send.is_set():
            self.packetizer.send(payload)
        else:
            self._later.append(payload)

    def _send_user_message(self, data: Message) -> None:
        self.send(data.asbytes())

    def _activate_outbound(self) -> None:
        """The server has signed all that was said: nobody has to wait for its NEWKEYS (RFC 4253, 7.3)."""
        super()._activate_outbound()  # type: ignore[misc]
        if self.completion_event is not None:
            self.completion_event.set()

    def _parse_newkeys(self, m: Message) -> None:
        super()._parse_newkeys(m)  # type: ignore[misc]
        while self._later and self.clear_to_send.is_set():
            self.packetizer.send(self._later.popleft())

    def open_shell(self, columns: int, rows: int, timeout: float) -> PumpedChannel:
        if not self.active:
            raise SSHException("SSH session not active")
        number = len(self._shells)
        channel = self._shells[number] = PumpedChannel(self, number)
        self.send(channel.request)
        if not self.wait_for(channel.settled, timeout):
            raise SSHException("Timeout opening channel.")
        if not channel.is_open:
            raise channel.refusal or self.get_exception() or SSHException("Unable to open channel.")
        channel.start_shell(columns, rows)
        return channel
