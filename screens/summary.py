"""What a run came to: counts, failures grouped by what went wrong, what to do, and a way to repeat them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Header, Static

from screens.capture_actions import open_bench, open_export
from screens.summary_view import Entry, Group, columns, detail_text, entry_cells, grouped, head_text
from screens.widgets.rows import Cells, Rows
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.events import DeviceFinished
    from vctui.jobs import JobResult, Plan


class SummaryScreen(Screen[None]):
    """The end of one run. Groups that hold only good news start closed."""

    TITLE = "vctui"
    CSS_PATH = "summary.tcss"
    AUTO_FOCUS = "#groups"
    HELP = """
    ## Summary

    The devices of the run, grouped by what came out, the failures first. The lines below the table say
    what to do about the one under the cursor.

    **Enter** opens a device, and opens or closes a group. **r** goes to the preview of the same job, narrowed
    to the devices that failed or were cancelled. **Escape** leads back to the jobs.

    **t** puts the output of the device under the cursor on the template bench; **e** writes the records of
    all devices that are ok as JSON or CSV.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry failed", id="summary.retry", tooltip="The failed devices once more"),
        Binding("t", "bench", "Templates", id="summary.bench", tooltip="The templates that fit the output"),
        Binding(
            "e",
            "export",
            "Export",
            show=False,
            id="summary.export",
            tooltip="Write the records as JSON or CSV",
        ),
        Binding("escape,q", "back", "Jobs", id="summary.back", tooltip="Back to the jobs"),
    ]

    def __init__(
        self, context: Context, plan: Plan, result: JobResult, finished: Sequence[DeviceFinished]
    ) -> None:
        super().__init__()
        self.context = context
        self._plan = plan
        self._result = result
        self._finished = finished
        self._groups = grouped(finished)
        self._open = {group.kind for group in self._groups if group.status != "ok"}
        if not self._open:
            self._open = {group.kind for group in self._groups}
        self._entries: list[Entry] = []
        self.sub_title = f"Summary: {safe_line(plan.job.name)}"

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(head_text(self._result, self._finished), id="head", markup=False)
        yield Rows(
            self._entries, columns(self._finished), self._cells, empty="No device was run", id="groups"
        )
        yield Static(id="detail", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """List the groups."""
        self._list()

    def _cells(self, entry: Entry) -> Cells:
        return entry_cells(entry, entry.kind in self._open if isinstance(entry, Group) else False)

    def _list(self) -> None:
        self._entries = []
        for group in self._groups:
            self._entries.append(group)
            if group.kind in self._open:
                self._entries.extend(group.devices)
        self.query_one(Rows).show(self._entries)
        self._show_detail()

    @on(Rows.Moved)
    def _show_detail(self) -> None:
        entry: Entry | None = self.query_one(Rows).picked
        self.query_one("#detail", Static).update(detail_text(entry), layout=False)

    @on(Rows.Picked)
    def _pick(self, message: Rows.Picked) -> None:
        entry = self._entries[message.index]
        if isinstance(entry, Group):
            self._open ^= {entry.kind}
            self._list()
            return
        from screens.device import DeviceScreen

        self.app.push_screen(DeviceScreen(self.context, self._result.history_id, entry))

    @property
    def _to_repeat(self) -> list[str]:
        return [event.device for event in self._finished if event.status in ("failed", "cancelled")]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to repeat when all went well, and nothing to write when nothing did."""
        if action == "export":
            return bool(self._result.history_id) and any(event.status == "ok" for event in self._finished)
        return bool(self._to_repeat) if action == "retry" else True

    @work(exclusive=True, group="act", description="open the bench")
    async def action_bench(self) -> None:
        """Try templates on the output of the device under the cursor."""
        entry: Entry | None = self.query_one(Rows).picked
        if entry is None or isinstance(entry, Group):
            self.notify("Move to a device: Enter opens a group", markup=False)
            return
        await open_bench(self, self.context, self._result.history_id, entry)

    @work(exclusive=True, group="act", description="export the records")
    async def action_export(self) -> None:
        """Write the records of the devices that are ok."""
        good = [event for event in self._finished if event.status == "ok"]
        await open_export(self, self.context, self._result.history_id, good)

    def action_retry(self) -> None:
        """Preview the same job, narrowed to the devices that did not come out."""
        from screens.preview import PreviewScreen

        self.app.switch_screen(PreviewScreen(self.context, self._plan.job, names=self._to_repeat))

    def action_back(self) -> None:
        """Back to the jobs."""
        self.app.pop_screen()
