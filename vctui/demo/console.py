"""The command line of one simulated device, without input or output: bytes in, pieces out, no waiting.

A pause is a piece like any other, so that the same device can be played in real time and in none.
"""

from __future__ import annotations

import re

from vctui.demo.devices import SimDevice
from vctui.demo.faults import Fault
from vctui.demo.keyboard import Keyboard, Typing
from vctui.demo.recording import End, Recording, Turn
from vctui.demo.vocabulary import Resolved, fill, filtered, words

SLOW_THINK = 1.2
SLOW_CHUNK = 60
SLOW_PAUSE = 0.01
UNPARSEABLE = """\
<<<
  answer-format: experimental
  device: {hostname}
  remark: an image under test prints this instead of the usual answer
>>>
"""

_LINE_FEED = re.compile(r"(?<!\r)\n")

Said = bytes | float | End
"""A piece as it leaves the device: text has become bytes."""


class _Over(Exception):
    """The session has ended; its last piece says how."""


class Console:
    """One session. `start` and `feed` return what the device says next; after an `End` there is no more."""

    def __init__(self, device: SimDevice, recording: Recording) -> None:
        self._device = device
        self._recording = recording
        self._slow = device.fault is Fault.SLOW
        think = recording.think if device.think is None else device.think
        self._think = SLOW_THINK if self._slow else think
        self._user_mode = bool(recording.user_prompt) and (device.user_mode or recording.user_mode)
        self._prompt = recording.prompt
        self._next = 0
        """The turn that comes next, when a session is played from its beginning."""
        self._paging = bool(recording.pager)
        self._said: list[Said] = []
        self._keyboard = Keyboard(recording.newline, self._said_as_is)
        self._values = {
            "hostname": device.name,
            "mgmt_ip": device.mgmt_ip,
            "serial": device.serial,
            "username": device.username,
            "password": device.password,
            "secret": device.enable_secret,
        }
        self._session = self._play()

    def start(self) -> list[Said]:
        """What the device says at login."""
        return self._go_on()

    def feed(self, data: bytes) -> list[Said]:
        """What it says to keys that were typed."""
        self._keyboard.feed(data)
        return self._go_on()

    def _go_on(self) -> list[Said]:
        next(self._session, None)
        said, self._said = self._said, []
        return said

    def _play(self) -> Typing[None]:
        try:
            yield from self._greet()
            while True:
                if not (yield from self._take_key()):
                    line = yield from self._keyboard.line()
                    yield from self._take_line(line)
        except _Over:
            return

    def _greet(self) -> Typing[None]:
        first = self._turn(0)
        if first is not None and first.send is None and first.key is None:
            self._next = 1
            yield from self._say_turn(first)
            return
        self._say(self._recording.motd)
        if self._device.fault is Fault.NO_PROMPT:
            self._say("\nLoading the user profile ...\n")
            yield from self._keyboard.ignore()
        self._say(self._shown_prompt())

    # turns

    def _turn(self, number: int) -> Turn | None:
        turns = self._recording.turns
        return turns[number] if number < len(turns) else None

    def _take_key(self) -> Typing[bool]:
        """Play the next turn, if it begins with a key and that key is typed."""
        turn = self._turn(self._next)
        if turn is None or turn.key is None:
            return False
        if not (yield from self._keyboard.take(turn.key.encode())):
            return False
        self._next += 1
        yield from self._say_turn(turn)
        return True

    def _take_line(self, line: str) -> Typing[None]:
        turn = self._find_turn(line)
        if turn is not None and turn.text is None:
            yield from self._say_turn(turn, line)
            return
        self._say_bytes(self._keyboard.echo)
        if turn is not None:
            self._prompt = self._prompt if turn.prompt is None else turn.prompt
            yield from self._answer(line, Resolved("output", turn.text or ""))
        else:
            yield from self._execute(line)
        self._say(self._shown_prompt())

    def _find_turn(self, line: str) -> Turn | None:
        """The next turn that this line begins; the same line may mean something else each time."""
        turns, vocabulary = self._recording.turns, self._recording.vocabulary
        if self._user_mode and words(line) in vocabulary.privileged:
            return None
        following = [(self._next + ahead) % len(turns) for ahead in range(len(turns))]
        typed = line.strip()
        if not typed and (following and turns[following[0]].send != ""):
            # One more empty line than was recorded is answered as the one before.
            return next((turns[number] for number in reversed(following) if turns[number].send == ""), None)
        for number in following:
            send = turns[number].send
            if send is not None and fill(send, self._values) == typed:
                self._next = number + 1
                return turns[number]
        return None

    def _say_turn(self, turn: Turn, line: str = "") -> Typing[None]:
        if turn.prompt is not None:
            self._prompt = turn.prompt
        if turn.text is not None:
            self._say(turn.text)
            self._say(self._shown_prompt())
        for piece in turn.recv:
            if isinstance(piece, str):
                self._say(piece, line=line)
            elif piece is End.SILENT:
                yield from self._keyboard.ignore()
            else:
                self._said.append(piece)
                if isinstance(piece, End):
                    raise _Over

    # commands of a device that knows more than its turns

    def _shown_prompt(self) -> str:
        return self._recording.user_prompt if self._user_mode else self._prompt

    def _execute(self, line: str) -> Typing[None]:
        if not line.strip():
            return
        command, pipe, expression = line.partition("|")
        resolved = self._recording.vocabulary.resolve(command, user_mode=self._user_mode)
        if pipe and resolved.action == "output":
            text = filtered(resolved.text, expression)
            column = len(command)
            resolved = Resolved("unknown", column=column) if text is None else Resolved("output", text)
        match resolved.action:
            case "output":
                yield from self._answer(line, resolved)
            case "quiet":
                pass
            case "paging_off":
                self._paging = False
                self._say(resolved.text)
            case "enable":
                yield from self._enable()
            case "disable":
                self._user_mode = bool(self._recording.user_prompt)
            case "logout":
                self._end(End.CLOSE)
            case "unknown" | "incomplete" | "ambiguous" as kind:
                self._refuse(line, kind, resolved.column)

    def _refuse(self, line: str, kind: str, column: int) -> None:
        # The caret stands below the word at fault, so the prompt's width counts.
        prompt = fill(self._shown_prompt(), self._values).rpartition("\n")[2]
        errors = self._recording.errors
        text = errors.get(kind) or errors.get(
            "unknown", "{caret}^\n% Invalid input detected at '^' marker.\n\n"
        )
        self._say(text, caret=" " * (len(prompt) + column), line=line)

    def _enable(self) -> Typing[None]:
        enable = self._recording.enable
        if enable is None or not self._user_mode:
            return
        self._say(enable.prompt)
        secret = yield from self._keyboard.line(echo=False)
        self._say_bytes(self._keyboard.echo)
        if secret == self._device.enable_secret and self._device.fault is not Fault.ENABLE_REFUSED:
            self._user_mode = False
        else:
            self._say(enable.refused)

    def _answer(self, line: str, resolved: Resolved) -> Typing[None]:
        fault = self._device.fault
        if fault is Fault.SILENT:
            yield from self._keyboard.ignore()
        if self._think > 0:
            self._said.append(self._think)
        if fault is Fault.REJECTS:
            self._refuse(line, "unknown", len(line) - len(line.lstrip()))
            return
        text = fill(UNPARSEABLE if fault is Fault.UNPARSEABLE else resolved.text, self._values)
        if fault is Fault.DROPS:
            self._say(text[: len(text) // 2])
            self._end(End.DROP)
        if self._paging:
            yield from self._page(text)
        else:
            self._say(text)

    def _page(self, text: str) -> Typing[None]:
        """Show a page, ask, go on: a blank for a page, Return for a line, q to stop, as everywhere."""
        lines = text.splitlines(keepends=True)
        room = self._recording.page_length - 1
        while len(lines) > room:
            self._say("".join(lines[:room]))
            lines = lines[room:]
            self._say(self._recording.pager)
            key = yield from self._keyboard.key()
            self._say(self._recording.pager_erase)
            if key in (b"q", b"Q", b"\x03"):
                self._say("\n")
                return
            room = 1 if key in (b"\r", b"\n") else self._recording.page_length - 1
        self._say("".join(lines))

    # saying

    def _say(self, text: str, **more: str) -> None:
        text = fill(text, self._values | more | {"prompt": fill(self._shown_prompt(), self._values)})
        self._say_bytes(_LINE_FEED.sub(self._recording.newline, text).encode())

    def _said_as_is(self, data: bytes) -> None:
        self._said.append(data)

    def _say_bytes(self, data: bytes) -> None:
        if not data:
            return
        if not self._slow:
            self._said.append(data)
            return
        for start in range(0, len(data), SLOW_CHUNK):
            self._said += [data[start : start + SLOW_CHUNK], SLOW_PAUSE]

    def _end(self, how: End) -> None:
        self._said.append(how)
        raise _Over
