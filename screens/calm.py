"""Keeps the screen answering while session threads work."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL = 0.001
"""Seconds after which a busy session thread gives way to the screen; normally 5 ms."""
_frozen = False


def spare_the_collector() -> None:
    """Take what is loaded by now out of the garbage collector's sight, once.

    They live as long as the program; walking them all stops every thread, the screen's too, for most of a
    tenth of a second on a slow machine.
    """
    global _frozen
    if not _frozen:
        _frozen = True
        gc.freeze()


@contextmanager
def quick_turns() -> Iterator[None]:
    """While this is on, threads take turns more often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
