"""What is known of one kind of device: its prompts, pagers, errors, and which of its commands only read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from vctui.ssh.patterns import Patterns, any_of
from vctui.ssh.pipes import FILTERS, has_harmless_pipes, is_one_command

MAX_LINE = 256
"""Longer lines are no prompt, no pager and no error message."""
COLUMNS = 511
"""The width of the terminal that is asked for, so that devices wrap no line."""
_ERROR_LINES = 5
_LETTERS = 4
_REJECTED_LINES = 15
"""A rejection is short; a longer text that begins like one is an output."""

_CHANGES = re.compile(
    r"\s*(conf|modify|edit|delete|save|write|commit|copy|erase|format|reload|reboot|reset|request"
    r"|set (?!cli\b|clienv\b|length\b|terminal\b))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Pager:
    match: re.Pattern[str]
    key: str


class Pagers(tuple[Pager, ...]):
    """The pagers of a platform. Hardly any line is a question of theirs, which one look shows."""

    @cached_property
    def _any(self) -> re.Pattern[str] | None:
        return any_of(pager.match for pager in self)

    def asking(self, line: str) -> Pager | None:
        """The first one whose question the line is."""
        if not line or (self._any is not None and not self._any.fullmatch(line)):
            return None
        return next((pager for pager in self if pager.match.fullmatch(line)), None)


_NONE = Pagers()


@dataclass(frozen=True, slots=True)
class Gate:
    """A question between login and the first prompt, and what is sent to it.

    `answer` takes the text from the credential in place of `send`.
    """

    match: re.Pattern[str]
    send: str = ""
    answer: Literal["", "username", "password"] = ""


@dataclass(frozen=True, slots=True)
class Privilege:
    """One step up: the command, the prompt's end before it, what asks for the secret, and for a name."""

    command: str
    unprivileged: str
    password: re.Pattern[str]
    username: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class EndMarker:
    """The last line which a complete output of `command` always has."""

    command: re.Pattern[str]
    last: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Volatile:
    """What differs from one look at a command's output to the next, while nothing has changed.

    A pattern stands for the whole line that begins like it, one with a named group for what that matches.
    """

    command: re.Pattern[str]
    lines: Patterns


