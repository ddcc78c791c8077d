"""Two boxes that narrow a plan: a part of the name, and how many devices at most."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

Wanted = tuple[str, int | None]
"""Text in the name, and the limit; "" and None narrow nothing."""
EVERYTHING: Wanted = ("", None)


class NarrowBoxes(Horizontal):
    """Says what is wanted at each key; a number that is none limits nothing."""

    DEFAULT_CSS = """
    NarrowBoxes {
        height: 1;
        padding: 0 1;
        & Label { color: $text-muted; }
        & #name { width: 1fr; margin-right: 2; }
        & #limit { width: 10; }
    }
    """

    class Changed(Message):
        """Something else is wanted."""

        def __init__(self, wanted: Wanted) -> None:
            super().__init__()
            self.wanted = wanted

    class Left(Message):
        """Enter was pressed in a box."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = EVERYTHING

    def compose(self) -> ComposeResult:
        yield Label("/ Name ")
        yield Input(placeholder="part of the name", compact=True, id="name")
        yield Label("l Limit ")
        yield Input(placeholder="all", type="integer", compact=True, id="limit")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        limit = self.query_one("#limit", Input).value.strip()
        number = int(limit) if limit.isdecimal() and int(limit) > 0 else None
        wanted = (self.query_one("#name", Input).value.strip(), number)
        if wanted != self._wanted:
            self._wanted = wanted
            self.post_message(self.Changed(wanted))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())
