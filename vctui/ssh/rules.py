"""What is known of one kind of device: its prompts, pagers, errors, and which of its commands only read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LINE = 256
"""Longer lines are no prompt, no pager and no error message."""
_ERROR_LINES = 5
_REJECTED_LINES = 15
"""A rejection is short; a longer text that begins like one is an output."""

Patterns = tuple[re.Pattern[str], ...]

_FILTER = re.compile(
    r"\s*(b(egin)?|count|e(xc(l(ude)?)?)?|except|find|e?grep|head|i(n(c(l(ude)?)?)?)?|json(-pretty)?|last|match|nz"
    r"|no-?more|s(ec(tion)?)?|sort|tail|trim|uniq|until|wc|xml|display (json|set|xml|inheritance|detail))\b",
    re.IGNORECASE,
)
_WRITERS = ("append", "awk", "bash", "copy", "email", "file", "python", "redirect", "request", "save", "sed")
_MORE_WRITERS = ("sh", "tee", "vsh")
_WRITES = re.compile(r"[;&`><\x00-\x1f\x7f]|\$\(")
_CHANGES = re.compile(r"\s*(conf|modify|edit|delete|save|write|commit|set (?!cli\b|length\b))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pager:
    match: re.Pattern[str]
    key: str


@dataclass(frozen=True, slots=True)
class Privilege:
    """How a session gets its rights: the command, the prompt's end before it, what asks for the secret."""

    command: str
    unprivileged: str
    password: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class EndMarker:
    """The last line which a complete output of `command` always has."""

    command: re.Pattern[str]
    last: str


@dataclass(frozen=True, slots=True)
class Platform:
    """The rules of one platform."""

    name: str
    prompts: Patterns
    paging_off: tuple[str, ...] = ()
    paging_commands: Patterns = ()
    pagers: tuple[Pager, ...] = ()
    privilege: Privilege | None = None
    errors: Patterns = ()
    reading: Patterns = ()
    end_markers: tuple[EndMarker, ...] = ()
    context: Patterns = ()
    """Lines that the device shows above its prompt."""
    newline: str = "\n"
    legacy_algorithms: bool = False
    """Offer SHA-1 and CBC to these devices, as far as the installed paramiko still has them."""

    def looks_like_prompt(self, line: str) -> bool:
        line = line.rstrip()
        return len(line) <= MAX_LINE and _full(self.prompts, line)

    def is_context(self, line: str) -> bool:
        line = line.strip()
        return not line or (len(line) <= MAX_LINE and _full(self.context, line))

    def pager_key(self, line: str) -> str | None:
        """The key that answers a pager, when the unfinished line is a pager's question."""
        if len(line) > MAX_LINE:
            return None
        line = line.rstrip()
        return next((pager.key for pager in self.pagers if line and pager.match.fullmatch(line)), None)

    def is_paging(self, command: str) -> bool:
        """A command that only sets up this session's pager: it may be rejected without harm."""
        command = command.strip()
        return command in self.paging_off or any(p.match(command) for p in self.paging_commands)

    def is_privilege(self, command: str) -> bool:
        return self.privilege is not None and command.strip().lower() == self.privilege.command

    def is_reading(self, command: str) -> bool:
        """A command that changes nothing on the device, and may run without a question."""
        if _WRITES.search(command):
            return False
        head, *filters = command.strip().split("|")
        if filters and not (_FILTER.match(filters[0]) and all(map(_is_harmless_filter, filters[1:]))):
            return False
        if self.is_privilege(head) or self.is_paging(head) or head.strip().lower() == "enable":
            return True
        return any(pattern.match(head.strip()) for pattern in self.reading)

    def rejection(self, body: Sequence[str]) -> str | None:
        """The line in which the device rejects the command, if it does; `body` is the output without echo."""
        lines = [line.strip() for line in body[: _REJECTED_LINES + 20] if line.strip()]
        if len(lines) > _REJECTED_LINES:
            return None
        return next((line for line in lines[:_ERROR_LINES] if _match(self.errors, line[:MAX_LINE])), None)

    def misses_end(self, command: str, body: Sequence[str]) -> bool:
        """True when the last line that this command's output always has is not there."""
        marker = self._end_marker(command)
        if marker is None:
            return False
        last = next((line.strip() for line in reversed(body) if line.strip()), "")
        return last != marker.last

    def _end_marker(self, command: str) -> EndMarker | None:
        command = " ".join(command.split())
        return next((marker for marker in self.end_markers if marker.command.fullmatch(command)), None)


def _is_harmless_filter(part: str) -> bool:
    """True for another filter, and for the next branch of an expression, as in `| include up|down`."""
    word = part.strip().split(" ")[0].lower()
    return bool(_FILTER.match(part)) or not any(
        writer.startswith(word) for writer in _WRITERS + _MORE_WRITERS
    )


def changes_configuration(command: str) -> bool:
    """True for a "paging" command, as some old inventories have them, that would change the device."""
    return bool(_CHANGES.match(command))


def _full(patterns: Patterns, line: str) -> bool:
    return any(pattern.fullmatch(line) for pattern in patterns)


def _match(patterns: Patterns, line: str) -> bool:
    return any(pattern.match(line) for pattern in patterns)
