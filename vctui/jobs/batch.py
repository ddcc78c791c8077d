"""Several jobs in one go, a few at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from vctui.config import Settings
from vctui.jobs.result import JobResult, worst_of
from vctui.jobs.runner import JobRunner
from vctui.records import SSHCredentials
from vctui.vault import CredentialResolver

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class BatchResult:
    """The results of a batch, in the order of its jobs."""

    results: list[JobResult] = field(default_factory=list)

    @property
    def total_jobs(self) -> int:
        return len(self.results)

    @property
    def successful_jobs(self) -> int:
        return sum(result.status == "success" for result in self.results)

    @property
    def total_success(self) -> int:
        return sum(result.success_count for result in self.results)

    @property
    def total_failed(self) -> int:
        return sum(result.failed_count for result in self.results)

    @property
    def exit_code(self) -> int:
        return worst_of(self.results)


class BatchRunner:
    """Runs jobs given as paths or slugs. `make_runner` gives each job its runner; the default takes none but
    these arguments."""

    def __init__(
        self,
        credentials: CredentialResolver | SSHCredentials,
        max_concurrent_jobs: int = 4,
        validate: bool = True,
        *,
        settings: Settings | None = None,
        make_runner: Callable[[], JobRunner] | None = None,
    ) -> None:
        self._max_concurrent_jobs = max(1, max_concurrent_jobs)
        self._cancel = threading.Event()
        self._make_runner = make_runner or (
            lambda: JobRunner(credentials, validate=validate, settings=settings, cancel=self._cancel)
        )

    def run(self, jobs: Sequence[str | Path]) -> BatchResult:
        """Run every job; one that cannot start is a result with an `error`, and the others go on."""
        with ThreadPoolExecutor(self._max_concurrent_jobs, thread_name_prefix="vctui-batch") as pool:
            try:
                return BatchResult(list(pool.map(self._run, map(str, jobs))))
            except BaseException:
                self._cancel.set()  # ctrl+c in a script: leaving this block waits for the jobs
                raise

    def _run(self, job: str) -> JobResult:
        try:
            return self._make_runner().run(job)
        except Exception as error:  # noqa: BLE001 - one job's bug must not cost the others their results
            _log.exception("job %s broke", job)
            reason = f"internal error ({type(error).__name__})"
            return JobResult(job_file=job, job_id=job, error=reason, error_code=1, status="failed")
