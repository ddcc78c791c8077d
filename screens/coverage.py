"""Which devices have a credential that works, and what was collected from each, and how long ago."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Header, Input, Static
from textual.worker import Worker, WorkerState

from screens.coverage_view import SHOWS, Show, cells, columns, detail_text, fits_show, fitting, head_text
from screens.widgets.filter_box import FilterBox, fits
from screens.widgets.footer import KeyFooter
from screens.widgets.rows import Cells, Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import Coverage, DeviceCoverage

Read = Callable[["Context"], "Coverage"]


def read(context: Context) -> Coverage:
    """Read it from the databases."""
    from vctui.jobs import read_coverage

    return read_coverage(context.settings, context.resolver.credentials())


class CoverageScreen(Screen[None]):
    """A matrix of devices and capture types, with what is known of each device's login."""

    TITLE = "vctui"
    SUB_TITLE = "Coverage"
    CSS_PATH = "coverage.tcss"
    AUTO_FOCUS = "FilterBox"
    HELP = """
    ## Coverage

    A row a device: the credential, whether it **works**, is **refused** or **unknown**, and for each type of
    capture how long ago the last one was taken: minutes, hours, days, weeks; a dash is never.

    Type to filter by name, site, platform or credential. **^t** shows only devices without a credential that
    works, or only those without a capture. **ctrl+←** and **ctrl+→** show other types. **Enter** looks for
    credentials for the devices shown.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "show", "Gaps", id="coverage.show", tooltip="Only devices that lack something"),
        *(
            Binding(key, action, words, id=id, show=False, priority=True, tooltip=words)
            for key, action, words, id in (
                ("ctrl+left", "turn_back", "The types before", "coverage.left"),
                ("ctrl+right", "turn", "More types", "coverage.right"),
            )
        ),
        Binding("f5", "reload", "Reload", id="coverage.reload", show=False, tooltip="Read it anew"),
        Binding(
            "escape", "back", "Back", id="coverage.back", tooltip="Clear the filter, else back to the jobs"
        ),
    ]

    class Loaded(Message):
        """It is read, or cannot be."""

        def __init__(self, coverage: Coverage | None, error: str = "") -> None:
            super().__init__()
            self.coverage = coverage
            self.error = error

    def __init__(self, context: Context, *, read: Read = read) -> None:
        super().__init__()
        self.context = context
        self._read = read
        self._coverage: Coverage | None = None
        self._show: Show = "all"
        self._first = 0
        """Of the types, the first in view."""
        self._before: list[int] = []
        self._types: Sequence[str] = ()
        self._left = False
        self._rows: Rows[DeviceCoverage] = Rows((), columns((), ()), self._cells, id="devices")
        self._rows.can_focus = False

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="head", markup=False)
        with Horizontal(id="top"):
            yield Static("Filter ", markup=False)
            yield FilterBox(self._rows, "name, site, platform, credential", id="filter")
        yield self._rows
        yield Static(id="detail", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read what there is."""
        self._paint()
        self._load()

    def on_screen_resume(self) -> None:
        """Back from a search for credentials: read it anew."""
        if self._left:
            self._left = False
            self._load()

    @work(thread=True, exclusive=True, exit_on_error=False, group="load", description="read the coverage")
    def _load(self) -> None:
        try:
            self.post_message(self.Loaded(self._read(self.context)))
        except VctuiError as error:
            self.post_message(self.Loaded(None, str(error)))

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        if message.coverage is None:
            self.notify(safe_line(message.error), severity="error", markup=False)
            return
        self._coverage = message.coverage
        self._paint()

    def _cells(self, one: DeviceCoverage) -> Cells:
        return cells(one, self._types)

    def _paint(self) -> None:
        """Show what fits the filter, with the types that there is room for."""
        coverage = self._coverage
        words = self.query_one(FilterBox).value.casefold().split()
        shown: list[DeviceCoverage] = []
        if coverage is not None:
            shown = [
                one
                for one in coverage.devices
                if fits_show(one, self._show) and (not words or fits(words, _haystack(one)))
            ]
            self._first = max(0, min(self._first, len(coverage.types) - 1))
            count = fitting(coverage.types, self._first, self.size.width)
            self._types = coverage.types[self._first : self._first + count]
            self._rows.set_columns(columns(coverage.devices, self._types))
        head = head_text(coverage, len(shown), self._show, self._types, self._first)
        self.query_one("#head", Static).update(head, layout=False)
        empty = "No device fits" if coverage is not None and coverage.devices else "No devices yet"
        self._rows.show(shown, empty=empty if coverage is not None else "")
        self._show_detail()

    @on(Rows.Moved)
    def _show_detail(self) -> None:
        self.query_one("#detail", Static).update(detail_text(self._rows.picked), layout=False)

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._paint()

    @on(Resize)
    def _resized(self) -> None:
        self._paint()

    @on(Input.Submitted, "#filter")
    @on(Rows.Picked)
    def _find(self, event: Message) -> None:
        """Look for credentials for the devices in view."""
        event.stop()
        names = [one.device.name for one in self._rows.items]
        if not names:
            return
        from screens.discovery import DiscoveryScreen

        self._left = True
        self.app.push_screen(DiscoveryScreen(self.context, names=names))

    def action_show(self) -> None:
        """Every device, those without a credential that works, those without a capture."""
        self._show = SHOWS[(SHOWS.index(self._show) + 1) % len(SHOWS)]
        self._paint()

    def action_turn(self) -> None:
        """Show the types after those in view."""
        following = self._first + len(self._types)
        if self._coverage is not None and following < len(self._coverage.types):
            self._before.append(self._first)
            self._first = following
            self._paint()

    def action_turn_back(self) -> None:
        """Show the types before those in view."""
        self._first = self._before.pop() if self._before else 0
        self._paint()

    def action_reload(self) -> None:
        """Read it anew."""
        self._load()

    def action_back(self) -> None:
        """Clear the filter; with none, leave."""
        if not self.query_one(FilterBox).empty():
            self.app.pop_screen()


def _haystack(one: DeviceCoverage) -> str:
    device = one.device
    return (
        f"{device.name} {device.host} {device.site} {device.platform} {one.credential} {one.login}".casefold()
    )
