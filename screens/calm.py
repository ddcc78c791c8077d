"""Keeps the screen answering while session threads work.

Python runs one thread at a time. A thread that waits for its turn gets it after the switch interval, and
every session thread that is busy takes a turn before the screen does. So the screen's event loop gives the
threads short turns while it waits for a key or a timer, and the usual long ones while it works: it wakes
early and paints in one go. With 50 sessions at once on two cores that took the longest pause from 170-300 ms
to 50-90 ms (`benchmarks/stall.py`).
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

WHILE_WAITING = 0.0005
WHILE_WORKING = 0.005
"""Switch intervals in seconds; the second is Python's own."""

_busy = 0
_frozen = False


class TurnSelector(selectors.DefaultSelector):
    """Waits for input as any selector does, with short turns for other threads while `quick_turns` is on."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until something can be read or written."""
        if not _busy:
            return super().select(timeout)
        sys.setswitchinterval(WHILE_WAITING)
        try:
            return super().select(timeout)
        finally:
            sys.setswitchinterval(WHILE_WORKING)


@contextmanager
def quick_turns() -> Iterator[None]:
    """Threads are at work: the event loop's `TurnSelector` looks after the turns."""
    global _busy
    _busy += 1
    try:
        yield
    finally:
        _busy -= 1
        if not _busy:
            sys.setswitchinterval(WHILE_WORKING)


def run_calmly(program: Coroutine[Any, Any, object]) -> None:
    """`asyncio.run` with an event loop that looks after the turns."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(TurnSelector())) as runner:
        runner.run(program)


def spare_the_collector() -> None:
    """Take what is loaded by now out of the garbage collector's sight, once.

    It lives as long as the program; walking it all stops every thread, the screen's too, for most of a tenth
    of a second on a slow machine.
    """
    global _frozen
    if not _frozen:
        _frozen = True
        gc.freeze()
