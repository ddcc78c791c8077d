"""The guard of credential discovery: a refusal is no surprise there, and must lock no account all the same.

A credential that nobody knows to be good is stopped after its first refusals, as in a run (see `circuit`).
One that was accepted somewhere may be refused elsewhere: at each site it is given up after as many refusals
in a row, and never more logins are under way there than that would take. Each attempt is noted before its
secret is sent, so that a discovery that was killed does not try the same pair again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from vctui.config import Settings
from vctui.errors import DeviceError, VctuiError
from vctui.jobs.circuit import Circuit, CircuitOpen, Limits, mode_of
from vctui.jobs.discovery_plan import address_of, plan_item
from vctui.jobs.ledgers import SharedLedger
from vctui.jobs.places import PlaceGate, place_of
from vctui.jobs.stopped import refusal
from vctui.records import CredentialInfo, Device
from vctui.ssh import NO_DEVICE, Deadline, Lifeline, LoginOutcome, Target
from vctui.storage import LoginStore, LoginTest, login_lock
from vctui.storage.logins import TestResult
from vctui.text import safe_line

RESULTS: Mapping[LoginOutcome, TestResult] = {
    "accepted": "accepted",
    "refused": "refused",
    "unanswered": "unclear",
    "unknown": "unclear",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One attempt to be: a device and a credential."""

    device: Device
    info: CredentialInfo


class DiscoveryGuard:
    """Guards the logins of one discovery. `pairs` are the attempts, by the key of their target."""

    def __init__(self, settings: Settings, store: LoginStore, *, max_refusals: int) -> None:
        self._settings = settings
        self._store = store
        self._limit = max_refusals
        self._lock = threading.Lock()
        self._circuits: dict[int, Circuit] = {}
        self._gates: dict[tuple[int, str], PlaceGate] = {}
        self._alone: dict[int, bool] = {}
        self.pairs: Mapping[int, Pair] = {}
        self.outcomes: dict[int, LoginOutcome] = {}
        """Of the attempts that were admitted and have ended, by the key of their target."""

    def is_stopped(self, pair: Pair) -> bool:
        """Whether the credential is not tried on this device now."""
        circuit, gate = self._of(pair)
        return gate.is_shut or mode_of(circuit.state, datetime.now(UTC)) == "open"

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        """See LoginGuard."""
        if target.key == NO_DEVICE:
            return
        pair = self.pairs[target.key]
        if self.is_stopped(pair):
            raise self._stopped(pair)

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        """See LoginGuard."""
        if target.key == NO_DEVICE:
            return
        pair = self.pairs[target.key]
        circuit, gate = self._of(pair)
        if not gate.enter(lifeline, deadline):
            raise self._stopped(pair)
        try:
            alone = circuit.enter(lifeline, deadline)
        except BaseException as error:
            gate.leave("unknown")
            if isinstance(error, CircuitOpen):
                raise self._stopped(pair) from None
            raise
        self._alone[target.key] = alone
        try:
            self._note(pair, "started")
        except BaseException:
            self._leave(target.key, pair, "unknown")
            raise

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        """See LoginGuard."""
        if target.key == NO_DEVICE:
            return
        pair = self.pairs[target.key]
        try:
            self._note(pair, RESULTS[outcome])
        finally:
            self.outcomes[target.key] = outcome
            self._leave(target.key, pair, outcome)

    def _leave(self, key: int, pair: Pair, outcome: LoginOutcome) -> None:
        circuit, gate = self._of(pair)
        circuit.leave(safe_line(pair.device.name, 60), outcome, alone=self._alone.pop(key))
        gate.leave(outcome)

    def _of(self, pair: Pair) -> tuple[Circuit, PlaceGate]:
        id = pair.info.id
        place = place_of(self._settings.politeness, plan_item(pair.device, pair.info))
        with self._lock:
            if id not in self._circuits:
                ledger = SharedLedger(self._store, login_lock(self._settings.home, id), id)
                self._circuits[id] = Circuit(ledger, Limits(untried=self._limit, trusted=None))
            if (id, place) not in self._gates:
                self._gates[id, place] = PlaceGate(self._limit, strict=True)
            return self._circuits[id], self._gates[id, place]

    def _note(self, pair: Pair, result: TestResult) -> None:
        """Raises DeviceError: what cannot be noted is not tried."""
        now = datetime.now(UTC)
        test = LoginTest(pair.device.id, pair.info.id, address_of(pair.device), result, "", now)
        try:
            self._store.note_test(test)
        except VctuiError as error:
            raise DeviceError("save_failed", error.message, error.next_step) from error

    def _stopped(self, pair: Pair) -> DeviceError:
        circuit, gate = self._of(pair)
        name = safe_line(pair.info.name, 60)
        if mode_of(circuit.state, datetime.now(UTC)) == "open" or not gate.is_shut:
            return refusal(name, circuit.state)
        place = place_of(self._settings.politeness, plan_item(pair.device, pair.info)) or "no site"
        return DeviceError(
            "breaker_open",
            f"credential {name!r} was refused {self._limit} times in a row at {safe_line(place, 60)}",
            "Go on later with the same command; --max-refusals raises the limit",
        )
