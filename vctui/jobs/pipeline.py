"""A thread that handles what is put to it, in order, with back-pressure on whoever puts."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Stage(Generic[T]):
    """One worker thread behind a bounded queue. `handle` should not raise: its item would be lost."""

    def __init__(self, name: str, handle: Callable[[T], None], capacity: int = 64) -> None:
        self._handle = handle
        self._queue: queue.Queue[tuple[T] | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Hand over one item; waits while the stage is behind."""
        self._queue.put((item,))

    def close(self) -> None:
        """Return once everything put before has been handled."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            try:
                self._handle(entry[0])
            except BaseException:  # noqa: BLE001 - whoever waits to put must never wait for a dead thread
                _log.exception("an item of stage %s was lost", self._thread.name)
