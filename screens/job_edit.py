"""The job editor: every field of a database job, with a live count of the devices it means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Header, Static

from screens.context import Context
from screens.form_screen import FormScreen
from screens.job_fields import SECTIONS
from screens.job_known import JobCopy, Known, read_known
from screens.widgets.field import Choice, Field
from screens.widgets.footer import KeyFooter
from screens.widgets.form import Form
from screens.widgets.matching import FILTER_COLUMNS, Matching
from screens.widgets.pick import PickScreen
from vctui.errors import VctuiError
from vctui.text import safe_line

_FIELD_AT_FAULT = re.compile(r"job: (\w+): (.*)")


class JobEditScreen(FormScreen[int]):
    """Edits one row of `jobs`; dismissed with its id when it was saved, else with None.

    None makes a new job, which is filled with `like` when that is given. Fields that are left alone, and
    columns that are not on the form, stay as they are in the database.
    """

    WHAT = "The job"
    TITLE = "vctui"
    CSS_PATH = "job_edit.tcss"
    HELP = """
    ## Edit a job

    **↑ ↓** and **Enter** go from field to field, **Page up/down** eight at a time, **Space** turns a yes/no
    field over. **F2** lists the values that are known for a field; **→** accepts the suggestion in grey.
    Values that are in no list are kept as they are. `⏎` stands for a line break.

    The line below the form counts the devices that the job means now. **^s** saves; what is wrong is said at
    its field. **Escape** goes back, and asks when something would be lost.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="edit.save", tooltip="Save the job and go back"),
        Binding("f2", "choose", "Choose", id="edit.choose", tooltip="List the known values of this field"),
        Binding("escape", "back", "Back", id="edit.back", tooltip="Go back without saving"),
    ]

    class Loaded(Message):
        """The suggestions are read."""

        def __init__(self, known: Known) -> None:
            super().__init__()
            self.known = known

    class Saved(Message):
        """The row is in the database."""

        def __init__(self, job_id: int) -> None:
            super().__init__()
            self.job_id = job_id

    def __init__(
        self,
        context: Context,
        row: Mapping[str, Any] | None,
        *,
        like: JobCopy | None = None,
    ) -> None:
        super().__init__()
        from vctui.jobs import new_row

        self._scope = context
        self._defaults = new_row()
        self._row = {**self._defaults, **(row or (like.row if like else {}))}
        self._job_id: int | None = self._row.get("id")
        self._like = like
        self._known = Known()
        self._made_slug = ""
        self.sub_title = safe_line(f"Edit job {self._row['name']}") if self._job_id is not None else "New job"

    def compose(self) -> ComposeResult:
        yield Header()
        with Form():
            for title, specs in SECTIONS:
                yield Static(title, classes="section", markup=False)
                for spec in specs:
                    yield Field(spec, self._row.get(spec.column), self._defaults.get(spec.column))
            yield Static(id="about", markup=False)
        yield Matching()
        yield Static(id="hint", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read what can be suggested, while the user begins."""
        self._load()

    @work(thread=True, exclusive=True, group="load", description="read the suggestions")
    def _load(self) -> None:
        self.post_message(self.Loaded(read_known(self._scope.settings, self._job_id)))

    @on(Loaded)
    def _offer(self, event: Loaded) -> None:
        self._known = event.known
        for field in self.query(Field):
            field.offer(event.known.choices.get(field.spec.column, ()))
        for problem in event.known.problems:
            self.notify(safe_line(problem), severity="error", markup=False)
        self.query_one("#about", Static).update(self._about())
        if self._job_id is not None:
            self._show_problems(self._problems())
        if (current := self.query_one(Form).current) is not None:
            self._explain(current)
        self._count()

    def _about(self) -> str:
        lines = [
            f"command {number}: {command.get('command')}" for number, command in enumerate(self._commands, 1)
        ]
        if lines:
            lines.insert(0, "These commands of the job_commands table run instead of Command:")
        if self._known.tags:
            lines.append(f"tags: {', '.join(self._known.tags)}")
        if self._row.get("last_run_at"):
            lines.append(
                f"last run {self._row['last_run_at']}: {self._row.get('last_run_status') or 'unknown'}"
            )
        if self._row.get("legacy_job_file"):
            lines.append(f"imported from {self._row['legacy_job_file']}")
        return "\n".join(safe_line(line) for line in lines)

    @property
    def _commands(self) -> Sequence[Mapping[str, Any]]:
        return self._known.commands or (self._like.commands if self._like else ())

    def _field(self, column: str) -> Field:
        return self.query_one(f"#field-{column}", Field)

    def _values(self) -> dict[str, Any]:
        return {**self._row, **{field.spec.column: field.value for field in self.query(Field)}}

    @on(Form.Entered)
    def _entered(self, event: Form.Entered) -> None:
        self._explain(event.field)

    def _explain(self, field: Field) -> None:
        known = f"  F2 lists {len(field.choices)} known values." if field.choices else ""
        keys = "  Space turns it over." if field.spec.kind == "flag" else known
        self.query_one("#hint", Static).update(field.spec.hint + keys, layout=False)

    @on(Field.Changed)
    def _changed(self, event: Field.Changed) -> None:
        column = event.field.spec.column
        if column == "name" and self._job_id is None:
            self._follow_name(event.field.text)
        if column in FILTER_COLUMNS:
            self._count()

    def _follow_name(self, name: str) -> None:
        """A new job's slug follows its name until the user writes one."""
        from vctui.jobs import slugify

        slug = self._field("slug")
        if slug.text == self._made_slug:
            self._made_slug = slugify(name)
            slug.text = self._made_slug

    def _count(self) -> None:
        filters = [field for field in self.query(Field) if field.spec.column in FILTER_COLUMNS]
        unknown = next((field.problem for field in filters if field.problem), None)
        line = self.query_one(Matching)
        if unknown is not None:
            line.refuse(unknown)
        else:
            line.count(self._known.devices, self._values())

    @work(exclusive=True, group="choose", description="choose a value")
    async def action_choose(self) -> None:
        """Let the user choose among the known values of the field with the cursor."""
        field = self.query_one(Form).current
        if field is None:
            return
        if not field.choices:
            self.notify(f"{field.spec.label}: no values are known", markup=False)
            return
        choice: Choice | None = await self.app.push_screen_wait(PickScreen(field.spec.label, field.choices))
        if choice is not None:
            field.text = safe_line(choice.text)

    def _problems(self) -> dict[str, str]:
        from vctui.jobs import check_row

        found = check_row(self._values(), has_commands=bool(self._commands))
        unknown = {field.spec.column: field.problem for field in self.query(Field) if field.problem}
        return {**found, **unknown}

    def _show_problems(self, problems: Mapping[str, str]) -> list[Field]:
        """Mark the bad fields; the result is those that keep the job from being saved, from the top.

        A value that was bad before, and is left alone, does not: the job is no worse for it.
        """
        blocking: list[Field] = []
        for field in self.query(Field):
            reason = problems.get(field.spec.column)
            field.show_problem(reason)
            if reason is not None and (field.changed or self._job_id is None):
                blocking.append(field)
        return blocking

    def action_save(self) -> None:
        """Check, then save; the first bad field gets the cursor."""
        blocking = self._show_problems(self._problems())
        if blocking:
            blocking[0].focus_editor()
            self.call_after_refresh(blocking[0].scroll_visible, animate=False)
            count = len(blocking)
            self.notify(
                f"Not saved: {count} field{' needs' if count == 1 else 's need'} your attention",
                severity="error",
                markup=False,
            )
            return
        changes = {field.spec.column: field.value for field in self.changes}
        if self._job_id is not None and not changes:
            self.app.notify("Nothing was changed", markup=False)
            self.dismiss(None)
            return
        self._store({"id": self._job_id, **changes} if self._job_id is not None else self._values())

    @work(thread=True, exclusive=True, group="save", description="save the job")
    def _store(self, values: dict[str, Any]) -> None:
        from vctui.storage import JobStore

        extra: dict[str, Any] = {}
        if self._job_id is None and self._like is not None:
            extra = {"commands": self._like.commands or None, "tags": self._like.tags}
        try:
            with JobStore(self._scope.settings.collector_db) as store:
                self.post_message(self.Saved(store.save(values, **extra)))
        except VctuiError as error:
            # Storage names the column at fault, as in `job: slug: x is in use by another job`.
            found = _FIELD_AT_FAULT.fullmatch(error.message)
            column, reason = (found[1], found[2]) if found else (None, str(error))
            self.post_message(self.Refused(reason, column))

    @on(FormScreen.Refused)
    def _refused(self, event: FormScreen.Refused) -> None:
        for field in self.query(Field):
            if field.spec.column == event.column:
                field.show_problem(event.reason)
                field.focus_editor()
        self.notify(safe_line(f"Not saved: {event.reason}"), severity="error", markup=False)

    @on(Saved)
    def _saved(self, event: Saved) -> None:
        self.dismiss(event.job_id)
