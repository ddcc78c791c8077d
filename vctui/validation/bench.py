"""Trying templates on an output: candidates ranked as the engine ranks them, and what is wrong with a text.

This is the side of the process that `bench_process.Bench` starts and may kill: parsing happens here only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vctui.errors import DataError
from vctui.validation.candidates import EXACT
from vctui.validation.engine import ValidationEngine
from vctui.validation.machine import Machine, TemplateError, records
from vctui.validation.scoring import Subject, ValidationResult
from vctui.validation.search import Search, Trial
from vctui.validation.templates import Template

MEMORY_BYTES = 512 * 1024 * 1024
MAX_TRIED = 100
MAX_RECORDS = 200
"""Records that are shown of a candidate that is not the answer."""
MAX_PROBLEMS = 20
PIECE = 500
"""Records in one message."""

_LINE = re.compile(r"[\s.]*(?:Rule )?Line:?\s*(\d+)\.?")
_STATE_MISSING = re.compile(r"State '(.*)' not found, referenced in state '(.*)'")


@dataclass(frozen=True, slots=True)
class Tried:
    """One template that was tried, with its score; `reason` says why it is not the output's."""

    name: str
    score: float
    record_count: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    """The first ones."""
    reason: str | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a template's text, and in which line (from 1; 0 where no line is at fault)."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True, slots=True)
class Report:
    """The engine's answer, the templates that it chose among (best first), and the problems of a text."""

    verdict: ValidationResult = field(default_factory=ValidationResult)
    tried: tuple[Tried, ...] = ()
    problems: tuple[Problem, ...] = ()


class BenchEngine(ValidationEngine):
    """The engine itself, which remembers what it tried; a text may stand in for one stored template."""

    def __init__(self, db_path: str | Path, draft: Template | None = None) -> None:
        super().__init__(db_path)
        self.trials: list[Trial] = []
        self._draft = draft

    def _answer(self, trials: list[Trial], tried: int) -> ValidationResult:
        self.trials = trials
        return super()._answer(trials, tried)

    def _templates(self) -> Mapping[str, tuple[Template, ...]]:
        stored = super()._templates()
        return stored if self._draft is None else {**stored, self._draft.name.lower(): (self._draft,)}

    def report(self, output: str, filter_str: str | None) -> Report:
        """Match, and say what was tried; a template that was named stands before what else would fit."""
        verdict = self.match(output, filter_str)
        chosen = _ranked(self.trials)
        asked = self._choices().find(filter_str)
        if chosen and len(asked) <= 2 and all(candidate.fit == EXACT for candidate in asked):
            search = Search(self._library, Subject(output), self.time_limit, lambda _: None)
            chosen += [t for t in _ranked(search.run(self._choices().rivals(asked[0]))) if not t.failure]
        return Report(verdict, tuple(_tried(trial) for trial in chosen[:MAX_TRIED]))


def _ranked(trials: list[Trial]) -> list[Trial]:
    """Those that fit by rank, then the others by their score."""

    def order(trial: Trial) -> tuple[bool, float]:
        refused = trial.failure is not None
        return refused, -(_points(trial) if refused else trial.rank)

    return sorted(trials, key=order)


def _points(trial: Trial) -> float:
    return trial.score.points if trial.score and trial.parsed and trial.parsed.rows else 0.0


def _tried(trial: Trial) -> Tried:
    rows = records(trial.parsed) if trial.parsed is not None else []
    return Tried(
        trial.candidate.name,
        _points(trial),
        len(rows),
        rows[:MAX_RECORDS],
        trial.failure,
        trial.score.parts if trial.score else {},
        ", ".join(dict.fromkeys(t.source or "?" for t in trial.candidate.templates)),
    )


def problems_of(content: str) -> tuple[Problem, ...]:
    """What TextFSM refuses in a template. It stops at the first, so bad rules are left out in turn."""
    lines = content.splitlines()
    found: list[Problem] = []
    while len(found) < MAX_PROBLEMS:
        try:
            Machine("\n".join(lines) + "\n")
        except (TemplateError, RecursionError) as error:
            problem = _problem(str(error) or "its nesting is too deep", lines)
            found.append(problem)
            line = lines[problem.line - 1] if 0 < problem.line <= len(lines) else ""
            if not line[:1].isspace() or line.lstrip().startswith("#"):
                break
            lines[problem.line - 1] = "  # " + line.strip()
        else:
            break
    return tuple(sorted(found, key=lambda problem: problem.line))


def _problem(message: str, lines: list[str]) -> Problem:
    number = 0
    if named := _LINE.search(message):
        number = int(named[1])
    elif message.startswith("No Value definitions"):
        # They end at the first line that is none.
        number = next((n for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"), 0)
    elif state := _STATE_MISSING.search(message):
        number = _line_of_transition(lines, *state.groups())
    return Problem(number, _LINE.sub("", message).strip() or "not a TextFSM template")


def _line_of_transition(lines: list[str], target: str, state: str) -> int:
    within = False
    for number, line in enumerate(lines, 1):
        if line and not line[0].isspace():
            within = line.strip() == state
        elif within and re.search(rf"->.*\b{re.escape(target)}\s*$", line):
            return number
    return 0


Say = Callable[[dict[str, Any]], None]


def answer(request: Mapping[str, Any], say: Say) -> None:
    """Answer one question in messages of plain data: the templates that are tried, what came out, and an end.

    Records go out in pieces: whoever reads them must not be busy for long with one message.
    """
    draft = request.get("draft")
    if draft is not None and (problems := problems_of(draft["content"])):
        say({"answer": {"problems": [asdict(problem) for problem in problems]}})
        return
    if request.get("output") is None:
        say({"answer": {}})
        return
    template = Template(draft["name"], draft["content"], "draft") if draft is not None else None
    engine = BenchEngine(request["db_path"], template)
    engine.on_template = lambda name: say({"template": name})
    engine.time_limit = request["seconds"]
    try:
        report = engine.report(request["output"], request["filter"])
    except DataError as error:
        say({"answer": {"error": error.message, "next_step": error.next_step}})
        return
    for tried in report.tried:
        say({"tried": asdict(tried)})
    found = report.verdict.records
    for start in range(0, len(found), PIECE):
        say({"records": found[start : start + PIECE]})
    verdict = {name: getattr(report.verdict, name) for name in ValidationResult.__dataclass_fields__}
    say({"answer": {"verdict": verdict | {"records": [], "parts": dict(report.verdict.parts)}}})


def main() -> int:
    """Read one question from stdin, write its answer, a message a line."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii") as answers:
        # Nothing that is printed by chance may get between the lines.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

        def say(message: dict[str, Any]) -> None:
            answers.write(json.dumps(message) + "\n")
            answers.flush()

        answer(json.load(sys.stdin), say)
    return 0
