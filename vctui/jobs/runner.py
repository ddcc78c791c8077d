"""Run one job: plan, sessions, recorder, history. Both faces come through here."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from vctui.config import HostKeyPolicy, Settings, load_settings, require_home
from vctui.errors import (
    CredentialNotFound,
    NoDevicesError,
    UsageError,
    VctuiError,
)
from vctui.events import DevicePhase, Phase, RunStarted, Sink, careful, discard
from vctui.jobs.job import DEFAULT_TIMEOUT, DEFAULT_WORKERS, Job, base_folder
from vctui.jobs.judge import Engine
from vctui.jobs.logins import note_use, open_logins
from vctui.jobs.pacing import make_pacer
from vctui.jobs.plan import Plan, PlanItem, Planner
from vctui.jobs.record import Recorder, RecordOptions
from vctui.jobs.result import JobResult
from vctui.jobs.source import JobSource
from vctui.jobs.tally import ProgressCallback, Tally
from vctui.questions import Desk
from vctui.records import CredentialInfo, SSHCredentials
from vctui.ssh import ExecutorOptions, SSHExecutorPool, Target
from vctui.storage import Audit, History, Inventory, clean_temporary, job_lock, run_is_alive
from vctui.validation import ValidationEngine, open_engine
from vctui.vault import CredentialResolver

VALIDATION_SECONDS = 5.0
"""The longest that one output may be parsed."""

__all__ = ["JobResult", "JobRunner", "ProgressCallback"]


class JobRunner:
    """Runs jobs with one set of options.

    `credentials` is an unlocked resolver, or one login for every device. `sink` hears every event, from
    worker threads; setting `cancel` stops the run: live sessions are closed, their devices are `cancelled`.
    Questions for a person go to `desk`; without one they are answered with no.
    An `engine` handed in takes the place of the validation worker and is called in this process. `quiet` is
    there for scripts written for VelocityCollector: this runner never prints.
    """

    def __init__(
        self,
        credentials: CredentialResolver | SSHCredentials,
        validate: bool = True,
        debug: bool = False,
        no_save: bool = False,
        force_save: bool = False,
        limit: int | None = None,
        quiet: bool = False,
        record_history: bool = True,
        *,
        settings: Settings | None = None,
        sink: Sink = discard,
        cancel: threading.Event | None = None,
        workers: int | None = None,
        timeout: float | None = None,
        names: Sequence[str] | None = None,
        host_keys: HostKeyPolicy | None = None,
        engine: Engine | None = None,
        credential: str | None = None,
        allow_any_command: bool = False,
        desk: Desk | None = None,
        retries: int | None = None,
    ) -> None:
        self._credentials = credentials
        self._validate = validate
        self._debug = debug
        self._options = RecordOptions(save=not no_save, force=force_save)
        self._limit = limit
        self._record_history = record_history
        self.settings = settings or load_settings()
        self._sink = careful(sink)
        self._cancel = cancel or threading.Event()
        self._workers = workers
        self._timeout = timeout
        self._names = names
        self._host_keys = host_keys or self.settings.host_keys
        self._engine = engine
        self._credential = credential
        self._allow_any_command = allow_any_command
        self._desk = desk
        self._retries = self.settings.retries if retries is None else retries

    def run(self, path: str | Path, progress_callback: ProgressCallback | None = None) -> JobResult:
        """Run a job file. What keeps the run from starting is in the result's `error`."""
        return self._run_ref(str(path), progress_callback)

    def run_job(
        self,
        job_id: int | None = None,
        job_slug: str | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> JobResult:
        """Run a database job by id or slug. What keeps the run from starting is in the result's `error`."""
        return self._run_ref(job_slug or str(job_id), progress_callback)

    def _run_ref(self, ref: str, progress_callback: ProgressCallback | None) -> JobResult:
        try:
            job = JobSource(self.settings).resolve(ref)
            return self.run_plan(self.plan(job), progress_callback)
        except VctuiError as error:
            return JobResult(
                job_file=ref, job_id=ref, error=str(error), error_code=error.exit_code, status="failed"
            )

    def plan(self, job: Job) -> Plan:
        """The plan of a job under this runner's options; touches no network."""
        require_home(self.settings)
        with ExitStack() as stack:
            engine = self._engine
            if engine is None and self._validate and job_validates(job):
                engine = stack.enter_context(closing(self._own_engine()))
            planner = Planner(
                self.settings,
                credentials=self.credential_infos(),
                template_for=engine.template_for if engine is not None and self._validate else None,
            )
            return planner.plan(job, credential=self._credential, limit=self._limit, names=self._names)

    def _own_engine(self) -> ValidationEngine:
        engine = open_engine(self.settings.templates_db, self.settings.validation_engine)
        engine.time_limit = VALIDATION_SECONDS
        return engine

    def credential_infos(self) -> list[CredentialInfo]:
        """The credentials that a plan may name. Raises CredentialNotFound when the chosen one is missing."""
        if isinstance(self._credentials, SSHCredentials):
            login = self._credentials
            name = self._credential or login.name or login.username
            return [CredentialInfo(login.id or 0, name, login.username, True, True, False, False)]
        infos = self._credentials.credentials()
        if self._credential is not None and all(info.name != self._credential for info in infos):
            raise CredentialNotFound(
                f"no credential called {self._credential!r}", "See them with: vctui vault list"
            )
        return infos

    def run_plan(self, plan: Plan, progress_callback: ProgressCallback | None = None) -> JobResult:
        """Run what `plan` says. Raises VctuiError for what keeps it from starting; after that, never."""
        job = plan.job
        self._check(plan)
        logins = open_logins(self._credentials, plan)
        result = JobResult(job_file=job.source, job_id=job.ref, total_devices=len(plan.items))
        tally = Tally(result, self._cancel, progress_callback)
        with ExitStack() as stack:
            stack.callback(self._say_end, result)
            if self._record_history:
                stack.enter_context(job_lock(self.settings.home, job.source))
                history = stack.enter_context(History(self.settings.collector_db))
                if history.repair_stale(run_is_alive(self.settings.home)):
                    clean_temporary(base_folder(job, self.settings))
                result.history_id = history.start_run(
                    job_id=job.ref, job_file=job.source, job_name=job.name, total=len(plan.items)
                )
            else:
                history = None
            engine = self._engine
            if engine is None and self._validate and job_validates(job):
                engine = stack.enter_context(closing(self._own_engine()))
            started = time.monotonic()
            try:
                note_use(Audit(self.settings.home), plan, result.history_id)
                self._collect(plan, logins, history, engine if self._validate else None, tally)
            except VctuiError as error:
                result.error, result.error_code = str(error), error.exit_code
            finally:
                result.conclude((time.monotonic() - started) * 1000)
                self._conclude(plan, history, tally)
        return result

    def _say_end(self, result: JobResult) -> None:
        if result.status != "running":
            self._sink(result.to_event(result.history_id or 0))

    def _check(self, plan: Plan) -> None:
        if not plan.job.enabled:
            raise UsageError(
                f"job {plan.job.ref} is disabled", f"Enable it: vctui jobs enable {plan.job.ref}"
            )
        if not plan.items:
            raise NoDevicesError(
                f"no device matches job {plan.job.ref} ({len(plan.left_out)} left out)",
                "See why with --dry-run",
            )
        if plan.writing_commands and not self._allow_any_command:
            raise UsageError(
                f"not known to only read: {', '.join(plan.writing_commands)}",
                "Add --allow-any-command if the job is meant to run it",
            )

    def _collect(
        self,
        plan: Plan,
        logins: dict[int | None, SSHCredentials],
        history: History | None,
        engine: Engine | None,
        tally: Tally,
    ) -> None:
        job, run = plan.job, tally.result.history_id or 0
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._sink(RunStarted(run, job.slug or job.ref, job.source, len(plan.items), now))

        recorder = Recorder(
            run,
            job,
            self.settings,
            history=history,
            engine=engine,
            options=self._options,
            sink=self._sink,
            on_finished=tally.finished,
            on_full=tally.disk_full,
        )

        def phase(target: Target, phase: Phase) -> None:
            self._sink(DevicePhase(run, target.device, target.host, phase, target.attempt))

        try:
            pool = SSHExecutorPool(options=self._executor_options(), max_workers=self._worker_count(plan))
            pool.run(
                [self._target(n, item, job, logins) for n, item in enumerate(plan.items)],
                on_phase=phase,
                on_result=lambda target, outcome: recorder.put(plan.items[target.key], outcome),
                cancel=tally.stop,
                desk=self._desk,
                pace=make_pacer(
                    self.settings.home, self.settings.politeness, lambda target: plan.items[target.key]
                ),
            )
        finally:
            recorder.close()

    def _executor_options(self) -> ExecutorOptions:
        return ExecutorOptions(
            known_hosts=self.settings.known_hosts,
            host_keys=self._host_keys,
            debug=self._debug,
            retries=self._retries,
            platforms=self.settings.platforms_dir,
        )

    def _worker_count(self, plan: Plan) -> int:
        wanted = self._workers or plan.job.max_workers or self.settings.workers or DEFAULT_WORKERS
        return max(1, min(wanted, len(plan.items)))

    def _target(self, key: int, item: PlanItem, job: Job, logins: dict[int | None, SSHCredentials]) -> Target:
        return Target(
            device=item.device.name,
            host=item.host,
            credentials=logins[item.credential_id],
            commands=item.commands,
            port=item.port,
            device_type=item.device_type,
            paging_disable=job.paging_disable,
            timeout=self._timeout or job.timeout or self.settings.timeout or DEFAULT_TIMEOUT,
            time_limit=self.settings.time_limit,
            inter_command_delay=job.inter_command_delay or self.settings.inter_command_delay,
            key=key,
        )

    def _conclude(self, plan: Plan, history: History | None, tally: Tally) -> None:
        """Close the books; a disk that is full by now must not hide what was collected."""
        result = tally.result
        if history is None or result.history_id is None:
            return
        try:
            history.finish_run(
                result.history_id,
                status=result.status,
                ok=result.success_count,
                failed=result.failed_count,
                skipped=result.skipped_count,
                cancelled=result.cancelled_count,
                error=result.error,
                database_id=plan.job.database_id,
            )
            if tally.collected:
                with Inventory(self.settings.dcim_db) as inventory:
                    inventory.touch_collected(tally.collected)
        except VctuiError as error:
            result.error = result.error or error.message
            result.error_code = result.error_code or error.exit_code


def job_validates(job: Job) -> bool:
    """Whether any command of the job is parsed with TextFSM."""
    return job.use_textfsm or any(step.use_textfsm for step in job.steps)
