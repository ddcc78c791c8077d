"""What runs have saved: every capture, filtered as you type; Enter puts one on the template bench."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Header, Input, Static

from screens import specimens
from screens.widgets.filter_box import FilterBox, fits
from screens.widgets.footer import KeyFooter
from screens.widgets.rows import Cells, Column, Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.config import Settings
    from vctui.jobs import Specimen
    from vctui.storage import CaptureRecord

COLUMNS = (
    Column("Device", 18, flex=2),
    Column("Type", 12, flex=1),
    Column("Captured", 16),
    Column("Score", 5, align="right"),
    Column("Records", 7, align="right"),
    Column("Run", 4, align="right", optional=1),
)


@dataclass(frozen=True, slots=True)
class CaptureLine:
    """One capture as it is listed; template, score and records are those of its device in the run."""

    record: CaptureRecord
    template: str
    score: str
    records: str
    haystack: str


def cells(line: CaptureLine) -> Cells:
    """One line of the table."""
    record = line.record
    time = (record.captured_at or "")[:16].replace("T", " ")
    texts = (record.device_name, record.capture_type, time, line.score, line.records, str(record.run or ""))
    return texts, ""


def read_lines(settings: Settings) -> list[CaptureLine]:
    """The latest capture of each file, the newest first. Raises VctuiError."""
    from vctui.jobs import CaptureShelf
    from vctui.storage import History

    lines = []
    with History(settings.collector_db) as history:
        for capture in CaptureShelf(settings, history).find():
            record, row = capture.record, capture.device
            template = (row.template if row else None) or ""
            score = "" if row is None or row.score is None else f"{row.score:g}"
            records = "" if row is None or row.records is None else str(row.records)
            text = f"{record.device_name} {record.capture_type} {template}".casefold()
            lines.append(CaptureLine(record, template, score, records, text))
    return lines


class CapturesScreen(Screen[None]):
    """Lists captures; those on show can be exported or parsed again together."""

    TITLE = "vctui"
    SUB_TITLE = "Captures"
    CSS_PATH = "captures.tcss"
    AUTO_FOCUS = "FilterBox"
    HELP = """
    ## Captures

    The latest capture of each device and command. Type to filter: every word must be in the device's name,
    the type or the template. **Enter** puts the one under the cursor on the template bench: its output, its
    records, and the templates that fit it. **^o** does so with any file.

    **F3** writes the records of all captures on show as JSON or CSV; **F4** shows what parsing them again
    with the templates as they are now would change.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "export", "Export", id="captures.export", tooltip="The records of those on show"),
        Binding("f4", "again", "Parse again", id="captures.again", tooltip="What parsing again would change"),
        Binding(
            "ctrl+o",
            "file",
            "File",
            show=False,
            id="captures.file",
            tooltip="Put the output in a file on the bench",
        ),
        Binding("f5", "reload", "Reload", show=False, id="captures.reload", tooltip="Read the captures anew"),
        Binding("escape", "back", "Back", id="captures.back", tooltip="Clear the filter; then back"),
    ]

    class Loaded(Message):
        """The captures are read, or why they are not."""

        def __init__(self, lines: Sequence[CaptureLine], error: str | None) -> None:
            super().__init__()
            self.lines = lines
            self.error = error

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self._lines: Sequence[CaptureLine] = ()
        self._rows: Rows[CaptureLine] = Rows((), COLUMNS, cells, empty="reading…", id="captures")
        # The box keeps the focus, so that a letter always filters and never acts.
        self._rows.can_focus = False

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="top"):
            yield Static("Filter", classes="label", markup=False)
            yield FilterBox(self._rows, "type to filter", id="filter")
            yield Static(id="count", markup=False)
        yield self._rows
        yield Static(id="detail", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the captures."""
        self._load()

    @work(thread=True, exclusive=True, group="load", description="read the captures")
    def _load(self) -> None:
        try:
            self.post_message(self.Loaded(read_lines(self.context.settings), None))
        except VctuiError as error:
            self.post_message(self.Loaded((), str(error)))

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        self._lines = message.lines
        if message.error is not None:
            self._say(message.error)
        self._filter()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter()

    def _filter(self) -> None:
        words = self.query_one(FilterBox).value.casefold().split()
        shown = [line for line in self._lines if fits(words, line.haystack)]
        self._rows.show(shown, 0, empty="no capture fits the filter" if self._lines else "no captures yet")
        self.query_one("#count", Static).update(f"{len(shown)} of {len(self._lines)}")
        self._show_detail()

    @on(Rows.Moved)
    def _show_detail(self) -> None:
        line = self._rows.picked
        text = f"{line.template or 'not parsed'}\n{line.record.filepath}" if line else ""
        shown = "\n".join(safe_line(part) for part in text.splitlines())
        self.query_one("#detail", Static).update(shown, layout=False)

    def _say(self, text: str) -> None:
        self.notify(safe_line(text), severity="error", markup=False)

    @on(Input.Submitted, "#filter")
    @on(Rows.Picked)
    def _open(self) -> None:
        if self._rows.picked is not None:
            self._to_bench(self._rows.picked.record)

    @work(exclusive=True, group="act", description="open a capture")
    async def _to_bench(self, record: CaptureRecord) -> None:
        try:
            found = await asyncio.to_thread(specimens.of_capture, self.context.settings, record)
        except VctuiError as error:
            self._say(str(error))
            return
        self._push(found)

    def _push(self, found: Sequence[Specimen]) -> None:
        from screens.bench import BenchScreen

        self.app.push_screen(BenchScreen(self.context, found))

    @work(exclusive=True, group="act", description="open a file")
    async def action_file(self) -> None:
        """Ask for a file and put the output in it on the bench."""
        from screens.widgets.ask_text import AskText

        path = await self.app.push_screen_wait(
            AskText("Output of which file?", "", "As a device printed it.")
        )
        if not path:
            return
        try:
            self._push(await asyncio.to_thread(specimens.of_file, path))
        except VctuiError as error:
            self._say(str(error))

    def action_export(self) -> None:
        """Write the records of the captures on show."""
        from screens.export import ExportScreen

        records = [line.record for line in self._rows.items]
        if records:
            what = "" if len(records) == 1 else f"{len(records)} captures"
            self.app.push_screen(ExportScreen(self.context, records, what=what))

    def action_again(self) -> None:
        """What parsing the captures on show again would change."""
        from screens.revalidate import RevalidateScreen

        records = [line.record for line in self._rows.items]
        if records:
            self.app.push_screen(RevalidateScreen(self.context, None, records))

    def action_reload(self) -> None:
        """Read the captures anew."""
        self._load()

    def on_screen_resume(self) -> None:
        """Back from parsing again: scores may be new."""
        if self._lines:
            self._load()

    def action_back(self) -> None:
        """Clear the filter, or go back."""
        if not self.query_one(FilterBox).empty():
            self.app.pop_screen()
