"""What a run's workers ask of the person in front of it, one question at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.widgets.rows import Cells, Column, Rows
from screens.widgets.secret import SecretInput
from vctui.questions import Desk, OpenQuestion
from vctui.text import safe_line

LOOK = 0.2
"""Seconds between two looks at the desk."""
PATIENCE = 4
"""Looks at an empty desk before the screen goes: who got an answer may have another question at once."""


class QuestionScreen(ModalScreen[bool]):
    """Shows the questions of a desk one after another; goes away by itself when none is left.

    Dismissed with True when the user put off what is left.
    """

    CSS_PATH = "question.tcss"
    HELP = """
    ## A question of the run

    Devices wait for what only you can answer: a token, a passphrase, a decision. It is asked once for all of
    them. A one-time code serves one device (or jump host) each.

    **Enter** answers. **ctrl+d** declines: the devices that wait fail, and so do those that would ask the
    same. **Tab** shows the next question. **Escape** puts the questions off: **a** brings them back.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+d",
            "decline",
            "Decline",
            id="question.decline",
            priority=True,
            tooltip="These devices do without an answer, and fail",
        ),
        Binding("tab", "next", "Next", id="question.next", priority=True, tooltip="The next question"),
        Binding("escape", "later", "Later", id="question.later", tooltip="Back to the run, the devices wait"),
        Binding("pageup", "scroll(-1)", "Devices up", id="question.up", show=False),
        Binding("pagedown", "scroll(1)", "Devices down", id="question.down", show=False),
        *(
            Binding(str(number), f"choose({number})", f"Choice {number}", id=f"question.{number}", show=False)
            for number in range(1, 10)
        ),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._current: OpenQuestion | None = None
        self._empty_looks = 0

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(id="who", markup=False)
            with VerticalScroll(id="waiting", can_focus=False):
                yield Static(id="devices", markup=False)
            yield Static(id="prompt", markup=False)
            yield SecretInput("", id="hidden")
            yield Input(id="shown")
            yield Rows((), (Column("Choose", 20, flex=1),), self._choice, id="choices")
            yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        """Show the oldest question, and keep looking."""
        self.set_interval(LOOK, self.look)
        self.look()

    @property
    def question(self) -> OpenQuestion | None:
        """What is shown now."""
        return self._current

    def look(self) -> None:
        """Show what is asked now; a question that is settled gives way to the next, the last to the run."""
        found = self._desk.open()
        if not found:
            self._show_none()
            return
        self._empty_looks = 0
        shown = next((one for one in found if self._current and one.key == self._current.key), None)
        self._show(shown or found[0], found)

    def _show_none(self) -> None:
        """Nothing is asked any more; what is typed now must not act on the run behind."""
        self._empty_looks += 1
        if self._empty_looks >= PATIENCE and self.is_active:
            self.dismiss(False)
        elif self._current is not None:
            self._current = None
            self.query_one("#who", Static).update("Thank you")
            for part in ("#devices", "#prompt", "#keys"):
                self.query_one(part, Static).update("")
            for widget in (*self.query(Input), self.query_one(Rows)):
                widget.display = False

    def _show(self, question: OpenQuestion, found: Sequence[OpenQuestion]) -> None:
        is_new = self._current is None or self._current.question != question.question
        next_device = self._current is None or self._current.devices[:1] != question.devices[:1]
        self._current = question
        self.query_one("#who", Static).update(_who(question))
        self.query_one("#devices", Static).update(", ".join(safe_line(name) for name in question.devices))
        self.query_one("#keys", Static).update(_keys(question, found))
        if is_new or (question.question.once and next_device):
            self._ask(question)

    def _ask(self, question: OpenQuestion) -> None:
        """Offer the box or the choices; what was typed for another question is gone."""
        asked = question.question
        self.query_one("#prompt", Static).update(safe_line(asked.prompt))
        for box in self.query(Input):
            box.value = ""
            box.display = not asked.choices and (box.id == "hidden") == asked.hidden
        choices = self.query_one(Rows)
        choices.display = bool(asked.choices)
        choices.styles.height = len(asked.choices) + 1
        choices.show(asked.choices, 0)
        self.set_focus(choices if asked.choices else self.query_one("#hidden" if asked.hidden else "#shown"))

    def _choice(self, choice: str) -> Cells:
        asked = self._current.question.choices if self._current else ()
        return (f"{asked.index(choice) + 1 if choice in asked else ' '}  {choice}",), ""

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value:
            self._answer(event.value)
        else:
            self.notify("Type the answer, or decline with ctrl+d", markup=False)

    @on(Rows.Picked)
    def _picked(self, message: Rows.Picked) -> None:
        message.stop()
        self._answer(str(message.rows.items[message.index]))

    def action_choose(self, number: int) -> None:
        """Take a choice by its number."""
        choices = self._current.question.choices if self._current else ()
        if number <= len(choices):
            self._answer(choices[number - 1])

    def _answer(self, text: str) -> None:
        for box in self.query(Input):
            box.value = ""
        if self._current is not None and not self._desk.answer(self._current.key, text):
            self.notify("Nobody waits for that answer any more", severity="warning", markup=False)
        self.look()

    def action_decline(self) -> None:
        """Let the devices that wait do without."""
        if self._current is not None:
            self._desk.decline(self._current.key)
        self.look()

    def action_next(self) -> None:
        """The next question of the queue, round about."""
        found = self._desk.open()
        keys = [one.key for one in found]
        if self._current is not None and self._current.key in keys and len(found) > 1:
            self._show(found[(keys.index(self._current.key) + 1) % len(found)], found)

    def action_later(self) -> None:
        """Back to the run; the devices go on waiting."""
        self.dismiss(True)

    def action_scroll(self, pages: int) -> None:
        """Move in a long list of devices."""
        box = self.query_one("#waiting")
        box.scroll_relative(y=pages * max(1, box.size.height), animate=False)


