"""What waits for a worker: some of it not before a certain time, some of it until its turn has come."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Asked = TypeVar("Asked", contravariant=True)


class Gate(Protocol[Asked]):
    """Who decides when an item may go to a worker. Asked under a lock: it must not wait."""

    def lane(self, item: Asked) -> Hashable:
        """Items of one lane go in their order; when one has to wait, so do those behind it."""

    def wait(self, item: Asked) -> float:
        """0 lets the item through, and counts it as begun; else seconds after which to ask again."""


class _Open:
    """A gate that lets everything through."""

    def lane(self, item: object) -> Hashable:
        return None

    def wait(self, item: object) -> float:
        return 0.0


class Waiting(Generic[Item]):
    """Items for workers, each handed out once, and again when it is sent back.

    A worker calls `take`, works, and calls `finish`. Whatever waits for its time holds no worker.
    """

    def __init__(self, items: Iterable[Item], gate: Gate[Item] | None = None) -> None:
        self._gate: Gate[Item] = gate or _Open()
        self._changed = threading.Condition()
        self._lanes: dict[Hashable, deque[Item]] = {}
        self._later: list[tuple[float, int, Item]] = []
        self._number = itertools.count()
        self._out = 0
        self._released = False
        self._watches: list[float] = []
        for item in items:
            self._enter(item)

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._lanes.values())) + len(self._later)

    def take(self) -> Item | None:
        """The next item, once there is one that may be begun; None when none will come any more."""
        with self._changed:
            while True:
                seconds = self._due()
                for lane in list(self._lanes):
                    pause = 0.0 if self._released else self._gate.wait(self._lanes[lane][0])
                    if not pause:
                        return self._leave(lane)
                    seconds = min(seconds, pause)
                if self._is_over():
                    self._changed.notify()  # a thousand at once would fight for the interpreter
                    return None
                self._wait(seconds)

    def finish(self) -> None:
        """Say that an item which was taken is done with; to be called after `send_back`, if at all."""
        with self._changed:
            self._out -= 1
            if self._is_over():
                self._changed.notify()

    def send_back(self, item: Item, seconds: float) -> None:
        """Have an item handed out again, after that long."""
        with self._changed:
            heapq.heappush(self._later, (time.monotonic() + seconds, next(self._number), item))
            self._changed.notify()

    def look_again(self) -> None:
        """Say that the gate may let another item through."""
        with self._changed:
            self._changed.notify()

    def release(self) -> None:
        """Hand out everything at once from now on: the run was cancelled."""
        with self._changed:
            self._released = True
            self._changed.notify()

    def _enter(self, item: Item) -> None:
        self._lanes.setdefault(self._gate.lane(item), deque()).append(item)

    def _leave(self, lane: Hashable) -> Item:
        item = self._lanes[lane].popleft()
        # Lanes take turns, so that a large one does not keep the others waiting.
        rest = self._lanes.pop(lane)
        if rest:
            self._lanes[lane] = rest
        self._out += 1
        if self._lanes or self._later:
            self._changed.notify()  # somebody else must look after what is left
        return item

    def _is_over(self) -> bool:
        return not (self._lanes or self._later or self._out)

    def _wait(self, seconds: float) -> None:
        """Until something changes. Only who is due first looks at the clock: hundreds would wake at once."""
        due = time.monotonic() + seconds
        if due >= min(self._watches, default=float("inf")):
            self._changed.wait()
            return
        self._watches.append(due)
        try:
            self._changed.wait(seconds)
        finally:
            self._watches.remove(due)

    def _due(self) -> float:
        """Let in what has waited long enough; seconds until the next one has."""
        now = time.monotonic()
        while self._later and (self._released or self._later[0][0] <= now):
            self._enter(heapq.heappop(self._later)[2])
        return self._later[0][0] - now if self._later else float("inf")
