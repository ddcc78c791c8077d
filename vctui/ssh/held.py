"""The memory that outputs may take: what all sessions of a run hold together is bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from mmap import mmap

from vctui.ssh.turns import TURNS

_BLOCK = 64 * 1024
_LARGE = 4 * 1024 * 1024
_REUSED = 2 * 1024 * 1024
"""Memory that is taken and given back once: from then on glibc keeps pieces up to this size for the next one.

Else each piece of the first outputs is new memory, and to touch that costs more than to copy what it holds.
"""
_UTF8 = ("utf-8", "surrogatepass")
_LOOK = 0.25
"""Seconds between two looks whether a session that waits for room has been cut."""
_STUCK = 1.0
"""Seconds without room for anybody, after which the largest of those that wait has to go."""


class Buffer:
    """Text that grows. Places are characters, counted from the beginning of all that was ever appended.

    Small parts are joined to blocks, and those of a large output are no part of the heap: each thread's has
    holes and is never given back, which would be twice as large as a flood of outputs itself.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[int, str | mmap]] = []  # the length of each, and its text
        self._last: list[str] = []  # what is no block yet
        self._dropped = self._blocks_end = 0
        self.end = 0
        """The place behind the last character."""

    def append(self, text: str) -> None:
        self._last.append(text)
        self.end += len(text)
        if self.end - self._blocks_end >= _BLOCK:
            block = "".join(self._last)
            # One rare character would make four bytes of each other one.
            outside = self.end - self._dropped > _LARGE or not block.isascii()
            self._blocks.append((len(block), _outside(block) if outside else block))
            self._last, self._blocks_end = [], self.end

    def text(self) -> str:
        """All that is left of it."""
        return self.cut(self._dropped, self.end)

    def cut(self, start: int, end: int) -> str:
        """The text between two places."""
        return "".join(self.parts(start, end))

    def parts(self, start: int, end: int) -> Iterator[str]:
        """The same in pieces, each of them not empty."""
        at = self._dropped
        for size, block in (*self._blocks, *((len(part), part) for part in self._last)):
            if at < end and max(at, start) < min(at + size, end):
                text = block if isinstance(block, str) else block[:].decode(*_UTF8)
                yield text[max(0, start - at) : end - at]
            at += size

    def drop(self, place: int) -> int:
        """Forget what is before a place; returns how many characters are left."""
        rest = self.cut(place, self.end) if place < self.end else ""
        self._blocks, self._last = [], []
        self._dropped = self._blocks_end = self.end = self.end - len(rest)
        if rest:
            self.append(rest)
        return len(rest)


def _outside(text: str) -> mmap:
    """Memory that goes back to the system as soon as nobody uses it."""
    data = text.encode(*_UTF8)
    block = mmap(-1, len(data))
    block.write(data)
    return block


class Held:
    """Bytes of output which all sessions of a run hold together, and their limit.

    A session that finds no room waits, and so does its device. When room comes from nowhere, the largest of
    those that wait is refused: a flood ends so, and not who happens to ask when it has filled everything.
    """

    def __init__(self, limit: int) -> None:
        bytes(_REUSED)
        self._limit = limit
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._held = 0
        self._last_room = time.monotonic()
        self._waiting: dict[object, int] = {}

    def take(self, size: int) -> bool:
        """Hold so many bytes more; False when there is no room for them now."""
        with self._lock:
            fits = self._held + size <= self._limit
            if fits:
                self._held += size
            return fits

    def wait_for(
        self, owner: object, size: int, mine: int, seconds: float, is_over: Callable[[], bool]
    ) -> bool:
        """The same for a session that holds `mine`; False when there will be no room for it.

        Waits at most so long, and not when `is_over` says that it is in vain.
        """
        ends = time.monotonic() + seconds
        with TURNS.resting(), self._room:
            try:
                while self._held + size > self._limit:
                    self._waiting[owner] = mine
                    now = time.monotonic()
                    if now >= ends or is_over() or (self._is_stuck(now) and self._is_largest(owner)):
                        return False
                    self._room.wait(min(_LOOK, ends - now))
                self._held += size
                return True
            finally:
                self._waiting.pop(owner, None)

    def give_back(self, size: int) -> None:
        with self._lock:
            self._held -= size
            self._last_room = time.monotonic()
            if self._waiting:
                self._room.notify_all()

    def _is_stuck(self, now: float) -> bool:
        return now - self._last_room >= _STUCK

    def _is_largest(self, owner: object) -> bool:
        largest = max(self._waiting, key=lambda other: self._waiting[other])
        if owner is largest:
            self._last_room = time.monotonic()  # it makes room now: nobody else has to go with it
            return True
        return False
