"""`ValidationEngine`: finds the template that an output belongs to, and the records in it."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vctui.validation import guard
from vctui.validation.candidates import Candidate, Candidates
from vctui.validation.index import find_template, ntc_index
from vctui.validation.machine import Machine, Parsed, TemplateError, merge, records, required_texts
from vctui.validation.refusals import refusal
from vctui.validation.scoring import Score, ValidationResult, score
from vctui.validation.templates import Template, TemplateSet

if TYPE_CHECKING:
    from vctui.validation.worker import ValidationWorker

SEARCH_SECONDS = 20.0
"""The longest one validation may take; a search over many templates then answers with the best so far."""
TEMPLATE_SECONDS = 5.0
"""The longest that a template which was asked for by name may take."""
TRIAL_SECONDS = 0.1
TRIAL_SECONDS_PER_CHARACTER = 2e-6
"""Processor time of one template among many: a hundred times what parsing takes; 5 MB get 10 s."""


@dataclass(slots=True)
class _Trial:
    """What became of one candidate."""

    candidate: Candidate
    parsed: Parsed | None = None
    score: Score | None = None
    failure: str | None = None

    @property
    def rank(self) -> float:
        return self.score.rank if self.score else 0.0


class ValidationEngine:
    """Parses outputs with the templates of one `tfsm_templates.db`, and says how far to believe the records.

    Made to be subclassed: override `validate`. The database is read when first needed (DataError if it is
    none) and read again when it changes. In a process's main thread the work is done in place, under a time
    limit; in any other thread a child process does it, because a running match would freeze all threads.
    """

    def __init__(self, db_path: str | Path) -> None:
        self.db_path = Path(db_path)
        self.time_limit = SEARCH_SECONDS
        self.on_template: Callable[[str], None] = _ignore
        """Told each template's name before it is tried."""
        self._set = TemplateSet(self.db_path, self._forget)
        self._candidates: Candidates | None = None
        self._machines: dict[str, Machine | str] = {}
        self._required: dict[str, tuple[str, ...] | None] = {}
        self._lock = threading.Lock()
        self._worker: ValidationWorker | None = None

    def validate(self, output: str, filter_str: str | None = None) -> ValidationResult:
        """The records of a cleaned output, with the best template that the filter allows.

        A filter is a template's full name, `a:b` for several merged, or words of a name (`show_ip_arp`,
        `arp`); without one every template is tried.
        """
        if guard.available():
            return self.match(output, filter_str)
        return self._child().validate(output, filter_str, timeout=self.time_limit)

    def template_for(self, platform: str, command: str) -> str | None:
        """The template for a device type and a command, abbreviated or not; `a:b` where two are merged."""
        return find_template(platform, command, self._templates(), ntc_index())

    def close(self) -> None:
        """Let go of the templates, and end the child process if there is one."""
        self._machines.clear()
        if self._worker is not None:
            self._worker.close()

    def prepare(self) -> None:
        """Read the templates and the index now, so that the first validation does not pay for it."""
        templates = self._templates()
        if self._candidates is None:
            self._candidates = Candidates(templates, ntc_index())

    def _child(self) -> ValidationWorker:
        with self._lock:
            if self._worker is None:
                from vctui.validation.worker import ValidationWorker

                self._worker = ValidationWorker(self.db_path)
                weakref.finalize(self, self._worker.close)
            return self._worker

    def match(self, output: str, filter_str: str | None = None) -> ValidationResult:
        """`validate` in this thread, which must be the main one: what the child process runs."""
        templates = self._templates()
        if not output.strip():
            return ValidationResult(reason="empty output")
        if not templates:
            return ValidationResult(
                reason="no template: the database is empty; import some with: vctui templates import --ntc"
            )
        self.prepare()
        assert self._candidates is not None
        candidates = self._candidates.find(filter_str)
        if not candidates:
            return ValidationResult(reason=f"no template fits the filter {filter_str!r}")
        if refused := refusal(output):
            return ValidationResult(candidates[0].name, reason=f"the device refused the command: {refused}")
        return self._answer(self._try_all(candidates, output), output, len(candidates))

    def _try_all(self, candidates: tuple[Candidate, ...], output: str) -> list[_Trial]:
        alone = len({template.name for candidate in candidates for template in candidate.templates}) == 1
        alone = alone or len(candidates) <= 2
        # A search keeps a tenth back, so that its answer still arrives within the limit.
        deadline = time.monotonic() + self.time_limit * (1.0 if alone else 0.9)
        trial_limit = TRIAL_SECONDS + TRIAL_SECONDS_PER_CHARACTER * len(output)
        parses: dict[str, Parsed | str] = {}
        trials: list[_Trial] = []
        with guard.Guard() as timer:
            for candidate in candidates:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                if not alone and not self._possible(candidate, output):
                    continue
                limit = min(self.time_limit, TEMPLATE_SECONDS) if alone else min(left, trial_limit)
                trials.append(self._try(candidate, output, timer, limit, parses))
        return trials

    def _try(
        self,
        candidate: Candidate,
        output: str,
        timer: guard.Guard,
        limit: float,
        parses: dict[str, Parsed | str],
    ) -> _Trial:
        trial = _Trial(candidate)
        parts: list[Parsed] = []
        for template in candidate.templates:
            if template.content not in parses:
                self.on_template(template.name)
                parses[template.content] = self._parse(template, output, timer, limit)
            parsed = parses[template.content]
            if isinstance(parsed, str):
                trial.failure = f"template {template.name} {parsed}"
                return trial
            parts.append(parsed)
        trial.parsed = merge(parts) if len(parts) > 1 else parts[0]
        trial.score = score(trial.parsed, output, candidate.fit)
        if trial.parsed.error:
            trial.failure = f"{candidate.name}: {trial.parsed.error}"
        elif not trial.parsed.rows:
            heading = trial.parsed.fixed > 0
            trial.failure = (
                f"empty table: {candidate.name} knows the header, but no row follows"
                if heading
                else f"{candidate.name}: no record"
            )
        elif not trial.score.believed:
            trial.failure = f"{candidate.name}: score {trial.score.points:g} is under the minimum"
        return trial

    def _parse(self, template: Template, output: str, timer: guard.Guard, limit: float) -> Parsed | str:
        """The parse, or why there is none, to be read after the template's name."""
        try:
            return timer.run(limit, lambda text: self._machine(template).parse(text), output)
        except guard.TookTooLong:
            return f"took longer than {limit:.3g} s"
        except TemplateError as error:
            return f"is damaged: {error}"
        except RecursionError:
            return "is damaged: its nesting is too deep"

    def _machine(self, template: Template) -> Machine:
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

    def _possible(self, candidate: Candidate, output: str) -> bool:
        """False if the first template's records need a text that the output does not hold."""
        content = candidate.templates[0].content
        if content not in self._required:
            self._required[content] = required_texts(content)
        texts = self._required[content]
        return texts is None or any(text in output for text in texts)

    def _answer(self, trials: list[_Trial], output: str, tried: int) -> ValidationResult:
        good = [trial for trial in trials if not trial.failure]
        if good:
            best = max(good, key=lambda trial: trial.rank)
            assert best.parsed is not None
            assert best.score is not None
            found = records(best.parsed)
            return ValidationResult(
                best.candidate.name, best.score.points, len(found), found, True, None, best.score.parts
            )
        if not trials:
            return ValidationResult(reason=f"none of {tried} templates fits the output")
        # The best-named failure is the one to tell; among equals, an empty table, which is an answer.
        best = max(
            trials, key=lambda t: (t.candidate.fit, (t.failure or "").startswith("empty table"), t.rank)
        )
        points = best.score.points if best.score and best.parsed and best.parsed.rows else 0.0
        parts = best.score.parts if best.score else {}
        return ValidationResult(best.candidate.name, points, reason=best.failure, parts=parts)

    def _templates(self) -> Mapping[str, tuple[Template, ...]]:
        return self._set.refresh()

    def _forget(self) -> None:
        self._candidates = None


def _ignore(_: str) -> None:
    """Nobody is told."""
