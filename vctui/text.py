"""Untrusted bytes and text, made safe once, before they are kept or shown.

Everything a device sends may be hostile: its SSH identification, its banner, its prompt, its output.
`TerminalText` reads a session's bytes as a terminal would and hands out what a terminal would show, without
one control sequence; `safe_line` does so for one line that goes into an error, an event or a table cell.
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata

from vctui.line import Line

_SPECIAL = re.compile("[\x00-\x08\n\x0b-\x1f\x7f-\x9f]")
_CSI_BODY = re.compile("[ -?]*")
_STRING_END = re.compile("[\x07\n\x18\x1a\x1b\x9c]")
_STRING_STARTS = {"]", "P", "X", "^", "_"}
_C1_STRING_STARTS = {"\x90", "\x98", "\x9d", "\x9e", "\x9f"}

_MAX_CSI = 256
"""A longer control sequence is none; its bytes are shown as text from there on."""
_MAX_STRING = 4096
"""The same for window titles and their kind, so that a stray introducer never swallows an output."""

_TEXT = bytes([*range(0x20, 0x7F), *b"\t\r\n"])
_CONTROLS = re.compile(rb"[\x00-\x7f]|\xc2[\x80-\x9f]")  # among the bytes that are not in `_TEXT`
_LINE_ENDS = {None, "\n", "\r\n", ("\n", "\r\n")}
_GROUND, _ESCAPE, _CSI, _STRING, _STRING_ESCAPE = range(5)
_ROWS = 24
_MAX_ANSWERS = 8
_ANSWERS = {
    ("c", ""): "\x1b[?1;2c",
    ("c", "0"): "\x1b[?1;2c",
    ("c", ">"): "\x1b[>0;0;0c",
    ("n", "5"): "\x1b[0n",
}
"""What a plain VT100 says to a device that asks what it is talking to."""


class TerminalText:
    """Incremental decoder from a terminal's bytes to safe text; the result does not depend on the chunks.

    Finished lines are handed out by `feed`. The unfinished line stays editable, since carriage returns,
    backspaces and erase sequences change it; `tail` shows it and `finish` hands it out.
    """

    def __init__(self) -> None:
        self._cut = b""  # the beginning of a character whose rest is yet to come
        self._state = _GROUND
        self._parameters = ""
        self._length = 0  # of the sequence being skipped
        self._done: list[str] = []
        self._line = Line()
        self._row = _ROWS
        self._answers: list[str] = []
        self.left: list[str] = []
        """Lines that are an answered question and nothing else: the device has not erased it."""
        self.overrun: dict[str, int] = {}
        """Lines with an answered question at their beginning and more behind it: how long it is."""
        self.echo: list[tuple[str, str]] | None = None
        """If not None, lines are added as they finish: how each shows, and all that was written into it.

        Where bytes were nothing but text, that is the same, and their lines are left out.
        """

    @property
    def tail(self) -> str:
        """The unfinished line as it shows now. Costs its length: look at `tail_length` first."""
        return self._line.text()

    @property
    def tail_length(self) -> int:
        """Characters in the unfinished line."""
        return self._line.length

    def feed(self, data: bytes) -> str:
        """Take in bytes and return the lines they finished, each with its newline."""
        data = self._cut + data
        read, size = codecs.utf_8_decode(data, "replace", False)
        self._cut = data[size:]
        text = self._plain(data, read) if self._state == _GROUND else None
        if text is None:
            self._read(read)
            return self._take_done()
        end, finished = text.rfind("\n") + 1, ""
        if end:
            finished = self._line.text() + text[:end]
            self._line = Line()
        if end < len(text):
            self._line.write(text[end:])
        if read.endswith("\r"):
            self._line.carriage_return()
        return finished

    def _plain(self, data: bytes, read: str) -> str | None:
        """The text of bytes that are nothing but text and lines' ends, without carriage returns.

        That is almost all that devices send, and this is fifty times as fast.
        """
        line = self._line
        if not (line.is_plain or (line.is_returning and read.lstrip("\r")[:1] == "\n")):
            return None
        rest = data.translate(None, _TEXT)
        if rest and _CONTROLS.search(rest):
            return None
        text = _lines(read)
        if text is None:  # some devices send more carriage returns than it takes
            read = read.rstrip("\r") if line.length and line.is_plain else read.strip("\r")
            text = _lines(read.replace("\r\r\n", "\r\n").replace("\n\r", "\n"))
        return text

    def answer(self, key: str = " ") -> None:
        """The unfinished line is a question that is being answered: it is no output once it is erased."""
        self._line.ask(key)

    @property
    def asked(self) -> str:
        """The answered question that still stands in the unfinished line."""
        return self._line.text()[: self._line.asked]

    def take_answers(self) -> str:
        """What a terminal would send back to the queries that have arrived; they are forgotten."""
        answers = "".join(self._answers)
        self._answers.clear()
        return answers

    def drop_tail(self) -> str:
        """Forget the unfinished line and return it."""
        dropped = self._line.text()
        self._line = Line()
        return dropped

    def finish(self) -> str:
        """Return what is left, the unfinished line included; the decoder starts anew."""
        self._read(self._cut.decode("utf-8", "replace"))
        self._cut, self._state = b"", _GROUND
        self._done.append(self.drop_tail())
        return self._take_done()

    def _take_done(self) -> str:
        done = "".join(self._done)
        self._done.clear()
        return done

    def _read(self, text: str) -> None:
        at = 0
        while at < len(text):
            if self._state == _GROUND:
                at = self._read_ground(text, at)
            elif self._state == _ESCAPE:
                at = self._read_escape(text, at)
            elif self._state == _CSI:
                at = self._read_csi(text, at)
            else:
                at = self._read_string(text, at)

    def _read_ground(self, text: str, at: int) -> int:
        found = _SPECIAL.search(text, at)
        end = found.start() if found else len(text)
        if end > at:
            self._line.write(text[at:end])
        if found:
            self._control(text[end])
        return end + 1

    def _control(self, char: str) -> None:
        if char == "\n" or char == "\x85":
            self._new_line()
        elif char == "\r":
            self._line.carriage_return()
        elif char == "\b":
            self._line.move(-1)
        elif char == "\x1b":
            self._start(_ESCAPE)
        elif char == "\x9b":
            self._start(_CSI)
        elif char in _C1_STRING_STARTS:
            self._start(_STRING)

    def _new_line(self) -> None:
        line = self._line
        text = line.text()
        if line.is_plain and self.echo is None:
            self._done += (text, "\n")
            self._line = Line()
            return
        if line.is_only_asked():
            self._line = Line()
            return
        if self.echo is not None:
            self.echo.append((text, line.written()))
        if line.asked and len(text) <= line.asked:
            self.left.append(text)
        elif line.asked:
            self.overrun[text] = line.asked
        elif line.is_erased():
            text = ""
        self._done.append(text)
        self._done.append("\n")
        self._line = Line()

    def _start(self, state: int) -> None:
        self._state = state
        self._parameters = ""
        self._length = 0

    def _read_escape(self, text: str, at: int) -> int:
        char = text[at]
        self._state = _GROUND
        if " " <= char <= "/":  # an intermediate byte, as in charset designations: one more follows
            self._length += 1
            self._state = _ESCAPE if self._length < _MAX_CSI else _GROUND
        elif not "0" <= char <= "~":
            return at  # no escape sequence after all
        elif self._length:
            pass
        elif char == "[":
            self._start(_CSI)
        elif char in _STRING_STARTS:
            self._start(_STRING)
        elif char == "E":  # next line: how some switches end their lines
            self._new_line()
        elif char == "Z":
            self._query("c", "")
        return at + 1

    def _read_csi(self, text: str, at: int) -> int:
        body = _CSI_BODY.match(text, at, at + _MAX_CSI - self._length)
        end = body.end() if body else at
        self._length += end - at
        self._parameters += text[at:end]
        if end == len(text) and self._length < _MAX_CSI:
            return end
        self._state = _GROUND
        if self._length >= _MAX_CSI or not "@" <= text[end] <= "~":
            return end  # broken off: what follows is read as text
        if text[end] in "cn":
            self._query(text[end], self._parameters)
        elif text[end] in "Hf":
            row = self._parameters.split(";")[0]
            self._row = min(int(row), _ROWS) if row.isdecimal() and len(row) < 6 else 1
        self._line.control(text[end], self._parameters)
        return end + 1

    def _query(self, final: str, parameters: str) -> None:
        answer = _ANSWERS.get((final, parameters), "")
        if final == "n" and parameters in ("6", "?6"):
            answer = f"\x1b[{self._row};{self._line.column + 1}R"
        if answer and len(self._answers) < _MAX_ANSWERS:
            self._answers.append(answer)

    def _read_string(self, text: str, at: int) -> int:
        if self._state == _STRING_ESCAPE:
            # ESC \ ends the string; ESC and anything else ends it too and begins a sequence of its own.
            self._start(_ESCAPE)
            if text[at] != "\\":
                return at
            self._state = _GROUND
            return at + 1
        limit = at + _MAX_STRING - self._length
        found = _STRING_END.search(text, at, limit)
        if not found:
            end = min(len(text), limit)
            self._length += end - at
            if self._length >= _MAX_STRING:
                self._state = _GROUND
            return end
        if found[0] == "\x1b":
            self._state = _STRING_ESCAPE
            return found.end()
        self._state = _GROUND
        return found.start() if found[0] == "\n" else found.end()


def _lines(text: str) -> str | None:
    """The text without the carriage returns before line feeds and at its end; None where others are in it."""
    ends = io.IncrementalNewlineDecoder(None, translate=True)
    found = ends.decode(text)
    return found if ends.newlines in _LINE_ENDS else None


_LINE_BREAKS = dict.fromkeys(map(ord, "\n\t\v\f\x85\u2028\u2029"), " ")


def safe_line(text: str, limit: int = 500) -> str:
    """One line that is safe in any sink: no control, bidirectional or zero-width characters, cut at `limit`.

    They become U+FFFD, so that a forged name is seen to be one; line breaks and tabs become blanks.
    """
    if len(text) > limit:
        text = text[: 4 * limit + 4]
    if not (text.isascii() and text.isprintable()):
        text = text.replace("\r\n", "\n").translate(_LINE_BREAKS)
        text = "".join(char if _harmless(char) else "\ufffd" for char in text)
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def _harmless(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"
