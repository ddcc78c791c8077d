"""Finding out which credential works on which device: one login for each pair, and no more than needed.

The devices are tried side by side in rounds, each with its likeliest credential first; a device that accepts
one is done. What was found out is saved at once, so that a discovery that ends early can be gone on with.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from vctui.config import HostKeyPolicy, Settings
from vctui.errors import VaultError
from vctui.events import Phase, Sink, careful, discard
from vctui.jobs.discovery_events import (
    Answer,
    DeviceAnswer,
    DeviceSettled,
    DiscoveryFinished,
    LoginPhase,
    LoginTested,
)
from vctui.jobs.discovery_guard import DiscoveryGuard, Pair
from vctui.jobs.discovery_plan import DiscoveryPlan, plan_item
from vctui.jobs.discovery_rounds import Search, in_turn, settled, waves
from vctui.jobs.discovery_save import Keeper
from vctui.jobs.hops import Ways
from vctui.jobs.hosts import trusted_hosts
from vctui.jobs.pacing import make_pacer
from vctui.jobs.plan import PlanItem
from vctui.jobs.routes import NoRoute
from vctui.politeness import Politeness
from vctui.records import Device, SSHCredentials, out_of_scope
from vctui.ssh import ExecutionResult, ExecutorOptions, SSHExecutorPool, Target
from vctui.storage import Audit, Inventory, LoginStore
from vctui.vault import CredentialResolver


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """How a discovery goes about it. Durations are in seconds."""

    workers: int = 8
    timeout: float = 15.0
    pause: float = 2.0
    """The least between two attempts on one device."""
    rate: float = 10.0
    """The most logins a second."""
    max_refusals: int = 2
    """In a row, after which a credential is given up for twenty minutes: everywhere, or at one site."""
    update: bool = True
    """Give each device the credential that works."""
    replace: bool = False
    """Also in place of one that a person chose."""
    host_keys: HostKeyPolicy | None = None


class Discovery:
    """Finds out what a plan asks. `sink` hears every event, from worker threads; `cancel` ends it."""

    def __init__(
        self,
        settings: Settings,
        credentials: CredentialResolver,
        how: DiscoverySettings = DiscoverySettings(),
        *,
        sink: Sink = discard,
        cancel: threading.Event | None = None,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._how = how
        self._sink = careful(sink)
        self._cancel = cancel or threading.Event()
        self._lock = threading.Lock()
        self._counts: Counter[DeviceAnswer] = Counter()
        self._kinds: set[str] = set()
        self._attempts = 0
        self._ways = Ways(settings, credentials)

    def run(self, plan: DiscoveryPlan) -> DiscoveryFinished:
        """Try until each device is settled. Raises VctuiError for what keeps it from starting."""
        started = time.monotonic()
        logins = self._open(plan)
        searches = [
            Search(one, deque(one.credentials)) for one in plan.candidates if self._has_way(one.device)
        ]
        with (
            LoginStore(self._settings.collector_db) as store,
            Inventory(self._settings.dcim_db) as inventory,
        ):
            guard = DiscoveryGuard(self._settings, store, max_refusals=self._how.max_refusals)
            keeper = Keeper(
                inventory,
                store,
                {info.id for info in self._credentials.credentials()},
                update=self._how.update,
                replace=self._how.replace,
            )
            while searches:
                searches = self._round(searches, logins, guard, keeper)
        counts: dict[str, int] = dict(self._counts.items())
        finished = DiscoveryFinished(
            total=len(plan.candidates),
            **counts,
            attempts=self._attempts,
            duration_ms=round((time.monotonic() - started) * 1000, 1),
            error_kinds=tuple(sorted(self._kinds)),
        )
        self._sink(finished)
        return finished

    def _has_way(self, device: Device) -> bool:
        """Whether it can be reached as it is configured; it is settled when it cannot."""
        try:
            self._ways.to(device)
        except NoRoute as error:
            with self._lock:
                self._counts["unreachable"] += 1
            self._sink(DeviceSettled(device.name, device.host or "", "unreachable", None, False, str(error)))
            return False
        return True

    def _open(self, plan: DiscoveryPlan) -> dict[int, SSHCredentials]:
        """Each credential, opened once. Raises VaultError when one would leave its scope."""
        logins: dict[int, SSHCredentials] = {}
        for candidate in plan.candidates:
            for info in candidate.credentials:
                if info.id not in logins:
                    logins[info.id] = self._credentials.get_ssh_credentials(id=info.id)
                # The plan was made with what the database says; only an opened credential can be believed.
                if reason := out_of_scope(logins[info.id], candidate.device):
                    raise VaultError(
                        f"credential {info.name!r} may not be sent to {candidate.device.name}: {reason}",
                        "Begin anew: the credential's scope is not what it was",
                    )
        return logins

    def _round(
        self,
        searches: Sequence[Search],
        logins: dict[int, SSHCredentials],
        guard: DiscoveryGuard,
        keeper: Keeper,
    ) -> list[Search]:
        """One login on each device; the devices that are not settled by it."""
        places = in_turn(searches)
        due = sorted(searches, key=lambda search: places[id(search)])
        pairs = {key: Pair(search.candidate.device, search.left.popleft()) for key, search in enumerate(due)}
        guard.pairs = pairs
        guard.outcomes.clear()
        self._note_use(pairs.values())
        self._wait_for(due)
        unsettled: list[Search] = []

        def take(target: Target, result: ExecutionResult) -> None:
            search, pair = due[target.key], pairs[target.key]
            answer = _answer(result, guard, target.key)
            search.tried_at = time.monotonic()
            search.answers[pair.info.name] = answer
            self._say(pair, answer, result)
            goes_on = answer in ("refused", "unusable", "postponed") and bool(search.left)
            if goes_on and not self._cancel.is_set():
                unsettled.append(search)
            else:
                self._settle(search, keeper, cut_short=goes_on)

        def item_of(target: Target) -> PlanItem:
            return plan_item(pairs[target.key].device, pairs[target.key].info)

        pool = SSHExecutorPool(
            options=ExecutorOptions(
                known_hosts=self._settings.known_hosts,
                host_keys=self._how.host_keys or self._settings.host_keys,
                platforms=self._settings.platforms_dir,
            ),
            max_workers=max(1, min(self._how.workers, len(due))),
        )
        for keys in waves(pairs):
            pool.run(
                [self._target(key, pairs[key], logins[pairs[key].info.id]) for key in keys],
                on_phase=lambda target, phase: self._say_phase(pairs[target.key], phase),
                on_result=take,
                known_hosts=trusted_hosts(self._settings),
                cancel=self._cancel,
                guard=guard,
                pace=make_pacer(self._settings.home, self._politeness(), item_of),
            )
        self._attempts += len(guard.outcomes)
        return unsettled

    def _note_use(self, pairs: Iterable[Pair]) -> None:
        """Note in the audit trail what goes where. Raises StorageError: then nothing may be sent."""
        devices: dict[int, list[str]] = {}
        names: dict[int, str] = {}
        for pair in pairs:
            devices.setdefault(pair.info.id, []).append(pair.device.name)
            names[pair.info.id] = pair.info.name
        Audit(self._settings.home).write_many(
            "credential_tried",
            [{"credential": id, "name": names[id], "devices": some} for id, some in devices.items()],
        )

    def _wait_for(self, due: Sequence[Search]) -> None:
        """Until the last attempt on each of the devices is long enough ago."""
        until = max(search.tried_at for search in due) + self._how.pause
        self._cancel.wait(max(0.0, until - time.monotonic()))

    def _politeness(self) -> Politeness:
        """What is configured, and within it no more logins a second than were asked for."""
        polite, rate = self._settings.politeness, self._how.rate
        total = replace(polite.total, logins_per_second=min(rate, polite.total.logins_per_second or rate))
        return replace(polite, total=total)

    def _target(self, key: int, pair: Pair, login: SSHCredentials) -> Target:
        return Target(
            device=pair.device.name,
            host=pair.device.host or "",
            credentials=login,
            commands=(),
            port=pair.device.port,
            device_type=pair.device.device_type,
            timeout=self._how.timeout,
            login_only=True,
            jump=self._ways.to(pair.device),
            legacy=pair.device.legacy,
            key=key,
        )

    def _settle(self, search: Search, keeper: Keeper, *, cut_short: bool) -> None:
        """Save what was found out about a device, and say it."""
        device = search.candidate.device
        works = next((name for name, answer in search.answers.items() if answer == "accepted"), None)
        result: DeviceAnswer = "cancelled" if cut_short else settled(search.answers.values())
        saved, note = keeper.keep(search.candidate, search.answers)
        with self._lock:
            self._counts[result] += 1
        self._sink(DeviceSettled(device.name, device.host or "", result, works, saved, note))

    def _say(self, pair: Pair, answer: Answer, result: ExecutionResult) -> None:
        ok = answer == "accepted"
        if not ok and result.error_kind:
            with self._lock:
                self._kinds.add(result.error_kind)
        self._sink(
            LoginTested(
                device=pair.device.name,
                host=pair.device.host or "",
                credential=pair.info.name,
                result=answer,
                error_kind=None if ok else result.error_kind,
                error=None if ok else result.error,
                next_step=None if ok else result.next_step,
                duration_ms=round(result.duration_ms, 1),
                at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )

    def _say_phase(self, pair: Pair, phase: Phase) -> None:
        self._sink(LoginPhase(pair.device.name, pair.device.host or "", pair.info.name, phase))


def _answer(result: ExecutionResult, guard: DiscoveryGuard, key: int) -> Answer:
    """What came of one attempt; a device that was let in and then failed has accepted the login."""
    outcome = guard.outcomes.get(key)
    if outcome is not None:
        return outcome if outcome in ("accepted", "refused") else "unclear"
    if result.error_kind == "cancelled":
        return "cancelled"
    if result.error_kind == "breaker_open":
        return "postponed"
    return "unusable" if result.error_kind == "auth_failed" else "unreachable"
