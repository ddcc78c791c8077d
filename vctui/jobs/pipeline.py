"""Threads that handle what is put to them, with back-pressure on whoever puts."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Stage(Generic[T]):
    """A worker thread behind a queue, or several that do not keep the order. `handle` gets what waits, up to
    `most` items at a time; it should not raise: they would be lost.

    Whoever puts waits while `capacity` items wait here, or those here weigh more than `heaviest` together.
    With `gather`, the first item waits that many seconds for more to be handled with it, but for nothing
    once there are `most` of them, somebody waits for room, or the stage is closed.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[list[T]], None],
        capacity: int = 64,
        most: int = 1,
        weigh: Callable[[T], int] = lambda item: 0,
        heaviest: int = 64 * 1024 * 1024,
        threads: int = 1,
        gather: float = 0.0,
    ) -> None:
        self._handle = handle
        self._capacity = capacity
        self._most = most
        self._weigh = weigh
        self._heaviest = heaviest
        lock = threading.Lock()
        self._work, self._room = threading.Condition(lock), threading.Condition(lock)
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._gather = gather
        self._shut_out = 0
        self._closed = False
        self._name = name
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def put(self, item: T) -> None:
        """Hand over one item; waits while the stage is behind."""
        weight = self._weigh(item)
        with self._room:
            while self._items and self._is_full(weight):
                self._shut_out += 1
                self._work.notify()
                self._room.wait()
                self._shut_out -= 1
            self._items.append((item, weight))
            self._weight += weight
            if len(self._items) == 1 or len(self._items) >= self._most:
                self._work.notify()

    def _is_full(self, weight: int) -> bool:
        return len(self._items) >= self._capacity or self._weight + weight > self._heaviest

    def close(self) -> None:
        """Return once everything put before has been handled."""
        with self._work:
            self._closed = True
            self._work.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._work:
                while not (self._items or self._closed):
                    self._work.wait()
                if not self._items:
                    return
                if self._gather:
                    self._wait_for_more()
                taken = [self._items.popleft() for _ in range(min(self._most, len(self._items)))]
                self._weight -= sum(weight for _, weight in taken)
                # No more than find room: hundreds may be waiting. Who finds none is told of the next.
                self._room.notify(len(taken))
            try:
                self._handle([item for item, _ in taken])
            except BaseException:  # noqa: BLE001 - whoever waits to put must never wait for a dead thread
                _log.exception("%d items of stage %s were lost", len(taken), self._name)
            taken.clear()

    def _wait_for_more(self) -> None:
        until = time.monotonic() + self._gather
        while len(self._items) < self._most and not (self._shut_out or self._closed):
            left = until - time.monotonic()
            if left <= 0:
                return
            self._work.wait(left)
