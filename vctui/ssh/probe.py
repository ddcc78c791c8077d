"""What a probe does in a session: it looks at what the device shows, and asks it a few harmless questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vctui.ssh.identify import Evidence, next_command, recognise
from vctui.ssh.platforms import GENERIC, Platforms
from vctui.ssh.rules import Platform

Ask = Callable[[str], Sequence[str]]
"""Runs a command; the lines it prints."""


class Probe:
    """The evidence that one device gives."""

    def __init__(self, platforms: Platforms) -> None:
        self._platforms = platforms
        self._all = platforms.distinct()
        self.evidence = Evidence()

    def meet(self, ident: str, banner: str) -> Platform:
        """Take what was said before the shell; the rules to go on with, if the server is known by them."""
        self.evidence = Evidence(ident, banner)
        found = recognise(Evidence(ident), self._all)
        return found.platform if found.platform is not None else self._platforms[GENERIC]

    def ask_around(self, prompt: str, rules: Platform, ask: Ask) -> None:
        """At the prompt: ask what tells most until the device is recognised for certain, but not much."""
        self.evidence = replace(self.evidence, prompt=prompt)
        asked: list[str] = []
        while recognise(self.evidence, self._all).confidence != "certain":
            command = next_command(self.evidence, self._all, asked)
            if command is None:
                return
            asked.append(command)
            lines = ask(command)
            if rules.rejection(lines) is None:
                answer = (command, "\n".join(lines))
                self.evidence = replace(self.evidence, outputs=(*self.evidence.outputs, answer))