@dataclass(frozen=True, slots=True)
class Marks:
    """By what a device of this platform is known. `version` is searched in what `command` prints."""

    command: str = "show version"
    version: Patterns = ()
    excluded: Patterns = ()
    """Found in the same output, these say that it is another platform's."""
    ident: Patterns = ()
    """Of the SSH server's identification, such as `Cisco-1.25`."""
    banner: Patterns = ()
    prompts: Patterns = ()
    """Shapes that other platforms do not have."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The rules of one platform."""

    name: str
    prompts: Patterns
    names: tuple[str, ...] = ()
    title: str = ""
    vendor: str = ""
    file: str = ""
    paging_off: tuple[str, ...] = ()
    paging_commands: Patterns = ()
    pagers: Pagers = _NONE
    login: tuple[Gate, ...] = ()
    privilege: tuple[Privilege, ...] = ()
    errors: Patterns = ()
    reading: Patterns = ()
    writing: Patterns = ()
    """Commands that `reading` takes, and that change something all the same."""
    filters: Patterns = FILTERS
    """What may stand behind `|`."""
    alternation: bool = False
    """A `|` within a filter's expression belongs to it: no shell, and no second pipe, would take it."""
    end_markers: tuple[EndMarker, ...] = ()
    volatile: tuple[Volatile, ...] = ()
    context: Patterns = ()
    """Lines that the device shows above its prompt."""
    identify: Marks = Marks()
    newline: str = "\n"
    columns: int = COLUMNS
    legacy_algorithms: bool = False
    """Offer SHA-1 and CBC to these devices, as far as the installed paramiko still has them."""
    logout: str = ""
    """What ends the session, where a device keeps a line busy whose connection just ends."""

    def has_rules_of(self, other: Platform) -> bool:
        """True when the two are handled alike and differ in what they are called only."""
        alike = replace(self, name="", names=(), title="", vendor="", file="", identify=Marks())
        return alike == replace(other, name="", names=(), title="", vendor="", file="", identify=Marks())

    def looks_like_prompt(self, line: str) -> bool:
        line = line.rstrip()
        return len(line) <= MAX_LINE and _full(self.prompts, line)

    def is_context(self, line: str) -> bool:
        line = line.strip()
        return not line or (len(line) <= MAX_LINE and _full(self.context, line))

    def pager(self, line: str) -> Pager | None:
        """The pager whose question the unfinished line is."""
        return self.pagers.asking(line.rstrip()) if len(line) <= MAX_LINE else None

    def begins_with_pager(self, line: str) -> bool:
        """True for a line at whose beginning a pager's question stands."""
        line = line[:MAX_LINE]
        return any((m := pager.match.match(line)) and is_wordy(m[0]) for pager in self.pagers)

    def gate(self, line: str) -> Gate | None:
        """What answers a question at login, when the unfinished line is one."""
        line = line.strip()
        if not line or len(line) > MAX_LINE:
            return None
        return next((gate for gate in self.login if gate.match.fullmatch(line)), None)

    def is_paging(self, command: str) -> bool:
        """A command that only sets up this session's pager: it may be rejected without harm."""
        command = command.strip()
        return command in self.paging_off or any(p.match(command) for p in self.paging_commands)

    def is_privilege(self, command: str) -> bool:
        command = command.strip().lower()
        return any(step.command == command for step in self.privilege)

    def step_up(self, prompt: str) -> Privilege | None:
        """The step that a session at this prompt has yet to take; None when it has its rights."""
        return next((step for step in self.privilege if prompt.endswith(step.unprivileged)), None)

    def is_reading(self, command: str) -> bool:
        """A command that changes nothing on the device, and may run without a question."""
        command = command.strip()
        if not is_one_command(command):
            return False
        if not has_harmless_pipes(command, self.filters, alternation=self.alternation):
            return False
        if _match(self.writing, command):
            return False
        head = command.split("|")[0].strip()
        if self.is_privilege(head) or self.is_paging(head) or head.lower() == "enable":
            return True
        return _match(self.reading, head)

    def rejection(self, body: Sequence[str]) -> str | None:
        """The line in which the device rejects the command, if it does; `body` is the output without echo."""
        lines = [line for line in map(str.strip, body[: _REJECTED_LINES + 20]) if line]
        if len(lines) > _REJECTED_LINES:
            return None
        return next((line for line in lines[:_ERROR_LINES] if _match(self.errors, line[:MAX_LINE])), None)

    def misses_end(self, command: str, body: str) -> bool:
        """True when the last line that this command's output always has is not there."""
        command = " ".join(command.split())
        marker = next((marker for marker in self.end_markers if marker.command.fullmatch(command)), None)
        if marker is None:
            return False
        last = body.rstrip().rpartition("\n")[2].strip()
        return len(last) > MAX_LINE or marker.last.fullmatch(last) is None

    def volatile_lines(self, command: str) -> Patterns:
        """What in this command's output is no change when it differs."""
        command = " ".join(command.split())
        return tuple(
            line for entry in self.volatile if entry.command.fullmatch(command) for line in entry.lines
        )


def is_wordy(question: str) -> bool:
    """True for a question with so many letters that it is no part of just any line."""
    return sum(map(str.isalpha, question)) >= _LETTERS


def changes_configuration(command: str) -> bool:
    """True for a "paging" command, as some old inventories have them, that would change the device."""
    return bool(_CHANGES.match(command))


def _full(patterns: Patterns, line: str) -> bool:
    for pattern in patterns:  # noqa: SIM110 - a generator costs as much as the matches
        if pattern.fullmatch(line):
            return True
    return False


def _match(patterns: Patterns, line: str) -> bool:
    for pattern in patterns:  # noqa: SIM110
        if pattern.match(line):
            return True
    return False
