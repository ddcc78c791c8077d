"""Where the threads of many sessions run, and that they interrupt nobody."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FIELD = 36
"""Where the last core stands in /proc/thread-self/stat, behind the name: see proc(5)."""
_FAIR, _TIMES = 0.7, 5
"""How much of a core sessions get that have it for themselves; how often in a row it may be less."""


def near_core() -> int | None:
    """The core that the system has chosen for this thread; None where there is no choice, or nobody knows."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None
    try:
        stat = Path("/proc/thread-self/stat").read_text(encoding="ascii", errors="replace")
        return int(stat.rpartition(")")[2].split()[_FIELD])
    except (OSError, ValueError, IndexError):
        return None


def stand_back() -> None:
    """Have this thread begin when others stop, and not at the moment it is called.

    Whoever calls it still runs, and would be interrupted only to be waited for: three switches, not one.
    """
    with contextlib.suppress(OSError):  # where it is not allowed, all goes on as it was
        if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class SharedCore:
    """One core for the sessions of a process: one computes at a time, and to wake another core takes longer.

    They leave it for good when something else turns out to need it: without them the system moves it.
    """

    def __init__(self, core: int | None) -> None:
        self._core = core
        self._lock = threading.Lock()
        self._threads: dict[int, set[int]] = {}
        self._starved = 0
        self._at, self._used = time.monotonic(), time.process_time()

    @contextmanager
    def stay(self) -> Iterator[None]:
        """Keep this thread there until the block ends; it ends soon after."""
        stand_back()
        me = threading.get_native_id()
        with self._lock, contextlib.suppress(OSError):
            if self._core is not None:
                self._threads[me] = os.sched_getaffinity(me)
                os.sched_setaffinity(me, {self._core})
        try:
            yield
        finally:
            with self._lock:
                self._threads.pop(me, None)

    def look_after(self, busy: bool) -> None:
        """To be called now and then: `busy` says that sessions had something to compute ever since."""
        now, used = time.monotonic(), time.process_time()
        is_starved = busy and used - self._used < _FAIR * (now - self._at)
        self._starved = self._starved + 1 if is_starved else 0
        self._at, self._used = now, used
        if self._starved == _TIMES:
            self._leave()

    def _leave(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._core = None
            for thread, cores in self._threads.items():
                os.sched_setaffinity(thread, cores)
