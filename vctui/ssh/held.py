"""The memory that outputs may take: what all sessions of a run hold together is bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from vctui.ssh.turns import TURNS

_LOOK = 0.25
"""Seconds between two looks whether a session that waits for room has been cut."""
_STUCK = 1.0
"""Seconds without room for anybody, after which the largest of those that wait has to go."""


class Buffer:
    """Text that grows: one piece of memory, which goes back to the system when it is cleared.

    A list of its parts would leave holes between what lives on, twice as large as a flood of outputs itself.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._dropped = 0

    def append(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "surrogatepass")

    def text(self) -> str:
        """All that is left of it."""
        return self._bytes.decode("utf-8", "surrogatepass")

    @property
    def end(self) -> int:
        """The place behind the last byte; places count from the beginning of all that was ever appended."""
        return self._dropped + len(self._bytes)

    def cut(self, start: int, end: int, *, strict: bool = True) -> str:
        """The text between two places; only without `strict` may they stand within a character."""
        with memoryview(self._bytes)[max(0, start - self._dropped) : max(0, end - self._dropped)] as part:
            return str(part, "utf-8", "surrogatepass" if strict else "ignore")

    def drop(self, place: int) -> int:
        """Forget what is before a place; returns how many bytes are left."""
        rest = self._bytes[max(0, place - self._dropped) :]
        self._dropped = self.end - len(rest)
        self._bytes = rest
        return len(rest)


class Held:
    """Bytes of output which all sessions of a run hold together, and their limit.

    A session that finds no room waits, and so does its device. When room comes from nowhere, the largest of
    those that wait is refused: a flood ends so, and not who happens to ask when it has filled everything.
    """

    def __init__(self, limit: int) -> None:
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
