"""The job picker: every job of the home, filtered as you type; database jobs are made and changed from here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Header, Input, Static

from screens.context import Context
from screens.job_list import COLUMNS, JobLine, copied_row, job_line
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.filter_box import FilterBox, fits
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.storage import JobStore

Result = TypeVar("Result")


class JobsScreen(Screen[None]):
    """Lists database jobs and job files, bad ones with their reason; Enter goes on to the preview."""

    TITLE = "vctui"
    SUB_TITLE = "Jobs"
    CSS_PATH = "jobs.tcss"
    AUTO_FOCUS = "FilterBox"
    HELP = """
    ## Jobs

    Type to filter: every word must be somewhere in the slug, name, vendor, type, status or description.
    **Escape** clears the filter. **↑ ↓** move in the list while you type, and **Enter** opens the job:
    which devices it means, then the run.

    Jobs **from db** are rows of collector.db and can be changed here. Jobs **from file** are JSON files;
    they can be run, and **^o** imports one into the database, where it can be changed. A job that is
    *unusable* says why below the list. A job that is *off* is refused by `vctui run`.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="jobs.open", priority=True, tooltip="See its devices, then run it"),
        Binding("ctrl+n", "new", "New", id="jobs.new", priority=True, tooltip="Make a new database job"),
        Binding("ctrl+e", "edit", "Edit", id="jobs.edit", priority=True, tooltip="Edit the job"),
        Binding(
            "ctrl+d",
            "duplicate",
            "Copy",
            id="jobs.duplicate",
            priority=True,
            tooltip="Edit a duplicate of the job",
        ),
        Binding(
            "ctrl+t", "switch", "On/Off", id="jobs.switch", priority=True, tooltip="Enable or disable the job"
        ),
        Binding(
            "delete",
            "remove",
            "Remove",
            id="jobs.remove",
            priority=True,
            show=False,
            tooltip="Remove the job from the database, after a question",
        ),
        Binding(
            "ctrl+o",
            "import",
            "Import",
            id="jobs.import",
            priority=True,
            show=False,
            tooltip="Import the job file into the database",
        ),
        Binding(
            "ctrl+l",
            "lock",
            "Lock/unlock",
            id="jobs.lock",
            priority=True,
            show=False,
            tooltip="Lock the vault, or unlock it",
        ),
        Binding(
            "f5", "reload", "Reload", id="jobs.reload", show=False, tooltip="Read the jobs and their state anew"
        ),
        Binding("escape", "clear", "Clear the filter", id="jobs.clear", show=False),
    ]

    class Loaded(Message):
        """The jobs are read."""

        def __init__(self, lines: Sequence[JobLine], error: str | None, select: str | None) -> None:
            super().__init__()
            self.lines = lines
            self.error = error
            self.select = select
            """The source of the job that gets the cursor; None keeps it where it is."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._lines: Sequence[JobLine] = ()
        self._left = False
        self._rows: Rows[JobLine] = Rows(
            (), COLUMNS, lambda line: line.cells, empty="reading the jobs…", id="jobs"
        )
        # The box keeps the focus, so that a letter always filters and never acts.
        self._rows.can_focus = False

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="top"):
            yield Static("Filter", classes="label", markup=False)
            yield FilterBox(self._rows, "type to filter", id="filter")
            yield Static(id="count", markup=False)
            yield Static(id="lock", markup=False)
        yield self._rows
        yield Static(id="detail", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Read the jobs."""
        self._show_lock()
        self._load()

    def on_screen_resume(self) -> None:
        """Back from a run: its status is new."""
        self._show_lock()
        if self._left:
            self._left = False
            self._load()

    @work(thread=True, exclusive=True, group="load", description="read the jobs")
    def _load(self, select: str | None = None) -> None:
        from vctui.jobs import JobSource

        error = None
        lines: list[JobLine] = []
        try:
            lines = [job_line(entry) for entry in JobSource(self._context.settings).entries()]
        except VctuiError as problem:
            error = str(problem)
        self.post_message(self.Loaded(lines, error, select))

    @on(Loaded)
    def _show(self, event: Loaded) -> None:
        self._lines = event.lines
        if event.error is not None:
            self._say(event.error, "error")
        current = self._rows.picked
        self._filter(event.select or (current.entry.source if current else None))

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter(None)

    def _filter(self, source: str | None) -> None:
        """Show what fits; the cursor goes to the job of `source`, else to the first."""
        words = self.query_one(FilterBox).value.casefold().split()
        shown = [line for line in self._lines if fits(words, line.haystack)] if words else list(self._lines)
        at = next((index for index, line in enumerate(shown) if line.entry.source == source), 0)
        none = "no job fits the filter: Escape clears it" if self._lines else "no jobs yet: ^n makes one"
        self._rows.show(shown, at, empty=none)
        total = len(self._lines)
        text = f"{len(shown)} of {total} jobs" if words else f"{total} job{'' if total == 1 else 's'}"
        self.query_one("#count", Static).update(text)
        self._show_detail()

    @on(Rows.Moved)
    def _show_detail(self) -> None:
        line = self._rows.picked
        detail = self.query_one("#detail", Static)
        detail.set_class(line is not None and line.entry.job is None, "-bad")
        first, second = line.detail if line else ("", "")
        detail.update(Content.assemble((first, "bold"), "\n", second), layout=False)

    def _show_lock(self) -> None:
        text = "" if self._context.resolver.is_unlocked else "vault locked (^l)"
        self.query_one("#lock", Static).update(text)

    def _say(self, text: str, severity: str = "information") -> None:
        assert severity in ("information", "warning", "error")
        self.notify(safe_line(text), severity=severity, markup=False)  # type: ignore[arg-type]

    def action_clear(self) -> None:
        """Show every job again."""
        self.query_one(FilterBox).value = ""

    def action_reload(self) -> None:
        """Read the jobs again."""
        self._load()

    @on(Rows.Picked)
    def action_open(self) -> None:
        """Go on to the preview of the job under the cursor."""
        line = self._rows.picked
        if line is None:
            return
        if line.entry.job is None:
            self._say(f"{line.title} cannot be used: {line.entry.error}", "error")
            return
        from screens.preview import PreviewScreen

        self._left = True
        self.app.push_screen(PreviewScreen(self._context, line.entry.job))

    def action_lock(self) -> None:
        """Lock the vault, or ask for the master password."""
        if self._context.resolver.is_unlocked:
            self._context.resolver.lock()
            self._show_lock()
            return
        from screens.unlock import UnlockScreen

        self.app.push_screen(UnlockScreen(self._context, ask=True))

    async def _in_thread(self, work: Callable[[], Result]) -> Result | None:
        """Run something that waits for the disk; when it fails, the reason is shown and the result is None."""
        try:
            return await asyncio.to_thread(work)
        except VctuiError as error:
            self._say(str(error), "error")
            return None

    async def _with_store(self, work: Callable[[JobStore], Result]) -> Result | None:
        def use() -> Result:
            from vctui.storage import JobStore

            with JobStore(self._context.settings.collector_db) as store:
                return work(store)

        return await self._in_thread(use)

    async def _database_id(self) -> int | None:
        """The id of the job under the cursor; for a file, of its import, if the user wants it imported."""
        line = self._rows.picked
        if line is None:
            return None
        if line.database_id is not None:
            return line.database_id
        question = f"{line.title} is a file. Import it into the database?"
        detail = "The file stays as it is; the copy in the database can be changed here."
        if await self.app.push_screen_wait(ConfirmScreen(question, detail, default=True)):
            return await self._imported(line)
        return None

    async def _imported(self, line: JobLine) -> int | None:
        from vctui.jobs import JobSource

        source = JobSource(self._context.settings)
        imported = await self._in_thread(lambda: source.import_files([line.entry.source]))
        if not imported:
            return None
        slug, error = imported[0].slug, imported[0].error
        if slug is None:
            self._say(f"{line.title} was not imported: {error}", "error")
            return None
        row = await self._with_store(lambda store: store.get(slug=slug))
        return None if row is None else int(row["id"])

    async def _edit(self, row: dict[str, Any] | None, commands: Sequence[dict[str, Any]] = ()) -> None:
        from screens.job_edit import JobEditScreen

        saved = await self.app.push_screen_wait(JobEditScreen(self._context, row, commands=commands))
        if saved is not None:
            self._say("The job is saved")
            self._load(f"database:{saved}")

    @work(exclusive=True, group="act", description="make a job")
    async def action_new(self) -> None:
        """Open the editor on an empty job."""
        await self._edit(None)

    @work(exclusive=True, group="act", description="edit a job")
    async def action_edit(self) -> None:
        """Open the editor on the job under the cursor."""
        job_id = await self._database_id()
        if job_id is None:
            return
        row = await self._with_store(lambda store: store.get(id=job_id))
        if row is None:
            self._say("The job is no longer there", "warning")
        else:
            await self._edit(row)
        self._load()

    @work(exclusive=True, group="act", description="duplicate a job")
    async def action_duplicate(self) -> None:
        """Open the editor on a duplicate, its own commands included; it is a job once it is saved."""
        job_id = await self._database_id()
        if job_id is None:
            return

        def read(store: JobStore) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
            row = store.get(id=job_id)
            if row is None:
                return None
            commands = [
                {column: value for column, value in command.items() if column not in ("id", "job_id")}
                for command in store.commands(job_id)
            ]
            return copied_row(row, {str(other["slug"]) for other in store.rows()}), commands

        found = await self._with_store(read)
        if found is not None:
            await self._edit(*found)

    @work(exclusive=True, group="act", description="switch a job")
    async def action_switch(self) -> None:
        """Enable or disable the job under the cursor."""
        line = self._rows.picked
        if line is None:
            return
        job_id = await self._database_id()
        if job_id is None:
            return
        ...
