"""Stored captures parsed again: what would change, and then the change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Header, Static
from textual.worker import Worker, WorkerState

from screens.widgets.footer import KeyFooter
from screens.widgets.rows import Cells, Column, Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.config import Settings
    from vctui.jobs import Revalidated
    from vctui.storage import CaptureRecord

COLUMNS = (
    Column("Device", 20, flex=1),
    Column("Type", 12, optional=2),
    Column("Run", 4, align="right", optional=3),
    Column("Score", 13),
    Column("Records", 13),
    Column("What", 16, flex=2, optional=1),
)


class RevalidateScreen(Screen[None]):
    """Parses the captures of one template, or those given, without writing; **w** then writes."""

    TITLE = "vctui"
    SUB_TITLE = "Parse again"
    CSS_PATH = "revalidate.tcss"
    AUTO_FOCUS = "#changes"
    HELP = """
    ## Parse again

    Stored captures parsed with the templates as they are now, and what that changes: score and records before
    and after, and the fields that come and go. Nothing is written until **w**. The captures themselves are
    never touched.

    **a** shows also those that stay as they are. Leaving the screen stops the work.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "Write", id="again.write", tooltip="Write the changes into the history"),
        Binding("a", "all", "All", id="again.all", tooltip="Also those that do not change"),
        Binding("escape,q", "back", "Back", id="again.back", tooltip="Stop, and back"),
    ]

    class Parsed(Message):
        """Some captures more are parsed."""

        def __init__(self, found: Sequence[Revalidated]) -> None:
            super().__init__()
            self.found = found

    class Ended(Message):
        """All are parsed, or something kept them from it."""

        def __init__(self, problem: str | None) -> None:
            super().__init__()
            self.problem = problem

    def __init__(
        self, context: Context, template: str | None, captures: Sequence[CaptureRecord] | None = None
    ) -> None:
        super().__init__()
        self._settings = context.settings
        self._template = template
        self._captures = captures
        self._found: list[Revalidated] = []
        self._stop = threading.Event()
        self._working = True
        self._written = False
        self._everything = False
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="head", markup=False)
        yield Rows((), COLUMNS, cells, opens=False, id="changes")
        yield Static(id="detail", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Parse, and write nothing."""
        self._show()
        self._parse(write=False)

    def on_unmount(self) -> None:
        """Stop after the capture that is being parsed."""
        self._stop.set()

    @work(thread=True, exclusive=True, exit_on_error=False, group="again", description="parse again")
    def _parse(self, *, write: bool) -> None:
        problem = None
        try:
            for found in parse_again(self._settings, self._template, self._captures, write=write):
                self.post_message(self.Parsed([found]))
                if self._stop.is_set():
                    return
        except VctuiError as error:
            problem = str(error)
        self.post_message(self.Ended(problem))

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Parsed)
    def _parsed(self, message: Parsed) -> None:
        self._found += message.found
        self._show()

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self._working = False
        self._problem = message.problem or ""
        self._show()
        self.refresh_bindings()

    @property
    def _changes(self) -> list[Revalidated]:
        return [one for one in self._found if one.changed or one.problem]

    def _show(self) -> None:
        changes = self._changes
        rows = self.query_one("#changes", Rows)
        empty = "parsing…" if self._working else "nothing changes"
        rows.show(self._found if self._everything else changes, empty=empty)
        changed = sum(one.changed for one in changes)
        bad = sum(bool(one.reason or one.problem) for one in self._found)
        verb = "changed" if self._written else "would change"
        told = f"{len(self._found)} parsed{'…' if self._working else ''}, {changed} {verb}, {bad} not valid"
        if self._problem:
            told = self._problem
        elif changed and not self._working and not self._written:
            told += ". Nothing is written yet: w writes"
        self.query_one("#head", Static).update(safe_line(told), layout=False)
        self._detail()

    @on(Rows.Moved, "#changes")
    def _detail(self) -> None:
        picked = self.query_one("#changes", Rows).picked
        self.query_one("#detail", Static).update(detail_text(picked), layout=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to write once all is parsed and differs."""
        if action == "write":
            return not self._working and not self._written and any(one.changed for one in self._found)
        return True

    def action_write(self) -> None:
        """Parse once more, and write."""
        self._found, self._working, self._written = [], True, True
        self._show()
        self.refresh_bindings()
        self._parse(write=True)

    def action_all(self) -> None:
        """Show also what does not change, or no longer."""
        self._everything = not self._everything
        self._show()

    def action_back(self) -> None:
        """Back to where the work was begun."""
        self.app.pop_screen()


def cells(found: Revalidated) -> Cells:
    """One device of a run: before and after."""
    if found.problem:
        what, style = found.problem, "failed"
    elif found.reason:
        what, style = found.reason, "skipped"
    elif found.changed:
        what = found.fields or _change(found.template_before, found.template)
        style = "ok"
    else:
        what, style = found.template or "", "dim"
    texts = (
        found.device,
        found.capture_type,
        str(found.run),
        _change(found.score_before, found.score),
        _change(found.records_before, found.records),
        what,
    )
    return texts, style  # type: ignore[return-value]


def detail_text(found: Revalidated | None) -> str:
    """What has no room in the row: all that changes, and where the capture is."""
    if found is None:
        return ""
    template = _change(found.template_before, found.template)
    told = found.problem or found.reason or " ".join(filter(None, (template, found.fields)))
    return f"{safe_line(told, 400)}\n{safe_line(found.path, 400)}"


def _change(before: object, after: object) -> str:
    old, new = ("-" if value is None else str(value) for value in (before, after))
    return new if old == new else f"{old} → {new}"


def parse_again(
    settings: Settings, template: str | None, captures: Sequence[CaptureRecord] | None, *, write: bool
) -> Iterator[Revalidated]:
    """The latest captures that this template parsed or would parse, or those given. Raises VctuiError."""
    from contextlib import closing

    from vctui.jobs import CaptureShelf, revalidate
    from vctui.storage import History
    from vctui.validation import open_engine

    with (
        History(settings.collector_db) as history,
        closing(open_engine(settings.templates_db, settings.validation_engine)) as engine,
    ):
        shelf = CaptureShelf(settings, history)
        chosen = shelf.find() if captures is None else map(shelf.place, captures)
        yield from revalidate(history, shelf, chosen, engine, template=template, write=write)
