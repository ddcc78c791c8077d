"""Deadlines, and the way in which another thread ends what a session is waiting for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vctui.ssh.turns import TURNS


class Deadline:
    """A point in time on the monotonic clock."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        left = self._at - time.monotonic()
        return left if left > 0 else 0.0

    def within(self, seconds: float) -> float:
        """What is left, but no more than `seconds`: how long one wait may take."""
        left = self._at - time.monotonic()
        return seconds if seconds < left else max(0.0, left)

    def extend(self, seconds: float) -> None:
        """Put it off."""
        self._at += seconds


@contextmanager
def clock_stopped(*deadlines: Deadline) -> Iterator[None]:
    """Give back the time that the block takes: it waits for a person or other devices, not for this one."""
    started = time.monotonic()
    try:
        with TURNS.resting():
            yield
    finally:
        spent = time.monotonic() - started
        for deadline in deadlines:
            deadline.extend(spent)


class Lifeline:
    """What a session hangs on. Cutting it, from any thread, closes everything that was tied to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []
        self._cut = threading.Event()

    @property
    def is_cut(self) -> bool:
        return self._cut.is_set()

    def pause(self, seconds: float) -> None:
        """Wait that long, or until the line is cut."""
        with TURNS.resting():
            self._cut.wait(seconds)

    def tie(self, closer: Callable[[], None]) -> None:
        """Have `closer` called when the line is cut; at once, when it is cut already. It must not raise."""
        with self._lock:
            if not self._cut.is_set():
                self._closers.append(closer)
                return
        closer()

    def mark(self) -> None:
        """Have it count as cut, before anything is closed."""
        self._cut.set()

    def cut(self) -> None:
        """End the session. Safe to call more than once."""
        with self._lock:
            self._cut.set()
            closers, self._closers = self._closers, []
        for closer in closers:
            closer()


class Lifelines:
    """The live sessions of a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: set[Lifeline] = set()
        self._cut = False

    def open(self) -> Lifeline:
        """A new line; it is cut from the start when the run is cancelled already."""
        line = Lifeline()
        with self._lock:
            self._live.add(line)
            cut = self._cut
        if cut:
            line.cut()
        return line

    def close(self, line: Lifeline) -> None:
        with self._lock:
            self._live.discard(line)

    def cut_all(self) -> None:
        with self._lock:
            self._cut = True
            live = list(self._live)
        # All are marked before any connection is closed: who shares one must not take that for a failure.
        for line in live:
            line.mark()
        for line in live:
            line.cut()

    @property
    def is_cut(self) -> bool:
        return self._cut
