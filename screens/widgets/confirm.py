"""One question, answered with yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class ConfirmScreen(ModalScreen[bool]):
    """Asks a question over the screen below; dismissed with the answer. Escape means no.

    `question` and `detail` are shown as they are, never as markup.
    """

    HELP = """
    ## A question

    **y** is yes, **n** and **Escape** are no, **Enter** is the marked answer.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes", show=False),
        Binding("n,escape", "answer(False)", "No", id="confirm.no", show=False),
        Binding("left,up", "app.focus_previous", "Other answer", id="confirm.previous", show=False),
        Binding("right,down", "app.focus_next", "Other answer", id="confirm.next", show=False),
    ]
    DEFAULT_CSS = """
    ConfirmScreen {
        align: center middle;
        & > Vertical {
            width: 64;
            max-width: 90%;
            height: auto;
            max-height: 90%;
            padding: 1 2;
            border: round $primary;
            background: $surface;
        }
        & #question { text-style: bold; }
        & #detail { color: $text-muted; margin-top: 1; }
        & Horizontal { height: 1; margin-top: 1; align-horizontal: right; }
        & Button { margin-left: 2; }
        & Button:focus {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: bold;
        }
    }
    """

    def __init__(
        self, question: str, detail: str = "", *, yes: str = "Yes", no: str = "No", default: bool = False
    ) -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._labels = (yes, no)
        self._default = default

    def compose(self) -> ComposeResult:
        yes, no = self._labels
        with Vertical():
            yield Static(self._question, id="question", markup=False)
            if self._detail:
                yield Static(self._detail, id="detail", markup=False)
            with Horizontal():
                yield Button(f"{yes} (y)", id="yes", compact=True)
                yield Button(f"{no} (n)", id="no", compact=True)

    def on_mount(self) -> None:
        """Mark the answer that Enter gives."""
        self.query_one("#yes" if self._default else "#no", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)
