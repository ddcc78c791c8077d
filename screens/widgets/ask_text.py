"""One line of text, asked for over the screen below."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from vctui.text import safe_line

Check = Callable[[str], str | None]
"""A text → why it will not do, or None."""


class AskText(ModalScreen[str]):
    """Dismissed with the text, or with None after Escape. What `check` objects to is said below the text."""

    HELP = "**Enter** takes the text, **Escape** leaves everything as it is."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="ask.back"),
    ]
    DEFAULT_CSS = """
    AskText {
        align: center middle;
        & > Vertical {
            width: 72;
            max-width: 96%;
            height: auto;
            padding: 1 2;
            border: round $primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        & #question { text-style: bold; }
        & #note { color: $text-muted; }
        & Input { margin: 1 0; }
    }
    """

    def __init__(self, question: str, text: str = "", note: str = "", *, check: Check | None = None) -> None:
        super().__init__()
        self._question = question
        self._text = text
        self._note = note
        self._check = check

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_subtitle = "⏎ go on · Esc back"
            yield Static(safe_line(self._question), id="question", markup=False)
            yield Input(safe_line(self._text), compact=True, select_on_focus=False)
            yield Static(safe_line(self._note), id="note", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        problem = "nothing is written" if not text else self._check(text) if self._check else None
        if problem is None:
            self.dismiss(text)
            return
        note = self.query_one("#note", Static)
        note.add_class("error")
        note.update(safe_line(problem))
