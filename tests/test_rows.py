"""The table of the screens: what it shows, what it asks for, and how little it paints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widgets import Input

from screens.widgets.rows import Cells, Column, Rows, fit, fit_text, widest
from vctui.text import safe_line

HOSTILE = ["[/oops]", "\x1b]52;c;eA==\x07", "[Foo(a=True)]", "a\u202eb", "\x1b[31mred", "a\nb", "[b]bold"]
COLUMNS = (Column("Device", 10), Column("State", 8, styled=True), Column("Note", 10, flex=1, optional=1))


class Table(Rows[int]):
    """Counts what is asked of it."""

    painted = 0

    def render_line(self, y: int) -> Strip:
        self.painted += 1
        return super().render_line(y)


class Shown(App[None]):
    CSS = "Rows { height: 1fr; } Input { height: 1; border: none; }"

    def __init__(self, items: Sequence[int], *, names: Sequence[str] = (), empty: str = "") -> None:
        super().__init__()
        self.asked: list[int] = []
        self.names = names
        self.table = Table(items, COLUMNS, self.cells, empty=empty, id="table")
        self.heard: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        yield self.table
        yield Input()

    def cells(self, item: int) -> Cells:
        self.asked.append(item)
        name = self.names[item] if self.names else f"sw{item}"
        return (name, "ok", "text"), "ok"

    def on_rows_picked(self, message: Rows.Picked) -> None:
        self.heard.append(("picked", message.index))

    def on_rows_moved(self, message: Rows.Moved) -> None:
        self.heard.append(("moved", message.index))

    def lines(self) -> list[str]:
        return [self.table.render_line(y).text.rstrip() for y in range(self.table.size.height)]


async def test_shows_titles_and_the_rows_in_view() -> None:
    app = Shown(range(10_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        lines = app.lines()
        assert lines[0].split() == ["Device", "State", "Note"]
        assert [line.split()[0] for line in lines[1:]] == [f"sw{index}" for index in range(22)]
        assert app.table.in_view == range(22)
        await pilot.press("end")
        await pilot.pause()
        assert app.lines()[-1].split()[0] == "sw9999"
        assert app.table.in_view == range(9_978, 10_000)
        await pilot.press("home", "pagedown", "j", "k", "down")
        await pilot.pause()
        assert app.table.cursor == 22
        assert app.table.in_view == range(1, 23)


async def test_ten_thousand_rows_cost_what_is_in_view() -> None:
    app = Shown(range(10_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert set(app.asked) == set(range(22))

        app.asked.clear()
        app.table.touch(5)
        await pilot.pause()
        assert app.asked == [5]

        app.asked.clear()
        app.table.painted = 0
        for index in range(22, 10_000):
            app.table.touch(index)
        await pilot.pause()
        assert app.asked == []
        assert app.table.painted == 0

        app.table.show(range(5_000))
        await pilot.pause()
        assert set(app.asked) == set(range(22))
        assert len(app.asked) <= 2 * 22


async def test_filtering_moves_the_view_to_what_is_left() -> None:
    app = Shown(range(1_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        app.table.show([3, 4])
        await pilot.pause()
        assert app.table.cursor == 1
        assert [line.split()[0] for line in app.lines()[1:3]] == ["sw3", "sw4"]
        assert not any(app.lines()[3:])
        app.table.show([], empty="No device [matches]")
        await pilot.pause()
        assert app.lines()[1] == " No device [matches]"
        assert app.table.picked is None
        await pilot.press("enter", "down", "end", "pageup")
        assert app.table.cursor == 0
        app.table.show(range(50), cursor=40)
        await pilot.pause()
        assert 40 in app.table.in_view
        assert app.table.picked == 40


async def test_says_where_the_cursor_is_and_what_was_picked() -> None:
    app = Shown(range(3))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "enter", "down", "down", "G", "g")
        await pilot.pause()
        assert app.heard == [("moved", 1), ("picked", 1), ("moved", 2), ("moved", 0)]
        await pilot.click(Table, offset=(3, 3))
        assert app.heard[-1] == ("moved", 2)
        await pilot.click(Table, offset=(3, 3))
        assert app.heard[-1] == ("picked", 2)
        await pilot.click(Table, offset=(3, 0))
        await pilot.click(Table, offset=(3, 9))
        assert app.table.cursor == 2


async def test_hostile_text_is_shown_literally_on_one_line() -> None:
    app = Shown(range(len(HOSTILE)), names=HOSTILE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        shown = app.lines()[1 : len(HOSTILE) + 1]
        assert shown[0].startswith(" [/oops]")
        assert shown[2].startswith(" [Foo(a=Tr…")
        assert shown[6].startswith(" [b]bold")
        assert all(char.isprintable() for line in shown for char in line)
        assert all("ok" in line for line in shown)


async def test_wide_characters_keep_the_columns_in_line() -> None:
    app = Shown(range(3), names=["交換機一二三四五", "sw-äö", "x" * 40])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        strips = [app.table.render_line(y) for y in range(4)]
        starts = {cell_len(strip.text[: strip.text.index("ok")]) for strip in strips[1:]}
        assert starts == {12}
        assert {strip.cell_length for strip in strips} == {app.table.size.width}


async def test_the_last_column_ends_before_the_scroll_bar() -> None:
    app = Shown(range(100))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.table.set_columns((Column("A", 3), Column("B", 3), Column("C", 3, flex=1, align="right")))
        await pilot.pause()
        assert app.table.show_vertical_scrollbar
        assert app.table.render_line(1).text == " sw0 ok " + "text".rjust(40 - 10) + "  "


async def test_the_cursor_is_seen_with_and_without_focus() -> None:
    app = Shown(range(5))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        focused, other = (next(iter(app.table.render_line(y))).style for y in (1, 2))
        assert focused != other
        await pilot.press("tab")
        await pilot.pause()
        blurred, other = (next(iter(app.table.render_line(y))).style for y in (1, 2))
        assert blurred not in (focused, other)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, (10, 8, 58)),
        (32, (10, 8, 10)),
        (31, (10, 8, 0)),
        (21, (10, 8, 0)),
        (5, (10, 8, 0)),
        (0, (10, 8, 0)),
    ],
)
def test_columns_are_fitted_to_the_terminal(width: int, expected: tuple[int, ...]) -> None:
    assert fit(COLUMNS, width) == expected


def test_the_least_wanted_column_goes_first() -> None:
    columns = [Column("a", 5, optional=1), Column("b", 5, optional=2), Column("c", 5), Column("d", 5, flex=1)]
    assert fit(columns, 25) == (5, 5, 5, 5)
    assert fit(columns, 24) == (5, 0, 5, 10)
    assert fit(columns, 18) == (0, 0, 5, 10)
    assert fit([], 10) == ()


@given(text=st.text(max_size=40), width=st.integers(min_value=1, max_value=30))
def test_fitted_text_has_the_width_asked_for(text: str, width: int) -> None:
    aligns: tuple[Literal["left", "right"], ...] = ("left", "right")
    for align in aligns:
        assert cell_len(fit_text(safe_line(text), width, align)) == width


def test_widest_measures_cells_within_bounds() -> None:
    assert widest(["a", "交換"], 2, 20) == 4
    assert widest([], 6, 20) == 6
    assert widest(["x" * 50, "y"], 6, 20) == 20
