"""A run as it happens: totals, a row a device, the newest log lines, and the key that stops it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer, Header, Input, Static

from screens.live import LiveScreen
from screens.question import DeskNotice
from screens.run_engine import Runner, RunOptions, job_runner
from screens.run_model import SHOWS, RunModel, Show
from screens.run_view import EMPTY, CancelQuestion, bar_text, jumps_text, row_columns, totals_text
from screens.widgets.lines import Lines
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.questions import Desk
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import JobResult, Plan


class RunScreen(LiveScreen):
    """Runs one plan. Leaving the screen by any way cancels what is still running."""

    QUIT = "The run is still going on. Stop it and quit?"
    LEAVE = ("Stop the run and leave?", "Devices that are done stay saved.")
    CSS_PATH = "run.tcss"
    AUTO_FOCUS = "#devices"
    HELP = """
    ## Run

    A row a device, in the plan's order: what it is doing, or what came out. **Enter** opens the output, the
    records or the error of a device that is done, while the others go on.

    A device may need what only you know, such as a token: it is asked once for all that wait; **a** brings
    back a question that was put off.

    **f** shows all devices, only those running, or only those that failed; **/** narrows by name.
    **l** makes the log large. **c** stops the run after a question: sessions are closed at once, what is
    saved stays saved. Leaving the screen stops the run too.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "f", "show", "Show", id="run.show", tooltip="All devices, those running, or those that failed"
        ),
        Binding("slash", "find", "Filter", key_display="/", id="run.find", tooltip="Narrow by name"),
        Binding("a", "answer", "Answer", show=False, id="run.answer", tooltip="What devices wait for"),
        Binding("l", "log", "Log", show=False, id="run.log", tooltip="The log large or small"),
        Binding("c", "cancel", "Cancel", id="run.cancel", tooltip="Stop the run"),
        Binding("escape,q", "leave", "Back", id="run.leave", show=False, tooltip="Stop the run and leave"),
    ]

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
        self.model = RunModel((item.device.name, item.host) for item in plan.items)
        super().__init__(self.model)
        self.context = context
        self._plan = plan
        self.desk = Desk(lambda: None)
        """Where the run's workers ask; a timer looks at it."""
        self._runner = runner or job_runner(context, options or RunOptions(), self.desk)
        self.ended: RunScreen.Ended | None = None
        """How it ended; None while it runs."""
        self._show: Show = "all"
        self._text = ""
        self._order: Sequence[int] = range(self.model.total)
        self._drawn_seconds: dict[int, int] = {}
        self._logged = 0
        self.sub_title = f"Run: {safe_line(plan.job.name)}"

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="totals", markup=False)
        yield Static(id="bar", markup=False)
        yield Static(id="jumps", markup=False)
        yield Static(id="problem", classes="error", markup=False)
        yield DeskNotice(self.desk)
        yield Input(placeholder="part of the name", compact=True, id="name")
        yield Rows(self._order, row_columns(self.model), self.model.cells, id="devices")
        yield Lines(follow=True, id="log")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Hide what has nothing to say yet."""
        self.query_one("#name").display = False
        self.query_one("#problem").display = False
        self.query_one("#jumps").display = any(item.jump for item in self._plan.items)
        self.query_one("#log").can_focus = False

    def on_unmount(self) -> None:
        """Nobody answers any more."""
        self.desk.close()

    @property
    def running(self) -> bool:
        """Whether the run has not ended yet."""
        return self.ended is None

    @work(thread=True, exclusive=True, exit_on_error=False, group="live", description="run the plan")
    def begin(self) -> None:
        """The one worker of the run: the runner has a pool of its own."""
        try:
            result = self._runner(self._plan, self._tell, self._cancel)
        except VctuiError as error:
            self.post_message(self.Ended(None, error))
        else:
            self.post_message(self.Ended(result))

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self.ended = message
        self.desk.close()
        self.model.end()
        self.paint()
        self.refresh_bindings()
        if self.is_active:
            self._conclude()

    def on_screen_resume(self) -> None:
        """Back from a device or a question; the run may have ended meanwhile."""
        self.paint()
        if not self.running:
            self._conclude()

    def _conclude(self) -> None:
        """Go on to the summary; a run that could not begin stays here with its reason."""
        if self.ended is None:
            return
        if self.ended.result is None:
            problem = self.query_one("#problem", Static)
            problem.update(safe_line(f"Could not run: {self.ended.error}"))
            problem.display = True
            return
        from screens.summary import SummaryScreen

        summary = SummaryScreen(self.context, self._plan, self.ended.result, self.model.finished)
        self.app.switch_screen(summary)

    def paint(self) -> None:
        """Draw what changed and is in view."""
        if not self.is_mounted or not self.is_current:
            return
        changed = self.model.take_dirty()
        self._update("#totals", totals_text(self.model))
        self._update("#jumps", jumps_text(self.model))
        self._update("#bar", bar_text(self.model, self._show, self._text, stopping=self.stopping))
        if changed and self._show != "all":
            self._refilter()
        rows = self.query_one("#devices", Rows)
        for position in rows.in_view:
            index = self._order[position]
            if index in changed or self._second_passed(index):
                rows.touch(position)
        if self.model.logged != self._logged:
            self._logged = self.model.logged
            self.query_one("#log", Lines).show(self.model.log, self.model.log_width)

    def _second_passed(self, index: int) -> bool:
        """Whether a running device's clock shows another second than what was drawn."""
        row = self.model.rows[index]
        if row.state != "running":
            return False
        second = int(self.model.seconds(row) or 0)
        drawn, self._drawn_seconds[index] = self._drawn_seconds.get(index), second
        return drawn != second

    def _refilter(self) -> None:
        """Choose the rows again; the cursor stays on its device as long as that is among them."""
        rows = self.query_one("#devices", Rows)
        at = rows.picked
        self._order = self.model.in_order(self._show, self._text)
        cursor = None
        if at is not None:
            place = bisect_left(self._order, at)
            cursor = place if place < len(self._order) else None
        rows.show(self._order, cursor, empty=EMPTY[self._show])

    def action_show(self) -> None:
        """All devices, those running, those that did not come out well."""
        self._show = SHOWS[(SHOWS.index(self._show) + 1) % len(SHOWS)]
        self._refilter()
        self.paint()

    def action_find(self) -> None:
        """Type part of a name."""
        name = self.query_one("#name")
        name.display = True
        name.focus()

    @on(Input.Changed, "#name")
    def _typed(self, event: Input.Changed) -> None:
        self._text = event.value.strip()
        self._refilter()
        self.paint()

    @on(Input.Submitted, "#name")
    def _to_table(self) -> None:
        name = self.query_one("#name", Input)
        name.display = bool(name.value)
        self.query_one("#devices").focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Answering is offered while something is asked."""
        return bool(self.desk.open()) if action == "answer" else True

    def action_answer(self) -> None:
        """Show the questions that devices wait for."""
        self.query_one(DeskNotice).open()

    def action_log(self) -> None:
        """Give the log the table's place, and back."""
        log, rows = self.query_one("#log", Lines), self.query_one("#devices")
        log.can_focus = rows.display
        rows.display = not rows.display
        log.set_class(not rows.display, "-large")
        (rows if rows.display else log).focus()

    @on(Rows.Picked, "#devices")
    def _open(self, message: Rows.Picked) -> None:
        row = self.model.rows[self._order[message.index]]
        if row.finished is None:
            self.notify(f"{safe_line(row.name)} is not done yet", markup=False)
            return
        from screens.device import DeviceScreen

        self.app.push_screen(DeviceScreen(self.context, self.model.run_id, row.finished))

    @work(group="question", exclusive=True, description="ask about cancelling")
    async def action_cancel(self) -> None:
        """Stop the run after a question; when it is stopping already, leave without waiting."""
        if not self.running:
            return
        if self.stopping:
            self.app.pop_screen()
            return
        if await self.app.push_screen_wait(CancelQuestion(self.model)) and self.running:
            self._cancel.set()
            self.paint()

    @work(group="question", exclusive=True, description="ask about leaving")
    async def action_leave(self) -> None:
        """From the box to the table; else out, after a question while the run goes on."""
        if isinstance(self.focused, Input):
            self._to_table()
            return
        if await self.may_leave() and self.is_active:
            self.app.pop_screen()
