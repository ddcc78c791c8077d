"""The template bench: candidates for one output ranked, their records, and a template's text to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Header, Input, Label, Static
from textual.worker import Worker, WorkerState

from screens.bench_ask import Asker, stored_templates
from screens.bench_keys import HELP, KEYS
from screens.bench_view import (
    COLUMNS,
    NEW,
    SECTIONS,
    candidate_cells,
    parts_text,
    sections_text,
    verdict_text,
    wider,
)
from screens.template_editor import Draft, TemplateEditor
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.footer import KeyFooter
from screens.widgets.lines import Lines, widest_line
from screens.widgets.records import RecordRows
from screens.widgets.rows import Cells, Rows
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import Specimen
    from vctui.validation import Report, Tried


class BenchScreen(Screen[None]):
    """Tries templates on the first of some outputs; the others are a key away."""

    TITLE = "vctui"
    SUB_TITLE = "Template bench"
    CSS_PATH = "bench.tcss"
    AUTO_FOCUS = "#candidates"
    HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]

    class Ranked(Message):
        """The answer to question `number`: a report with the texts of the templates, or why there is none."""

        def __init__(self, number: int, answer: Report | str, stored: dict[str, str]) -> None:
            super().__init__()
            self.number = number
            self.answer = answer
            self.stored = stored

    def __init__(self, context: Context, specimens: Sequence[Specimen]) -> None:
        super().__init__()
        self.context = context
        self._specimens = tuple(specimens)
        self._at = 0
        self._asker = Asker(context.settings)
        self._busy = False
        self._report: Report | None = None
        self._stored: dict[str, str] = {}
        self._candidates: Rows[Tried] = Rows((), COLUMNS, self._cells, id="candidates")
        self._editor = TemplateEditor(context.settings, id="template")

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="verdict", markup=False)
        with Horizontal(id="ask"):
            yield Label("/ Filter ")
            yield Input(placeholder="every template", compact=True, id="filter", select_on_focus=False)
            yield Label(" w wider  e export  v parse again")
        yield Static(id="sections", markup=False)
        with ContentSwitcher(initial="candidates"):
            yield self._candidates
            yield RecordRows(empty="No record", id="records")
            yield self._editor
            yield Lines(id="output")
        yield Static(id="parts", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Ask for the candidates of the first output."""
        self._open_specimen()

    def on_unmount(self) -> None:
        """End the process that may still be at work."""
        self._asker.stop()

    @property
    def specimen(self) -> Specimen:
        """The output on the bench."""
        return self._specimens[self._at]

    def _open_specimen(self) -> None:
        lines = self.specimen.text.splitlines()
        self.query_one("#output", Lines).show(lines, widest_line(lines))
        self.query_one("#filter", Input).value = self.specimen.filter or ""
        self._ask()

    def _ask(self) -> None:
        """Rank the candidates of the filter anew."""
        number = self._asker.begin()
        self._busy, self._report = True, None
        self._candidates.show((), 0, empty="searching…")
        self._show()
        self._rank(number, self.specimen.text, self.query_one("#filter", Input).value.strip())

    @work(thread=True, group="ask", exit_on_error=False, description="rank templates")
    def _rank(self, number: int, text: str, wanted: str) -> None:
        answer: Report | str | None
        stored: dict[str, str] = {}
        try:
            stored = stored_templates(self.context.settings)
        except VctuiError as error:
            answer = str(error)
        else:
            answer = self._asker.ask(number, lambda bench: bench.rank(text, wanted or None))
        if answer is not None:
            self.post_message(self.Ranked(number, answer, stored))

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    @on(Ranked)
    def _ranked(self, message: Ranked) -> None:
        if not self._asker.is_current(message.number):
            return
        self._busy, self._stored = False, message.stored
        if isinstance(message.answer, str):
            self.notify(safe_line(message.answer), severity="error", markup=False)
            self._candidates.show((), 0, empty=message.answer)
        else:
            self._report = message.answer
            self._candidates.show(self._report.tried, 0, empty="nothing of this filter fits: w widens it")
        self._show()

    @property
    def _picked(self) -> Tried | None:
        return self._candidates.picked

    @property
    def _answer(self) -> str | None:
        verdict = self._report.verdict if self._report else None
        return verdict.template if verdict and verdict.is_valid else None

    def _cells(self, tried: Tried) -> Cells:
        return candidate_cells(tried, self._answer)

    @on(Rows.Moved, "#candidates")
    @on(TemplateEditor.Changed)
    def _show(self) -> None:
        """Everything that follows from what is known."""
        current = self.query_one(ContentSwitcher).current or SECTIONS[0]
        self.query_one("#verdict", Static).update(
            verdict_text(self.specimen.title, self._report, busy=self._busy), layout=False
        )
        counts = {
            "candidates": f" ({len(self._report.tried) if self._report else 0})",
            "records": self._show_records(),
            "template": " *" if self._editor.changed else "",
            "output": f" ({len(self.specimen.text.splitlines())} lines)",
        }
        self.query_one("#sections", Static).update(sections_text(current, counts), layout=False)
        parts = self.query_one("#parts", Static)
        parts.display = current == "candidates"
        parts.update(parts_text(self._picked), layout=False)

    def _show_records(self) -> str:
        """Fill the table with the draft's records, or the candidate's; the words for the section's title."""
        picked = self._picked
        if self._editor.changed:
            verdict = self._editor.report.verdict if self._editor.report else None
            records = verdict.records if verdict else []
            words = f" (draft: {verdict.record_count})" if verdict else " (draft)"
        elif self._report and picked and picked.name == self._answer:
            records, words = self._report.verdict.records, f" ({picked.record_count})"
        else:
            records, words = (picked.records, f" ({picked.record_count})") if picked else ([], "")
        self.query_one(RecordRows).show_records(records)
        return words

    def _go(self, section: str) -> None:
        self.query_one(ContentSwitcher).current = section
        if section == "template":
            self._editor.focus_text()
        else:
            self.query_one(f"#{section}").focus()
        self._show()

    def action_section(self, name: str) -> None:
        """Show candidates, records, the template or the output."""
        if name == "template" and self._editor.draft is None:
            self._pick()
        else:
            self._go(name)

    def action_filter(self) -> None:
        """Type another filter."""
        self.query_one("#filter").focus()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self._go("candidates")
        self._ask()

    def action_widen(self) -> None:
        """More candidates, step by step."""
        box = self.query_one("#filter", Input)
        box.value = wider(self.specimen, box.value)
        self._filtered()

    @work(group="act", exclusive=True, description="show another output")
    async def action_other(self) -> None:
        """The output of the file's next command."""
        if len(self._specimens) > 1 and await self._may_drop():
            self._at = (self._at + 1) % len(self._specimens)
            self._open_specimen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not offered."""
        if action == "other":
            return len(self._specimens) > 1
        if action == "export":
            return self.specimen.capture is not None
        return True

    @on(Rows.Picked, "#candidates")
    def _chosen(self) -> None:
        self._pick()

    @work(group="act", exclusive=True, description="open a template")
    async def _pick(self) -> None:
        """Open the text of a candidate; of several merged ones the first."""
        if self._picked is None:
            await self._open(Draft(self._new_name, self._new_name, None, NEW))
            return
        name = self._picked.name.split(":")[0]
        text = self._stored.get(name, "")
        await self._open(Draft(name, self._picked.name, text, text))

    @work(group="act", exclusive=True, description="begin a template")
    async def action_new(self) -> None:
        """Begin a template for this output."""
        await self._open(Draft(self._new_name, self._new_name, None, NEW))

    @property
    def _new_name(self) -> str:
        return self.specimen.name or "platform_show_command"

    async def _open(self, draft: Draft) -> None:
        current = self._editor.draft
        same = current is not None and current.name == draft.name and self._editor.changed
        if not same and await self._may_drop():
            self._editor.open(draft, self.specimen.text)
            same = True
        if same:
            self._go("template")

    async def _may_drop(self) -> bool:
        draft = self._editor.draft
        if draft is None or not draft.changed:
            return True
        question = f"Drop the changes of {safe_line(draft.name)}?"
        ask = ConfirmScreen(question, "They are not saved.", yes="Drop")
        dropped = await self.app.push_screen_wait(ask)
        return bool(dropped)

    def action_problem(self) -> None:
        """Put the cursor on the next line that TextFSM refuses."""
        if self._editor.problems:
            self._go("template")
            self._editor.next_problem()

    @work(group="act", exclusive=True, description="save a template")
    async def action_save(self) -> None:
        """Ask for the name, store the text, and offer to parse what is stored again."""
        from screens.bench_save import save_draft

        draft = self._editor.draft
        name = await save_draft(self, self.context.settings, self._editor)
        if name is None or draft is None:
            return
        self._editor.open(Draft(name, name, draft.text, draft.text), self.specimen.text)
        self._ask()
        question = "Parse the stored captures of this template again?"
        if await self.app.push_screen_wait(ConfirmScreen(question, "First you see what would change.")):
            self.action_revalidate()

    def action_revalidate(self) -> None:
        """What parsing the captures of this template again would change."""
        from screens.revalidate import RevalidateScreen

        draft = self._editor.draft
        name = draft.name if draft else self._picked.name if self._picked else None
        if name is not None:
            self.app.push_screen(RevalidateScreen(self.context, name.split(":")[0]))

    def action_export(self) -> None:
        """Write the records of the capture: as its run parses it, or with the candidate under the cursor."""
        from screens.export import ExportScreen

        capture = self.specimen.capture
        if capture is not None:
            single = len(self._specimens) == 1
            wanted = self._picked.name if self._picked and single else None
            self.app.push_screen(ExportScreen(self.context, [capture.record], wanted))

    def quit_question(self) -> str | None:
        """What would be lost."""
        return "The template has unsaved changes. Quit without saving?" if self._editor.changed else None

    @work(group="act", exclusive=True, description="leave the bench")
    async def action_back(self) -> None:
        """From the filter to the candidates, from the text to the records; then back."""
        if isinstance(self.focused, Input):
            self._go("candidates")
        elif self._editor.has_focus_within:
            self._go("records")
        elif await self._may_drop():
            self.app.pop_screen()
