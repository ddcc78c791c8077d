"""What a typed line means to a simulated device: words that may be cut short, and filters behind a pipe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Action = Literal[
    "output", "quiet", "paging_off", "enable", "disable", "logout", "unknown", "incomplete", "ambiguous"
]
Words = tuple[str, ...]
_PLACEHOLDER = re.compile(r"\{(hostname|mgmt_ip|serial|username|password|secret|prompt|caret|line)\}")
_FILTERS = ("include", "match", "exclude", "except", "begin", "count", "no-more")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the known {placeholders}; braces of a configuration stay as they are."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def has_placeholder(text: str) -> bool:
    """True when `fill` would change the text."""
    return _PLACEHOLDER.search(text) is not None


def words(command: str) -> Words:
    return tuple(command.split())


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a typed line means on a platform."""

    action: Action
    text: str = ""
    """The answer, with its placeholders."""
    column: int = 0
    """Where in the line the first word stands that is not understood."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The commands that a device knows."""

    known: Mapping[Words, Resolved] = field(repr=False)
    privileged: frozenset[Words] = frozenset()
    """Those that user mode lacks."""

    def resolve(self, line: str, *, user_mode: bool = False) -> Resolved:
        """Find the command a line stands for; each word may be cut short while it stays unique."""
        typed = [(match[0], match.start()) for match in re.finditer(r"\S+", line)]
        candidates = [words for words in self.known if not (user_mode and words in self.privileged)]
        for place, (word, column) in enumerate(typed):
            known = {words[place] for words in candidates if len(words) > place}
            meant = _meant(word, known)
            if not meant:
                return Resolved("unknown", column=column)
            if len(meant) > 1:
                return Resolved("ambiguous", column=column)
            candidates = [words for words in candidates if len(words) > place and words[place] in meant]
        complete = [words for words in candidates if len(words) == len(typed)]
        if complete:
            return self.known[complete[0]]
        return Resolved("incomplete", column=len(line))


def _meant(word: str, known: Iterable[str]) -> set[str]:
    if word in known:
        return {word}
    starting = {candidate for candidate in known if candidate.startswith(word.lower())}
    return starting or ({"*"} & set(known))


def filtered(text: str, expression: str) -> str | None:
    """What `| include WORDS | no-more` and the like leave of an output; None for a filter nobody knows."""
    for one in expression.split(" | "):
        left = _filter(text, one)
        if left is None:
            return None
        text = left
    return text


def _filter(text: str, expression: str) -> str | None:
    verb, _, pattern = expression.strip().partition(" ")
    verbs = [known for known in _FILTERS if verb and known.startswith(verb)]
    if len(verbs) != 1:
        return None
    try:
        wanted = re.compile(pattern.strip().strip('"'))
    except re.error:
        return None
    lines = text.splitlines(keepends=True)
    match verbs[0]:
        case "include" | "match":
            return "".join(line for line in lines if wanted.search(line))
        case "exclude" | "except":
            return "".join(line for line in lines if not wanted.search(line))
        case "begin":
            first = next((number for number, line in enumerate(lines) if wanted.search(line)), len(lines))
            return "".join(lines[first:])
        case "count":
            return f"Count: {len(lines)} lines\n"
    return text
