"""One of several known values, chosen from a list that filters as you type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from screens.widgets.field import Choice
from screens.widgets.filter_box import FilterBox, fits
from screens.widgets.rows import Cells, Column, Rows, widest
from vctui.text import safe_line


class PickScreen(ModalScreen[Choice]):
    """Dismissed with the choice, or None after Escape."""

    HELP = "Type to filter, **↑ ↓** to move, **Enter** to choose, **Escape** to leave the field as it is."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="pick.back"),
    ]
    DEFAULT_CSS = """
    PickScreen {
        align: center middle;
        & > Vertical {
            width: 60;
            max-width: 90%;
            height: auto;
            max-height: 90%;
            border: round $primary;
            border-title-color: $text-primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        & Rows { height: auto; min-height: 3; max-height: 16; }
    }
    """

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._title = title
        self._choices = tuple(choices)
        width = widest((choice.text for choice in choices), 10, 40)
        columns = (Column("Value", width, flex=1), Column("", 16, flex=2, optional=1))
        self._rows: Rows[Choice] = Rows(self._choices, columns, _cells, empty="nothing fits the filter")
        self._rows.can_focus = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = "⏎ choose · Esc back"
            yield FilterBox(self._rows, "type to filter")
            yield self._rows

    def on_mount(self) -> None:
        """As high as the list needs, within the screen."""
        self._rows.styles.height = min(len(self._choices) + 1, 16)

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        event.stop()
        words = event.value.casefold().split()
        self._rows.show([c for c in self._choices if fits(words, f"{c.text} {c.note}".casefold())], 0)

    @on(Input.Submitted)
    @on(Rows.Picked)
    def _chosen(self, event: Input.Submitted | Rows.Picked) -> None:
        event.stop()
        if self._rows.picked is not None:
            self.dismiss(self._rows.picked)


def _cells(choice: Choice) -> Cells:
    return (safe_line(choice.text), safe_line(choice.note)), ""
