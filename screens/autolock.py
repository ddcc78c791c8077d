"""When an unlocked vault locks itself: after idle time, after a working day, after the computer slept.

Deadlines are on a clock that goes on while the computer sleeps and that nobody sets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

Reason = Literal["idle", "absolute", "suspend"]
SLEPT = 1.0
"""Seconds by which a clock that stands still in sleep falls behind before that counts as sleep."""
REASONS: dict[Reason, str] = {
    "idle": "nothing was done for a while",
    "absolute": "it was open for its longest time",
    "suspend": "the computer slept",
}


def _with_sleep() -> float:
    # macOS has no such clock; its monotonic one stands still in sleep, so there only the deadlines work.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class AutoLock:
    """Says when it is time. `touch` may be called from any thread, `due` from one, every second or so."""

    def __init__(
        self,
        *,
        idle: float,
        absolute: float,
        clock: Callable[[], float] = _with_sleep,
        waking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle = idle
        self._absolute = absolute
        self._clock = clock
        self._waking = waking
        self._lock = threading.Lock()
        self._opened: float | None = None
        self._touched = 0.0
        self._slept = 0.0

    def start(self) -> None:
        """The vault was unlocked."""
        with self._lock:
            self._opened = self._touched = self._clock()
            self._slept = self._sleep()

    def stop(self) -> None:
        """The vault was locked."""
        with self._lock:
            self._opened = None

    def touch(self) -> None:
        """The user did something."""
        with self._lock:
            self._touched = self._clock()

    def due(self) -> Reason | None:
        """Why the vault is to be locked now; None when it is not."""
        with self._lock:
            if self._opened is None:
                return None
            now = self._clock()
            if self._sleep() - self._slept > SLEPT:
                return "suspend"
            if now - self._opened >= self._absolute:
                return "absolute"
            return "idle" if now - self._touched >= self._idle else None

    def _sleep(self) -> float:
        return self._clock() - self._waking()
