"""A table that draws only the lines on show and repaints only the lines that change.

Textual's DataTable measures every cell when it is filled and repaints itself whole when one cell changes;
with 10,000 devices that freezes the screen. `Rows` keeps a reference to any sequence and asks for the text
of a row when that row comes into view, so its cost follows the height of the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vctui.text import safe_line

Item = TypeVar("Item")
RowStyle = Literal["", "ok", "failed", "running", "skipped", "dim"]
Cells = tuple[Sequence[str], RowStyle]
"""The texts of one row, a text a column, and the name of its style."""

HEADER_LINES = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `width` in cells is what it takes, or the least it takes when it is flexible."""

    title: str
    width: int
    flex: int = 0
    """Its share of the cells that are left over; 0 keeps the width."""
    optional: int = 0
    """On narrow terminals the column with the highest number goes first; 0 always stays."""
    align: Literal["left", "right"] = "left"
    styled: bool = False
    """The row's style colours this column only; when no column says so, it colours the whole row."""


def widest(texts: Iterable[str], at_least: int, at_most: int) -> int:
    """The cells that the longest text takes, within bounds: a width for a column."""
    longest = at_least
    for text in texts:
        longest = max(longest, len(text) if text.isascii() else cell_len(text))
        if longest >= at_most:
            return at_most
    return longest


def fit(columns: Sequence[Column], width: int) -> tuple[int, ...]:
    """The cells of each column in a table of `width` cells; 0 for a column that has no place.

    A blank stands before each column and one after the last.
    """
    shown = set(range(len(columns)))

    def needed() -> int:
        return sum(columns[index].width for index in shown) + len(shown) + 1

    while needed() > width and shown:
        least = max(shown, key=lambda index: columns[index].optional)
        if columns[least].optional == 0:
            break
        shown.remove(least)
    spare = max(0, width - needed())
    shares = sum(columns[index].flex for index in shown)
    widths = []
    for index, column in enumerate(columns):
        if index not in shown:
            widths.append(0)
            continue
        extra = spare * column.flex // shares if column.flex else 0
        spare, shares = spare - extra, shares - column.flex
        widths.append(column.width + extra)
    return tuple(widths)


