"""A template's text, tried on an output as it is typed, with what is wrong by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static, TextArea
from textual.worker import Worker, WorkerState

from screens.bench_ask import Asker
from screens.bench_view import draft_text
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.validation import Problem, Report

DELAY = 0.6
"""Seconds without a change before a text is tried."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A template's text in the editor."""

    name: str
    filter: str
    """What it is asked for by: its name, or `a:b` where it is merged with others."""
    stored: str | None
    """Its text in the database; None where there is none."""
    text: str

    @property
    def changed(self) -> bool:
        return self.text != (self.stored or "")


class SafeTextArea(TextArea):
    """Shows no character that a terminal would obey: templates come from a database of anybody's."""

    def get_line(self, line_index: int) -> Text:
        """One line as it is shown; every character keeps its place."""
        parts = self.document.get_line(line_index).split("\t")
        return Text("\t".join(safe_line(part, len(part) or 1) for part in parts), end="")


class TemplateEditor(Vertical):
    """Holds one draft at a time. The trying is done by a process of its own; a change ends it."""

    DEFAULT_CSS = """
    TemplateEditor {
        & TextArea { height: 1fr; border: none; padding: 0; }
        & Static { height: auto; max-height: 4; padding: 0 1; background: $boost; }
    }
    """

    class Changed(Message):
        """Another text, or an answer to the one there is."""

    class Answered(Message):
        """The bench has tried text `number`; `answer` is a report, or what kept it from one."""

        def __init__(self, number: int, answer: Report | str) -> None:
            super().__init__()
            self.number = number
            self.answer = answer

    def __init__(self, settings: Settings, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.draft: Draft | None = None
        self.report: Report | None = None
        """What the draft makes of the output, once that is known."""
        self._problem: str | None = None
        self._output = ""
        self._asker = Asker(settings)
        self._number = 0
        self._timer: Timer | None = None
        self._busy = False

    def compose(self) -> ComposeResult:
        yield SafeTextArea("", compact=True, show_line_numbers=True, soft_wrap=False)
        yield Static(markup=False)

    def on_unmount(self) -> None:
        """End the process that may still be at work."""
        self._asker.stop()

    @property
    def changed(self) -> bool:
        """Whether there is a text that is not stored."""
        return self.draft is not None and self.draft.changed

    @property
    def problems(self) -> Sequence[Problem]:
        """What TextFSM refuses in the text, as far as it has been tried."""
        return self.report.problems if self.report else ()

    def open(self, draft: Draft, output: str) -> None:
        """Show another draft; `output` is what it is tried on."""
        self._output = output
        self.draft = draft
        self.query_one(TextArea).load_text(draft.text)
        self._wait()

    def focus_text(self) -> None:
        """Put the cursor into the text."""
        self.query_one(TextArea).focus()

    @on(TextArea.Changed)
    def _typed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self.draft is not None and event.text_area.text != self.draft.text:
            self.draft = replace(self.draft, text=event.text_area.text)
            self._wait()

    def _wait(self) -> None:
        """Try the text once nothing was typed for a moment; what is being tried is out of date."""
        self._number = self._asker.begin()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DELAY, self._attempt) if self.changed else None
        self._busy = self.changed
        self.report = self._problem = None
        self._tell()

    def _attempt(self) -> None:
        self._timer = None
        if self.draft is not None:
            self._try(self._number, self.draft)

    @work(thread=True, exit_on_error=False, group="try", description="try a template")
    def _try(self, number: int, draft: Draft) -> None:
        output = self._output
        answer = self._asker.ask(
            number, lambda bench: bench.attempt(draft.name, draft.text, output, draft.filter)
        )
        if answer is not None:
            self.post_message(self.Answered(number, answer))

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        message.stop()
        if not self._asker.is_current(message.number):
            return
        self._busy = False
        if isinstance(message.answer, str):
            self._problem = message.answer
        else:
            self.report = message.answer
        self._tell()

    def _tell(self) -> None:
        told = draft_text(self.report, self._problem, changed=self.changed, busy=self._busy)
        self.query_one(Static).update(told)
        self.post_message(self.Changed())

    def next_problem(self) -> None:
        """Put the cursor on the next line that TextFSM refuses."""
        lines = [problem.line for problem in self.problems if problem.line]
        if lines:
            text = self.query_one(TextArea)
            row = text.cursor_location[0] + 1
            text.move_cursor((next((line for line in lines if line > row), lines[0]) - 1, 0))
            text.focus()
