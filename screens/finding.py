"""A search for credentials as it happens: a row a device, what came out, and what is saved of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer, Header, Static

from screens.discovery_engine import Finder
from screens.discovery_view import detail_text, end_text, found_columns, running_text
from screens.finding_model import FindingModel
from screens.live import LiveScreen
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.jobs import DiscoveryPlan


class FindingScreen(LiveScreen):
    """Runs one search. Leaving the screen by any way ends it; what was found out stays known."""

    QUIT = "Credentials are being looked for. Stop it and quit?"
    LEAVE = ("End the search and leave?", "What was found out stays; the same search goes on from there.")
    SUB_TITLE = "Find credentials"
    CSS_PATH = "discovery.tcss"
    AUTO_FOCUS = "#devices"
    HELP = """
    ## Finding credentials

    A row a device, with the credential that is being tried or works. **refused**: every credential was.
    **postponed**: a credential was stopped, to lock no account; the same search goes on from there later.
    **unreachable** and **unclear** say nothing of the credential.

    **c** ends the search. **s** saves what works, when that is not done as it is found. **Escape** leaves.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "save", "Save", id="finding.save", tooltip="Give the devices what works"),
        Binding("c", "cancel", "Cancel", id="finding.cancel", tooltip="End the search"),
        Binding("escape,q", "back", "Back", id="finding.back", tooltip="Leave; a search that goes on ends"),
    ]

    class Ended(Message):
        """The search is over, or could not begin."""

        def __init__(self, error: str = "") -> None:
            super().__init__()
            self.error = error

    class Saved(Message):
        """So many devices were given their credential, or could not be."""

        def __init__(self, count: int, error: str = "") -> None:
            super().__init__()
            self.count = count
            self.error = error

    def __init__(self, finder: Finder, plan: DiscoveryPlan, *, save: bool, force: bool) -> None:
        self.model = FindingModel(plan.candidates)
        super().__init__(self.model)
        self._finder = finder
        self._plan = plan
        self._is_saved = save
        self._force = force
        self._is_over = False
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="head", markup=False)
        yield Static(id="options", markup=False)
        yield Rows(
            self.model.rows,
            found_columns(self._plan.candidates),
            self.model.cells,
            opens=False,
            id="devices",
        )
        yield Static(id="detail", markup=False)
        yield Footer(show_command_palette=False)

    @property
    def running(self) -> bool:
        """Whether the search goes on."""
        return not self._is_over

    @work(thread=True, exclusive=True, exit_on_error=False, group="live", description="find credentials")
    def begin(self) -> None:
        """The one worker of the search: it has a pool of its own."""
        try:
            self._finder.run(self._plan, self._tell, self._cancel, save=self._is_saved, force=self._force)
        except VctuiError as error:
            self.post_message(self.Ended(str(error)))
        else:
            self.post_message(self.Ended())

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self._is_over = True
        self._problem = safe_line(message.error)
        self.paint()
        self.refresh_bindings()

    def paint(self) -> None:
        """Draw what changed and is in view."""
        if not self.is_mounted or not self.is_current:
            return
        changed = self.model.take_dirty()
        devices = self.query_one(Rows)
        for index in devices.in_view:
            if index in changed:
                devices.touch(index)
        if devices.cursor in changed:
            self._show_detail()
        self._update("#head", running_text(self.model, stopping=self.stopping))
        to_save = not self._is_saved and self.model.counts["works"]
        self._update("#options", self._problem or end_text(running=self.running, to_save=bool(to_save)))

    @on(Rows.Moved)
    def _show_detail(self) -> None:
        self.query_one("#detail", Static).update(detail_text(self.query_one(Rows).picked), layout=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what the present state understands."""
        if action == "save":
            return not self.running and not self._is_saved
        return self.running if action == "cancel" else True

    def action_save(self) -> None:
        """Give the devices what works."""
        self._is_saved = True
        self.refresh_bindings()
        self._save()

    @work(thread=True, exclusive=True, exit_on_error=False, group="save", description="save credentials")
    def _save(self) -> None:
        rows = [row for row in self.model.rows if row.state in ("works", "refused")]
        try:
            self.post_message(self.Saved(self._finder.save(rows, force=self._force)))
        except VctuiError as error:
            self.post_message(self.Saved(0, str(error)))

    @on(Saved)
    def _was_saved(self, message: Saved) -> None:
        if message.error:
            self._is_saved = False
            self.refresh_bindings()
            self.notify(safe_line(message.error), severity="error", markup=False)
            return
        whose = "1 device was given its" if message.count == 1 else f"{message.count} devices have their"
        self.notify(f"{whose} credential", markup=False)

    def action_cancel(self) -> None:
        """End the search; what was found out stays."""
        self._cancel.set()
        self.paint()

    @work(group="leave", exclusive=True, description="ask about leaving")
    async def action_back(self) -> None:
        """Leave; while the search goes on, after a question."""
        if await self.may_leave() and self.is_active:
            self.app.pop_screen()
