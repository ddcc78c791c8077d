"""The template bench: candidates for one output ranked, their records, and a template's text to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Header, Input, Label, Static

from screens.bench_candidates import CandidateRows
from screens.bench_keys import HELP, KEYS
from screens.bench_view import NEW, SECTIONS, parts_text, sections_text, verdict_text, wider
from screens.template_editor import Draft, TemplateEditor
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.footer import KeyFooter
from screens.widgets.lines import Lines, widest_line
from screens.widgets.records import RecordRows
from screens.widgets.rows import Rows
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import Specimen


class BenchScreen(Screen[None]):
    """Tries templates on the first of some outputs; the others are a key away."""

    TITLE = "vctui"
    SUB_TITLE = "Template bench"
    CSS_PATH = "bench.tcss"
    AUTO_FOCUS = "#candidates"
    HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]

    def __init__(self, context: Context, specimens: Sequence[Specimen]) -> None:
        super().__init__()
        self.context = context
        self._specimens = tuple(specimens)
        self._at = 0
        self._candidates = CandidateRows(context.settings, id="candidates")
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
        self._candidates.search(self.specimen.text, self.query_one("#filter", Input).value.strip())

    @on(Rows.Moved, "#candidates")
    @on(CandidateRows.Changed)
    @on(TemplateEditor.Changed)
    def _show(self) -> None:
        """Everything that follows from what is known."""
        current = self.query_one(ContentSwitcher).current or SECTIONS[0]
        report = self._candidates.report
        self.query_one("#verdict", Static).update(
            verdict_text(self.specimen.title, report, busy=self._candidates.busy), layout=False
        )
        counts = {
            "candidates": f" ({len(report.tried) if report else 0})",
            "records": self._show_records(),
            "template": " *" if self._editor.changed else "",
            "output": f" ({len(self.specimen.text.splitlines())} lines)",
        }
        self.query_one("#sections", Static).update(sections_text(current, counts), layout=False)
        parts = self.query_one("#parts", Static)
        parts.display = current == "candidates"
        parts.update(parts_text(self._candidates.picked), layout=False)

    def _show_records(self) -> str:
        """Fill the table with the draft's records, or the candidate's; the words for the section's title."""
        picked, report = self._candidates.picked, self._candidates.report
        if self._editor.changed:
            verdict = self._editor.report.verdict if self._editor.report else None
            records = verdict.records if verdict else []
            words = f" (draft: {verdict.record_count})" if verdict else " (draft)"
        elif report and picked and picked.name == self._candidates.answer:
            records, words = report.verdict.records, f" ({picked.record_count})"
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
        picked = self._candidates.picked
        if picked is None:
            await self._open(Draft(self._new_name, self._new_name, None, NEW))
            return
        name = picked.name.split(":")[0]
        text = self._candidates.stored.get(name, "")
        await self._open(Draft(name, picked.name, text, text))

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

        draft, picked = self._editor.draft, self._candidates.picked
        name = draft.name if draft else picked.name if picked else None
        if name is not None:
            self.app.push_screen(RevalidateScreen(self.context, name.split(":")[0]))

    def action_export(self) -> None:
        """Write the records of the capture: as its run parses it, or with the candidate under the cursor."""
        from screens.export import ExportScreen

        capture = self.specimen.capture
        if capture is not None:
            picked, single = self._candidates.picked, len(self._specimens) == 1
            wanted = picked.name if picked and single else None
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
