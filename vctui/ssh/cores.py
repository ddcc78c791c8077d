"""Where the threads of many sessions run, and that they interrupt nobody."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_FIELD = 36
"""Where the last core stands in /proc/thread-self/stat, behind the name: see proc(5)."""


def shared_core() -> int | None:
    """A core for all sessions of this process: the one that the system has chosen for this thread.

    One of them computes at a time, and a core that has just run another one is quicker than one that has to
    be woken. None where there is no choice.
    """
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None
    try:
        stat = Path("/proc/thread-self/stat").read_text(encoding="ascii", errors="replace")
        return int(stat.rpartition(")")[2].split()[_FIELD])
    except (OSError, ValueError, IndexError):
        return None


def stand_back(core: int | None = None) -> None:
    """Have this thread begin when others stop, and not at the moment it is called; on `core`, if given.

    Whoever calls it still runs, and would be interrupted only to be waited for: three switches, not one.
    """
    with contextlib.suppress(OSError):  # where something is not allowed, all goes on as it was
        if core is not None:
            os.sched_setaffinity(0, {core})
        if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
