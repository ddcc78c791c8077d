"""Keep the process's memory to itself: no core file, no peeking by other processes of the same user."""

from __future__ import annotations

import ctypes
import sys

PR_SET_DUMPABLE = 4


def harden_process() -> None:
    """Forbid core files and, on Linux, reading this process's memory and environment under /proc.

    Meant for before the first prompt for a secret. Where the system does not offer it, nothing happens.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
