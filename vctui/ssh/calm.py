"""The garbage collector while sessions run: it looks at what is new, and leaves alone what has lived long.

A session leaves no cycles behind (`tests/test_ssh_calm.py`), so nothing piles up. A look at everything that a
program with 500 sessions holds stops each of its threads for 50 ms, on a slow machine for 300.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NEW, _YOUNG, _OLD = 10_000, 10, 1_000
"""As gc.set_threshold takes them: Python has 700, 10 and 10."""

_lock = threading.Lock()
_usual: list[tuple[int, int, int]] = []


def forget_frames(error: BaseException | None) -> None:
    """Let go of the frames that an error came through: they hold it, too, so neither would go by itself."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


@contextmanager
def calm_collector() -> Iterator[None]:
    """While the block runs, in any thread, the collector hardly ever looks at everything."""
    with _lock:
        _usual.append(gc.get_threshold())
        gc.set_threshold(_NEW, _YOUNG, _OLD)
    try:
        yield
    finally:
        with _lock:
            usual = _usual.pop()
            if not _usual:
                gc.set_threshold(*usual)
