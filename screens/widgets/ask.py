"""A few lines to fill in, over the screen that needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.widgets.secret import SecretInput
from vctui.text import safe_line

Answers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Blank:
    """One line to fill in."""

    name: str
    label: str
    secret: bool = False
    value: str = ""


class AskScreen(ModalScreen[Answers]):
    """Dismissed with what was filled in, by name, or with None after Escape.

    `check` says what is wrong with the answers as a whole, or nothing; `comment` is shown below a line while
    it is typed.
    """

    HELP = "**Enter** goes to the next line, and from the last one on. **Escape** goes back."
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the box sees it: keys that were typed ahead then go into the next box, and not into this one.
        Binding("enter", "next", "Next", id="ask.next", show=False, priority=True),
        Binding("escape", "dismiss(None)", "Back", id="ask.back"),
        Binding("up", "app.focus_previous", "Line above", id="ask.up", show=False),
        Binding("down", "app.focus_next", "Next line", id="ask.down", show=False),
    ]
    DEFAULT_CSS = """
    AskScreen {
        align: center middle;
        & > Vertical {
            width: 66;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            padding: 1 2;
            border: round $primary;
            border-title-color: $text-primary;
            background: $surface;
        }
        & .label { color: $text-muted; }
        & #detail { margin-bottom: 1; }
        & Input { margin-bottom: 1; background: $surface-lighten-2; }
        & #comment { color: $text-muted; height: auto; }
        & #problem { color: $text-error; height: auto; min-height: 1; }
    }
    """

    def __init__(
        self,
        title: str,
        blanks: Sequence[Blank],
        *,
        detail: str = "",
        check: Callable[[Answers], str | None] = lambda answers: None,
        comment: Callable[[str, str], str] = lambda name, text: "",
    ) -> None:
        super().__init__()
        self._title = title
        self._blanks = tuple(blanks)
        self._detail = detail
        self._check = check
        self._comment = comment

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = safe_line(self._title)
            box.border_subtitle = "⏎ next · Esc back"
            if self._detail:
                yield Static(safe_line(self._detail), id="detail", markup=False)
            for blank in self._blanks:
                yield Static(blank.label, classes="label", markup=False)
                name = f"blank-{blank.name}"
                yield (
                    SecretInput(id=name, compact=True)
                    if blank.secret
                    else Input(blank.value, id=name, compact=True, select_on_focus=False)
                )
            yield Static(id="comment", markup=False)
            yield Static(id="problem", markup=False)

    @property
    def _answers(self) -> Answers:
        return {blank.name: self._box(blank).value for blank in self._blanks}

    def _box(self, blank: Blank) -> Input:
        return self.query_one(f"#blank-{blank.name}", Input)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        name = (event.input.id or "").removeprefix("blank-")
        self.query_one("#comment", Static).update(safe_line(self._comment(name, event.value)))
        if event.value:
            self.query_one("#problem", Static).update("")

    def action_next(self) -> None:
        """Go to the next box; from the last one on, once it has seen all that was typed."""
        boxes = [self._box(blank) for blank in self._blanks]
        at = boxes.index(self.focused) if isinstance(self.focused, Input) else -1
        if at + 1 < len(boxes):
            self.set_focus(boxes[at + 1])
        else:
            boxes[at].call_next(boxes[at].action_submit)

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        event.stop()
        boxes = [self._box(blank) for blank in self._blanks]
        answers = self._answers
        problem = self._check(answers)
        if problem:
            self.query_one("#problem", Static).update(safe_line(problem))
            for secret in self.query(SecretInput):
                secret.forget()
            boxes[0].focus()
            return
        for secret in self.query(SecretInput):
            secret.forget()
        self.dismiss(answers)
