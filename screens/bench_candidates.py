"""The candidates of the template bench: which templates fit an output, ranked as the engine ranks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import Worker, WorkerState

from screens.bench_ask import Asker, stored_templates
from screens.bench_view import COLUMNS, candidate_cells
from screens.widgets.rows import Cells, Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.validation import Report, Tried


class CandidateRows(Rows["Tried"]):
    """The searching is done by a process of its own; another search ends it."""

    class Changed(Message):
        """A search has begun, or has ended."""

    class Ranked(Message):
        """The answer to question `number`: a report with the texts of the templates, or why there is none."""

        def __init__(self, number: int, answer: Report | str, stored: dict[str, str]) -> None:
            super().__init__()
            self.number = number
            self.answer = answer
            self.stored = stored

    def __init__(self, settings: Settings, *, id: str | None = None) -> None:
        super().__init__((), COLUMNS, self._cells_of, id=id)
        self.busy = False
        self.report: Report | None = None
        """What came of the last search, if it has ended well."""
        self.stored: dict[str, str] = {}
        """The text of each template in the database."""
        self._settings = settings
        self._asker = Asker(settings)

    def on_unmount(self) -> None:
        """End the process that may still be at work."""
        self._asker.stop()

    def search(self, text: str, wanted: str) -> None:
        """Rank the candidates of a filter anew."""
        self.busy, self.report = True, None
        self.show((), 0, empty="searching…")
        self._rank(self._asker.begin(), text, wanted)
        self.post_message(self.Changed())

    @property
    def answer(self) -> str | None:
        """The template that the engine believes, if it believes one."""
        verdict = self.report.verdict if self.report else None
        return verdict.template if verdict and verdict.is_valid else None

    def _cells_of(self, tried: Tried) -> Cells:
        return candidate_cells(tried, self.answer)

    @work(thread=True, group="ask", exit_on_error=False, description="rank templates")
    def _rank(self, number: int, text: str, wanted: str) -> None:
        answer: Report | str | None
        stored: dict[str, str] = {}
        try:
            stored = stored_templates(self._settings)
        except VctuiError as error:
            answer = str(error)
        else:
            answer = self._asker.ask(number, lambda bench: bench.rank(text, wanted or None))
        if answer is not None:
            self.post_message(self.Ranked(number, answer, stored))

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Ranked)
    def _ranked(self, message: Ranked) -> None:
        message.stop()
        if not self._asker.is_current(message.number):
            return
        self.busy, self.stored = False, message.stored
        if isinstance(message.answer, str):
            self.notify(safe_line(message.answer), severity="error", markup=False)
            self.show((), 0, empty=message.answer)
        else:
            self.report = message.answer
            self.show(self.report.tried, 0, empty="nothing of this filter fits: w widens it")
        self.post_message(self.Changed())
