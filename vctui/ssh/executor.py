"""The pool: targets in, results out, and a way to stop. Whoever calls it knows nothing of SSH."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from vctui.config import find_home, pause
from vctui.errors import DeviceError, UsageError
from vctui.events import Phase
from vctui.mask import MASK
from vctui.questions import HEADLESS, Desk
from vctui.records import SSHCredentials
from vctui.ssh.calm import calm_collector
from vctui.ssh.cores import SharedCore, near_core
from vctui.ssh.crew import gather_crew
from vctui.ssh.crew_calls import Services
from vctui.ssh.entry import Surroundings
from vctui.ssh.gate import PacedGuard, PaceGate
from vctui.ssh.held import Held
from vctui.ssh.hostkeys import KnownHosts
from vctui.ssh.jump import Jumps
from vctui.ssh.keys import KeyRing
from vctui.ssh.lifeline import Lifeline, Lifelines
from vctui.ssh.limits import workers_within_limits
from vctui.ssh.model import (
    CommandOutput,
    ExecutionResult,
    ExecutorOptions,
    JumpStatus,
    LoginGuard,
    Pace,
    Target,
    failed_result,
)
from vctui.ssh.platforms import load_platforms
from vctui.ssh.pump import makes_crowd
from vctui.ssh.retries import Ended, Try, next_try
from vctui.ssh.session import Session
from vctui.ssh.turns import TURNS
from vctui.ssh.waiting import Waiting
from vctui.ssh.workers import work_through

__all__ = ["CommandOutput", "ExecutionResult", "ExecutorOptions", "SSHExecutorPool", "Target"]

_log = logging.getLogger(__name__)

PhaseCallback = Callable[[Target, Phase], None]
ResultCallback = Callable[[Target, ExecutionResult], None]
JumpCallback = Callable[[JumpStatus], None]
ProgressCallback = Callable[[int, int, ExecutionResult], None]


def _ignore_phase(target: Target, phase: Phase) -> None:
    """For callers that do not listen."""


def _ignore_jump(status: JumpStatus) -> None:
    """For callers that do not listen."""


class SSHExecutorPool:
    """Collects from many devices at once, at most `max_workers` at a time."""

    def __init__(
        self,
        credentials: SSHCredentials | None = None,
        options: ExecutorOptions = ExecutorOptions(),  # noqa: B008 - frozen
        max_workers: int = 12,
    ) -> None:
        self.credentials = credentials
        self.options = options
        self.max_workers = max_workers

    def run(
        self,
        targets: Iterable[Target],
        *,
        on_phase: PhaseCallback = _ignore_phase,
        on_result: ResultCallback,
        cancel: threading.Event | None = None,
        desk: Desk | None = None,
        guard: LoginGuard | None = None,
        pace: Pace | None = None,
        on_jump: JumpCallback = _ignore_jump,
        known_hosts: KnownHosts | None = None,
    ) -> None:
        """Work through the targets; returns when each has had exactly one `on_result`, cancelled ones too.

        Questions for a person go to `desk`; `guard` decides when a login may be tried, and
        `pace` how fast and how many at once. `on_jump` hears how jump hosts are used;
        `known_hosts` takes the place of the file of that name.
        Callbacks come from several threads, and `on_phase` must not wait; what they raise is logged.
        Setting `cancel` closes all live sessions at once. Raises StorageError for an unreadable known_hosts
        and UsageError for a bad platform file or transport, both before anything is sent.
        """
        options = self.options
        known_hosts = known_hosts or KnownHosts(options.known_hosts or find_home() / "known_hosts")
        known_hosts.lookup("")
        load_platforms(options.platforms)
        workers = workers_within_limits(self.max_workers)
        is_crowd = makes_crowd(options.transport, workers)
        turns = TURNS.session if is_crowd else nullcontext
        held = Held(options.max_held)
        waiting = Waiting(map(Try, targets), PaceGate(pace) if pace is not None else None)
        paced = PacedGuard(pace, guard, waiting) if pace is not None else None
        shared = Surroundings(options, known_hosts, KeyRing(), held, desk or HEADLESS, paced or guard)
        lifelines = Lifelines()
        crew = gather_crew(options, len(waiting), workers, shared)
        # Jump hosts are logged in to now and then: the breaker looks after them, the pace is for devices.
        jumps = Jumps(replace(shared, guard=guard), lifelines.open(), on_jump)

        # Other processes have their own cores; what is left of the sessions here is not worth one.
        core = SharedCore(near_core() if is_crowd and crew is None else None)

        def say_phase(target: Target, phase: Phase) -> None:
            self._tell(on_phase, target, phase)

        def say_result(target: Target, result: ExecutionResult) -> None:
            with TURNS.resting():  # whoever takes it may be behind, and have us wait
                self._tell(on_result, target, _masked(result))

        def send_crew(tried: Try, line: Lifeline) -> Ended | None:
            """A connection to a jump host serves many sessions, so those stay here."""
            if crew is None or tried.target.jump or tried.deadline is None:
                return None
            services = Services(tried.target, line, known_hosts, shared.desk, shared.guard)
            return crew.visit(tried.target, tried.deadline, line, services, say_phase, say_result)

        def visit(tried: Try) -> Ended:
            line = lifelines.open()
            try:
                ended = send_crew(tried, line)
                if ended is not None:
                    return ended
                session = Session(tried.target, shared, jumps, line, say_phase, tried.deadline)
                with turns():
                    target, result = session.run(say_result)
                return Ended(target, result, session.alike, session.left, session.release)
            except Exception as error:  # noqa: BLE001 - a target that cannot even be tried has a result too
                _log.exception("a session could not be started")
                failure = DeviceError("internal", type(error).__name__)
                return Ended(tried.target, failed_result(tried.target, failure), tried.target.also)
            finally:
                lifelines.close(line)
                if paced is not None:
                    paced.left(tried.target)

        def collect(tried: Try) -> None:
            with MASK.hiding(tried.target.secrets):
                collect_masked(tried)

        def collect_masked(tried: Try) -> None:
            tried = tried.begun()
            ended = visit(tried)
            again = next_try(tried, ended, options)
            if again is not None:
                ended.release()
                for target in again.tries:
                    say_phase(target, "retrying")
                waiting.send_back(again, again.after)
                return
            for target, result in ended.results(tried):
                say_result(target, result)
            ended.release()
            if ended.left:
                waiting.send_back(Try(replace(ended.left[0], also=ended.left[1:], attempt=1)), 0.0)

        try:
            with calm_collector(), TURNS.crowd(core.look_after) if is_crowd else nullcontext():
                work_through(
                    waiting,
                    collect,
                    workers=workers,
                    name="ssh",
                    lifelines=lifelines,
                    cancel=cancel,
                    around=core.stay if is_crowd else nullcontext,
                )
        finally:
            jumps.close()
            if crew is not None:
                crew.close()
            shared.keys.forget()

    @staticmethod
    def _tell(callback: Callable[[Target, Any], None], target: Target, news: Any) -> None:
        try:
            callback(target, news)
        except Exception:  # noqa: BLE001 - the caller's bug must not cost a result
            _log.exception("a callback of the pool failed")

    def execute_batch(
        self,
        targets: Sequence[tuple[str, str, Any]],
        progress_callback: ProgressCallback | None = None,
    ) -> list[ExecutionResult]:
        """Run (host, command, extra_data) for scripts; results come in the order of the targets.

        A command is split on ","; a host may carry its port, as in `192.0.2.1:2222` or `[2001:db8::1]:2222`.
        """
        if self.credentials is None:
            raise UsageError("the pool has no credentials", "Give them to SSHExecutorPool")
        results: dict[int, ExecutionResult] = {}
        lock = threading.Lock()

        def collect(target: Target, result: ExecutionResult) -> None:
            with lock:
                results[target.key] = result
                if progress_callback is not None:
                    progress_callback(len(results), len(targets), result)

        self.run([self._target(key, *row) for key, row in enumerate(targets)], on_result=collect)
        return [results[key] for key in range(len(targets))]

    def _target(self, key: int, address: str, command: str, extra_data: Any) -> Target:
        assert self.credentials is not None
        host, port = _split(address.strip())
        return Target(
            device=address,
            host=host,
            port=port,
            credentials=self.credentials,
            commands=tuple(part.strip() for part in command.split(",") if part.strip()),
            timeout=self.options.timeout,
            inter_command_delay=pause(self.options.inter_command_time),
            key=key,
            extra_data=extra_data,
        )


def _masked(result: ExecutionResult) -> ExecutionResult:
    """The same without what the device said of the secrets it was sent; its output is left as it is."""
    if result.success:
        return result
    return replace(
        result,
        error=MASK.hide(result.error) if result.error else result.error,
        outputs=tuple(
            replace(output, error=MASK.hide(output.error)) if output.error else output
            for output in result.outputs
        ),
    )


def _split(address: str) -> tuple[str, int]:
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, int(rest[1:]) if rest[:1] == ":" and rest[1:].isdecimal() else 22
    host, colon, port = address.partition(":")
    return (host, int(port)) if colon and port.isdecimal() else (address, 22)
