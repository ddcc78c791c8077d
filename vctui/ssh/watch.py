"""Whose connection has bytes? Sessions ask as they give up the turn; while none computes, a thread waits."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Who = TypeVar("Who")


class Watch(Generic[Who]):
    """The connections of those who sleep, in an epoll. `whose` and `drop` need a lock of the caller's.

    While sessions compute, they look now and then. When nobody does, the last one rings the bell: a second
    epoll then wakes this watch's thread as soon as any connection has bytes, once. So there is no switch to
    that thread while there is much to do.
    """

    def __init__(self, look_around: Callable[[], None], at_least_every: float) -> None:
        """`look_around` is called at the bell, and every so many seconds in case somebody is stuck."""
        self._look_around = look_around
        self._every = at_least_every
        self._sleepers: dict[int, Who] = {}
        self._epoll, self._bell = select.epoll(), select.epoll()
        self._bell.register(self._epoll, 0)
        self._end, self._ends = os.pipe()
        self._bell.register(self._end, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def watch(self, handle: int, who: Who, events: int) -> None:
        """Watch a connection for one event. One that is closed leaves by itself."""
        self._sleepers[handle] = who
        try:
            self._epoll.modify(handle, events | select.EPOLLONESHOT)
        except FileNotFoundError:
            self._epoll.register(handle, events | select.EPOLLONESHOT)

    def drop(self, handle: int) -> bool:
        """They do not sleep any more; False when bytes have come."""
        return self._sleepers.pop(handle, None) is not None

    def look(self) -> list[tuple[int, int]]:
        """What has come since the last look, at once."""
        return self._epoll.poll(0)

    def whose(self, found: Iterable[tuple[int, int]]) -> list[Who]:
        """Whose the connections are that a look has found."""
        sleepers = (self._sleepers.pop(handle, None) for handle, _ in found)
        return [who for who in sleepers if who is not None]

    def ring(self) -> None:
        """Nobody computes: have the thread wake at the next byte."""
        self._bell.modify(self._epoll, select.EPOLLIN | select.EPOLLONESHOT)

    def _run(self) -> None:
        while not any(handle == self._end for handle, _ in self._bell.poll(self._every)):
            self._look_around()

    def close(self) -> None:
        """End it. Nobody should be waiting any more; who does, after an interrupt, sees the wait out."""
        os.close(self._ends)
        self._thread.join()
        os.close(self._end)
