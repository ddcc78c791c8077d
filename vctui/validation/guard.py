"""A time limit for one template: a processor-time signal interrupts a regular expression that runs away.

`re` holds the interpreter's lock while it matches, so no other thread could stop it. A signal can, but only
in the main thread of a process.
"""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Self, TypeVar

T = TypeVar("T")

TICK_SECONDS = 0.01


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
    """Owns the timer while entered, and gives back the signal's handler after it.

    The timer ticks all the time, and a tick looks whether the limit has passed: with a thousand templates on
    one output, setting it anew for each costs more than many of them do.
    """

    def __init__(self) -> None:
        self._expires: float | None = None
        self._previous: signal.Handlers | Callable[[int, FrameType | None], object] | int | None = None
        self._collects = False

    def __enter__(self) -> Self:
        # The collector's callbacks swallow what a tick raises in them.
        self._collects = gc.isenabled()
        gc.disable()
        self._previous = signal.signal(signal.SIGVTALRM, self._tick)
        signal.setitimer(signal.ITIMER_VIRTUAL, TICK_SECONDS, TICK_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, self._previous)
        if self._collects:
            gc.enable()

    def run(self, seconds: float, function: Callable[[], T]) -> T:
        """function(), or TookTooLong after so many seconds of processor time."""
        try:
            self._expires = time.process_time() + seconds
            try:
                return function()
            finally:
                self._expires = None
        except TookTooLong:
            self._expires = None
            raise

    def _tick(self, *_: object) -> None:
        # Raises at every tick from then on, in case the first falls where an exception is swallowed.
        if self._expires is not None and time.process_time() > self._expires:
            raise TookTooLong
