"""How each simulated platform talks: prompts, pager, errors, answers, read from sample_data/transcripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from vctui.errors import DataError

Action = Literal[
    "output", "quiet", "paging_off", "enable", "disable", "logout", "unknown", "incomplete", "ambiguous"
]
_PLACEHOLDER = re.compile(r"\{(hostname|mgmt_ip|serial|username|caret|line)\}")
Words = tuple[str, ...]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the known {placeholders}; braces of a configuration stay as they are."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a typed line means on a platform."""

    action: Action
    text: str = ""
    """The answer, with its placeholders."""
    column: int = 0
    """Where in the line the first word stands that is not understood."""


@dataclass(frozen=True, slots=True)
class Enable:
    """The way from user mode to enable mode."""

    command: Words
    prompt: str
    refused: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """One platform's behaviour and answers."""

    platform: str
    ssh_version: str
    banner: str
    motd: str
    prompt: str
    user_prompt: str
    page_length: int
    pager: str
    pager_erase: str
    enable: Enable | None
    errors: Mapping[str, str]
    think: float
    vocabulary: Mapping[Words, Resolved] = field(repr=False)
    privileged: frozenset[Words] = frozenset()

    def resolve(self, line: str, *, user_mode: bool = False) -> Resolved:
        """Find the command a line stands for; each word may be cut short while it stays unique."""
        typed = [(match[0], match.start()) for match in re.finditer(r"\S+", line)]
        candidates = [words for words in self.vocabulary if not (user_mode and words in self.privileged)]
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
            return self.vocabulary[complete[0]]
        return Resolved("incomplete", column=len(line))


def _meant(word: str, known: set[str]) -> set[str]:
    if word in known:
        return {word}
    starting = {candidate for candidate in known if candidate.startswith(word.lower())}
    return starting or ({"*"} & known)


_FILTERS = ("include", "match", "exclude", "except", "begin", "count", "no-more")


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


def load_transcripts(folder: Path) -> dict[str, Transcript]:
    """Every platform below sample_data/transcripts, by folder name. Raises DataError for a bad file."""
    return {path.parent.name: _load(path) for path in sorted(folder.glob("*/device.yaml"))}


def _load(file: Path) -> Transcript:
    try:
        data: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        enable = data.get("enable")
        return Transcript(
            platform=file.parent.name,
            ssh_version=data["ssh_version"],
            banner=data["banner"],
            motd=data["motd"],
            prompt=data["prompt"],
            user_prompt=data.get("user_prompt", ""),
            page_length=int(data["page_length"]),
            pager=data["pager"],
            pager_erase=data["pager_erase"],
            enable=Enable(_words(enable["command"]), enable["prompt"], enable["refused"]) if enable else None,
            errors={kind: data[kind] for kind in ("unknown", "incomplete", "ambiguous")},
            think=float(data["think"]),
            vocabulary=dict(_vocabulary(file, data)),
            privileged=frozenset(_words(command) for command in data.get("privileged", ())),
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file}: not a transcript: {error}", "Install vctui again") from error


def _vocabulary(file: Path, data: Mapping[str, Any]) -> Iterator[tuple[Words, Resolved]]:
    answers = {
        _words(path.stem.replace("_", " ")): Resolved("output", path.read_text(encoding="utf-8"))
        for path in sorted(file.parent.glob("*.txt"))
    }
    for alias, command in data["aliases"].items():
        answers[_words(alias)] = answers[_words(command)]
    for command in data["settings"]:
        yield _words(command), Resolved("quiet")
    for command, reply in data["paging_off"].items():
        yield _words(command), Resolved("paging_off", reply)
    for command in data["logout"]:
        yield _words(command), Resolved("logout")
    if data.get("enable"):
        yield _words(data["enable"]["command"]), Resolved("enable")
        yield ("disable",), Resolved("disable")
    yield from answers.items()


def _words(command: str) -> Words:
    return tuple(command.split())
