"""Smart Export: the records of captures, written as JSON or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.config import Settings
    from vctui.storage import CaptureRecord

KINDS = (".json", ".csv")


class ExportScreen(ModalScreen[None]):
    """Asks for a file, whose ending says what is written; parses and writes in a thread."""

    HELP = """
    ## Export

    The captures are parsed as their runs would now, and their records written with where they come from.
    **F2** changes between JSON and CSV; a cell of the CSV that a spreadsheet would run is written as text.
    **Enter** writes; a file that is there is overwritten when you press it once more.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "flip", "JSON/CSV", id="export.flip", tooltip="The other kind of file"),
        Binding("escape", "leave", "Back", id="export.back"),
    ]
    DEFAULT_CSS = """
    ExportScreen {
        align: center middle;
        & > Vertical {
            width: 76;
            max-width: 96%;
            height: auto;
            padding: 1 2;
            border: round $primary;
            border-title-color: $text-primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        & Input { margin: 1 0; }
    }
    """

    class Done(Message):
        """The file is written: how many captures had records, and why the first of the others had none."""

        def __init__(self, good: int, reason: str | None) -> None:
            super().__init__()
            self.good = good
            self.reason = reason

    class Failed(Message):
        """It could not be written."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(
        self, context: Context, captures: Sequence[CaptureRecord], wanted: str | None = None, what: str = ""
    ) -> None:
        """`wanted` takes the place of the template's choice; `what` names several captures."""
        super().__init__()
        self._settings = context.settings
        self._captures = captures
        self._wanted = wanted
        one = captures[0]
        self._what = safe_line(
            what if what else f"{one.device_name} {one.capture_type}, captured {(one.captured_at or '')[:19]}"
        )
        stem = what.replace(" ", "-") if what else f"{one.device_name}-{one.capture_type}"
        self._file = self._settings.home / "exports" / f"{_safe_stem(stem)}.json"
        self._confirmed = ""
        self._writing = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Export records"
            box.border_subtitle = "⏎ write · F2 JSON/CSV · Esc back"
            yield Static(self._what, markup=False)
            yield Input(str(self._file), compact=True, select_on_focus=False)
            yield Static("JSON with source, template, time and fields", id="told", markup=False)

    def _tell(self, text: str, *, wrong: bool = False) -> None:
        told = self.query_one("#told", Static)
        told.set_class(wrong, "error")
        told.update(safe_line(text))

    def action_flip(self) -> None:
        """Change the file's ending, which says what is written."""
        box = self.query_one(Input)
        path = Path(box.value)
        box.value = str(path.with_suffix(KINDS[path.suffix == KINDS[0]])) if path.name else box.value
        box.cursor_position = len(box.value)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        csv = event.value.lower().endswith(KINDS[1])
        self._tell("CSV, safe for spreadsheets" if csv else "JSON with source, template, time and fields")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if self._writing or not text:
            return
        try:
            path = Path(text).expanduser().absolute()
            there = path.exists()
        except (OSError, RuntimeError, ValueError) as error:
            self._tell(str(error), wrong=True)
            return
        if there and self._confirmed != text:
            self._confirmed = text
            self._tell("This file is there. Enter once more overwrites it.", wrong=True)
            return
        self._writing = True
        self._tell("parsing…")
        self._write(path)

    @work(thread=True, exit_on_error=False, group="export", description="parse and write")
    def _write(self, path: Path) -> None:
        try:
            good, reason = write_export(self._settings, self._captures, path, self._wanted)
        except VctuiError as error:
            self.post_message(self.Failed(str(error)))
        else:
            self.post_message(self.Done(good, reason))

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        self._writing = False
        self._tell(message.reason, wrong=True)

    @on(Done)
    def _done(self, message: Done) -> None:
        total = len(self._captures)
        told = f"{message.good} of {total} captures written with their records"
        if total == 1:
            told = "The records are written" if message.good else f"Not valid: {message.reason}"
        self.app.notify(
            safe_line(told), severity="information" if message.good == total else "warning", markup=False
        )
        self.dismiss()

    def action_leave(self) -> None:
        """Back; what is being written is written all the same."""
        self.dismiss()


def _safe_stem(text: str) -> str:
    from vctui.storage import safe_name

    return safe_name(text)


def write_export(
    settings: Settings, captures: Sequence[CaptureRecord], path: Path, wanted: str | None
) -> tuple[int, str | None]:
    """Parse captures and write one file; how many had records, and why the first other had none.

    Raises VctuiError.
    """
    from contextlib import closing

    from vctui.jobs import CaptureShelf, documents, export_text
    from vctui.storage import History, make_folders, write_private
    from vctui.validation import open_engine

    with (
        History(settings.collector_db) as history,
        closing(open_engine(settings.templates_db, settings.validation_engine)) as engine,
    ):
        shelf = CaptureShelf(settings, history)
        found = list(documents(shelf, map(shelf.place, captures), engine, wanted))
    text = export_text(found, as_csv=path.suffix.lower() == KINDS[1], single=len(found) == 1)
    make_folders(path.parent)
    write_private(path, text.encode("utf-8", "replace"))
    reasons = [document["reason"] for document in found if document["reason"]]
    return len(found) - len(reasons), reasons[0] if reasons else None
