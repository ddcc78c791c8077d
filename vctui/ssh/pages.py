"""Answering pagers where they cannot be turned off, without mistaking an output for one."""

from __future__ import annotations

from vctui.ssh.rules import Pager, Platform, is_wordy
from vctui.text import TerminalText


class Pages:
    """What is known of the pagers of one session.

    A question is answered once it has stood for a moment; at once, when one like it has erased itself.
    """

    def __init__(self, platform: Platform, terminal: TerminalText) -> None:
        self._platform = platform
        self._terminal = terminal
        self._standing = ""
        """A question which has been answered, for as long as it stands in the unfinished line."""
        self._looked: tuple[str, Pager | None] = ("", None)
        self._answered: set[Pager] = set()
        self._trusted: set[Pager] = set()

    def clean(self, body: str) -> tuple[str, bool]:
        """An output without questions that stand before a line of it; and whether one stands there still."""
        asked = any(f"\n{line}\n" in f"\n{body}" for line in self._terminal.left)
        questions: set[str] = set()
        for line, size in self._terminal.overrun.items():
            pager = self._platform.pager(line[:size])
            if pager is None or pager.match.fullmatch(line.rstrip()):
                asked |= f"\n{line}\n" in f"\n{body}"  # all of it is the question
            else:
                questions.add(line[:size])
        for question in sorted(questions, key=len, reverse=True):
            body = f"\n{body}".replace(f"\n{question}", "\n")[1:]
        return body, asked

    def hear(self, finished: str, tail: str) -> None:
        """Something has come."""
        if finished or tail != self._standing:
            self._standing = ""

    def are_asked(self, tail: str) -> bool:
        """True when the unfinished line is a question without an answer."""
        return tail != self._standing and self._pager(tail) is not None

    def _pager(self, tail: str) -> Pager | None:
        if tail and self._looked[0] != tail:
            self._looked = (tail, self._platform.pager(tail))
        return self._looked[1] if tail else None

    def answer(self, tail: str, *, stood: bool) -> str | None:
        """The key to send, if any; `stood`: nothing has come since a moment."""
        pager = self._pager(tail)
        terminal = self._terminal
        if pager is None or tail == self._standing or not (stood or pager in self._trusted):
            return None
        if terminal.asked:
            if tail.strip() == terminal.asked.strip():
                terminal.answer(pager.key)  # the blanks of the question came after its answer
            return None
        if pager in self._answered and not (terminal.left or terminal.overrun):
            self._trusted.add(pager)
        self._answered.add(pager)
        if is_wordy(tail):  # else it is not cut off where the device does not erase it
            terminal.answer(pager.key)
        self._standing = tail
        return pager.key
