"""One session computes at a time, so that a thousand of them do not fight for the interpreter.

Python lets one thread run, and one that wants to run asks for it every 5 ms. With hundreds of sessions awake
at once, each thread of the program, the one that draws the screen included, waits for all of them. Here the
turn goes from hand to hand: a session that has to wait (for the network, a person, the disk) gives it to the
one that has been ready the longest, and sleeps at a lock, where it asks for nothing. Where the system has
epoll, whoever gives the turn away looks at the connections of all (`watch`): a session wakes with its turn,
and not before.
"""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from vctui.ssh.watch import Watch

CROWD = 50
"""Sessions from which on turns pay; fewer lose more by waiting than by a fight now and then."""
_PATIENCE = 0.1
"""Seconds after which the turn is taken from whoever has it: that session waits for something unforeseen."""


class _Seat:
    """Where one session's thread sleeps, until it is called."""

    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()


class _Own(threading.local):
    takes_turns = False

    def __init__(self) -> None:
        self.seat = _Seat()


class Turns:
    """The turns of all sessions of the process. Threads that take no part in them are left alone."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._queue: deque[_Seat] = deque()
        self._holder: _Seat | None = None
        self._since = 0.0
        """When the turn was handed on last."""
        self._taken = 0
        """How often in a row it had to be taken away."""
        self._own = _Own()
        self._crowds = 0
        self._lookers: list[Callable[[bool], None]] = []
        self._was_free = True
        """Whether nobody has had the turn for a moment since the last tick."""
        self._watch: Watch[_Seat] | None = None

    @contextmanager
    def crowd(self, look_after: Callable[[bool], None] | None = None) -> Iterator[None]:
        """Many sessions are about to start: watch their connections until the block ends, if that can be.

        `look_after` then hears every 0.1 s or so whether somebody has had the turn all the time.
        """
        with self._mutex:
            self._crowds += 1
            if look_after is not None:
                self._lookers.append(look_after)
            if self._watch is None and hasattr(select, "epoll"):
                with suppress(OSError, RuntimeError):  # no files or threads are left: each waits by itself
                    self._watch = Watch(self._tick, _PATIENCE)
        try:
            yield
        finally:
            watch = None
            with self._mutex:
                self._crowds -= 1
                if look_after is not None:
                    self._lookers.remove(look_after)
                if not self._crowds:  # only the last one closes it, and once: others may end at the same time
                    watch, self._watch = self._watch, None
            if watch is not None:
                watch.close()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Take turns from here on, until the block ends."""
        self._own.takes_turns = True
        self.back()
        try:
            yield
        finally:
            self.rest()
            self._own.takes_turns = False

    @property
    def has_turn(self) -> bool:
        return self._holder is self._own.seat

    @property
    def watch(self) -> Watch[_Seat] | None:
        """What this thread's session can wait at for bytes; None when it waits for them by itself."""
        return self._watch if self._own.takes_turns else None

    def wait(self, watch: Watch[_Seat], handle: int, seconds: float, events: int = select.POLLIN) -> bool:
        """Sleep until a connection is ready, and its turn has come; False, with the turn, after `seconds`.

        It may be ready by then all the same: nobody looks while others go on.
        """
        seat = self._own.seat
        watch.watch(handle, seat, events)
        self.rest()
        if seat.lock.acquire(timeout=seconds):
            return True
        with self._mutex:
            missed = not watch.drop(handle)
        if missed:
            self._sleep(seat)
        else:
            self.back()
        return missed

    def rest(self) -> None:
        """Give up the turn, if it is this thread's."""
        seat = self._own.seat
        if self._holder is seat:
            watch = self._watch
            found = watch.look() if watch is not None and not self._queue else ()
            with self._mutex:
                if watch is not None and found:
                    self._queue.extend(watch.whose(found))
                if self._holder in (seat, None):  # it may have been taken away meanwhile
                    self._taken = 0
                    self._hand_on()

    def back(self) -> None:
        """Wait for the turn, if this thread takes turns."""
        if self._own.takes_turns and not self.has_turn:
            self._claim(self._own.seat)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Give up the turn while the block waits for something."""
        self.rest()
        try:
            yield
        finally:
            self.back()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let those who are waiting go first, and nobody compute meanwhile."""
        self._claim(self._own.seat)
        try:
            yield
        finally:
            self.rest()

    def _tick(self) -> None:
        self.look_around()
        with self._mutex:
            busy, self._was_free = not self._was_free, self._holder is None
            lookers = list(self._lookers)
        for look_after in lookers:
            look_after(busy)

    def look_around(self) -> None:
        """Call those who have bytes, and see that nobody holds them up."""
        watch = self._watch
        found = watch.look() if watch is not None else ()
        with self._mutex:
            if watch is not None:
                self._queue.extend(watch.whose(found))
            if self._holder is None:
                self._hand_on()
            elif self._queue and time.monotonic() - self._since >= _PATIENCE:
                self._take_away()

    def _claim(self, seat: _Seat) -> None:
        with self._mutex:
            if self._holder is None:
                self._holder, self._since = seat, time.monotonic()
                return
            self._queue.append(seat)
        self._sleep(seat)

    def _sleep(self, seat: _Seat) -> None:
        """Until the turn comes; somebody has to look after whoever has it."""
        while not seat.lock.acquire(timeout=_PATIENCE if self._watch is None else -1):
            self.look_around()

    def _hand_on(self) -> None:
        if self._queue:
            self._since = time.monotonic()
            self._holder = self._queue.popleft()
            self._holder.lock.release()
        else:
            self._holder, self._was_free = None, True
            if self._watch is not None:
                self._watch.ring()

    def _take_away(self) -> None:
        """Call the next one; the longer nobody gives the turn up, the more go on without."""
        for _ in range(min(len(self._queue), 2**self._taken) - 1):
            self._queue.popleft().lock.release()
        self._taken += 1
        self._hand_on()


TURNS = Turns()