def fit_text(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """The text in exactly `width` cells: padded, or cut with an ellipsis."""
    if text.isascii():
        if len(text) > width:
            return text[: width - 1] + "…"
        return text.rjust(width) if align == "right" else text.ljust(width)
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    return " " * (width - length) + text if align == "right" else text + " " * (width - length)


class Rows(ScrollView, Generic[Item], can_focus=True):
    """Rows of literal text over any sequence, under a line of titles."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "pick", "Open", id="rows.pick", tooltip="Open the row under the cursor"),
        Binding("up,k", "move(-1)", "Up", show=False, id="rows.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="rows.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="rows.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="rows.page_down"),
        Binding("home,g", "first", "First", show=False, id="rows.first"),
        Binding("end,G", "last", "Last", show=False, id="rows.last"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--header",
        "rows--cursor",
        "rows--ok",
        "rows--failed",
        "rows--running",
        "rows--skipped",
        "rows--dim",
    }
    DEFAULT_CSS = """
    Rows {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .rows--header { color: $text-muted; text-style: bold underline; }
        & > .rows--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus > .rows--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        & > .rows--ok { color: $text-success; }
        & > .rows--failed { color: $text-error; }
        & > .rows--running { color: $text-primary; }
        & > .rows--skipped { color: $text-warning; }
        & > .rows--dim { color: $text-muted; }
    }
    """

    cursor = reactive(0, repaint=False, init=False)
    """Index of the row under the cursor; 0 in an empty table."""

    class _Said(Message):
        """A message about one row of `rows`."""

        def __init__(self, rows: Rows, index: int) -> None:  # type: ignore[type-arg]
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> Rows:  # type: ignore[type-arg]
            """The table, for `@on(..., "#id")`."""
            return self.rows

    class Picked(_Said):
        """Enter was pressed on row `index`."""

    class Moved(_Said):
        """The cursor came to row `index`."""

    def __init__(
        self,
        items: Sequence[Item],
        columns: Sequence[Column],
        cells: Callable[[Item], Cells],
        *,
        empty: str = "",
        opens: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._opens = opens
        self.items = items
        self._columns = tuple(columns)
        self._cells = cells
        self._all_styled = not any(column.styled for column in columns)
        self._empty = empty
        self._fitted: tuple[int, tuple[int, ...]] = (-1, ())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter is not offered where nothing stands behind a row (`opens`)."""
        return self._opens or action != "pick"

    def on_mount(self) -> None:
        """Give the scroll bar its range."""
        self.show(self.items)

    def show(self, items: Sequence[Item], cursor: int | None = None, *, empty: str | None = None) -> None:
        """Replace every row; the cursor goes to `cursor`, or stays where it is as far as it can."""
        self.items = items
        if empty is not None:
            self._empty = empty
        self.virtual_size = Size(0, len(items) + HEADER_LINES)
        highest = max(0, len(items) + HEADER_LINES - self.size.height)
        if self.scroll_offset.y > highest:
            self.scroll_to(y=highest, animate=False, force=True)
        wanted = self.cursor if cursor is None else cursor
        self.cursor = max(0, min(wanted, len(items) - 1))
        self.refresh()

    def set_columns(self, columns: Sequence[Column], cells: Callable[[Item], Cells] | None = None) -> None:
        """Replace the columns, and what gives a row its texts when their number changes."""
        self._columns = tuple(columns)
        self._cells = cells or self._cells
        self._all_styled = not any(column.styled for column in columns)
        self._fitted = (-1, ())
        self.refresh()

    def touch(self, index: int) -> None:
        """Repaint one row, if it is on show."""
        y = index - self.scroll_offset.y + HEADER_LINES
        if HEADER_LINES <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    @property
    def in_view(self) -> range:
        """The indexes of the rows in view."""
        first = self.scroll_offset.y
        return range(first, min(len(self.items), first + max(0, self.size.height - HEADER_LINES)))

    @property
    def picked(self) -> Item | None:
        """The item under the cursor, or None in an empty table."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def render_line(self, y: int) -> Strip:
        """One line of the viewport: the titles, or a row."""
        width = self.size.width
        room = width - (self.scrollbar_size_vertical if self.show_vertical_scrollbar else 0)
        if self._fitted[0] != room:
            self._fitted = (room, fit(self._columns, room))
        base = self.rich_style
        if y < HEADER_LINES:
            titles = [column.title for column in self._columns]
            style = self.get_component_rich_style("rows--header")
            return self._strip(titles, base, style, all_styled=True).adjust_cell_length(width, base)
        index = self.scroll_offset.y + y - HEADER_LINES
        if index >= len(self.items):
            if index == 0 and self._empty:
                text = " " + fit_text(safe_line(self._empty), max(1, room - 1))
                style = self.get_component_rich_style("rows--dim")
                return Strip([Segment(text, style)]).adjust_cell_length(width, base)
            return Strip.blank(width, base)
        texts, name = self._cells(self.items[index])
        style = self.get_component_rich_style(f"rows--{name}") if name else base
        if index == self.cursor:
            mark = self.get_component_rich_style("rows--cursor", partial=True)
            base, style = base + mark, style + mark
        strip = self._strip(texts, base, style, all_styled=self._all_styled)
        # Fewer segments, fewer bytes over the line.
        return strip.adjust_cell_length(width, base).simplify()

    def _strip(self, texts: Sequence[str], base: Style, style: Style, *, all_styled: bool) -> Strip:
        segments: list[Segment] = []
        for column, text, width in zip(self._columns, texts, self._fitted[1], strict=True):
            if width:
                fitted = fit_text(safe_line(text), width, column.align)
                segments.append(Segment(" ", base))
                segments.append(Segment(fitted, style if all_styled or column.styled else base))
        return Strip(segments)

    def watch_cursor(self, old: int, new: int) -> None:
        """Repaint the two rows, bring the new one into view and say so."""
        self.touch(old)
        self.touch(new)
        top, height = self.scroll_offset.y, max(1, self.size.height - HEADER_LINES)
        if new < top:
            self.scroll_to(y=new, animate=False, force=True)
        elif new >= top + height:
            self.scroll_to(y=new - height + 1, animate=False, force=True)
        if self.items:
            self.post_message(self.Moved(self, new))

    def action_move(self, by: int) -> None:
        """Move the cursor by rows, not beyond the ends."""
        self.cursor = max(0, min(self.cursor + by, len(self.items) - 1))

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful."""
        self.action_move(direction * max(1, self.size.height - HEADER_LINES - 1))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self.cursor = 0

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self.cursor = max(0, len(self.items) - 1)

    def action_pick(self) -> None:
        """Tell the screen that the row under the cursor was chosen."""
        if self.items:
            self.post_message(self.Picked(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse says; a click on the cursor's row picks it."""
        index = self.scroll_offset.y + event.y - HEADER_LINES
        if event.y < HEADER_LINES or index >= len(self.items):
            return
        event.stop()
        if index == self.cursor:
            self.action_pick()
        self.cursor = index
