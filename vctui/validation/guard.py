"""A time limit for one template: a processor-time signal interrupts a regular expression that runs away.

`re` holds the interpreter's lock while it matches, so no other thread could stop it. A signal can, but only
in the main thread of a process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self, TypeVar

T = TypeVar("T")


class TookTooLong(Exception):
    """The limit of `Guard.run` has passed."""


def available() -> bool:
    """Whether a Guard works here: in the main thread, and nobody else uses this timer."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0
    )


class Guard:
    """Owns the timer while entered, and gives back the signal's handler after it."""

    def __init__(self) -> None:
        self._armed = False
        self._previous: signal.Handlers | Callable[[int, FrameType | None], object] | int | None = None

    def __enter__(self) -> Self:
        self._previous = signal.signal(signal.SIGVTALRM, self._expired)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, self._previous)

    def run(self, seconds: float, function: Callable[[], T]) -> T:
        """function(), or TookTooLong after so many seconds of processor time."""
        try:
            self._armed = True
            try:
                # Repeats, in case the first signal falls where an exception is swallowed.
                signal.setitimer(signal.ITIMER_VIRTUAL, max(seconds, 0.001), 0.05)
                return function()
            finally:
                self._armed = False
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except TookTooLong:
            self._armed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            raise

    def _expired(self, *_: object) -> None:
        if self._armed:
            raise TookTooLong
