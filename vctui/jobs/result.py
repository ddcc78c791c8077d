"""What a run came to."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from vctui.errors import VctuiError, worst_exit
from vctui.events import DeviceFinished, RunFinished, RunStatus
from vctui.text import safe_line

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class JobResult:
    """The outcome of one job; `status` is the run's, `exit_code` the command line's."""

    job_file: str
    job_id: str
    success_count: int = 0
    failed_count: int = 0
    skipped_count: int = 0
    cancelled_count: int = 0
    total_devices: int = 0
    duration_ms: float = 0.0
    error: str | None = None
    saved_files: list[tuple[str, str, int, float | None]] = field(default_factory=list)
    """(device, path, size in bytes, score)"""
    validation_failures: list[tuple[str, str, float, str]] = field(default_factory=list)
    """(device, host, score, reason)"""
    history_id: int | None = None
    status: RunStatus = "running"
    error_kinds: set[str] = field(default_factory=set)
    error_code: int = 0
    """The exit code of `error`, when the run as a whole could not go on."""

    def add(self, event: DeviceFinished) -> None:
        """Count one finished device."""
        if event.status == "ok":
            self.success_count += 1
            if event.path is not None:
                self.saved_files.append((event.device, event.path, event.size or 0, event.score))
        elif event.status == "skipped":
            self.skipped_count += 1
            self.validation_failures.append((event.device, event.host, event.score or 0.0, event.error or ""))
        elif event.status == "cancelled":
            self.cancelled_count += 1
        else:
            self.failed_count += 1
        if event.error_kind:
            self.error_kinds.add(event.error_kind)

    @property
    def finished_count(self) -> int:
        """Devices that were counted, whatever became of them."""
        return self.success_count + self.failed_count + self.skipped_count + self.cancelled_count

    def conclude(self, duration_ms: float) -> None:
        """Set the status when no more devices come; it is `interrupted` if some never came."""
        self.duration_ms = duration_ms
        if self.finished_count < self.total_devices and not self.error:
            self.status = "interrupted"
        elif self.cancelled_count and not self.error:
            self.status = "cancelled"
        elif self.error or not self.success_count:
            self.status = "failed"
        elif self.success_count == self.total_devices:
            self.status = "success"
        else:
            self.status = "partial"

    @property
    def exit_code(self) -> int:
        """By the worst that happened: an error, a refused host key, then all or some devices not ok."""
        codes = [self.error_code or (1 if self.error else 0)]
        if self.error_kinds & {"host_key_unknown", "host_key_changed"}:
            codes.append(5)
        if "breaker_open" in self.error_kinds:
            codes.append(6)
        if self.status == "cancelled":
            codes.append(130)
        if self.success_count < self.total_devices or not self.total_devices:
            codes.append(3 if self.success_count else 4)
        return worst_exit(codes)

    def to_event(self, run: int) -> RunFinished:
        """The last event of the run."""
        return RunFinished(
            run=run,
            status=self.status,
            job_file=self.job_file,
            job_id=self.job_id,
            success_count=self.success_count,
            failed_count=self.failed_count,
            skipped_count=self.skipped_count,
            cancelled_count=self.cancelled_count,
            total_devices=self.total_devices,
            duration_ms=self.duration_ms,
            error=self.error,
            saved_files=tuple(self.saved_files),
            validation_failures=tuple(self.validation_failures),
            history_id=self.history_id,
        )


def refused(job_file: str, error: Exception, job_id: str = "") -> JobResult:
    """The result of a job that could not be started; anything but a VctuiError is a bug, and logged."""
    code, text = 1, f"internal error ({type(error).__name__})"
    if isinstance(error, VctuiError):
        code, text = error.exit_code, str(error)
    else:
        _log.error("job %s broke", safe_line(job_file, 200), exc_info=error)
    return JobResult(
        job_file=job_file, job_id=job_id or job_file, error=text, error_code=code, status="failed"
    )


def worst_of(results: Iterable[JobResult]) -> int:
    """The exit code of several jobs: the worst one; some good and some failed is 3."""
    results = list(results)
    code = worst_exit([result.exit_code for result in results])
    if code == 4 and any(result.success_count for result in results):
        return 3
    return code
