"""Several jobs in one go, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from vctui.config import Settings
from vctui.jobs.plan import Plan
from vctui.jobs.result import JobResult, refused, worst_of
from vctui.jobs.runner import JobRunner
from vctui.records import SSHCredentials
from vctui.vault import CredentialResolver

Outcome = TypeVar("Outcome")


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
    """Runs jobs given as paths or slugs. `make_runner` gives the runner; the default takes none but these
    arguments.

    A device that several jobs want is logged in to once. With `separate_logins` each job logs in by itself,
    at most `max_concurrent_jobs` of them at a time.
    """

    def __init__(
        self,
        credentials: CredentialResolver | SSHCredentials,
        max_concurrent_jobs: int = 4,
        validate: bool = True,
        *,
        settings: Settings | None = None,
        make_runner: Callable[[], JobRunner] | None = None,
        separate_logins: bool = False,
    ) -> None:
        self._max_concurrent_jobs = max(1, max_concurrent_jobs)
        self._separate_logins = separate_logins
        self._cancel = threading.Event()
        self._make_runner = make_runner or (
            lambda: JobRunner(credentials, validate=validate, settings=settings, cancel=self._cancel)
        )

    def run(self, jobs: Sequence[str | Path]) -> BatchResult:
        """Run every job; one that cannot start is a result with an `error`, and the others go on."""
        runner = self._make_runner()
        planned = [_guarded(str(job), partial(runner.plan_ref, str(job))) for job in jobs]
        plans = [plan for plan in planned if isinstance(plan, Plan)]
        if self._separate_logins:
            apart = run_apart(self._make_runner, plans, self._max_concurrent_jobs, self._cancel)
            results = iter(apart)
        else:
            results = iter(runner.run_plans(plans, self._max_concurrent_jobs))
        return BatchResult([next(results) if isinstance(plan, Plan) else plan for plan in planned])


def run_apart(
    make_runner: Callable[[], JobRunner], plans: Sequence[Plan], at_once: int, cancel: threading.Event
) -> list[JobResult]:
    """Run plans with a runner each, so many at a time; ctrl+c sets the `cancel` that the runners hear."""

    def run(plan: Plan) -> JobResult:
        return _guarded(plan.job.source, lambda: make_runner().run_plan(plan), plan.job.ref)

    with ThreadPoolExecutor(at_once, thread_name_prefix="vctui-batch") as pool:
        try:
            return list(pool.map(run, plans))
        except BaseException:
            cancel.set()  # leaving this block waits for the jobs
            raise


def _guarded(job: str, do: Callable[[], Outcome], ref: str = "") -> Outcome | JobResult:
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - one job's bug must not cost the others their results
        return refused(job, error, ref)
