"""What several screens do with the output of a device: put it on the template bench, export its records."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from screens import specimens
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from textual.screen import Screen

    from screens.context import Context
    from vctui.events import DeviceFinished


async def open_bench(
    screen: Screen[None], context: Context, run: int | None, finished: DeviceFinished
) -> None:
    """Show the bench with what a device of a run said; what keeps it from that is said on the screen."""
    from screens.bench import BenchScreen

    try:
        found = await asyncio.to_thread(specimens.of_device, context.settings, run, finished)
    except VctuiError as error:
        screen.notify(safe_line(str(error)), severity="error", markup=False)
        return
    screen.app.push_screen(BenchScreen(context, found))


async def open_export(
    screen: Screen[None], context: Context, run: int | None, finished: Sequence[DeviceFinished]
) -> None:
    """Ask where the records of these devices of a run go."""
    from screens.export import ExportScreen

    try:
        found = await asyncio.to_thread(specimens.records_of, context.settings, run or 0, finished)
    except VctuiError as error:
        screen.notify(safe_line(str(error)), severity="error", markup=False)
        return
    if found:
        what = "" if len(found) == 1 else f"run {run}, {len(found)} captures"
        screen.app.push_screen(ExportScreen(context, found, what=what))
