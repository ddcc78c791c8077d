"""Untrusted bytes and text, made safe once, before they are kept or shown.

Everything a device sends may be hostile: its SSH identification, its banner, its prompt, its output.
`TerminalText` reads a session's bytes as a terminal would and hands out what a terminal would show, without
one control sequence; `safe_line` does so for one line that goes into an error, an event or a table cell.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

_SPECIAL = re.compile("[\x00-\x08\n\x0b-\x1f\x7f-\x9f]")
_CSI_BODY = re.compile("[ -?]*")
_STRING_END = re.compile("[\x07\n\x18\x1a\x1b\x9c]")
_STRING_STARTS = {"]", "P", "X", "^", "_"}
_C1_STRING_STARTS = {"\x90", "\x98", "\x9d", "\x9e", "\x9f"}

_MAX_CSI = 256
"""A longer control sequence is none; its bytes are shown as text from there on."""
_MAX_STRING = 4096
"""The same for window titles and their kind, so that a stray introducer never swallows an output."""

_GROUND, _ESCAPE, _CSI, _STRING, _STRING_ESCAPE = range(5)


class TerminalText:
    """Incremental decoder from a terminal's bytes to safe text; the result does not depend on the chunks.

    Finished lines are handed out by `feed`. The unfinished line stays editable, since carriage returns,
    backspaces and erase sequences change it; `tail` shows it and `finish` hands it out.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state = _GROUND
        self._parameters = ""
        self._length = 0  # of the sequence being skipped
        self._done: list[str] = []
        self._line = _Line()

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
        self._read(self._decoder.decode(data))
        return self._take_done()

    def drop_tail(self) -> str:
        """Forget the unfinished line and return it: for a pager's question, which is no output."""
        dropped = self._line.text()
        self._line = _Line()
        return dropped

    def finish(self) -> str:
        """Return what is left, the unfinished line included; the decoder starts anew."""
        self._read(self._decoder.decode(b"", final=True))
        self._state = _GROUND
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
        self._done.append(self._line.text())
        self._done.append("\n")
        self._line = _Line()

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
        self._line.control(text[end], self._parameters)
        return end + 1

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


class _Line:
    """One line of a terminal. Plain text is only collected; the first edit splits it into characters."""

    __slots__ = ("_cells", "_column", "_ink", "_parts", "_return", "length")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._cells: list[str] | None = None
        self._column = 0
        self._ink = 0  # cells that are not blank
        self._return = False
        self.length = 0

    def text(self) -> str:
        if self._cells is not None:
            # Nothing but blanks over what stood here, such as a pager's question: an empty line.
            return "".join(self._cells) if self._ink else ""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def write(self, text: str) -> None:
        if self._return:
            self._home()
        if self._cells is None:
            self._parts.append(text)
            self.length += len(text)
            return
        cells, column = self._cells, self._column
        if column > len(cells):
            cells.extend(" " * (column - len(cells)))
        end = column + len(text)
        if column < len(cells):
            self._ink -= sum(cell != " " for cell in cells[column:end])
        cells[column:end] = text
        self._ink += len(text) - text.count(" ")
        self._column = end
        self.length = len(cells)

    def carriage_return(self) -> None:
        # Nearly always a line feed follows and the line is done; only text makes it a return to column 0.
        self._return = True

    def move(self, columns: int) -> None:
        if self._return:
            self._home()
        self._edit()
        self._to(self._column + columns)

    def control(self, final: str, parameters: str) -> None:
        """Apply the control sequences which edit a line: erasing, moving within it, deleting characters."""
        if final not in "KJDCGPHf":
            return
        if self._return:
            self._home()
        cells = self._edit()
        numbers = [int(n) if n.isascii() and n.isdigit() and len(n) < 6 else 0 for n in parameters.split(";")]
        if final in "KJ":
            self._erase(cells, numbers[0])
        elif final == "D":
            self._to(self._column - max(1, numbers[0]))
        elif final == "C":
            self._to(self._column + max(1, numbers[0]))
        elif final == "G":
            self._to(max(1, numbers[0]) - 1)
        elif final in "Hf":
            self._to(max(1, numbers[1] if len(numbers) > 1 else 1) - 1)
        else:
            removed = cells[self._column : self._column + max(1, numbers[0])]
            del cells[self._column : self._column + len(removed)]
            self._ink -= sum(cell != " " for cell in removed)
        self.length = len(cells)

    def _edit(self) -> list[str]:
        if self._cells is None:
            text = self.text()
            self._cells = list(text)
            self._parts.clear()
            self._column = len(text)
            self._ink = len(text) - text.count(" ")
        return self._cells

    def _home(self) -> None:
        self._return = False
        self._edit()
        self._to(0)

    def _to(self, column: int) -> None:
        cells = self._edit()
        self._column = min(max(0, column), max(len(cells), 1024))
        if self._column == 0 and self._ink == 0:
            # Blanks written over a pager's question and left again: the line is as good as new.
            cells.clear()
            self.length = 0

    def _erase(self, cells: list[str], how: int) -> None:
        if how == 0:
            removed = cells[self._column :]
            del cells[self._column :]
            self._ink -= sum(cell != " " for cell in removed)
        elif how == 1:
            end = min(self._column + 1, len(cells))
            self._ink -= sum(cell != " " for cell in cells[:end])
            cells[:end] = " " * end
        else:
            cells.clear()
            self._ink = 0


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
