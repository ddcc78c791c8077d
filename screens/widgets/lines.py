"""Literal text of any length, a line at a time: only the lines in view are read and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vctui.text import safe_line

MAX_CELLS = 4000
"""A longer line is cut, with an ellipsis."""
TAB = 8


class Source(Protocol):
    """Where lines come from: a list, or a file that is read on demand."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> str: ...


class Lines(ScrollView, can_focus=True):
    """Lines under the arrow and page keys. `follow` keeps the newest line in view while one is at the end."""

    DEFAULT_CSS = """
    Lines { height: 1fr; scrollbar-size: 1 1; }
    """

    def __init__(
        self,
        source: Source = (),
        *,
        width: int = 0,
        follow: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._source = source
        self._width = width
        self._follow = follow

    def on_mount(self) -> None:
        """Give the scroll bars their range."""
        self.show(self._source, self._width)

    def show(self, source: Source, width: int = 0) -> None:
        """Replace the text; `width` is the longest line's, in cells, for scrolling sideways."""
        at_end = self.scroll_offset.y >= self.virtual_size.height - self.size.height
        self._source = source
        self._width = min(width, MAX_CELLS)
        self.virtual_size = Size(self._width, len(source))
        if self._follow and at_end:
            self.scroll_to(y=max(0, len(source) - self.size.height), animate=False, force=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the viewport."""
        left, top = self.scroll_offset
        width, style = self.size.width, self.rich_style
        if top + y >= len(self._source):
            return Strip.blank(width, style)
        strip = Strip([Segment(shown(self._source[top + y]), style)])
        return strip.crop_extend(left, left + width, style)


def shown(text: str) -> str:
    """The line as it is shown: tabs as blanks, nothing that a terminal would obey."""
    return safe_line(text.expandtabs(TAB), MAX_CELLS)


def widest_line(lines: Sequence[str]) -> int:
    """The cells that the longest line takes."""
    return max((cell_len(shown(line)) for line in lines), default=0)
