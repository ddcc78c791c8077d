"""Trying candidates on one output: one of them thoroughly, or a thousand of them cheaply first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from vctui.validation import guard
from vctui.validation.candidates import EXACT, Candidate
from vctui.validation.machine import Machine, Parsed, TemplateError, merge, required_texts
from vctui.validation.scoring import (
    DOUBTFUL,
    HALF_OF_TITLES,
    MINIMUM,
    NAMED_MINIMUM,
    Score,
    Subject,
    score,
)
from vctui.validation.templates import Template

TEMPLATE_SECONDS = 5.0
"""The longest that a template which was asked for by name may take."""
TRIAL_SECONDS = 0.03
TRIAL_SECONDS_PER_CHARACTER = 2e-6
"""Processor time of one template among many: a hundred times what parsing takes; 5 MB get 10 s."""
COMPILE_SECONDS = 2.0
FEW = 20
"""So many candidates are all tried on the whole output, and each is announced before it is tried."""
SAMPLE_CHARACTERS = 6_000
"""More candidates than that see the beginning of a longer output, and only the best of them all of it."""
FINALISTS = 5

LOG_AMOUNT = 3.0
"""A rule that is made for log messages accounts for so many characters of one: `%`, two `-` and `:`."""

Rivals = Callable[[Candidate], tuple[Candidate, ...]]
"""A candidate → the other templates of its platform."""


@dataclass(slots=True)
class Trial:
    """What became of one candidate."""

    candidate: Candidate
    parsed: Parsed | None = None
    score: Score | None = None
    failure: str | None = None
    complete: bool = True
    """Each of several templates that are merged has found records."""

    @property
    def is_own(self) -> bool:
        """Whether the user wrote or changed a template of it."""
        return any(template.is_own for template in self.candidate.templates)

    def holds(self, other: Trial) -> bool:
        """Whether this one merges the other's template with more, all of which fit."""
        names = {template.name for template in self.candidate.templates}
        wanted = {template.name for template in other.candidate.templates}
        return self.complete and wanted < names

    @property
    def rank(self) -> float:
        return self.score.rank if self.score else 0.0


class Library:
    """Compiled templates, kept by content: the same text under two names is compiled once."""

    def __init__(self) -> None:
        self._machines: dict[str, Machine | str] = {}
        self._required: dict[str, tuple[str, ...] | None] = {}

    def machine(self, template: Template) -> Machine:
        """Raises TemplateError, each time, for a template that cannot be compiled."""
        machine = self._machines.get(template.content)
        if machine is None:
            try:
                machine = Machine(template.content)
            except TemplateError as error:
                machine = str(error)
            self._machines[template.content] = machine
        if isinstance(machine, str):
            raise TemplateError(machine)
        return machine

    def has(self, template: Template) -> bool:
        """Whether it has been compiled."""
        return template.content in self._machines

    def possible(self, template: Template, text: str) -> bool:
        """False if the template's records need a text that this one does not hold."""
        content = template.content
        if content not in self._required:
            self._required[content] = required_texts(content)
        texts = self._required[content]
        if texts is None:
            return True
        for needed in texts:  # noqa: SIM110 (any() with a generator takes three times as long)
            if needed in text:
                return True
        return False

    def clear(self) -> None:
        self._machines.clear()
        self._required.clear()


