"""The guard that keeps a wrong password from locking an account: see `circuit` for its rules.

It counts by credential, and not by site or AAA domain: which devices ask the same server is not known for
certain, and an account is locked by all its failures there. A person may leave out the one domain, or site,
that refuses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from vctui.config import Settings
from vctui.errors import VctuiError
from vctui.events import BreakerOpened, PasswordKept, Sink
from vctui.jobs.circuit import Circuit, CircuitOpen, OwnLedger, SharedLedger, after, mode_of
from vctui.jobs.pacing import domains_of
from vctui.jobs.plan import PlanItem
from vctui.jobs.planrun import PlanRun
from vctui.jobs.stopped import Wait, refusal, why
from vctui.politeness import Politeness
from vctui.questions import Desk, Question
from vctui.records import SSHCredentials
from vctui.ssh import Deadline, Lifeline, LoginOutcome, Target
from vctui.storage import LoginState, LoginStore, login_lock
from vctui.text import safe_line

RETYPE = "Type the password again, for this run"
RETYPE_AND_KEEP = "Type it again, and save it in the vault"
LEAVE_OUT = "Leave out its devices"
ABORT = "Stop the run"


@dataclass(slots=True)
class _Login:
    """One credential of the run."""

    name: str
    circuit: Circuit
    instead: SSHCredentials | None = None
    """The login with a password that was typed during the run."""
    typed: int = 0
    to_keep: SSHCredentials | None = None
    """What is to be saved once it is accepted."""
    failing: list[str] = field(default_factory=list)
    """The places of its failures in a row in this run."""
    left_out: set[str] = field(default_factory=set)
    """Places where it is not tried any more."""
    given_up: bool = False
    told: datetime | None = None
    question: Question | None = None
    """The one that was asked last."""
    place: str = ""
    """The place that it offered to leave out."""


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
        self._settings = settings
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
        self._logins: dict[tuple[int | None, str, str], _Login] = {}
        self._admitted: dict[int, tuple[_Login, Circuit, bool]] = {}
        """By the identity of the target: a jump host has no key of its own."""
        self._store: LoginStore | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Breaker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._stack.close()

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        """Turn the device away, or ask, before it is connected to; see LoginGuard."""
        login = self._login(target.credentials)
        while True:
            circuit, _ = self._now(login, target)
            state = circuit.state
            if mode_of(state, datetime.now(UTC)) != "open":
                return
            self._stopped(login, circuit, state, Wait(self._desk, target, lifeline, deadline))

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        """Let the device in when its credential may be tried; see LoginGuard."""
        login = self._login(target.credentials)
        while True:
            circuit, instead = self._now(login, target)
            try:
                alone = circuit.enter(lifeline, deadline)
            except CircuitOpen as found:
                self._stopped(login, circuit, found.state, Wait(self._desk, target, lifeline, deadline))
                continue
            if self._still_counts(login, circuit, target):
                self._admitted[id(target)] = (login, circuit, alone)
                return instead
            circuit.leave(target.device, "unknown", alone=alone)

    def _still_counts(self, login: _Login, circuit: Circuit, target: Target) -> bool:
        """Whether nothing was decided while the device waited that would turn it away."""
        with self._lock:
            return login.circuit is circuit and not self._is_out(login, target)

    def _is_out(self, login: _Login, target: Target) -> bool:
        return login.given_up or self._place(target) in login.left_out

    def _now(self, login: _Login, target: Target) -> tuple[Circuit, SSHCredentials | None]:
        """What counts for the credential now. Raises DeviceError when this device is left out."""
        with self._lock:
            circuit, instead = login.circuit, login.instead
            is_out = self._is_out(login, target)
        if is_out:
            raise refusal(login.name, circuit.state)
        return circuit, instead

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        """What came of a login that was let in."""
        login, circuit, alone = self._admitted.pop(id(target))
        circuit.leave(safe_line(target.device, 60), outcome, alone=alone)
        to_keep = None
        with self._lock:
            if outcome == "accepted":
                login.failing.clear()
                to_keep, login.to_keep = login.to_keep, None
                if login.question is not None:
                    self._desk.withdraw(login.question.key)
            elif outcome != "unknown":
                login.failing.append(self._place(target))
        if to_keep is not None and self._keep is not None:
            self._save(login, to_keep)

    def _save(self, login: _Login, typed: SSHCredentials) -> None:
        """Into the vault; what keeps it from there is no reason to stop the run."""
        error = None
        try:
            assert self._keep is not None
            self._keep(typed)
            # The vault's credential is another one now: the first thing known of it is this success.
            ledger = self._ledger(typed)
            ledger.change(lambda state: after(state, "accepted", "", datetime.now(UTC)))
        except VctuiError as problem:
            error = str(problem)
        for run in self._runs_with(login):
            self._sink(PasswordKept(run, login.name, error))

    def _runs_with(self, login: _Login) -> list[int]:
        """The runs that use a credential; all of them for one that only a jump host has."""
        concerned = [
            run.number
            for run in self._runs
            if any(safe_line(item.credential, 60) == login.name for item in run.plan.items)
        ]
        return concerned or [run.number for run in self._runs]

    def _place(self, target: Target) -> str:
        return self._places.get((target.device, target.host), "")

    def _login(self, credentials: SSHCredentials) -> _Login:
        key = (credentials.id, credentials.name, credentials.username)
        with self._lock:
            if key not in self._logins:
                name = safe_line(credentials.name or credentials.username, 60)
                self._logins[key] = _Login(name, Circuit(self._ledger(credentials)))
            return self._logins[key]

    def _ledger(self, credentials: SSHCredentials) -> OwnLedger | SharedLedger:
        if not credentials.id:
            return OwnLedger()
        if self._store is None:
            try:
                self._store = self._stack.enter_context(LoginStore(self._settings.collector_db))
            except VctuiError:  # the run itself says what is wrong with the database
                return OwnLedger()
        return SharedLedger(self._store, login_lock(self._settings.home, credentials.id), credentials.id)

    def _tell(self, login: _Login, state: LoginState) -> None:
        """Say once, for each time it opens, that the credential is not tried any more."""
        with self._lock:
            if login.told == state.open_until:
                return
            login.told = state.open_until
        until = (state.open_until or datetime.now(UTC)).isoformat(timespec="seconds")
        for run in self._runs_with(login):
            self._sink(BreakerOpened(run, login.name, why(state), state.devices, until))

    def _stopped(self, login: _Login, circuit: Circuit, state: LoginState, wait: Wait) -> None:
        """Tell, and let a person decide; returns when the device shall try again. Raises DeviceError."""
        self._tell(login, state)
        if not self._desk.is_attended:
            raise refusal(login.name, state)
        credentials = wait.target.credentials
        with self._lock:
            if login.circuit is not circuit:
                return
            typed = login.typed
            question = self._question(login, state, credentials)
        answer = wait.ask(question)
        if answer == ABORT:
            for run in self._runs:
                run.stop.set()
            wait.for_the_end()
        password = None
        if answer in (RETYPE, RETYPE_AND_KEEP):
            user = safe_line(credentials.username, 60)
            title = f"the password of {user!r} (credential {login.name!r})"
            box = f"password:{login.name}:{typed}"
            password = wait.ask(Question("password", box, title, "It goes to one device first."))
        with self._lock:
            if login.circuit is not circuit or mode_of(circuit.state, datetime.now(UTC)) != "open":
                return
            if password is not None:
                login.typed += 1
                login.instead = replace(credentials, password=password)
                login.to_keep = login.instead if answer == RETYPE_AND_KEEP else None
                # As after the twenty minutes: one device decides.
                login.circuit = Circuit(OwnLedger(LoginState(open_until=datetime.now(UTC))))
            elif answer is not None and answer not in (RETYPE, RETYPE_AND_KEEP, LEAVE_OUT):
                login.left_out.add(login.place)
                circuit.try_again()
            else:
                login.given_up = True
                self._desk.decline(question.key)

    def _question(self, login: _Login, state: LoginState, credentials: SSHCredentials) -> Question:
        """The same one for all devices, each time that the credential stops."""
        key = f"breaker:{login.name}:{state.open_until}"
        if login.question is None or login.question.key != key:
            login.place = self._place_at_fault(login)
            leave_place = f"Leave out {safe_line(login.place, 60)}"
            offered = {
                RETYPE: credentials.password,
                RETYPE_AND_KEEP: credentials.password and credentials.id and self._keep,
                leave_place: login.place,
                LEAVE_OUT: True,
                ABORT: True,
            }
            login.question = Question(
                "breaker",
                key,
                f"what to do about credential {login.name!r}",
                f"{why(state)}. It is not tried on any device until you decide.",
                choices=tuple(choice for choice, can_be in offered.items() if can_be),
            )
        return login.question

    def _place_at_fault(self, login: _Login) -> str:
        """The only place that failed of late, when there are others."""
        places = set(login.failing)
        return places.pop() if len(places) == 1 and self._has_others(login, *places) else ""

    def _has_others(self, login: _Login, place: str) -> bool:
        return bool(place) and any(other not in (place, *login.left_out) for other in self._places.values())


def place_of(politeness: Politeness, item: PlanItem) -> str:
    """Where a device asks who may log in: its AAA domain where one is configured, else its site."""
    domains = domains_of(politeness, item)
    if domains:
        return f"AAA domain {domains[0]}"
    return f"site {item.device.site}" if item.device.site else ""
