"""One session computes at a time, so that a thousand of them do not fight for the interpreter.

Python lets one thread run, and one that wants to run asks for it every 5 ms. With hundreds of sessions awake
at once, each thread of the program, the one that draws the screen included, waits for all of them. Here a
session whose bytes have come waits for its turn at a lock, where it asks for nothing, and gives its turn up
while it waits for the network, for a person or for the disk.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

CROWD = 50
"""Sessions from which on turns pay; fewer lose more by waiting than by a fight now and then."""
_PATIENCE = 0.1
"""Seconds after which a session computes without its turn: whoever has it waits for something unforeseen."""


class Turns:
    """The turns of all sessions of the process. Threads that take no part in them are left alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own = _Own()

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

    def rest(self) -> None:
        """Give up the turn, if it is this thread's."""
        if self._own.turn:
            self._own.turn = False
            self._lock.release()

    def back(self) -> None:
        """Wait for the turn, if this thread takes turns."""
        if self._own.takes_turns and not self._own.turn:
            self._own.turn = self._lock.acquire(timeout=_PATIENCE)

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
        if self._lock.acquire(timeout=_PATIENCE):
            self._lock.release()


class _Own(threading.local):
    takes_turns = False
    turn = False


TURNS = Turns()
