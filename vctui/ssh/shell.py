"""The terminal of one session: sending lines, waiting for what is due, answering pagers."""

from __future__ import annotations

import time

from paramiko.channel import Channel
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.message import Message
from paramiko.ssh_exception import ChannelException, SSHException

from vctui.errors import DeviceError
from vctui.ssh.connect import lost
from vctui.ssh.held import Buffer, Held
from vctui.ssh.lifeline import Deadline
from vctui.ssh.model import MIB
from vctui.ssh.prompts import Prompt
from vctui.ssh.rules import COLUMNS, MAX_LINE, Platform
from vctui.ssh.transport import Transport
from vctui.text import TerminalText, safe_line

_ROWS = 24
_READ = 256 * 1024
QUIET = 1.0
"""Seconds of silence after which an empty line is sent once more."""
_PARTIAL = MIB
"""Characters that are kept of an output which is too large."""


def open_channel(transport: Transport, deadline: Deadline, timeout: float, columns: int = COLUMNS) -> Channel:
    """A shell on a wide terminal. Raises DeviceError of kind channel_refused or disconnected."""
    transport.clear_to_send_timeout = timeout
    try:
        channel = transport.open_session(timeout=deadline.within(timeout))
        channel.set_combine_stderr(True)
        # Both requests go out together: a refusal closes the channel, and waiting would cost two round trips.
        pty = _request(channel, "pty-req")
        pty.add_string("vt100")
        for number in (columns, _ROWS, 0, 0):
            pty.add_int(number)
        pty.add_string(b"")
        for message in (pty, _request(channel, "shell")):
            transport._send_user_message(message)  # type: ignore[attr-defined]
    except ChannelException as error:
        reason = safe_line(str(error.text), 100)
        raise DeviceError("channel_refused", f"the device refuses a session: {reason}") from error
    except (SSHException, EOFError, OSError) as error:
        if not transport.is_active():
            raise lost(transport, error) from error
        raise DeviceError("channel_refused", "the device does not open a session") from error
    return channel


def _request(channel: Channel, kind: str) -> Message:
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(kind)
    message.add_boolean(True)
    return message


class Shell:
    """Lines out, text in. A wait ends with the device's deadline, or after `timeout` seconds of silence."""

    def __init__(
        self,
        channel: Channel,
        transport: Transport,
        platform: Platform,
        *,
        deadline: Deadline,
        timeout: float,
        max_output: int,
        held: Held,
    ) -> None:
        self._channel = channel
        self._transport = transport
        self._platform = platform
        self._deadline = deadline
        self._timeout = timeout
        self._max_output = max_output
        self._held = held
        self._terminal = TerminalText()
        self._lines = Buffer()
        self._bytes = 0
        self._kept = 0
        self._last_byte = self._last_event = time.monotonic()
        self._heard = False
        self.prompt = Prompt("")

    # what has arrived

    @property
    def tail(self) -> str:
        """The unfinished line, or "" when it is longer than any prompt."""
        return self._terminal.tail if self._terminal.tail_length <= 2 * MAX_LINE else ""

    def text(self) -> str:
        """Everything since the last `begin`, the unfinished line included."""
        return self._lines.text() + self._terminal.tail

    def partial(self) -> str:
        """The same for a failure, cut when it is very large."""
        if self._bytes > _PARTIAL:
            return self._lines.text(_PARTIAL)
        return self.text()

    def renew(self, deadline: Deadline, timeout: float) -> None:
        """Go on under other limits."""
        self._deadline, self._timeout = deadline, timeout
        self.begin()

    def begin(self) -> None:
        """Forget what has arrived, but for the unfinished line.

        Its room is not given back: somebody has the text of it, until `release`.
        """
        self._lines.clear()
        self._kept += self._bytes
        self._bytes = 0
        self._last_byte = time.monotonic()

    # the line

    def send(self, text: str) -> None:
        """Send characters as they are."""
        self._channel.settimeout(max(0.001, self._deadline.within(self._timeout)))
        try:
            self._channel.sendall(text.encode())
        except (OSError, EOFError, SSHException) as error:
            raise self._ended(error) from error
        self._last_event = time.monotonic()

    def send_line(self, text: str = "") -> None:
        self.send(text + self._platform.newline)

    def receive(self, wait: float) -> str | None:
        """The lines that the next bytes finish; None when nothing came within `wait` seconds."""
        self._channel.settimeout(max(0.001, self._deadline.within(wait)))
        try:
            data = self._channel.recv(_READ)
        except TimeoutError:
            return None
        except (OSError, EOFError, SSHException) as error:
            raise self._ended(error) from error
        if not data:
            raise self._ended()
        self._heard = True
        self._last_byte = self._last_event = time.monotonic()
        self._bytes += len(data)
        if self._bytes > self._max_output:
            raise DeviceError(
                "output_limit", f"the device sends more than {self._max_output // MIB or 1} MiB"
            )
        if not self._has_room(len(data)):
            self._bytes -= len(data)
            if not self._transport.is_active():
                raise self._ended()
            raise DeviceError("output_limit", "the outputs of all devices are too large together")
        self._last_byte = self._last_event = time.monotonic()
        finished = self._terminal.feed(data)
        if finished:
            self._lines.append(finished)
        return finished

    def _has_room(self, size: int) -> bool:
        """Wait for room for so much; the device waits too, since nothing more is read from it."""
        seconds = self._deadline.within(self._timeout)
        return self._held.take(
            self, size, self._bytes + self._kept, seconds, lambda: not self._transport.is_active()
        )

    def release(self) -> None:
        """Give back the room of everything that came: its texts are on their way, or not wanted."""
        self.begin()
        self._held.give_back(self._kept)
        self._kept = 0

    def has_more(self) -> bool:
        """True when bytes have arrived that are not read yet."""
        return self._channel.recv_ready()

    def answer_pager(self) -> bool:
        """Answer a pager whose question is the unfinished line, and forget the question."""
        key = self._platform.pager_key(self.tail)
        if key is None:
            return False
        self.drop_tail()
        self.send(key)
        return True

    def drop_tail(self) -> None:
        """Forget the unfinished line: a question that has been answered."""
        self._terminal.drop_tail()

    def is_quiet(self) -> bool:
        """True when for a while nothing has come or gone."""
        return time.monotonic() - self._last_event >= QUIET

    def check_patience(self, kind: str, what: str) -> None:
        """Raise DeviceError of that kind when the silence, or the device as a whole, lasts too long."""
        if self._deadline.remaining() <= 0:
            raise DeviceError(kind, f"{what} within the device's time limit")
        if time.monotonic() - self._last_byte >= self._timeout:
            raise DeviceError(kind, f"{what} within {self._timeout:g} s")

    def wait_time(self, *, quiet: bool) -> float:
        """How long the next `receive` may take: to the end of patience, or to the point where it is quiet."""
        now = time.monotonic()
        left = self._last_byte + self._timeout - now
        until_quiet = self._last_event + QUIET - now
        return min(left, until_quiet) if quiet and until_quiet > 0 else left

    def _ended(self, cause: BaseException | None = None) -> DeviceError:
        if not self._heard and self._transport.is_active():
            error = DeviceError("channel_refused", "the device closes the shell before it says anything")
            error.__cause__ = cause
            return error
        return lost(self._transport, cause)
