"""The echo of a command: where it ends and the output begins, however a device draws it."""

from __future__ import annotations

import re
from typing import Literal

from vctui.ssh.prompts import Prompt
from vctui.ssh.rules import MAX_LINE

_LOG_LINE = re.compile(r"\W{0,3}(\S+ {1,2}){0,9}?\S{0,40}%[A-Z][\w-]*-\d-\w+( ?\(\w\))?(\[\d+\])?:")
"""How most devices begin a message which they put between the lines: `*Nov  3 10:00:00: %SYS-5-CONFIG_I:`."""
_MAX_LINES = 40
_SCROLLED = 8
"""So many characters of a command at least remain of it where a device scrolls a long line sideways."""


def is_log(line: str) -> bool:
    """True for a message that a device puts between the lines of an output."""
    return _LOG_LINE.match(line[:MAX_LINE]) is not None


Found = Literal["echo", "part", "noise", "none"]


def squeeze(text: str) -> str:
    """The text without blanks: terminals put them, and leave them out, where a line is wrapped."""
    return "".join(text.split())


class Echo:
    """Looks for one command among the lines that come after it was typed.

    `strict`: it is certain to come, for it was typed ahead; whatever comes before is not of its making.
    """

    def __init__(self, prompt: Prompt, command: str, *, strict: bool = False) -> None:
        self._prompt = prompt
        self._command = command.strip()
        self._typed = squeeze(command)
        self._shown = self._written = ""
        self._lines = 0
        self._strict = strict

    def take(self, line: str, written: str) -> Found:
        """What a line is: the echo's end, a part of it, older than it, or something else altogether.

        `written` has what was overwritten in the line as well, as happens where a terminal wraps.
        """
        self._lines += 1
        shown = squeeze(line)
        self._shown += shown
        self._written += shown if written == line else squeeze(written)
        if self._ends(self._shown) or (self._written != self._shown and self._ends(self._written)):
            return "echo"
        if self._is_redrawn(line):
            return "echo"
        if self._is_part(line):
            return "part"
        self._shown = self._written = ""
        return "noise" if self._strict or self._is_old(line) else "none"

    def _ends(self, text: str) -> bool:
        if not text.endswith(self._typed):
            return False
        before = text[: len(text) - len(self._typed)]
        return not before or before.endswith(squeeze(self._prompt.text)) or self._prompt.matches(before)

    def _is_redrawn(self, line: str) -> bool:
        """True for words that the device completed, as in `show version` for `sh ver`, and for a line that it
        scrolled sideways."""
        rest = self._behind_prompt(line)
        if rest is None:
            return False
        shown, typed = rest.split(), self._command.split()
        if len(shown) == len(typed) > 1 and all(map(str.startswith, shown, typed)):
            return True
        end = squeeze(rest[1:])
        return rest[:1] in "$<" and len(end) >= _SCROLLED and self._typed.endswith(end)

    def _behind_prompt(self, line: str) -> str | None:
        if line.startswith(self._prompt.text):
            return line[len(self._prompt.text) :].strip()
        at = line.rfind(self._command)
        return line[at:] if at > 0 and self._prompt.matches(line[:at]) else None

    def _is_part(self, line: str) -> bool:
        shown = self._shown
        if not shown or self._lines > _MAX_LINES or self._prompt.matches(line):
            return False
        return self._typed.startswith(shown) or (squeeze(self._prompt.text) + self._typed).startswith(shown)

    def _is_old(self, line: str) -> bool:
        if not line.strip() or self._prompt.matches(line):
            return True
        return is_log(line.removeprefix(self._prompt.text))
