"""One field of a form: a label, an editor, what is wrong with the value, and what may be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static

from vctui.text import safe_line

LINE_BREAK = "⏎"
"""Stands for a line break in a field of one line."""
LONGEST = 100_000
LABEL = 19
"""Cells before the editor."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: the column it edits, and how it is explained."""

    column: str
    label: str
    hint: str
    kind: Literal["text", "number", "flag", "reference"] = "text"
    """A reference stores the id of what its text names."""
    empty: str | None = None
    """What an emptied field stores."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A known value of a field: what is stored, what is shown."""

    value: Any
    text: str
    note: str = ""


class Toggle(Static, can_focus=True):
    """Yes or no, in words and not in colour only."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "flip", "Yes/No", id="toggle.flip", show=False),
        Binding("y", "set(True)", "Yes", id="toggle.yes", show=False),
        Binding("n", "set(False)", "No", id="toggle.no", show=False),
    ]
    DEFAULT_CSS = """
    Toggle {
        height: 1;
        color: $foreground;
        background: $surface;
        &:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """
    value = reactive(False, init=False)

    @dataclass
    class Changed(Message):
        """The user, or the program, set another value."""

        toggle: Toggle

    def render(self) -> Content:
        """`[x] yes` or `[ ] no`."""
        return Content("[x] yes" if self.value else "[ ] no")

    def watch_value(self) -> None:
        """Tell the field."""
        self.post_message(self.Changed(self))

    def on_click(self) -> None:
        """The mouse works, too."""
        self.action_flip()

    def action_flip(self) -> None:
        """Turn it over."""
        self.value = not self.value

    def action_set(self, value: bool) -> None:
        """Set it."""
        self.value = value


class Field(Widget):
    """A label, an editor beside it and, when there is one, an error below.

    A value whose text the user leaves alone is kept exactly as it was, however odd: NULL stays NULL, and an
    id that names nothing stays. Label and error are drawn by the field itself: widgets cost layout time.
    """

    DEFAULT_CSS = """
    Field {
        layout: vertical;
        height: 1;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &:focus-within { color: $text-primary; }
        &.-wrong { height: 2; color: $text-error; }
        & > Input, & > Toggle { margin-left: 19; width: 1fr; }
    }
    """
    error = reactive("", init=False)
    """What is wrong with the value, as it is shown."""

    @dataclass
    class Changed(Message):
        """Another text, or another choice."""

        field: Field

    def __init__(self, spec: FieldSpec, value: Any, unset: Any = None) -> None:
        """`unset` is what a flag that is NULL means."""
        super().__init__(id=f"field-{spec.column}")
        self.spec = spec
        self.choices: tuple[Choice, ...] = ()
        self._original = value
        self._shown = _text_of(value)
        self._truth = (unset if value in (None, "") else value) not in (None, "", 0, "0", False)
        self._editor: Input | Toggle
        if spec.kind == "flag":
            self._editor = Toggle()
            self._editor.set_reactive(Toggle.value, self._truth)
        else:
            self._editor = Input(self._shown, compact=True, select_on_focus=False)
        self._seen = self.text
        """The text of the last change that was told; an input tells of its first text, too."""

    def compose(self) -> ComposeResult:
        yield self._editor

    def render(self) -> Content:
        """The label, and the error below the editor."""
        label = Content(self.spec.label)
        return Content.assemble(label, "\n", " " * LABEL, self.error) if self.error else label

    @on(Input.Changed)
    @on(Toggle.Changed)
    def _edited(self, event: Message) -> None:
        event.stop()
        if self.text == self._seen:
            return
        self._seen = self.text
        self.show_problem(None)
        self.post_message(self.Changed(self))

    @property
    def text(self) -> str:
        """What the editor shows."""
        return (
            ("yes" if self._editor.value else "no")
            if isinstance(self._editor, Toggle)
            else self._editor.value
        )

    @text.setter
    def text(self, text: str) -> None:
        if isinstance(self._editor, Toggle):
            self._editor.value = text == "yes"
        else:
            self._editor.value = text
            self._editor.cursor_position = len(text)

    @property
    def changed(self) -> bool:
        """Whether the user gave it another value than it had."""
        if isinstance(self._editor, Toggle):
            return self._editor.value != self._truth
        return self._editor.value != self._shown

    @property
    def value(self) -> Any:
        """What to store: the value it had, as long as it is left alone."""
        if not self.changed:
            return self._original
        if isinstance(self._editor, Toggle):
            return int(self._editor.value)
        text = self._editor.value.strip()
        if not text:
            return self.spec.empty
        if self.spec.kind == "number":
            return _number(text)
        if self.spec.kind == "reference":
            found = self._find(text)
            return text if found is None else found.value
        return text.replace(LINE_BREAK, "\n")

    @property
    def problem(self) -> str | None:
        """Why the text cannot be stored: it names nothing that is known."""
        text = self.text.strip()
        if self.spec.kind != "reference" or not self.changed or not text or self._find(text) is not None:
            return None
        known = ", ".join(choice.text for choice in self.choices[:6]) or "none yet"
        more = ", …" if len(self.choices) > 6 else ""
        return f"there is no {self.spec.label.lower()} {text!r}; known: {known}{more}"

    def offer(self, choices: Iterable[Choice]) -> None:
        """Suggest these values; a reference then shows the name of what it refers to."""
        self.choices = tuple(choices)
        if isinstance(self._editor, Toggle):
            return
        texts = [safe_line(choice.text) for choice in self.choices]
        self._editor.suggester = SuggestFromList(texts, case_sensitive=False)
        if self.spec.kind != "reference" or self.changed or self._original in (None, ""):
            return
        named = next((c.text for c in self.choices if str(c.value) == str(self._original)), None)
        self._shown = f"#{self._original} (unknown)" if named is None else safe_line(named)
        with self.prevent(Input.Changed):
            self.text = self._seen = self._shown

    def keep(self) -> None:
        """Take the present value for the one it had: it is saved."""
        value = self.value
        self._original, self._shown = value, self.text
        self._truth = self.text == "yes"

    def show_problem(self, reason: str | None) -> None:
        """Show what is wrong below the field; None takes it away."""
        self.error = safe_line(reason or "")
        self.set_class(bool(self.error), "-wrong")
        if self.error and self.has_focus_within:
            self.call_after_refresh(self.scroll_visible, animate=False)

    def focus_editor(self) -> None:
        """Put the cursor into the field, and the field into view."""
        self._editor.focus(scroll_visible=False)
        self.scroll_visible(animate=False, immediate=True)

    def _find(self, text: str) -> Choice | None:
        wanted = text.casefold()
        return next((choice for choice in self.choices if choice.text.casefold() == wanted), None)


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return safe_line(text.replace("\r\n", "\n").replace("\n", LINE_BREAK), LONGEST)


def _number(text: str) -> int | float | str:
    """The number, or the text when it is none: the check then says so."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
