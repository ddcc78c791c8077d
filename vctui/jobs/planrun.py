"""One plan on its way through a pool: its lock, its row of history, its recorder, its counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from vctui.config import Settings
from vctui.errors import VctuiError
from vctui.events import DevicePhase, JumpState, Phase, RunStarted, Sink
from vctui.jobs.job import base_folder
from vctui.jobs.judge import Engine
from vctui.jobs.keeping import RecordOptions
from vctui.jobs.logins import note_use
from vctui.jobs.plan import Plan
from vctui.jobs.record import Recorder
from vctui.jobs.result import JobResult
from vctui.jobs.tally import ProgressCallback, Tally
from vctui.ssh import ExecutionResult, JumpStatus, Target
from vctui.storage import Audit, History, Inventory, clean_temporary, job_lock, run_is_alive


class PlanRun:
    """A `with` block around the sessions of one plan: entering it takes the lock, and raises VctuiError when
    the plan cannot start; leaving it closes the books.

    `put` takes each device once, from any thread. With the last of them the run is over: it does not wait for
    other plans in its pool.
    """

    def __init__(
        self,
        plan: Plan,
        targets: Sequence[Target],
        settings: Settings,
        *,
        engine: Engine | None,
        options: RecordOptions,
        record_history: bool,
        sink: Sink,
        cancel: threading.Event,
        progress: ProgressCallback | None = None,
    ) -> None:
        job = plan.job
        self.plan = plan
        self.targets = targets
        """One for each of the plan's items, in their order."""
        self.result = JobResult(job_file=job.source, job_id=job.ref, total_devices=len(plan.items))
        self._tally = Tally(self.result, cancel, progress)
        self.stop = self._tally.stop
        self._settings = settings
        self._engine = engine
        self._options = options
        self._record_history = record_history
        self._sink = sink
        self._stack = ExitStack()
        self._history: History | None = None
        self._recorder: Recorder | None = None
        self._lock = threading.Lock()
        self._left = len(plan.items)
        self._ended = False

    def __enter__(self) -> Self:
        job, home = self.plan.job, self._settings.home
        try:
            self._stack.callback(self._say_end)
            if self._record_history:
                self._stack.enter_context(job_lock(home, job.source))
                self._history = self._stack.enter_context(History(self._settings.collector_db))
                if self._history.repair_stale(run_is_alive(home)):
                    clean_temporary(base_folder(job, self._settings))
                self.result.history_id = self._history.start_run(
                    job_id=job.ref, job_file=job.source, job_name=job.name, total=len(self.plan.items)
                )
        except BaseException:
            self._stack.close()
            raise
        self._started = time.monotonic()
        try:
            note_use(Audit(home), self.plan, self.result.history_id)
        except VctuiError as error:
            self.fail(error)
            self._end()
        else:
            self._start()
        return self

    def _start(self) -> None:
        run, job = self.number, self.plan.job
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._sink(RunStarted(run, job.slug or job.ref, job.source, len(self.plan.items), now))
        self._recorder = Recorder(
            run,
            job,
            self._settings,
            history=self._history,
            engine=self._engine,
            options=self._options,
            sink=self._sink,
            on_finished=self._tally.finished,
            on_full=self._tally.disk_full,
        )

    @property
    def number(self) -> int:
        """The run's id in history; 0 when it is not kept there."""
        return self.result.history_id or 0

    @property
    def has_ended(self) -> bool:
        return self._ended

    def phase(self, target: Target, phase: Phase) -> None:
        """Say how far a device is."""
        self._sink(DevicePhase(self.number, target.device, target.host, phase, target.attempt))

    def jump(self, status: JumpStatus) -> None:
        """Say how a jump host on the way to some device is used."""
        state = JumpState(self.number, status.jump, status.transports, status.channels, status.error or None)
        self._sink(state)

    def put(self, index: int, outcome: ExecutionResult) -> None:
        """Take in how the plan's item of that index went."""
        assert self._recorder is not None
        self._recorder.put(self.plan.items[index], outcome)
        with self._lock:
            self._left -= 1
            last = not self._left
        if last:
            self._end()

    def fail(self, error: VctuiError) -> None:
        """Note what keeps the run as a whole from going on."""
        self.result.error, self.result.error_code = str(error), error.exit_code

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        """Once everything is on disk: conclude, and free the lock."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        with self._stack:
            if self._recorder is not None:
                self._recorder.close()
            self.result.conclude((time.monotonic() - self._started) * 1000)
            self._close_books()

    def _say_end(self) -> None:
        if self.result.status != "running":
            self._sink(self.result.to_event(self.number))

    def _close_books(self) -> None:
        """A disk that is full by now must not hide what was collected."""
        result = self.result
        if self._history is None or result.history_id is None:
            return
        try:
            self._history.finish_run(
                result.history_id,
                status=result.status,
                ok=result.success_count,
                failed=result.failed_count,
                skipped=result.skipped_count,
                cancelled=result.cancelled_count,
                error=result.error,
                database_id=self.plan.job.database_id,
            )
            if self._tally.collected:
                with Inventory(self._settings.dcim_db) as inventory:
                    inventory.touch_collected(self._tally.collected)
        except VctuiError as error:
            result.error = result.error or error.message
            result.error_code = result.error_code or error.exit_code
