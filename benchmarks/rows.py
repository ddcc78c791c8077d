"""Three tables side by side in one run: this project's Rows, textual-fastdatatable, Textual's DataTable.

    python -m benchmarks.rows [--rows 1000,10000] [--frames 20]

textual-fastdatatable is not a dependency: `pip install textual-fastdatatable` first, or its columns are left
out. Each figure is CPU time of the process per step, in milliseconds, until the step is painted at 80x24, and
the bytes that went to the terminal for it. Lower is better; ratios are against Rows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import DataTable

from screens.widgets.rows import Cells, Column, Rows

TITLES = ("Device", "Address", "State", "Result", "Time")
WIDTHS = [14, 15, 9, 28, 7]
STATES = ("waiting", "running", "ok", "failed")
FILTER = ("s", "sw", "sw-", "sw-1", "sw-12", "sw-123", "sw-12", "sw-1", "sw-", "sw", "s", "")
"""What the box holds after each key: a name typed and deleted again."""

Record = list[str]


class CountingDriver(HeadlessDriver):
    """A terminal of 80x24 that counts what it is sent."""

    written = 0

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        CountingDriver.written += len(data.encode())


class Bench(App[None]):
    """One table on the screen, and word of each painting."""

    def __init__(self) -> None:
        super().__init__(driver_class=CountingDriver)
        self.painted = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Vertical(id="place")

    def post_display_hook(self) -> None:
        self.painted.set()


class Contender(Protocol):
    """What each table must be able to do."""

    name: str

    async def fill(self, app: Bench, records: list[Record]) -> None: ...
    def change(self, indexes: Sequence[int], value: str) -> None: ...
    async def filter(self, app: Bench, text: str) -> None: ...


@dataclass
class OwnRows:
    name: str = "Rows"
    records: list[Record] = field(default_factory=list)
    table: Rows[Record] = field(init=False)

    async def fill(self, app: Bench, records: list[Record]) -> None:
        self.records = records
        columns = [Column(title, width) for title, width in zip(TITLES, WIDTHS, strict=True)]
        self.table = Rows(records, columns, self.cells)
        await app.query_one("#place").mount(self.table)

    @staticmethod
    def cells(record: Record) -> Cells:
        return record, ""

    def change(self, indexes: Sequence[int], value: str) -> None:
        for index in indexes:
            self.records[index][2] = value
            self.table.touch(index)

    async def filter(self, app: Bench, text: str) -> None:
        self.table.show([record for record in self.records if text in record[0]])


@dataclass
class Fast:
    name: str = "fastdatatable"
    records: list[Record] = field(default_factory=list)
    table: Any = None

    async def fill(self, app: Bench, records: list[Record]) -> None:
        self.records = records
        self.table = self.build(records)
        await app.query_one("#place").mount(self.table)

    @staticmethod
    def build(records: list[Record]) -> Widget:
        from textual_fastdatatable import ArrowBackend
        from textual_fastdatatable import DataTable as FastTable

        columns = {title: [record[place] for record in records] for place, title in enumerate(TITLES)}
        widths: list[int | None] = [*WIDTHS]
        table: Widget = FastTable(
            backend=ArrowBackend.from_pydict(columns),
            column_widths=widths,
            cursor_type="row",
            render_markup=False,
        )
        return table

    def change(self, indexes: Sequence[int], value: str) -> None:
        for index in indexes:
            self.records[index][2] = value
            self.table.update_cell(index, 2, value)

    async def filter(self, app: Bench, text: str) -> None:
        # Its clear() says: unmount this table and mount a new one instead.
        old, self.table = self.table, self.build([record for record in self.records if text in record[0]])
        with app.batch_update():
            await old.remove()
            await app.query_one("#place").mount(self.table)


@dataclass
class Standard:
    name: str = "DataTable"
    records: list[Record] = field(default_factory=list)
    table: DataTable[str] = field(init=False)

    async def fill(self, app: Bench, records: list[Record]) -> None:
        self.records = records
        self.table = DataTable(cursor_type="row")
        for title, width in zip(TITLES, WIDTHS, strict=True):
            self.table.add_column(title, width=width, key=title)
        self.add(records)
        await app.query_one("#place").mount(self.table)

    def add(self, records: list[Record]) -> None:
        for record in records:
            self.table.add_row(*record, key=record[0])

    def change(self, indexes: Sequence[int], value: str) -> None:
        for index in indexes:
            self.records[index][2] = value
            self.table.update_cell(self.records[index][0], "State", value)

    async def filter(self, app: Bench, text: str) -> None:
        self.table.clear()
        self.add([record for record in self.records if text in record[0]])


@dataclass
class Figures:
    """Milliseconds of CPU and bytes of each step of one scenario."""

    cpu: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.cpu)


async def measured(app: Bench, figures: Figures, step: Callable[[], Awaitable[None] | None]) -> None:
    """Do one step and wait until it is painted and the program is idle again."""
    app.painted.clear()
    sent, started = CountingDriver.written, time.process_time()
    awaitable = step()
    if awaitable is not None:
        await awaitable
    try:
        async with asyncio.timeout(0.25):
            await app.painted.wait()
    except TimeoutError:
        pass  # nothing in view changed, so nothing is painted
    await asyncio.sleep(0.04)
    figures.cpu.append((time.process_time() - started) * 1000)
    figures.sent.append(CountingDriver.written - sent)


def make_records(count: int) -> list[Record]:
    return [[f"sw-{n}", f"192.0.{n // 250 % 250}.{n % 250}", "waiting", "", ""] for n in range(1, count + 1)]


async def measure(contender: Contender, count: int, frames: int) -> dict[str, Figures]:
    """All scenarios for one table of `count` rows."""
    scenarios = ("idle", "fill", "1 row", "20 rows", "row off screen", "filter key")
    found = {name: Figures() for name in scenarios}

    async def scenes(pilot: Pilot[object]) -> None:
        app = pilot.app
        assert isinstance(app, Bench)
        await pilot.pause(0.3)
        for _ in range(3):
            await measured(app, found["idle"], lambda: None)
        await measured(app, found["fill"], lambda: contender.fill(app, make_records(count)))
        await pilot.pause(0.2)
        for frame in range(frames):
            state = STATES[frame % len(STATES)]
            await measured(app, found["1 row"], lambda: contender.change((frame % 20,), state))  # noqa: B023
        for frame in range(frames):
            state = STATES[frame % len(STATES)]
            await measured(app, found["20 rows"], lambda: contender.change(range(20), state))  # noqa: B023
        for frame in range(frames // 4):
            state = STATES[frame % len(STATES)]
            await measured(app, found["row off screen"], lambda: contender.change((count - 1,), state))  # noqa: B023
        for text in FILTER:
            await measured(app, found["filter key"], lambda: contender.filter(app, text))  # noqa: B023
        app.exit()

    await Bench().run_async(headless=False, size=(80, 24), auto_pilot=scenes, mouse=False)
    return found


def report(count: int, found: dict[str, dict[str, Figures]]) -> None:
    print(f"\n{count:,} rows")
    own = found["Rows"]
    print(
        f"{'':16}{'':15}{'CPU ms: median':>15}{'worst':>9}{'bytes':>9}{'x Rows CPU':>12}{'x Rows bytes':>14}"
    )
    for scenario in own:
        if scenario == "idle":
            continue
        for name, all_figures in found.items():
            figures, base = all_figures[scenario], own[scenario]
            sent, own_sent = statistics.median(figures.sent), statistics.median(base.sent)
            ratio = figures.median / base.median if base.median else float("nan")
            bytes_ratio = f"{sent / own_sent:.1f}" if own_sent else ("1.0" if not sent else "-")
            print(
                f"{scenario:16}{name:15}{figures.median:15.1f}{max(figures.cpu):9.1f}{sent:9.0f}"
                f"{ratio:12.1f}{bytes_ratio:>14}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare tables for live rows.")
    parser.add_argument("--rows", default="1000,10000", help="row counts, separated by commas")
    parser.add_argument("--frames", type=int, default=20, help="frames of each update scenario")
    parser.add_argument("--raw", action="store_true", help="print every single figure too")
    arguments = parser.parse_args()
    # The same terminal wherever this runs.
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    contenders: list[Callable[[], Contender]] = [OwnRows, Fast, Standard]
    try:
        fast = version("textual-fastdatatable")
    except PackageNotFoundError:
        fast = "not installed"
        contenders.remove(Fast)
    print(
        f"Python {platform.python_version()}, textual {version('textual')}, textual-fastdatatable {fast}, "
        f"{platform.machine()}, 80x24, truecolor"
    )
    for count in map(int, arguments.rows.split(",")):
        found = {}
        for make in contenders:
            contender = make()
            found[contender.name] = asyncio.run(measure(contender, count, arguments.frames))
        report(count, found)
        if arguments.raw:
            for name, scenarios in found.items():
                for scenario, figures in scenarios.items():
                    cpu = [round(milliseconds, 1) for milliseconds in figures.cpu]
                    print(f"  {name} / {scenario}: ms {cpu} bytes {figures.sent}")


if __name__ == "__main__":
    main()
