"""The job picker: every job of the home, filtered as you type; here database jobs are made and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Header, Input, Static

from screens import job_actions
from screens.context import Context
from screens.job_keys import HELP, KEYS
from screens.job_known import JobCopy
from screens.job_list import COLUMNS, JobLine
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.filter_box import FilterBox, fits
from screens.widgets.footer import KeyFooter
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

Result = TypeVar("Result")


class JobsScreen(Screen[None]):
    """Lists database jobs and job files, bad ones with their reason; Enter goes on to the preview."""

    TITLE = "vctui"
    SUB_TITLE = "Jobs"
    CSS_PATH = "jobs.tcss"
    AUTO_FOCUS = "FilterBox"
    HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]

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
        self._scope = context
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
        yield KeyFooter()

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
        error = None
        lines: list[JobLine] = []
        try:
            lines = job_actions.read_lines(self._scope.settings)
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
        none = (
            "no job fits the filter: Escape clears it"
            if self._lines
            else "no jobs yet: ^n makes one; files come with: vctui jobs import"
        )
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
        text = "" if self._scope.resolver.is_unlocked else "vault locked (^l)"
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

    @on(Input.Submitted, "#filter")
    @on(Rows.Picked)
    def _open(self) -> None:
        """Go on to the preview of the job under the cursor."""
        line = self._rows.picked
        if line is None:
            return
        if line.entry.job is None:
            self._say(f"{line.title} cannot be used: {line.entry.error}", "error")
            return
        from screens.preview import PreviewScreen

        self._left = True
        self.app.push_screen(PreviewScreen(self._scope, line.entry.job))

    def action_coverage(self) -> None:
        """Which devices have a credential that works, and what was collected."""
        from screens.coverage import CoverageScreen

        self.app.push_screen(CoverageScreen(self._scope))

    def action_discover(self) -> None:
        """Find out which credential works where."""
        from screens.discovery import DiscoveryScreen

        self.app.push_screen(DiscoveryScreen(self._scope))

    def action_credentials(self) -> None:
        """Open the credential manager."""
        from screens.credentials import CredentialsScreen

        self.app.push_screen(CredentialsScreen(self._scope))

    def action_captures(self) -> None:
        """List what runs have saved."""
        from screens.captures import CapturesScreen

        self.app.push_screen(CapturesScreen(self._scope))

    def action_lock(self) -> None:
        """Lock the vault, or ask for the master password."""
        if self._scope.resolver.is_unlocked:
            self._scope.lock()
            self._show_lock()
            return
        from screens.unlock import UnlockScreen

        self.app.push_screen(UnlockScreen(self._scope, ask=True))

    async def _wait(self, work: Callable[..., Result], *arguments: Any) -> Result | None:
        """Call something that waits for the disk; a failure is shown, and the result is then None."""
        try:
            return await asyncio.to_thread(work, self._scope.settings, *arguments)
        except VctuiError as error:
            self._say(str(error), "error")
            return None

    def _database_id(self) -> int | None:
        """The id of the job under the cursor; a file is told how to become one."""
        line = self._rows.picked
        if line is not None and line.database_id is None:
            self._say(f"{line.title} is a file, which is not changed here; ^o imports it into the database")
        return None if line is None else line.database_id

    async def _edit(self, row: dict[str, Any] | None, like: JobCopy | None = None) -> None:
        from screens.job_edit import JobEditScreen

        saved = await self.app.push_screen_wait(JobEditScreen(self._scope, row, like=like))
        if saved is not None:
            self._say("The job is saved")
            self._load(f"database:{saved}")

    @work(exclusive=True, group="act", description="make a job")
    async def action_new(self) -> None:
        """Open the editor on an empty job."""
        await self._edit(None)

    @work(exclusive=True, group="act", description="edit a job")
    async def action_edit(self) -> None:
        """Open the editor on the job under the cursor; a file is imported first, if the user wants it."""
        line = self._rows.picked
        if line is None:
            return
        job_id = line.database_id
        if job_id is None:
            question = f"{line.title} is a file. Import it into the database and edit it there?"
            ask = ConfirmScreen(
                question, "The file stays as it is.", yes="Import", no="Leave it", default=True
            )
            if await self.app.push_screen_wait(ask):
                job_id = await self._import(line)
        if job_id is not None and (row := await self._wait(job_actions.read_row, job_id)) is not None:
            await self._edit(row)

    @work(exclusive=True, group="act", description="duplicate a job")
    async def action_duplicate(self) -> None:
        """Open the editor on a duplicate, its own commands included; it is a job once it is saved."""
        job_id = self._database_id()
        if job_id is not None and (copy := await self._wait(job_actions.read_copy, job_id)) is not None:
            await self._edit(None, copy)

    @work(exclusive=True, group="act", description="switch a job")
    async def action_switch(self) -> None:
        """Enable or disable the job under the cursor."""
        job_id, line = self._database_id(), self._rows.picked
        if job_id is None or line is None:
            return
        if line.entry.job is None:
            self._say(f"{line.title} cannot be used: ^e edits it", "warning")
            return
        await self._wait(job_actions.switch, job_id, not line.entry.job.enabled)
        self._load()

    @work(exclusive=True, group="act", description="remove a job")
    async def action_remove(self) -> None:
        """Delete the job under the cursor from the database, after a question."""
        job_id, line = self._database_id(), self._rows.picked
        if job_id is None or line is None:
            return
        question = f"Remove the job {line.title} from the database?"
        detail = "Its captures and its history stay. It cannot be brought back."
        if await self.app.push_screen_wait(ConfirmScreen(question, detail, yes="Remove", no="Keep")):
            await self._wait(job_actions.remove, job_id)
            self._load()

    @work(exclusive=True, group="act", description="import a job file")
    async def action_import(self) -> None:
        """Bring the job file under the cursor into the database."""
        line = self._rows.picked
        if line is None or line.database_id is not None:
            self._say("The job is in the database already" if line else "There is no job to import")
            return
        await self._import(line)

    async def _import(self, line: JobLine) -> int | None:
        job_id = await self._wait(job_actions.import_file, line.entry.source)
        if job_id is not None:
            self._say(f"{line.title} is imported; the file stays as it is")
            self._load(f"database:{job_id}")
        return job_id