class Search:
    """One output's candidates, tried within a time limit; use it in a process's main thread."""

    def __init__(
        self,
        library: Library,
        subject: Subject,
        time_limit: float,
        announce: Callable[[str], None],
        rivals: Rivals = lambda _: (),
    ) -> None:
        self._library = library
        self._rivals = rivals
        self._subject = subject
        self._time_limit = time_limit
        self._announce = announce
        self._parses: dict[tuple[str, int], Parsed | str] = {}

    def run(self, candidates: tuple[Candidate, ...]) -> list[Trial]:
        """A trial of each candidate, or where there are many of those that came into question."""
        names = {template.name for candidate in candidates for template in candidate.templates}
        alone = len(names) == 1 or len(candidates) <= 2
        # It keeps a tenth back, so that its answer still arrives within the limit.
        self._deadline = time.monotonic() + self._time_limit * 0.9
        with guard.Guard() as timer:
            self._timer = timer
            if not alone:
                return self._many(candidates)
            limit = min(self._time_limit, TEMPLATE_SECONDS)
            trials = [self._try(candidate, self._subject, limit) for candidate in candidates]
            for trial in trials:
                if trial.score is not None and trial.score.belief < DOUBTFUL and trial.candidate.fit == EXACT:
                    self._doubt(trial, trial.score)
            return trials

    def _doubt(self, trial: Trial, found: Score) -> None:
        """Judge a template that was named: it may say little, if no other one of its platform says more."""
        parsed, candidate = trial.parsed, trial.candidate
        if parsed is None or parsed.error or not parsed.rows:
            return
        several = len(parsed.rows) > 1 or found.titles >= HALF_OF_TITLES
        if found.minimum == MINIMUM and several and not self._subject.is_prose:
            found = replace(found, minimum=NAMED_MINIMUM)
        rival = self._rival(candidate, found) if found.believed else None
        trial.score = replace(found, beaten=rival is not None)
        trial.failure = _failure(parsed, trial.score, candidate.name)
        if rival is not None:
            trial.failure = f"{candidate.name}: the output fits {rival.name} far better"

    def _rival(self, candidate: Candidate, own: Score) -> Candidate | None:
        """The template of the same platform that leaves no doubt, if there is one."""
        subject = self._subject
        if len(subject.text) > SAMPLE_CHARACTERS:
            subject = subject.beginning(SAMPLE_CHARACTERS)
            own = self._try(candidate, subject, self._limit(subject)).score or own
        trials = [t for t in self._survivors(self._rivals(candidate), subject) if not t.failure]
        best = max(trials, key=lambda trial: trial.rank, default=None)
        return best.candidate if best and best.score and own.is_beaten_by(best.score) else None

    def _many(self, candidates: tuple[Candidate, ...]) -> list[Trial]:
        subject = self._subject
        if len(candidates) > FEW and len(subject.text) > SAMPLE_CHARACTERS:
            sample = subject.beginning(SAMPLE_CHARACTERS)
            trials = self._survivors(candidates, sample)
            good = sorted((t for t in trials if not t.failure), key=lambda t: -t.rank)
            finals: list[Trial] = []
            for position, trial in enumerate(good):
                if position >= FINALISTS and any(not final.failure for final in finals):
                    break
                finals.append(self._try(trial.candidate, subject, self._limit(subject)))
            if any(not final.failure for final in finals):
                return finals
        trials = self._survivors(candidates, subject)
        if any(not trial.failure for trial in trials):
            return trials
        tried = {trial.candidate.name for trial in trials}
        rest = [candidate for candidate in candidates if candidate.fit and candidate.name not in tried]
        # Nothing fits: what the best-named ones say is the reason to tell.
        best = [candidate for candidate in rest if candidate.fit == rest[0].fit][:FEW]
        return trials + [self._try(candidate, subject, self._limit(subject)) for candidate in best]

    def _survivors(self, candidates: Iterable[Candidate], subject: Subject) -> list[Trial]:
        """Trials of those candidates whose first template finds records; the others are not looked at."""
        asked: dict[str, bool] = {}
        trials = []
        for candidate in candidates:
            template = candidate.templates[0]
            if template.content not in asked:
                if time.monotonic() > self._deadline:
                    break
                asked[template.content] = self._library.possible(
                    template, subject.text
                ) and self._has_records(template, subject)
            if asked[template.content]:
                trials.append(self._try(candidate, subject, self._limit(subject)))
        return trials

    def _limit(self, subject: Subject) -> float:
        limit = TRIAL_SECONDS + TRIAL_SECONDS_PER_CHARACTER * len(subject.text)
        return max(0.001, min(limit, self._deadline - time.monotonic()))

    def _has_records(self, template: Template, subject: Subject) -> bool:
        try:
            if not self._library.has(template):
                self._timer.run(COMPILE_SECONDS, lambda: self._library.machine(template))
            machine = self._library.machine(template)
            return self._timer.run(self._limit(subject), lambda: _has_records(machine, subject))
        except (guard.TookTooLong, TemplateError, RecursionError, TypeError):
            return False

    def _try(self, candidate: Candidate, subject: Subject, limit: float) -> Trial:
        trial = Trial(candidate)
        parts: list[Parsed] = []
        for template in candidate.templates:
            key = template.content, len(subject.text)
            if key not in self._parses:
                self._announce(template.name)
                self._parses[key] = self._parse(template, subject, limit)
            parsed = self._parses[key]
            if isinstance(parsed, str):
                trial.failure = f"template {template.name} {parsed}"
                return trial
            parts.append(parsed)
        trial.parsed = merge(parts) if len(parts) > 1 else parts[0]
        trial.complete = all(part.rows for part in parts)
        trial.score = score(trial.parsed, subject, candidate.name, candidate.fit, candidate.common)
        trial.failure = _failure(trial.parsed, trial.score, candidate.name)
        return trial

    def _parse(self, template: Template, subject: Subject, limit: float) -> Parsed | str:
        """The parse, or why there is none, to be read after the template's name."""
        try:
            return self._timer.run(limit, lambda: _parsed(self._library.machine(template), subject))
        except guard.TookTooLong:
            return f"took longer than {limit:.3g} s"
        except TemplateError as error:
            return f"is damaged: {error}"
        except RecursionError:
            return "is damaged: its nesting is too deep"
        except TypeError:
            # TextFSM itself fails so where a List with groups of its own is not in the line.
            return "is damaged: a List value is optional"


def _has_records(machine: Machine, subject: Subject) -> bool:
    if machine.has_records(subject.lines):
        return True
    quiet = subject.undisturbed
    return quiet is not None and machine.has_records(quiet.lines)


def _parsed(machine: Machine, subject: Subject) -> Parsed:
    """What the template makes of the output; without log messages, where it has no rule for them."""
    parsed, quiet = machine.parse(subject.lines), subject.undisturbed
    if quiet is None or not (parsed.error or quiet.logs):
        return parsed
    again = machine.parse(quiet.lines)
    if again.error or (not parsed.error and len(again.rows) < max(1, len(parsed.rows) - quiet.logs)):
        return parsed
    told = parsed.explained + parsed.fixed - again.explained - again.fixed
    return again if parsed.error or told < LOG_AMOUNT * quiet.logs else parsed


def _failure(parsed: Parsed, found: Score, name: str) -> str | None:
    """Why this is not the output's template, or None."""
    if parsed.error:
        return f"{name}: {parsed.error}"
    if not parsed.rows:
        if parsed.fixed > 0:
            return f"empty table: {name} knows the header, but no row follows"
        return f"{name}: no record"
    if not found.believed:
        return f"{name}: score {found.points:g} is under the minimum"
    return None
