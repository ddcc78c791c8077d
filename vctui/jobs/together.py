"""Several plans in one pool: a device that several jobs want is logged in to once, and does them in order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from vctui.config import Settings
from vctui.events import Phase
from vctui.jobs.plan import Plan, PlanItem
from vctui.jobs.planrun import PlanRun
from vctui.ssh import ExecutionResult, JumpStatus, Target, get_platform


def rounds(plans: Iterable[Plan]) -> list[list[Plan]]:
    """The plans that may run together, in their order.

    A job that may change something runs by itself, after those before it and before those behind it; so does
    one that is there a second time.
    """
    found: list[list[Plan]] = []
    open_round: list[Plan] = []
    for plan in plans:
        alone = bool(plan.writing_commands)
        again = any(plan.job.source == other.job.source for other in open_round)
        if open_round and (alone or again):
            found.append(open_round)
            open_round = []
        open_round.append(plan)
        if alone:
            found.append(open_round)
            open_round = []
    return [*found, open_round] if open_round else found


def _logins(plan: Plan) -> set[object]:
    return {(i.host, i.port, i.credential_id, i.device_type) for i in plan.items}


def shared_devices(plans: Iterable[Plan]) -> int:
    """How many devices several of these plans want, which are logged in to once."""
    wanted = [Counter(login for plan in together for login in _logins(plan)) for together in rounds(plans)]
    return sum(times > 1 for counted in wanted for times in counted.values())


def parties(plans: Sequence[Plan]) -> list[list[Plan]]:
    """The plans of one round, joined where they want the same devices: those share their sessions."""
    found: list[tuple[set[object], set[int]]] = []
    for number, plan in enumerate(plans):
        devices, members = _logins(plan), {number}
        for party in [party for party in found if party[0] & devices]:
            found.remove(party)
            devices |= party[0]
            members |= party[1]
        found.append((devices, members))
    return [[plans[n] for n in sorted(members)] for _, members in sorted(found, key=lambda p: min(p[1]))]


def in_turn(
    groups: Sequence[list[Plan]], at_once: int, do: Callable[[list[Plan]], None], cancel: threading.Event
) -> None:
    """Call `do` for each party, in their order, as long as no more than `at_once` plans run at a time.

    Ctrl+c sets `cancel`, which `do` hears, and waits for those that run.
    """
    if at_once == 1 or len(groups) == 1:
        for party in groups:
            do(party)
        return
    places = threading.Semaphore(at_once)

    def one(party: list[Plan], taken: int) -> None:
        try:
            do(party)
        finally:
            places.release(taken)

    with ThreadPoolExecutor(at_once, thread_name_prefix="vctui-batch") as pool:
        try:
            started = []
            for party in groups:
                taken = min(len(party), at_once)
                for _ in range(taken):
                    places.acquire()
                started.append(pool.submit(one, party, taken))
            for each in started:
                each.result()
        except BaseException:
            cancel.set()
            raise


class AnyStop(threading.Event):
    """Set when any of the runs is to stop: each hears the user, and a disk that is full is so for all."""

    def __init__(self, stops: Sequence[threading.Event]) -> None:
        super().__init__()
        self._stops = stops

    def is_set(self) -> bool:
        return any(stop.is_set() for stop in self._stops)


class Together:
    """The targets of several runs as visits of their devices, and the way back from a target to its run."""

    def __init__(self, runs: Iterable[PlanRun], settings: Settings) -> None:
        self._settings = settings
        self._plain: dict[tuple[str, tuple[str, ...]], bool] = {}
        self._places: list[tuple[PlanRun, int]] = []
        self._visits: dict[object, list[Target]] = {}
        self._behind: dict[str, list[PlanRun]] = {}
        for run in runs:
            for name in dict.fromkeys(hop.name for hop in run.plan.jump_hosts):
                self._behind.setdefault(name, []).append(run)
            for index, target in enumerate(run.targets):
                key = len(self._places)
                self._places.append((run, index))
                self._visits.setdefault(self._session(target, key), []).append(replace(target, key=key))

    def _session(self, target: Target, key: int) -> object:
        """Equal for targets that may share a session: the same login to the same device, where all of their
        commands only read and none gives the session more rights."""
        kind = target.device_type, target.commands
        if kind not in self._plain:
            self._plain[kind] = self._only_reads(*kind)
        if not self._plain[kind]:
            return key
        return (target.host, target.port, target.credentials, target.device_type, target.jump, target.legacy)

    def _only_reads(self, device_type: str, commands: Sequence[str]) -> bool:
        platform = get_platform(device_type, self._settings.platforms_dir)
        return all(
            platform.is_reading(command)
            and not platform.is_privilege(command)
            and command.strip().lower() != "enable"
            for command in commands
        )

    @property
    def targets(self) -> list[Target]:
        """What goes to the pool: one target for each visit."""
        visits = self._visits.values()
        return [replace(first, also=tuple(rest)) if rest else first for first, *rest in visits]

    def phase(self, target: Target, phase: Phase) -> None:
        """Tell the target's run how far it is."""
        run, _ = self._places[target.key]
        run.phase(target, phase)

    def jump(self, status: JumpStatus) -> None:
        """Tell every run that goes through this jump host."""
        for run in self._behind.get(status.jump, ()):
            run.jump(status)

    def put(self, target: Target, result: ExecutionResult) -> None:
        """Hand a result to its run."""
        run, index = self._places[target.key]
        run.put(index, result)

    def item_of(self, target: Target) -> PlanItem:
        """What the plan says of a target."""
        run, index = self._places[target.key]
        return run.plan.items[index]
