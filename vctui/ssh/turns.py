"""One session computes at a time, so that a thousand of them do not fight for the interpreter.

Python lets one thread run, and one that wants to run asks for it every 5 ms. With hundreds of sessions awake
at once, each thread of the program, the one that draws the screen included, waits for all of them. Here the
turn goes from hand to hand: a session that has to wait (for the network, a person, the disk) gives it to the
one that has been ready the longest, and sleeps at a lock, where it asks for nothing. Where the system has
epoll, one thread, the usher, watches the connections of all: a session wakes with its turn, and not before.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

CROWD = 50
"""Sessions from which on turns pay; fewer lose more by waiting than by a fight now and then."""
_PATIENCE = 0.1
"""Seconds after which a session computes without its turn: whoever has it waits for something unforeseen."""


class _Seat:
    """Where one session's thread sleeps."""

    __slots__ = ("is_queued", "lock", "since", "turn")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.turn = False
        self.is_queued = False
        self.since = 0.0


class _Own(threading.local):
    takes_turns = False

    def __init__(self) -> None:
        self.seat = _Seat()


class Turns:
    """The turns of all sessions of the process. Threads that take no part in them are left alone."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._queue: deque[_Seat] = deque()
        self._is_taken = False
        self._own = _Own()
        self._crowds = 0
        self._usher: Usher | None = None

    @contextmanager
    def crowd(self) -> Iterator[None]:
        """Many sessions are about to start: have an usher until the block ends, if there can be one."""
        with self._mutex:
            self._crowds += 1
            if self._usher is None and hasattr(select, "epoll"):
                self._usher = Usher(self)
        try:
            yield
        finally:
            with self._mutex:
                self._crowds -= 1
                usher = self._usher
                if not self._crowds:
                    self._usher = None
            if usher is not None and self._usher is None:
                usher.close()

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
    def usher(self) -> Usher | None:
        """Who watches the connections of this thread's session; None when it takes no turns."""
        return self._usher if self._own.takes_turns else None

    @property
    def has_turn(self) -> bool:
        return self._own.seat.turn

    def rest(self) -> None:
        """Give up the turn, if it is this thread's."""
        seat = self._own.seat
        if seat.turn:
            seat.turn = False
            with self._mutex:
                self._is_taken = False
                self._hand_on()

    def back(self) -> None:
        """Wait for the turn, if this thread takes turns."""
        if self._own.takes_turns and not self._own.seat.turn:
            self._claim(self._own.seat)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Give up the turn while the block waits for something."""
        self.rest()
        try:
            yield
        finally:
            self.back()

    def wait_for_turn(self) -> None:
        """Let those who are waiting already go first."""
        self._claim(self._own.seat)
        self.rest()

    def sleep(self, seconds: float | None) -> bool:
        """Sleep until this thread's seat is called, which brings the turn with it; False when it is not."""
        return self._own.seat.lock.acquire(timeout=-1 if seconds is None else seconds)

    def enter(self, seats: list[_Seat]) -> None:
        """What these were waiting for has come: they get their turn in their order."""
        now = time.monotonic()
        with self._mutex:
            for seat in seats:
                self._enqueue(seat, now)
            self._hand_on()

    def hurry(self) -> bool:
        """Let go on, without a turn, whoever has waited for it too long; True while anybody waits."""
        late = time.monotonic() - _PATIENCE
        with self._mutex:
            while self._queue and self._queue[0].since <= late:
                self._call(self._queue.popleft(), turn=False)
            return bool(self._queue)

    def _claim(self, seat: _Seat) -> None:
        with self._mutex:
            if not self._is_taken:
                self._is_taken = seat.turn = True
                return
            self._enqueue(seat, time.monotonic())
        if seat.lock.acquire(timeout=_PATIENCE):
            return
        with self._mutex:
            if seat.is_queued:
                seat.is_queued = False
                self._queue.remove(seat)
                return
        seat.lock.acquire()  # it was called in this very moment

    def _enqueue(self, seat: _Seat, now: float) -> None:
        seat.is_queued, seat.since = True, now
        self._queue.append(seat)

    def _hand_on(self) -> None:
        if self._queue and not self._is_taken:
            self._is_taken = True
            self._call(self._queue.popleft(), turn=True)

    @staticmethod
    def _call(seat: _Seat, *, turn: bool) -> None:
        seat.is_queued, seat.turn = False, turn
        seat.lock.release()


class Usher:
    """A thread that watches for bytes on the connections of sessions that sleep."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._epoll = select.epoll()
        self._mutex = threading.Lock()
        self._watched: dict[int, _Seat] = {}
        self._end, self._bell = os.pipe()
        self._epoll.register(self._end, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="usher", daemon=True)
        self._thread.start()

    def wait(self, handle: int, seconds: float) -> bool:
        """Sleep until bytes have come, and with them the turn; False, with the turn too, when none have."""
        turns, seat = self._turns, self._turns._own.seat
        with self._mutex:
            self._watched[handle] = seat
        self._arm(handle)
        turns.rest()
        if turns.sleep(seconds):
            return True
        with self._mutex:
            missed = self._watched.pop(handle, None) is None
        if missed:
            turns.sleep(None)
        else:
            turns.back()
        return missed

    def _arm(self, handle: int) -> None:
        """Each watch is for one event; a socket that was closed has left by itself."""
        events = select.EPOLLIN | select.EPOLLONESHOT
        try:
            self._epoll.modify(handle, events)
        except FileNotFoundError:
            self._epoll.register(handle, events)

    def _run(self) -> None:
        waits = False
        while True:
            events = self._epoll.poll(_PATIENCE if waits else None)
            if any(handle == self._end for handle, _ in events):
                return
            with self._mutex:
                found = [self._watched.pop(handle, None) for handle, _ in events]
            self._turns.enter([seat for seat in found if seat is not None])
            waits = self._turns.hurry()

    def close(self) -> None:
        """End it; nobody may be waiting any more."""
        os.close(self._bell)
        self._thread.join()
        os.close(self._end)
        self._epoll.close()


TURNS = Turns()
