"""The guard that keeps a wrong password from locking an account: see `circuit` for its rules.

It counts by credential first: which devices ask the same server is not known for certain, and an account is
locked by all its failures there. Beneath that it counts at each AAA domain or site, where a credential may
be refused that is good elsewhere. A person may leave out the one place that refuses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vctui.config import Settings
from vctui.errors import DeviceError, VctuiError
from vctui.events import BreakerOpened, PasswordKept, Sink
from vctui.jobs.circuit import OPEN, Circuit, CircuitOpen, after, mode_of
from vctui.jobs.login_memory import LoginMemory
from vctui.jobs.places import PlaceGate, place_of
from vctui.jobs.planrun import PlanRun
from vctui.jobs.run_login import ABORT, LEAVE_OUT, PLACE_LIMIT, RETYPE, RETYPE_AND_KEEP, RunLogin
from vctui.jobs.stopped import Wait, next_step, refusal, why
from vctui.questions import Desk
from vctui.records import SSHCredentials
from vctui.ssh import Deadline, Lifeline, LoginOutcome, Target
from vctui.storage import LoginState
from vctui.text import safe_line


@dataclass(frozen=True, slots=True)
class _Entry:
    """A device that was let in."""

    login: RunLogin
    circuit: Circuit
    alone: bool
    gate: PlaceGate | None


class Breaker:
    """Guards the logins of runs that share a pool. Use it with `with`, or close it.

    `keep` saves a password that was typed during a run.
    """

    def __init__(
        self,
        settings: Settings,
        runs: Sequence[PlanRun],
        *,
        desk: Desk,
        sink: Sink,
        keep: Callable[[SSHCredentials], None] | None = None,
    ) -> None:
        self._keep = keep
        self._runs = runs
        self._desk = desk
        self._places = {
            (item.device.name, item.host): place_of(settings.politeness, item)
            for run in runs
            for item in run.plan.items
        }
        """The AAA domain or the site of each device, in words."""
        self._sink = sink
        self._lock = threading.Lock()
        self._ends = threading.Lock()
        self._logins: dict[tuple[int | None, str, str], RunLogin] = {}
        self._admitted: dict[int, _Entry] = {}
        """By the identity of the target: a jump host has no key of its own."""
        self._memory = LoginMemory(settings)

    def __enter__(self) -> Breaker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._memory.close()

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        """Turn the device away, or ask, before it is connected to; see LoginGuard."""
        login = self._login(target.credentials)
        while True:
            circuit, _, gate = self._now(login, target)
            state = circuit.state
            if mode_of(state, datetime.now(UTC)) != "open":
                if gate is not None and gate.is_shut:
                    raise self._shut(login, target)
                return
            self._stopped(login, circuit, state, Wait(self._desk, target, lifeline, deadline))

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        """Let the device in when its credential may be tried; see LoginGuard."""
        login = self._login(target.credentials)
        while True:
            circuit, instead, gate = self._now(login, target)
            if gate is not None and not gate.enter(lifeline, deadline):
                raise self._shut(login, target)
            try:
                alone = circuit.enter(lifeline, deadline)
            except BaseException as error:
                if gate is not None:
                    gate.leave("unknown")
                if not isinstance(error, CircuitOpen):
                    raise
                self._stopped(login, circuit, error.state, Wait(self._desk, target, lifeline, deadline))
                continue
            entry = _Entry(login, circuit, alone, gate)
            if self._still_counts(login, circuit, target):
                self._admitted[id(target)] = entry
                return instead
            self._leave(entry, target, "unknown")

    def _leave(self, entry: _Entry, target: Target, outcome: LoginOutcome) -> None:
        device, login, place = safe_line(target.device, 60), entry.login, self._place(target)
        # As one: a success between the two would make failures at one place look like more than they are.
        with self._ends:
            with self._lock:
                at_one_place = login.count(outcome, place, self._places.values())
            # Failures that other runs have seen were elsewhere, for all that is known here.
            contained = at_one_place > entry.circuit.state.streak
            entry.circuit.leave(device, outcome, alone=entry.alone, contained=contained)
        if entry.gate is not None and entry.gate.leave(outcome) and entry.login.instead is None:
            self._memory.shut(target.credentials, self._place(target))

    def _shut(self, login: RunLogin, target: Target) -> DeviceError:
        """The error of a device at a place where the credential was refused too often; told once."""
        place = safe_line(self._place(target), 60)
        reason = f"the login was refused {PLACE_LIMIT} times in a row at {place}"
        self._tell(login, place, reason, (), datetime.now(UTC) + OPEN)
        return DeviceError(
            "breaker_open", f"credential {login.name!r} is not tried here: {reason}", next_step(login.name)
        )

    def _still_counts(self, login: RunLogin, circuit: Circuit, target: Target) -> bool:
        """Whether nothing was decided while the device waited that would turn it away."""
        with self._lock:
            return login.circuit is circuit and not login.is_out(self._place(target))

    def _now(
        self, login: RunLogin, target: Target
    ) -> tuple[Circuit, SSHCredentials | None, PlaceGate | None]:
        """What counts for the credential now. Raises DeviceError when this device is left out."""
        place = self._place(target)
        with self._lock:
            circuit, instead = login.circuit, login.instead
            gate, is_out = login.gate(place), login.is_out(place)
        if is_out:
            raise refusal(login.name, circuit.state)
        return circuit, instead, gate

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        """What came of a login that was let in."""
        entry = self._admitted.pop(id(target))
        login = entry.login
        self._leave(entry, target, outcome)
        to_keep = None
        with self._lock:
            if outcome == "accepted":
                to_keep, login.to_keep = login.to_keep, None
                if login.question is not None:
                    self._desk.withdraw(login.question.key)
        if to_keep is not None and self._keep is not None:
            self._save(login, to_keep)

    def _save(self, login: RunLogin, typed: SSHCredentials) -> None:
        """Into the vault; what keeps it from there is no reason to stop the run."""
        error = None
        try:
            assert self._keep is not None
            self._keep(typed)
            # The vault's credential is another one now: the first thing known of it is this success.
            ledger = self._memory.ledger(typed)
            ledger.change(lambda state: after(state, "accepted", "", datetime.now(UTC)))
        except VctuiError as problem:
            error = str(problem)
        for run in self._runs_with(login):
            self._sink(PasswordKept(run, login.name, error))

    def _runs_with(self, login: RunLogin) -> list[int]:
        """The runs that use a credential; all of them for one that only a jump host has."""
        concerned = [
            run.number
            for run in self._runs
            if any(safe_line(item.credential, 60) == login.name for item in run.plan.items)
        ]
        return concerned or [run.number for run in self._runs]

    def _place(self, target: Target) -> str:
        return self._places.get((target.device, target.host), "")

    def _login(self, credentials: SSHCredentials) -> RunLogin:
        key = (credentials.id, credentials.name, credentials.username)
        with self._lock:
            if key not in self._logins:
                name = safe_line(credentials.name or credentials.username, 60)
                shut = self._memory.shut_places(credentials)
                gates = {place: PlaceGate(PLACE_LIMIT, shut=True) for place in shut}
                self._logins[key] = RunLogin(name, Circuit(self._memory.ledger(credentials)), gates)
            return self._logins[key]

    def _tell(
        self, login: RunLogin, what: object, reason: str, devices: tuple[str, ...], until: datetime
    ) -> None:
        """Say once, for each time and place, that the credential is not tried any more."""
        with self._lock:
            if what in login.told:
                return
            login.told.add(what)
        at = until.isoformat(timespec="seconds")
        for run in self._runs_with(login):
            self._sink(BreakerOpened(run, login.name, reason, devices, at))

    def _stopped(self, login: RunLogin, circuit: Circuit, state: LoginState, wait: Wait) -> None:
        """Tell, and let a person decide; returns when the device shall try again. Raises DeviceError."""
        until = state.open_until or datetime.now(UTC)
        self._tell(login, until, why(state), state.devices, until)
        if not self._desk.is_attended:
            raise refusal(login.name, state)
        credentials = wait.target.credentials
        with self._lock:
            if login.circuit is not circuit:
                return
            asking = login.ask(state, credentials, self._places.values(), can_keep=self._keep is not None)
            password_asking = login.ask_password(credentials)
        answer = wait.ask(asking)
        if answer == ABORT:
            for run in self._runs:
                run.stop.set()
            wait.for_the_end()
        password = None
        if answer in (RETYPE, RETYPE_AND_KEEP):
            password = wait.ask(password_asking)
        with self._lock:
            if login.circuit is not circuit or mode_of(circuit.state, datetime.now(UTC)) != "open":
                return
            if password is not None:
                login.retype(credentials, password, keep=answer == RETYPE_AND_KEEP)
            elif answer is not None and answer not in (RETYPE, RETYPE_AND_KEEP, LEAVE_OUT):
                login.leave_out_place()
            else:
                login.give_up()
                self._desk.decline(asking.key)
