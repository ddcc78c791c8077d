"""How many connections the system lets this process have at once."""

from __future__ import annotations

import contextlib
import resource

_OTHERS = 200
"""File descriptors that the rest of the program may need: databases, captures, pipes, listeners."""
_EACH = 3
"""Of one session: its socket, and two for a moment while it connects."""


def workers_within_limits(wanted: int) -> int:
    """As many workers as there may be files for; raises the soft limit of this process where that helps."""
    needed = wanted * _EACH + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        soft = limit
    return max(1, min(wanted, (soft - _OTHERS) // _EACH))
