"""One device of a run: its output, its records, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Header, Static
from textual.worker import Worker, WorkerState

from screens.capture_actions import open_bench, open_export
from screens.device_data import Kept, Load, load_kept
from screens.device_view import SECTIONS, details_text, head_text, sections_text
from screens.widgets.lines import Lines
from screens.widgets.records import RecordRows
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.events import DeviceFinished


class DeviceScreen(Screen[None]):
    """What one device of run `run_id` left behind; None when the run kept no history."""

    TITLE = "vctui"
    CSS_PATH = "device.tcss"
    HELP = """
    ## Device

    **1** is the output as it was saved, or as far as it came; **2** the records that were parsed from it;
    **3** what happened, and what to do about it.

    The arrow and page keys scroll; **← →** go sideways through long lines and through the fields of records.
    **t** puts the output on the template bench, **e** writes its records as JSON or CSV.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "section('output')", "Output", show=False, id="device.output"),
        Binding("2", "section('records')", "Records", show=False, id="device.records"),
        Binding("3", "section('details')", "Details", show=False, id="device.details"),
        Binding("t", "bench", "Templates", id="device.bench", tooltip="The templates that fit the output"),
        Binding("e", "export", "Export", id="device.export", tooltip="Write the records as JSON or CSV"),
        Binding("escape,q", "back", "Back", id="device.back", tooltip="Back to where you came from"),
    ]

    class Loaded(Message):
        """What is kept has been read."""

        def __init__(self, kept: Kept) -> None:
            super().__init__()
            self.kept = kept

    def __init__(
        self, context: Context, run_id: int | None, finished: DeviceFinished, *, load: Load = load_kept
    ) -> None:
        super().__init__()
        self.context = context
        self._run_id = run_id
        self._finished = finished
        self._load = load
        self._kept: Kept | None = None
        self.sub_title = f"Device: {safe_line(finished.device)}"

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(head_text(self._finished), id="head", markup=False)
        yield Static(id="sections", markup=False)
        with ContentSwitcher(initial="output" if self._finished.status == "ok" else "details"):
            yield Lines(("Reading…",), id="output")
            yield RecordRows(empty="Nothing was parsed from the output", id="records")
            with VerticalScroll(id="details"):
                yield Static(details_text(self._finished, None), id="facts", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show what the event says and read the rest."""
        self._show_section()
        self._read()

    def on_unmount(self) -> None:
        """Close the output's file."""
        if self._kept is not None and self._kept.lines is not None:
            self._kept.lines.close()

    @work(thread=True, exclusive=True, exit_on_error=False, group="read", description="read what is kept")
    def _read(self) -> None:
        kept = self._load(self.context, self._run_id, self._finished)
        if not self.post_message(self.Loaded(kept)) and kept.lines is not None:
            kept.lines.close()

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        kept = self._kept = message.kept
        output = self.query_one("#output", Lines)
        if kept.lines is not None and len(kept.lines):
            output.show(kept.lines, kept.lines.width)
        else:
            reason: Sequence[str] = kept.notes or ("There is no output of this device.",)
            output.show(reason, max(map(len, reason)))
        self.query_one(RecordRows).show_records(kept.records)
        self.query_one("#facts", Static).update(details_text(self._finished, kept))
        self._show_section()

    def _show_section(self) -> None:
        current = self.query_one(ContentSwitcher).current or SECTIONS[0]
        self.query_one("#sections", Static).update(sections_text(current, self._kept), layout=False)
        self.query_one(f"#{current}").focus()

    def action_section(self, name: str) -> None:
        """Show output, records or details."""
        self.query_one(ContentSwitcher).current = name
        self._show_section()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There are records to write of what was saved."""
        return self._finished.status == "ok" and bool(self._run_id) if action == "export" else True

    @work(exclusive=True, group="act", description="open the bench")
    async def action_bench(self) -> None:
        """Try templates on the output."""
        await open_bench(self, self.context, self._run_id, self._finished)

    @work(exclusive=True, group="act", description="export the records")
    async def action_export(self) -> None:
        """Write the records to a file."""
        await open_export(self, self.context, self._run_id, [self._finished])

    def action_back(self) -> None:
        """Back to the run or its summary."""
        self.app.pop_screen()
