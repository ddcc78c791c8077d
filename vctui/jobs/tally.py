"""Counting a run's devices as they finish, and what makes the run stop early."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from vctui.errors import StorageError
from vctui.events import DeviceFinished
from vctui.jobs.plan import PlanItem
from vctui.jobs.result import JobResult
from vctui.ssh import ExecutionResult

ProgressCallback = Callable[[int, int, ExecutionResult], None]
_log = logging.getLogger(__name__)


class Stop(threading.Event):
    """Set by the caller's event, or by the run itself, which must not stop what else hears that event."""

    def __init__(self, outer: threading.Event) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or self._outer.is_set()


class Tally:
    """What a run came to so far. The recorder tells it, from its own thread."""

    def __init__(self, result: JobResult, cancel: threading.Event, progress: ProgressCallback | None) -> None:
        self.result = result
        self.stop = Stop(cancel)
        self.collected: list[int] = []
        """Ids of the devices of which a capture was saved."""
        self._progress = progress

    def finished(self, item: PlanItem, outcome: ExecutionResult, event: DeviceFinished) -> None:
        """Count one device and tell the caller's callback."""
        self.result.add(event)
        if event.path is not None:
            self.collected.append(item.device.id)
        if self._progress is not None:
            try:
                self._progress(self.result.finished_count, self.result.total_devices, outcome)
            except Exception:  # noqa: BLE001 - the caller's bug must not cost the run its devices
                _log.exception("the progress callback failed")

    def disk_full(self, message: str) -> None:
        """End the run: no new session may start when nothing can be saved."""
        self.result.error, self.result.error_code = message, StorageError.exit_code
        self.stop.set()
