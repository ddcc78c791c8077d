"""Run jobs: plans, sessions, results. Both faces come through here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from vctui.config import MAX_WORKERS, HostKeyPolicy, Settings, load_settings, require_home
from vctui.errors import CredentialNotFound, NoDevicesError, UsageError, VctuiError
from vctui.events import Sink, careful, discard
from vctui.jobs.breaker import Breaker
from vctui.jobs.hops import open_hops
from vctui.jobs.hosts import trusted_hosts
from vctui.jobs.job import DEFAULT_WORKERS, Job
from vctui.jobs.judge import Engine, job_validates
from vctui.jobs.keeping import RecordOptions
from vctui.jobs.logins import open_logins, password_keeper
from vctui.jobs.pacing import make_pacer
from vctui.jobs.plan import Plan, PlanItem, Planner
from vctui.jobs.planrun import PlanRun
from vctui.jobs.recordings import Recordings
from vctui.jobs.result import JobResult, refused
from vctui.jobs.routes import PlannedHop
from vctui.jobs.source import JobSource
from vctui.jobs.tally import ProgressCallback
from vctui.jobs.targets import executor_options, make_target
from vctui.jobs.together import AnyStop, Together, in_turn, parties, rounds
from vctui.questions import HEADLESS, Desk
from vctui.records import CredentialInfo, SSHCredentials
from vctui.ssh import Hop, SSHExecutorPool, Target
from vctui.validation import ValidationEngine, open_engine
from vctui.vault import CredentialResolver

VALIDATION_SECONDS = 5.0
"""The longest that one output may be parsed."""

__all__ = ["JobResult", "JobRunner", "ProgressCallback"]


class JobRunner:
    """Runs jobs with one set of options.

    `credentials` is an unlocked resolver, or one login for every device. `sink` hears every event, from
    worker threads; setting `cancel` stops the run: live sessions are closed, their devices are `cancelled`.
    Questions for a person go to `desk`; without one they are answered with no. `recordings` takes the
    sessions themselves, to be played again.
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
        recordings: Recordings | None = None,
    ) -> None:
        self._credentials = credentials
        self._validate = validate
        self._debug = debug
        self._options = RecordOptions(save=not no_save, force=force_save, recordings=recordings)
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
        self._desk = desk or HEADLESS
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
            return self.run_plan(self.plan_ref(ref), progress_callback)
        except VctuiError as error:
            return refused(ref, error)

    def plan_ref(self, ref: str) -> Plan:
        """The plan of the job with that slug, id or file. Raises VctuiError."""
        return self.plan(JobSource(self.settings).resolve(ref))

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
        with ExitStack() as stack:
            run = self._open(stack, plan, self._open_engine(stack, [plan]), progress_callback)
            self._collect([run], self._worker_count(plan))
        return run.result

    def run_plans(self, plans: Sequence[Plan], at_once: int = 1) -> list[JobResult]:
        """Run several plans, at most `at_once` at a time; the results come in their order.

        Those that want the same devices run together: a device is logged in to once for all of them, and each
        plan keeps what it would have kept alone. A result says what kept its plan from starting.
        """
        found: dict[int, JobResult] = {}

        def run(party: list[Plan]) -> None:
            found.update(self._run_party(party, at_once))

        for together in rounds(plans):
            in_turn(parties(together), at_once, run, self._cancel)
        return [found[id(plan)] for plan in plans]

    def _run_party(self, plans: Sequence[Plan], at_once: int) -> dict[int, JobResult]:
        workers = sorted((self._worker_count(plan) for plan in plans), reverse=True)
        try:
            with ExitStack() as stack:
                opened = self._open_all(stack, plans)
                runs = [run for run in opened if isinstance(run, PlanRun)]
                self._collect(runs, min(MAX_WORKERS, sum(workers[:at_once])))
        except Exception as error:  # noqa: BLE001 - a bug here must not cost the other jobs their results
            opened = [refused(plan.job.source, error, plan.job.ref) for plan in plans]
        results = [run.result if isinstance(run, PlanRun) else run for run in opened]
        return dict(zip(map(id, plans), results, strict=True))

    def _open_engine(self, stack: ExitStack, plans: Sequence[Plan]) -> Engine | None:
        """The engine of a run, closed with the stack; None when nothing is to be validated."""
        if not self._validate:
            return None
        if self._engine is not None or not any(job_validates(plan.job) for plan in plans):
            return self._engine
        return stack.enter_context(closing(self._own_engine()))

    def _open(
        self, stack: ExitStack, plan: Plan, engine: Engine | None, progress: ProgressCallback | None
    ) -> PlanRun:
        self._check(plan)
        logins = open_logins(self._credentials, plan)
        hops = open_hops(self._credentials, plan.jump_hosts)
        run = PlanRun(
            plan,
            [self._target(item, plan.job, logins, hops) for item in plan.items],
            self.settings,
            engine=engine if self._engine is not None or job_validates(plan.job) else None,
            options=self._options,
            record_history=self._record_history,
            sink=self._sink,
            cancel=self._cancel,
            progress=progress,
        )
        return stack.enter_context(run)

    def _open_all(self, stack: ExitStack, plans: Sequence[Plan]) -> list[PlanRun | JobResult]:
        """Each plan's run, or why it cannot start, which is no concern of the others."""
        broken: VctuiError | None = None
        engine = None
        try:
            engine = self._open_engine(stack, plans)
        except VctuiError as error:
            broken = error
        opened: list[PlanRun | JobResult] = []
        for plan in plans:
            try:
                if broken is not None and job_validates(plan.job):
                    raise broken
                opened.append(self._open(stack, plan, engine, None))
            except Exception as error:  # noqa: BLE001 - a bug, too, is one job's alone
                opened.append(refused(plan.job.source, error, plan.job.ref))
        return opened

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

    def _collect(self, runs: Sequence[PlanRun], workers: int) -> None:
        """Drive the sessions of all these runs; what keeps them from it is in the results."""
        together = Together([run for run in runs if not run.has_ended], self.settings)
        polite = self.settings.politeness
        options = executor_options(
            self.settings,
            host_keys=self._host_keys,
            debug=self._debug,
            retries=self._retries,
            record=self._options.recordings is not None,
        )
        pool = SSHExecutorPool(options=options, max_workers=workers)
        try:
            keep = password_keeper(self._credentials)
            with Breaker(self.settings, runs, desk=self._desk, sink=self._sink, keep=keep) as breaker:
                pool.run(
                    together.targets,
                    on_phase=together.phase,
                    on_result=together.put,
                    on_jump=together.jump,
                    known_hosts=trusted_hosts(self.settings),
                    cancel=AnyStop([run.stop for run in runs]),
                    desk=self._desk,
                    guard=breaker,
                    pace=make_pacer(self.settings.home, polite, together.item_of),
                )
        except VctuiError as error:
            for run in runs:
                run.fail(error)

    def _worker_count(self, plan: Plan) -> int:
        wanted = self._workers or plan.job.max_workers or self.settings.workers or DEFAULT_WORKERS
        return max(1, min(wanted, len(plan.items)))

    def _target(
        self,
        item: PlanItem,
        job: Job,
        logins: dict[int | None, SSHCredentials],
        hops: dict[PlannedHop, Hop],
    ) -> Target:
        return make_target(
            item,
            job,
            self.settings,
            logins[item.credential_id],
            tuple(hops[hop] for hop in item.jump),
            timeout=self._timeout,
            believe=self._options.force,
        )
