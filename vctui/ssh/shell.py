"""The terminal of one session: sending lines, waiting for what is due, answering pagers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from paramiko.ssh_exception import ChannelException, SSHException

from vctui.errors import DeviceError
from vctui.ssh.connect import lost
from vctui.ssh.held import Buffer, Held
from vctui.ssh.lifeline import Deadline
from vctui.ssh.model import MIB
from vctui.ssh.pages import Pages
from vctui.ssh.prompts import Prompt
from vctui.ssh.rules import COLUMNS, MAX_LINE, Platform
from vctui.ssh.tape import Tape
from vctui.ssh.transport import ShellChannel, Transport
from vctui.text import TerminalText, safe_line

_ROWS = 24
_READ = 256 * 1024
QUIET = 1.0
"""Seconds of silence after which the prompt is asked once more."""
LONG_QUIET = 3.0
"""The same before anything looks like a prompt: what is typed could answer a question that is yet to come."""
PAUSE = 0.3
"""Seconds for which a pager's question stands before it is answered, until one has erased itself."""
_LATE = 0.001
"""Seconds by which a silence is overslept, so that it has lasted long enough for sure."""
_PARTIAL = MIB
"""Characters that are kept of an output which is too large."""


def open_channel(
    transport: Transport, deadline: Deadline, timeout: float, columns: int = COLUMNS
) -> ShellChannel:
    """A shell on a wide terminal. Raises DeviceError of kind channel_refused or disconnected."""
    transport.clear_to_send_timeout = timeout
    try:
        return transport.open_shell(columns, _ROWS, deadline.within(timeout))
    except ChannelException as error:
        reason = safe_line(str(error.text), 100)
        raise DeviceError("channel_refused", f"the device refuses a session: {reason}") from error
    except (SSHException, EOFError, OSError) as error:
        if not transport.is_active():
            raise lost(transport, error) from error
        raise DeviceError("channel_refused", "the device does not open a session") from error


