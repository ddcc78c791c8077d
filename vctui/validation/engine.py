"""`ValidationEngine`: finds the template that an output belongs to, and the records in it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vctui.validation import guard
from vctui.validation.candidates import Candidates
from vctui.validation.frames import uncollected
from vctui.validation.index import find_template, ntc_index
from vctui.validation.machine import records
from vctui.validation.refusals import refusal
from vctui.validation.scoring import Subject, ValidationResult
from vctui.validation.search import FEW, Library, Search, Trial
from vctui.validation.templates import Templates, TemplateSet

if TYPE_CHECKING:
    from vctui.validation.worker import ValidationWorker

SEARCH_SECONDS = 20.0
"""The longest one validation may take; a search over many templates then answers with the best so far."""


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
        self._found: dict[tuple[str, str], tuple[Templates, str | None]] = {}
        """What `template_for` answered, and among which templates: a run asks the same for every device."""
        self._library = Library()
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
        templates = self._templates()
        among, found = self._found.get((platform, command), (None, None))
        if among is not templates:
            found = find_template(platform, command, templates, ntc_index())
            self._found[platform, command] = templates, found
        return found

    def close(self) -> None:
        """Let go of the templates, and end the child process if there is one."""
        self._library.clear()
        if self._worker is not None:
            self._worker.close()

    def prepare(self) -> None:
        """Read the templates and the index now, so that the first validation does not pay for it."""
        self._choices()

    def _choices(self) -> Candidates:
        templates = self._templates()
        if self._candidates is None:
            self._candidates = Candidates(templates, ntc_index())
        return self._candidates

    def _child(self) -> ValidationWorker:
        with self._lock:
            if self._worker is None:
                from vctui.validation.worker import ValidationWorker

                self._worker = ValidationWorker(self.db_path)
                weakref.finalize(self, self._worker.close)
            return self._worker

    def match(self, output: str, filter_str: str | None = None) -> ValidationResult:
        """`validate` in this thread, which must be the main one: what the child process runs."""
        choices = self._choices()
        if not output or output.isspace():
            return ValidationResult(reason="empty output")
        if choices.is_empty:
            return ValidationResult(
                reason="no template: the database is empty; import some with: vctui templates import --ntc"
            )
        candidates = choices.find(filter_str)
        if not candidates:
            return ValidationResult(reason=f"no template fits the filter {filter_str!r}")
        if refused := refusal(output):
            asked = candidates[0].name if candidates[0].fit else None
            return ValidationResult(asked, reason=f"the device refused the command: {refused}")
        announce = self.on_template if len(candidates) <= FEW else _ignore
        search = Search(self._library, Subject(output), self.time_limit, announce, choices.rivals)
        with uncollected(len(output)):
            return self._answer(search.run(candidates), len(candidates))

    def _answer(self, trials: list[Trial], tried: int) -> ValidationResult:
        good = [trial for trial in trials if not trial.failure]
        if good:
            best = max(good, key=lambda trial: trial.rank)
            # Of one name that is there twice the user's own, though the imported one may explain more.
            best = next((t for t in good if t.is_own and t.candidate.name == best.candidate.name), best)
            # Where the index merges templates, the records of one alone are never the answer.
            best = next((trial for trial in good if trial.holds(best)), best)
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

    def _templates(self) -> Templates:
        return self._set.refresh()

    def _forget(self) -> None:
        self._candidates = None


def _ignore(_: str) -> None:
    """Nobody is told."""
