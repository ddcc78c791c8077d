"""A box that filters a table as you type; the arrow keys move in the table meanwhile."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from screens.widgets.rows import Rows

TAKEN = frozenset({"enter", "delete,ctrl+d", "end,ctrl+e", "ctrl+c,super+c"})
"""Keys of an input that screens with a filter use for something else."""


class FilterBox(Input, inherit_bindings=False):
    """An input that hands the keys of movement to a table, so that the focus never has to move."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Open", id="filter.submit", tooltip="Go on with the row under the cursor"),
        Binding("up", "rows('move', -1)", "Up", id="filter.up", show=False),
        Binding("down", "rows('move', 1)", "Down", id="filter.down", show=False),
        Binding("pageup", "rows('page', -1)", "Page up", id="filter.page_up", show=False),
        Binding("pagedown", "rows('page', 1)", "Page down", id="filter.page_down", show=False),
        Binding("ctrl+home", "rows('first')", "First", id="filter.first", show=False),
        Binding("ctrl+end", "rows('last')", "Last", id="filter.last", show=False),
        Binding("end", "end", "End of the text", id="filter.end", show=False),
        *(key for key in Input.BINDINGS if isinstance(key, Binding) and key.key not in TAKEN),
    ]

    def __init__(self, rows: Rows[Any], placeholder: str, *, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, compact=True, id=id)
        self._rows = rows

    def empty(self) -> bool:
        """Take away what was typed; False if nothing was."""
        had_text = bool(self.value)
        self.value = ""
        return had_text

    def action_rows(self, action: str, *arguments: int) -> None:
        """Run one of the table's movements."""
        getattr(self._rows, f"action_{action}")(*arguments)


def fits(words: list[str], haystack: str) -> bool:
    """Whether every word is somewhere in the casefolded text."""
    return all(word in haystack for word in words)