def _who(question: OpenQuestion) -> Content:
    return Content.assemble((_waits(question), "bold"))


def _waits(question: OpenQuestion) -> str:
    """`12 devices wait for: token of jump ams`."""
    count = len(question.devices)
    who = "1 device waits" if count == 1 else f"{count} devices wait"
    return f"{who} for: {safe_line(question.question.title)}"


def _keys(question: OpenQuestion, found: Sequence[OpenQuestion]) -> str:
    keys = "Enter chooses" if question.question.choices else "Enter answers"
    if question.question.once and len(question.devices) > 1:
        keys += ", for one of them"
    keys += "   ^d declines   Esc later"
    if len(found) > 1:
        at = next(number for number, one in enumerate(found, 1) if one.key == question.key)
        keys += f"   Tab next ({at} of {len(found)})"
    return keys


class DeskNotice(Static):
    """Brings the questions of a run to its screen: at once when that is on show, else by a line and a word.

    Nothing opens over a text that is being typed: the keys would land in the answer.
    """

    DEFAULT_CSS = """
    DeskNotice {
        height: 1;
        padding: 0 1;
        color: $text-warning;
        text-style: bold;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        display: none;
        &.-asking { display: block; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(markup=False)
        self._desk = desk
        self._text = ""
        self._known: set[str] = set()
        self._put_off: set[str] = set()

    def on_mount(self) -> None:
        """Begin to look."""
        self.set_interval(LOOK, self.look)

    def look(self) -> None:
        """Open the questions, or tell of them."""
        found = self._desk.open()
        new = [one for one in found if one.key not in self._known]
        self._known = {one.key for one in found}
        self._put_off &= self._known
        self._tell(found)
        typing = isinstance(self.screen.focused, Input)
        if self.screen.is_active and not typing and self._known - self._put_off:
            self.open()
        elif new and not isinstance(self.app.screen, QuestionScreen):
            self.notify(f"{_waits(new[0])}. Answer it on the run's screen", markup=False)

    def _tell(self, found: Sequence[OpenQuestion]) -> None:
        text = ""
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            text = f"? {_waits(found[0])}{more} - a answers"
        if text != self._text:
            self._text = text
            self.set_class(bool(text), "-asking")
            self.update(text)
            self.screen.refresh_bindings()

    def open(self) -> None:
        """Show the questions; those that are left when they are closed wait until they are asked for."""
        if self._desk.open() and self.screen.is_active:
            self.app.push_screen(QuestionScreen(self._desk), self._put_off_rest)

    def _put_off_rest(self, put_off: bool | None) -> None:
        self._put_off = {one.key for one in self._desk.open()} if put_off else set()
