"""Prompts, and what looks like them, among the lines of an output."""

from __future__ import annotations

from vctui.ssh.echo import is_log
from vctui.ssh.prompts import Prompt, same_context, same_prompt
from vctui.ssh.rules import Platform
from vctui.ssh.typed import BETWEEN

Place = tuple[int, str]
"""Where a prompt begins, and what it is."""


class ShownPrompts:
    """Follows the lines behind one line that was typed."""

    def __init__(self, prompt: Prompt, platform: Platform) -> None:
        self._prompt = prompt
        self._platform = platform
        self.garbled: tuple[int, int] | None = None
        """The first line with the prompt and something behind it: start and end."""
        self.run: list[Place] = []
        """The last lines that are a prompt and nothing else, with only context between them."""
        self.between: list[str] = []
        """What came behind the last of them."""
        self.recent: Place | None = None
        """The last prompt, if only log messages came behind it."""

    def begin(self) -> None:
        """Another line is being typed: what came before is of no interest any more."""
        self.garbled = None
        self.pass_over()

    def pass_over(self, text: str = "") -> None:
        """Output has come, which is no prompt. Behind log messages alone a prompt is still the last one."""
        self.run.clear()
        self.between = []
        if not (text and self.recent and all(is_log(line) for line in text.split("\n") if line.strip())):
            self.recent = None

    def take(self, line: str, at: int) -> bool:
        """A line of the output. True when it is no prompt."""
        if self._prompt.matches(line):
            if self.run and not same_prompt(self.run[-1][1], line):
                self.run.clear()  # another mode's prompt answers nothing
            self.run.append((at, line))
            self.between = []
            self.recent = (at, line)
            return False
        if self.run and len(self.between) < BETWEEN and self.is_context(line):
            self.between.append(line)
            return False
        recent = self.recent if is_log(line) or not line.strip() else None
        behind = line.removeprefix(self._prompt.text)
        if behind != line and is_log(behind):
            recent = (at, self._prompt.text)
        elif behind != line and self.garbled is None:
            self.garbled = (at, at + len(line) + 1)
        self.pass_over()
        self.recent = recent
        return True

    def is_context(self, line: str) -> bool:
        """True for a line that may stand between prompts without being output."""
        known = self._prompt.context
        return self._platform.is_context(line) or any(same_context(line, one) for one in known)
