"""What a job would do, device by device, before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Header, Input, Static
from textual.worker import Worker, WorkerState

from screens.calm import quick_turns, spare_the_collector
from screens.plan_view import (
    LeftOutRows,
    PlanRows,
    count_text,
    detail_text,
    left_cells,
    left_columns,
    plan_cells,
    plan_columns,
    problem,
)
from screens.planning import Plans, load_plans, named
from screens.start import ask_before
from screens.widgets.narrow import EVERYTHING, NarrowBoxes, Wanted
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import Job, Plan

EMPTY_INVENTORY = "The inventory is empty. Import devices with: vctui devices import FILE.csv"
DEBOUNCE = 0.15
"""Seconds without a key before the plan is made again."""


class PreviewScreen(Screen[None]):
    """The plan of one job, with a filter that narrows it; Enter runs it.

    `names` narrows the job to these devices from the start, as a run that repeats the failed ones does.
    """

    TITLE = "vctui"
    CSS_PATH = "preview.tcss"
    AUTO_FOCUS = "#plan"
    HELP = """
    ## Preview

    What the job will do, device by device. Nothing has touched the network yet.

    **Enter** starts. Before the first password is sent you are asked about host keys that are new.

    Type part of a name after **/**, a number of devices after **l**; Enter or Escape leads back to the table.
    **o** shows the devices that are left out, and why.

    With *Validate* off, outputs are saved without parsing. *Save anyway* keeps outputs that did not parse.
    A command that is not known to only read needs a **y** first.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Filter", key_display="/", id="preview.find", tooltip="Narrow by name"),
        Binding("l", "limit", "Limit", show=False, id="preview.limit", tooltip="So many devices at most"),
        Binding("o", "left_out", "Left out", id="preview.left_out", tooltip="Who is left out, and why"),
        Binding("v", "switch('validate')", "Validate", show=False, id="preview.parse", tooltip="Or not"),
        Binding("s", "switch('save')", "Save", show=False, id="preview.save", tooltip="Save or not"),
        Binding(
            "f", "switch('force')", "Save anyway", show=False, id="preview.keep", tooltip="Parsed or not"
        ),
        Binding("y", "allow", "Allow", show=False, id="preview.allow", tooltip="Allow what may write"),
        Binding("escape", "back", "Back", id="preview.back", tooltip="Back to the jobs"),
    ]

    class Planned(Message):
        """A plan was made for what was typed."""

        def __init__(self, plans: Plans, plan: Plan, wanted: Wanted) -> None:
            super().__init__()
            self.plans = plans
            self.plan = plan
            self.wanted = wanted

    class Refused(Message):
        """No plan can be made."""

        def __init__(self, error: VctuiError, wanted: Wanted) -> None:
            super().__init__()
            self.error = error
            self.wanted = wanted

    def __init__(
        self,
        context: Context,
        job: Job,
        *,
        names: Sequence[str] | None = None,
        load: Callable[[Context], Plans] = load_plans,
    ) -> None:
        super().__init__()
        self.context = context
        self._job = job
        self.names = names
        """The devices that the job is narrowed to from the start; None: all that it means."""
        self._load = load
        self._plans: Plans | None = None
        self.plan: Plan | None = None
        """The plan on show; None until the first is made, and when none can be."""
        self._wanted = EVERYTHING
        self._planned_for: Wanted | None = None
        self._planning = False
        self._timer: Timer | None = None
        self._options = {"validate": True, "save": True, "force": False}
        self._allowed = False
        self._while_shown = ExitStack()
        self.sub_title = f"Preview: {safe_line(job.name)}"

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static("Reading the inventory…", id="count", markup=False)
        yield Static(id="commands", markup=False)
        yield NarrowBoxes()
        yield Static(id="options", markup=False)
        yield Static(id="warning", markup=False)
        yield PlanRows((), plan_columns(()), plan_cells, id="plan")
        yield LeftOutRows((), left_columns(()), left_cells, empty="Nobody is left out", id="left")
        yield Static(id="detail", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show what is known already and make the first plan."""
        spare_the_collector()
        self._while_shown.enter_context(quick_turns())
        self.query_one("#left").display = False
        self._show_options()
        commands = ", ".join(safe_line(command) for command in self._job.commands)
        self.query_one("#commands", Static).update(f"Runs: {commands}")
        self._make_plan()

    def on_unmount(self) -> None:
        """Leave the turns as they were."""
        self._while_shown.close()

    def _make_plan(self) -> None:
        """Plan for what is typed now, one planning at a time: the next begins when this one is back."""
        if not self._planning:
            self._planning = True
            self._plan_in_thread(self._wanted)

    @work(thread=True, exit_on_error=False, group="plan", description="plan the job")
    def _plan_in_thread(self, wanted: Wanted) -> None:
        text, limit = wanted
        try:
            plans = self._plans or self._load(self.context)
            names = named(plans.devices, text, self.names)
            plan = plans.plan(self._job, limit=limit, names=names)
        except VctuiError as error:
            self.post_message(self.Refused(error, wanted))
        else:
            self.post_message(self.Planned(plans, plan, wanted))

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.worker.group == "plan" and event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self._planning = False
        if self._plans is None:
            self._plans = message.plans
            items = message.plan.items
            self.query_one(PlanRows).set_columns(plan_columns(items))
            self.query_one(LeftOutRows).set_columns(
                left_columns([left.device.name for left in message.plan.left_out])
            )
        if message.wanted != self._wanted:
            self._make_plan()
        self.plan = message.plan
        self._planned_for = message.wanted
        with self.app.batch_update():
            self._show_plan(message.plan)

    @on(Refused)
    def _refused(self, message: Refused) -> None:
        self._planning = False
        if message.wanted != self._wanted:
            self._make_plan()
            return
        self.plan = None
        self._planned_for = message.wanted
        self.query_one(PlanRows).show((), empty="There is no plan")
        self.query_one("#count", Static).update(
            Content.styled(safe_line(message.error.message), "$text-error"), layout=False
        )
        self.query_one("#detail", Static).update(safe_line(message.error.next_step or ""))

    def _show_plan(self, plan: Plan) -> None:
        self.query_one("#count", Static).update(count_text(plan), layout=False)
        nobody = "No device matches" if plan.left_out else EMPTY_INVENTORY
        self.query_one(PlanRows).show(plan.items, empty=nobody)
        self.query_one(LeftOutRows).show(plan.left_out)
        self._show_warning(plan)
        self._show_detail()

    def _show_warning(self, plan: Plan) -> None:
        warning = self.query_one("#warning", Static)
        warning.display = bool(plan.writing_commands)
        if plan.writing_commands:
            commands = ", ".join(safe_line(command) for command in plan.writing_commands)
            text = (
                f"Allowed (y takes it back): {commands}"
                if self._allowed
                else f"May change devices: {commands} - press y to allow it"
            )
            warning.update(Content.styled(text, "$text-warning"))

    def _show_options(self) -> None:
        words = {True: "yes", False: "no "}
        validate, save, force = (words[self._options[name]] for name in ("validate", "save", "force"))
        self.query_one("#options", Static).update(
            f"v Validate: {validate}  s Save: {save}  f Save anyway: {force}", layout=False
        )

    def _show_detail(self) -> None:
        item = self.query_one(PlanRows).picked
        lines = "" if item is None or not self.query_one(PlanRows).display else detail_text(item)
        self.query_one("#detail", Static).update(lines, layout=False)

    @on(Rows.Moved, "#plan")
    def _moved(self) -> None:
        self._show_detail()

    @on(NarrowBoxes.Changed)
    def _typed(self, message: NarrowBoxes.Changed) -> None:
        self._wanted = message.wanted
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE, self._make_plan)

    @on(NarrowBoxes.Left)
    def _focus_table(self) -> None:
        plan = self.query_one(PlanRows)
        (plan if plan.display else self.query_one(LeftOutRows)).focus()

    def action_find(self) -> None:
        """Type part of a name."""
        self.query_one("#name").focus()

    def action_limit(self) -> None:
        """Type how many devices at most."""
        self.query_one("#limit").focus()

    def action_left_out(self) -> None:
        """Show the plan, or who is left out and why."""
        plan, left = self.query_one(PlanRows), self.query_one(LeftOutRows)
        plan.display, left.display = left.display, plan.display
        self._show_detail()
        self._focus_table()

    def action_switch(self, name: str) -> None:
        """Switch validation, saving, or saving anyway."""
        self._options[name] = not self._options[name]
        self._show_options()

    def action_allow(self) -> None:
        """Accept commands that may write, or take it back."""
        if self.plan is not None and self.plan.writing_commands:
            self._allowed = not self._allowed
            self._show_warning(self.plan)

    def action_back(self) -> None:
        """Back to the table, else to the jobs."""
        if isinstance(self.focused, Input):
            self._focus_table()
        else:
            self.app.pop_screen()

    @property
    def is_current_plan(self) -> bool:
        """Whether the plan on show is the one for what is typed now."""
        return self._planned_for == self._wanted

    @on(Rows.Picked)
    def _start(self) -> None:
        if not self.is_current_plan:
            reason: str | None = "The plan is being made; try again in a moment"
        else:
            reason = problem(self.plan, self._allowed)
        if reason:
            self.notify(reason, severity="warning", markup=False)
        elif self.plan is not None:
            self._ask_and_run(self.plan)

    @work(exclusive=True, group="start", description="start the run")
    async def _ask_and_run(self, plan: Plan) -> None:
        from screens.run import RunScreen
        from screens.run_engine import RunOptions

        ready = await ask_before(self.app, self.context, plan)
        if ready is None:
            return
        options = RunOptions(
            validate=self._options["validate"],
            save=self._options["save"],
            force_save=self._options["force"],
            allow_any_command=self._allowed,
            host_keys="strict" if self.context.settings.host_keys == "ask" else None,
        )
        self.app.switch_screen(RunScreen(self.context, ready, options))
