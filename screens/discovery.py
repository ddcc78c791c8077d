"""Finding out which credential works where: choose credentials and devices, watch, save."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Header, Input, Static
from textual.worker import Worker, WorkerState

from screens.calm import quick_turns, spare_the_collector
from screens.discovery_engine import MakeFinder, RealFinder, Wanted
from screens.discovery_view import (
    CREDENTIALS,
    candidate_cells,
    candidate_columns,
    credential_cells,
    head_text,
    left_cells,
    options_text,
)
from screens.finding import FindingScreen
from screens.start import places, refused_hosts, unlocked
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import Candidate, CredentialStatus, DiscoveryPlan, LeftOut

DEBOUNCE = 0.2


class DiscoveryScreen(Screen[None]):
    """One search. Leaving the screen by any way ends it; what was found out is kept."""

    TITLE = "vctui"
    SUB_TITLE = "Find credentials"
    CSS_PATH = "discovery.tcss"
    AUTO_FOCUS = "#credentials"
    HELP = """
    ## Find credentials

    Each device is tried with one credential after another, the likeliest first, until one is accepted: one
    login for each pair. A credential that nobody has accepted is stopped after two refusals.

    **Space** takes the credential under the cursor in or out; **Tab** goes to the devices, with the order in
    which credentials will be tried on each. **/** narrows by name, address or description, **o** shows who is
    left out and why. **f** asks again what was found out within a day, and replaces credentials that a person
    chose. **h** leaves out devices that have one. **s** saves what works: as it is found, or when you say so
    at the end. **Enter** begins; **c** ends the search.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "take", "In/Out", id="discovery.toggle", tooltip="Try this credential, or not"),
        Binding(
            "slash", "find", "Filter", key_display="/", id="discovery.find", tooltip="Narrow the devices"
        ),
        Binding("o", "left_out", "Left out", show=False, id="discovery.left_out", tooltip="Who is, and why"),
        Binding("f", "switch('force')", "Ask again", show=False, id="discovery.force", tooltip="Or not"),
        Binding(
            "h", "switch('skip')", "Skip", show=False, id="discovery.skip", tooltip="Those that have one"
        ),
        Binding("s", "save", "Save", show=False, id="discovery.save", tooltip="As found, or what was found"),
        Binding("escape", "back", "Back", id="discovery.back", tooltip="Back to where you came from"),
    ]

    class Listed(Message):
        """The credentials are read, or cannot be."""

        def __init__(self, credentials: Sequence[CredentialStatus], error: str = "") -> None:
            super().__init__()
            self.credentials = credentials
            self.error = error

    class Planned(Message):
        """A plan was made for what is wanted, or cannot be."""

        def __init__(self, wanted: Wanted, plan: DiscoveryPlan | None, error: str = "") -> None:
            super().__init__()
            self.wanted = wanted
            self.plan = plan
            self.error = error

    def __init__(
        self, context: Context, *, names: Sequence[str] | None = None, finder: MakeFinder = RealFinder
    ) -> None:
        super().__init__()
        self.context = context
        self._finder = finder(context)
        self._names = None if names is None else tuple(names)
        self._text = ""
        self._chosen: set[str] = set()
        self._credentials: Sequence[CredentialStatus] = ()
        self._force = self._skip = False
        self._save = True
        self.plan: DiscoveryPlan | None = None
        """What would be tried now."""
        self._planning = False
        self._timer: Timer | None = None
        self._while_shown = ExitStack()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="head", markup=False)
        yield Static(id="options", markup=False)
        yield Input(placeholder="part of the name, the address or the description", compact=True, id="text")
        yield Rows((), CREDENTIALS, self._credential_cells, empty="Reading the vault…", id="credentials")
        yield Rows((), candidate_columns(()), candidate_cells, id="devices")
        yield Rows((), candidate_columns(()), left_cells, empty="Nobody is left out", id="left")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read the credentials; the plan follows."""
        self.query_one("#text").display = False
        self.query_one("#left").display = False
        spare_the_collector()
        self._while_shown.enter_context(quick_turns())
        self._show_heads()
        self._list()

    def on_unmount(self) -> None:
        """Leave the turns as they were."""
        self._while_shown.close()

    @work(thread=True, exit_on_error=False, group="list", description="read the credentials")
    def _list(self) -> None:
        try:
            self.post_message(self.Listed(self._finder.credentials()))
        except VctuiError as error:
            self.post_message(self.Listed((), str(error)))

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        self._credentials = message.credentials
        self._chosen = {one.info.name for one in message.credentials}
        empty = message.error or "The vault holds no credentials: vctui vault add NAME -u USER"
        table = self.query_one("#credentials", Rows)
        table.styles.height = min(max(2, len(message.credentials) + 1), 6)
        table.show(message.credentials, empty=safe_line(empty))
        self._make_plan()

    def _credential_cells(self, one: CredentialStatus) -> tuple[Sequence[str], Literal["", "dim"]]:
        return credential_cells(one, one.info.name in self._chosen)

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self._text, self._names, frozenset(self._chosen), self._force, self._skip)

    def _make_plan(self) -> None:
        """Plan for what is wanted now, one planning at a time."""
        self._show_heads()
        if not self._planning and self._credentials:
            self._planning = True
            self._plan_in_thread(self._wanted)

    @work(thread=True, exit_on_error=False, group="plan", description="plan the search")
    def _plan_in_thread(self, wanted: Wanted) -> None:
        try:
            self.post_message(self.Planned(wanted, self._finder.plan(wanted)))
        except VctuiError as error:
            self.post_message(self.Planned(wanted, None, str(error)))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self._planning = False
        if message.wanted != self._wanted:
            self._make_plan()
        self.plan = message.plan
        candidates: Sequence[Candidate] = message.plan.candidates if message.plan else ()
        left: Sequence[LeftOut] = message.plan.left_out if message.plan else ()
        devices = self.query_one("#devices", Rows)
        devices.set_columns(candidate_columns([one.device.name for one in candidates]), candidate_cells)
        devices.show(candidates, empty=safe_line(message.error or "No device is to be tried: o says why"))
        out = self.query_one("#left", Rows)
        out.set_columns(candidate_columns([one.device.name for one in left]), left_cells)
        out.show(left)
        self._show_heads()

    @on(Input.Changed, "#text")
    def _typed(self, event: Input.Changed) -> None:
        self._text = event.value.strip()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE, self._make_plan)

    @on(Input.Submitted, "#text")
    def _to_table(self) -> None:
        text = self.query_one("#text", Input)
        text.display = bool(text.value)
        self.query_one("#devices").focus()

    def action_take(self) -> None:
        """Take the credential under the cursor in or out."""
        table = self.query_one("#credentials", Rows)
        if table.picked is not None:
            self._chosen ^= {table.picked.info.name}
            table.touch(table.cursor)
            self._make_plan()

    def action_find(self) -> None:
        """Type what narrows the devices."""
        text = self.query_one("#text")
        text.display = True
        text.focus()

    def action_left_out(self) -> None:
        """Show the devices, or who is left out and why."""
        devices, left = self.query_one("#devices"), self.query_one("#left")
        devices.display, left.display = left.display, devices.display
        (devices if devices.display else left).focus()

    def action_switch(self, what: str) -> None:
        """Ask again what is known, or skip devices that have a credential; or not."""
        if what == "force":
            self._force = not self._force
        else:
            self._skip = not self._skip
        self._make_plan()

    @on(Rows.Picked)
    def _begin(self, message: Rows.Picked) -> None:
        message.stop()
        if self.plan is None or self._planning or not self.plan.candidates:
            reason = "The plan is being made; try again" if self._planning else "There is no device to try"
            self.notify(reason, severity="warning", markup=False)
            return
        self._ask_and_run(self.plan)

    @work(exclusive=True, group="start", description="begin the search")
    async def _ask_and_run(self, plan: DiscoveryPlan) -> None:
        if not await unlocked(self.app, self.context):
            return
        items = self._finder.items(plan)
        refused = await refused_hosts(self.app, self.context, items)
        if refused is None:
            return
        out = {item.device.id for item in items if not refused.isdisjoint(places(item))}
        kept = tuple(one for one in plan.candidates if one.device.id not in out)
        if kept:
            narrowed = replace(plan, candidates=kept)
            screen = FindingScreen(self._finder, narrowed, save=self._save, force=self._force)
            self.app.switch_screen(screen)
        else:
            self.notify("No device is left: all host keys are new", severity="warning", markup=False)

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.worker.group in ("list", "plan") and event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    def _show_heads(self) -> None:
        self.query_one("#head", Static).update(head_text(self.plan, self._planning), layout=False)
        switches = options_text(force=self._force, skip=self._skip, save=self._save)
        self.query_one("#options", Static).update(switches, layout=False)

    def action_save(self) -> None:
        """Save what works as it is found, or when it is asked for at the end."""
        self._save = not self._save
        self._show_heads()

    def action_back(self) -> None:
        """From the box to the table; else out."""
        if isinstance(self.focused, Input):
            self._to_table()
        else:
            self.app.pop_screen()