class Shell:
    """Lines out, text in. A wait ends with the device's deadline, or after `timeout` seconds of silence."""

    def __init__(
        self,
        channel: ShellChannel,
        transport: Transport,
        platform: Platform,
        *,
        deadline: Deadline,
        timeout: float,
        max_output: int,
        held: Held,
        tape: Tape | None = None,
    ) -> None:
        self._channel = channel
        self._transport = transport
        self._platform = platform
        self._deadline = deadline
        self._timeout = timeout
        self._max_output = max_output
        self._held = held
        self.tape = tape
        """Records the session; None for most."""
        self._terminal = TerminalText()
        self._tail = ""
        self._lines = Buffer()
        self._bytes = 0
        self._kept = 0
        self._last_byte = self._last_event = time.monotonic()
        self._heard = False
        self._pages = Pages(platform, self._terminal)
        self.prompt = Prompt("")
        self.answers_queries = True
        """Whether a device that asks what terminal this is gets an answer: not from within an output."""
        self.sent_answers = ""
        """The last one, as a device shows it that has not waited for it."""

    # what has arrived

    @property
    def tail(self) -> str:
        """The unfinished line, or "" when it is longer than any prompt."""
        return self._tail

    def text(self) -> str:
        """What is kept, the unfinished line included."""
        return self._lines.text() + self._terminal.tail

    def cut(self, start: int, end: int) -> str:
        """A part of the finished lines; places count from the beginning of the session."""
        return self._lines.cut(start, end)

    def parts(self, start: int, end: int) -> Iterator[str]:
        """The same in pieces, since it may be large."""
        return self._lines.parts(start, end)

    @property
    def length(self) -> int:
        """The place behind the last finished line."""
        return self._lines.end

    def drawn(self, *, more: bool) -> Sequence[tuple[str, str]]:
        """How the lines came about that have finished since the last call; `more`: go on watching."""
        found = self._terminal.echo or []
        self._terminal.echo = [] if more else None
        return found

    @property
    def has_questions(self) -> bool:
        """True when pagers may have left something in the output at hand."""
        return bool(self._terminal.left or self._terminal.overrun)

    def without_questions(self, body: str) -> tuple[str, bool]:
        """An output without what pagers have left in it, and whether a question stands in it all the same."""
        return self._pages.clean(body)

    def partial(self, start: int = 0) -> str:
        """What has come from a place on, for a failure: cut when it is very large."""
        text = self._lines.cut(start, min(self.length, start + _PARTIAL))
        return text if self.length > start + _PARTIAL else text + self._terminal.tail

    def renew(self, deadline: Deadline, timeout: float) -> None:
        """Go on under other limits."""
        self._deadline, self._timeout = deadline, timeout
        self._last_byte = time.monotonic()

    def forget(self, place: int | None = None) -> None:
        """Keep only what has come from that place on; without one, nothing but the unfinished line.

        The room of the rest is not given back: somebody has the text of it, until `release`.
        """
        left = self._lines.drop(self.length if place is None else place)
        self._kept += max(0, self._bytes - left)
        self._bytes = min(self._bytes, left)
        self._terminal.left.clear()
        self._last_byte = time.monotonic()

    def watch(self) -> None:
        """A command is typed: patience begins anew, and `drawn` tells of the lines that come now."""
        self._terminal.echo = []
        self._last_byte = time.monotonic()

    # the line

    def send(self, text: str, *, shown: str = "") -> None:
        """Send characters as they are; a recording has `shown` in their place."""
        if self.tape is not None:
            self.tape.type(text, time.monotonic(), self._tail, shown)
        self._channel.settimeout(max(0.001, self._deadline.within(self._timeout)))
        try:
            self._channel.sendall(text.encode())
        except (OSError, EOFError, SSHException) as error:
            raise self._ended(error) from error
        self._last_event = time.monotonic()

    def send_line(self, *lines: str, shown: str = "") -> None:
        """Send lines in one packet."""
        self.send("".join(line + self._platform.newline for line in lines), shown=shown)

    def receive(self, wait: float) -> str | None:
        """The lines that the next bytes finish; None when nothing came within `wait` seconds."""
        left = self._deadline.remaining()
        if left <= 0:
            return None
        self._channel.settimeout(max(0.001, min(left, wait)))
        try:
            data = self._channel.recv(_READ)
        except TimeoutError:
            return None
        except (OSError, EOFError, SSHException) as error:
            raise self._ended(error) from error
        if not data:
            raise self._ended()
        self._heard = True
        if self.tape is not None:
            self.tape.hear(data, time.monotonic())
        self._hold(len(data))
        finished = self._terminal.feed(data)
        # Moving the cursor makes more characters of a line than there were bytes.
        if len(finished) > len(data):
            self._hold(len(finished) - len(data))
        self._tail = self._terminal.tail if self._terminal.tail_length <= 2 * MAX_LINE else ""
        self._last_byte = self._last_event = time.monotonic()
        if finished:
            self._lines.append(finished)
        self._pages.hear(finished, self._tail)
        answers = self._terminal.take_answers()
        if answers and self.answers_queries:
            self.sent_answers = "".join(filter(str.isprintable, answers))
            self.send(answers)
        return finished

    def _hold(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._max_output:
            self._bytes -= size
            raise DeviceError(
                "output_limit", f"the device sends more than {self._max_output // MIB or 1} MiB"
            )
        if not (self._held.take(size) or self._waits_for_room(size)):
            self._bytes -= size
            if not self._transport.is_active():
                raise self._ended()
            raise DeviceError("output_limit", "the outputs of all devices are too large together")

    def _waits_for_room(self, size: int) -> bool:
        """Wait for room for so much; the device waits too, since nothing more is read from it."""
        seconds = self._deadline.within(self._timeout)
        return self._held.wait_for(
            self, size, self._bytes + self._kept, seconds, lambda: not self._transport.is_active()
        )

    def release(self) -> None:
        """Give back the room of everything that came: its texts are on their way, or not wanted."""
        self._held.give_back(self._kept)
        self._kept = 0

    def has_more(self) -> bool:
        """True when bytes have arrived that are not read yet."""
        return self._channel.recv_ready()

    def answer_pager(self) -> str | None:
        """Answer a pager, if the unfinished line is its question; returns the key."""
        key = self._pages.answer(self.tail, stood=time.monotonic() - self._last_event >= PAUSE)
        if key is not None:
            self.send(key)
        return key

    def drop_tail(self) -> None:
        """Forget the unfinished line: a question that has been answered."""
        self._terminal.drop_tail()
        self._tail = ""

    def is_quiet(self, *, long: bool = False) -> bool:
        """True when for a while nothing has come or gone."""
        return time.monotonic() - self._last_event >= (LONG_QUIET if long else QUIET)

    def check_patience(self, kind: str, what: str) -> None:
        """Raise DeviceError of that kind when the silence, or the device as a whole, lasts too long."""
        if self._deadline.remaining() <= 0:
            raise DeviceError(kind, f"{what} within the device's time limit")
        if time.monotonic() - self._last_byte >= self._timeout:
            raise DeviceError(kind, f"{what} within {self._timeout:g} s")

    def wait_time(self, *, long: bool = False) -> float:
        """How long the next `receive` may take: to the end of patience, or until it is quiet."""
        now = time.monotonic()
        left, since = self._last_byte + self._timeout - now, now - self._last_event - _LATE
        if since < PAUSE and self._pages.are_asked(self.tail):
            return min(left, PAUSE - since)
        if since < QUIET:
            return min(left, QUIET - since)
        return min(left, LONG_QUIET - since) if long and since < LONG_QUIET else left

    def _ended(self, cause: BaseException | None = None) -> DeviceError:
        if not self._heard and self._transport.is_active():
            error = DeviceError("channel_refused", "the device closes the shell before it says anything")
            error.__cause__ = cause
            return error
        return lost(self._transport, cause)
