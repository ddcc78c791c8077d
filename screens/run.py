"""A run as it happens: totals, a row a device, the newest log lines, and the key that stops it."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Header, Input, Static
from textual.worker import Worker, WorkerState

from screens.run_model import SHOWS, RunModel, Show
from screens.run_view import bar_text, row_columns, totals_text
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.lines import Lines
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.events import Event, Sink
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.config import HostKeyPolicy
    from vctui.jobs import JobResult, Plan

PAINT = 0.2
"""Seconds between two paintings."""
SWITCH_INTERVAL = 0.001
"""While a run is on, a busy session thread gives way to the screen after this many seconds (normally 5 ms)."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the preview decided."""

    validate: bool = True
    save: bool = True
    force_save: bool = False
    allow_any_command: bool = False
    host_keys: HostKeyPolicy | None = None
    """None: as configured."""


Runner = Callable[["Plan", Sink, threading.Event], "JobResult"]
"""Runs a plan to its end, telling the sink; setting the event stops it."""


class CancelQuestion(ConfirmScreen):
    """Asks whether to stop the run; the key that asked says yes when it is pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "answer(True)", "Yes", show=False, id="cancel.again"),
    ]


class RunScreen(Screen[None]):
    """Runs one plan. Leaving the screen by any way cancels what is still running."""

    CSS_PATH = "run.tcss"
    AUTO_FOCUS = "#devices"
    HELP = """
    ## Run

    A row a device, in the plan's order: what it is doing, or what came out. **Enter** opens the output, the
    records or the error of a device that is done, while the others go on.

    **f** shows all devices, only those running, or only those that failed; **/** narrows by name.
    **l** makes the log large. **c** stops the run after a question: sessions are closed at once, what is saved
    stays saved. Leaving the screen stops the run too.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "show", "Show", id="run.show", tooltip="All devices, those running, or those that failed"),
        Binding("slash", "find", "Filter", key_display="/", id="run.find", tooltip="Narrow by name"),
        Binding("l", "log", "Log", show=False, id="run.log", tooltip="The log large or small"),
        Binding("c", "cancel", "Cancel", id="run.cancel", tooltip="Stop the run"),
        Binding("escape,q", "leave", "Back", id="run.leave", show=False, tooltip="Stop the run and leave"),
    ]

    class Said(Message):
        """Something happened in the run; posted from its threads."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    class Ended(Message):
        """The run is over, or could not begin."""

        def __init__(self, result: JobResult | None, error: VctuiError | None = None) -> None:
            super().__init__()
            self.result = result
            self.error = error

    def __init__(
        self,
        context: Context,
        plan: Plan,
        options: RunOptions | None = None,
        *,
        runner: Runner | None = None,
    ) -> None:
        super().__init__()
        self._context = context
        self._plan = plan
        self._runner = runner or job_runner(context, options or RunOptions())
        self._cancel = threading.Event()
        self.model = RunModel((item.device.name, item.host) for item in plan.items)
        self.ended: RunScreen.Ended | None = None
        """How it ended; None while it runs."""
        self._show: Show = "all"
        self._name = ""
        self._order: Sequence[int] = range(self.model.total)
        self._drawn_seconds: dict[int, int] = {}
        self._logged = 0
        self._texts: dict[str, str] = {}
        self._switch_interval = sys.getswitchinterval()
        self.title = safe_line(plan.job.name)
        self.sub_title = "run"

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="totals", markup=False)
        yield Static(id="bar", markup=False)
        yield Input(placeholder="part of the name", compact=True, id="name")
        yield Rows(self._order, row_columns(self.model), self.model.cells, id="devices")
        yield Lines(follow=True, id="log")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start the run and the timer that paints it."""
        self.query_one("#name").display = False
        self.query_one("#log").can_focus = False
        sys.setswitchinterval(SWITCH_INTERVAL)
        # What lives now lives on: without it, each full collection walks the whole program's objects.
        gc.freeze()
        self.set_interval(PAINT, self._paint)
        self._paint()
        self._collect()

    def on_unmount(self) -> None:
        """Every way out stops the run."""
        self._cancel.set()
        sys.setswitchinterval(self._switch_interval)
        gc.unfreeze()

    @property
    def running(self) -> bool:
        """Whether the run has not ended yet."""
        return self.ended is None

    def quit_question(self) -> str | None:
        """What ctrl+q asks: quitting stops the run."""
        return "The run is still going on. Stop it and quit?" if self.running else None

    @work(thread=True, exclusive=True, exit_on_error=False, group="run", description="run the plan")
    def _collect(self) -> None:
        """The one worker of the run: the runner has a pool of its own."""
        try:
            result = self._runner(self._plan, lambda event: self._post(self.Said(event)), self._cancel)
        except VctuiError as error:
            self.post_message(self.Ended(None, error))
        else:
            self.post_message(self.Ended(result))

    def _post(self, message: Message) -> None:
        self.post_message(message)

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        """What the runner must never do: say so as the bug it is."""
        if event.worker.group == "run" and event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Said)
    def _said(self, message: Said) -> None:
        message.stop()
        self.model.apply(message.event)

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self.ended = message
        self.model.end()
        self._paint()
        self.refresh_bindings()
        if self.is_active:
            self._conclude()

    def on_screen_resume(self) -> None:
        """Back from a device or a question; the run may have ended meanwhile."""
        self._paint()
        if not self.running:
            self._conclude()

    def _conclude(self) -> None:
        """Go on to the summary; a run that could not begin stays here with its reason."""
        if self.ended is None or self.ended.result is None:
            return
        from screens.summary import SummaryScreen

        summary = SummaryScreen(self._context, self._plan, self.ended.result, self.model.finished)
        self.app.switch_screen(summary)

    def _paint(self) -> None:
        """Draw what changed and is in view."""
        if not self.is_mounted or not self.is_current:
            return
        changed = self.model.take_dirty()
        self._update("#totals", totals_text(self.model, self._show, self._name))
        self._update("#bar", bar_text(self.model, self._state_text()))
        rows = self.query_one("#devices", Rows)
        if changed and self._show != "all":
            self._refilter()
        for position in rows.in_view:
            index = self._order[position]
            if index in changed or self._second_passed(index):
                rows.touch(position)
        if self.model.logged != self._logged:
            self._logged = self.model.logged
            self.query_one("#log", Lines).show(self.model.log)

    def _update(self, selector: str, text: str) -> None:
        if self._texts.get(selector) != text:
            self._texts[selector] = text
            self.query_one(selector, Static).update(text, layout=False)
