"""When one credential may be tried: on one device first, and not again once it was refused too often.

A credential with a success within the last hour is trusted: its logins go out side by side. Any other goes to
one device at a time, in all processes of the home, until one accepts it. A failure takes the trust away until
the next success. Too many failures in a row open the circuit: nobody tries the credential for twenty minutes,
then one device decides. What says nothing of the credential (unreachable, no secret asked for) counts neither
way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from vctui.errors import DeviceError
from vctui.jobs.ledgers import Ledger
from vctui.ssh import Deadline, Lifeline, LoginOutcome
from vctui.storage import LoginState

Mode = Literal["trusted", "one", "open"]
TRUST = timedelta(hours=1)
OPEN = timedelta(minutes=20)
SILENT_OPEN = timedelta(minutes=2)
"""After failures that were all without an answer: the server behind the devices may be down."""
_NOTE_EVERY = timedelta(minutes=1)
"""How old a noted success gets before another one is written."""
_LOOK_EVERY = 1.0
"""Seconds between two looks at what other processes noted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many failures in a row open a circuit."""

    untried: int = 2
    trusted: int | None = 3
    """None: a refusal of a trusted one says nothing, as where it is being found out what it is for."""


LIMITS = Limits()


class CircuitOpen(Exception):
    """The credential must not be tried now; `state` says why and until when."""

    def __init__(self, state: LoginState) -> None:
        super().__init__("open")
        self.state = state


def mode_of(state: LoginState, now: datetime) -> Mode:
    """What may be done with a credential."""
    if state.open_until is not None:
        # A clock that was set back must not keep it open for longer than it was meant to be.
        return "open" if now < state.open_until <= now + OPEN else "one"
    return "trusted" if _is_trusted(state, now) and not _streak(state, now) else "one"


def after(
    state: LoginState,
    outcome: LoginOutcome,
    device: str,
    now: datetime,
    limits: Limits = LIMITS,
    *,
    contained: bool = False,
) -> LoginState:
    """The state after a login ended so.

    `contained`: the failures in a row are all at one place, which is shut by itself. They open nothing as
    long as the credential is trusted.
    """
    trusted = _is_trusted(state, now)
    if outcome == "accepted":
        return LoginState(succeeded_at=now, failed_at=state.failed_at)
    if outcome == "unknown" or (outcome == "refused" and trusted and limits.trusted is None):
        return state
    before = _streak(state, now)
    streak = before + 1
    refused = (state.refused if before else 0) + (outcome == "refused")
    limit = (limits.trusted if trusted else None) or limits.untried
    open_until = None
    if state.open_until is not None or (streak >= limit and not (trusted and contained)):
        open_until = now + (OPEN if refused else SILENT_OPEN)
    return replace(
        state,
        failed_at=now,
        streak=streak,
        refused=refused,
        devices=(*(state.devices if before else ()), device),
        open_until=open_until,
    )


def _is_trusted(state: LoginState, now: datetime) -> bool:
    return state.succeeded_at is not None and timedelta() <= now - state.succeeded_at <= TRUST


def _streak(state: LoginState, now: datetime) -> int:
    """Failures in a row that are fresh enough for a device or its server to remember them."""
    return state.streak if state.failed_at is not None and now - state.failed_at <= OPEN else 0


class Circuit:
    """One credential in one run: who may try it now, and who waits. Methods are called from any thread."""

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits = LIMITS,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._limits = limits
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._state = ledger.read()
        self._read_at = clock()
        self._in_flight = 0
        self._alone = False
        """Somebody is the only one who tries, or is about to be."""
        self._waiting: list[threading.Event] = []

    @property
    def state(self) -> LoginState:
        """What is known now."""
        with self._lock:
            return self._fresh()

    def enter(self, line: Lifeline, deadline: Deadline) -> bool:
        """Wait until a device may try the credential, and `leave` must follow. True: only this one does.

        Raises CircuitOpen, or DeviceError when the run is cancelled or the deadline is over.
        """
        wake = threading.Event()
        line.tie(wake.set)
        while True:
            wake.clear()
            check_wait(line, deadline)
            turn = self._turn(wake)
            if turn == "go":
                return False
            if turn == "wait":
                wake.wait(deadline.remaining())
            elif self._enter_alone(line, deadline):
                return True

    def _turn(self, wake: threading.Event) -> Literal["go", "wait", "alone"]:
        with self._lock:
            mode = mode_of(self._fresh(), self._now())
            if mode == "open":
                raise CircuitOpen(self._state)
            if mode == "trusted":
                self._in_flight += 1
                return "go"
            if self._in_flight or self._alone:
                self._waiting.append(wake)
                return "wait"
            self._alone = True
            return "alone"

    def _enter_alone(self, line: Lifeline, deadline: Deadline) -> bool:
        """Wait for the other processes; False when they have found out what there was to find out."""
        try:
            while not self._ledger.claim():
                check_wait(line, deadline)
                if mode_of(self.state, self._now()) != "one":
                    self._step_back()
                    return False
        except BaseException:
            self._step_back()
            raise
        with self._lock:
            self._look()
            if mode_of(self._state, self._now()) == "one":
                self._in_flight += 1
                return True
        self._ledger.release()
        self._step_back()
        return False

    def _step_back(self) -> None:
        with self._lock:
            self._alone = False
            self._wake_all()

    def leave(self, device: str, outcome: LoginOutcome, *, alone: bool, contained: bool = False) -> None:
        """The login of a device that entered has ended; `alone` is what `enter` said. See `after`."""
        with self._lock:
            now = self._now()
            state = self._fresh()
            old = state.succeeded_at is None or now - state.succeeded_at > _NOTE_EVERY
            if outcome in ("refused", "unanswered") or (
                outcome == "accepted" and (old or state.streak or state.open_until)
            ):
                self._state = self._ledger.change(
                    lambda known: after(known, outcome, device, now, self._limits, contained=contained)
                )
                self._read_at = self._clock()
            self._in_flight -= 1
            if alone:
                self._alone = False
                self._ledger.release()
            self._wake_all()

    def try_again(self) -> None:
        """Let one device decide, although it is open."""
        with self._lock:
            now = self._now()
            self._state = self._ledger.change(
                lambda state: replace(state, open_until=now) if state.open_until else state
            )
            self._wake_all()

    def _fresh(self) -> LoginState:
        if self._clock() - self._read_at > _LOOK_EVERY:
            self._look()
        return self._state

    def _look(self) -> None:
        self._state = self._ledger.read()
        self._read_at = self._clock()

    def _wake_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake.set()


def check_wait(line: Lifeline, deadline: Deadline) -> None:
    """Raise DeviceError when the run is cancelled, or the time of a device that waits is up."""
    if line.is_cut:
        raise DeviceError("cancelled", "the run was cancelled")
    if not deadline.remaining():
        raise DeviceError(
            "auth_timeout",
            "no other device has accepted the credential so far, and the time is up",
            "See the other devices of the run; the login goes to one device first",
        )
