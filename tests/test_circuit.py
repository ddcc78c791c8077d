"""When one credential may be tried: the rules by themselves, then threads and processes that follow them."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fixtures.vault import fresh_vault, run_sql
from vctui.errors import DeviceError
from vctui.jobs.circuit import (
    OPEN,
    SILENT_OPEN,
    TRUST,
    Circuit,
    CircuitOpen,
    after,
    mode_of,
)
from vctui.jobs.ledgers import OwnLedger, SharedLedger
from vctui.ssh import Deadline, Lifeline, LoginOutcome
from vctui.storage import LoginState, LoginStore, login_lock

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TRUSTED = LoginState(succeeded_at=NOW - 5 * MINUTE)
UNTRIED = LoginState()
LONG = 20.0


def ended(state: LoginState, *outcomes: LoginOutcome, step: timedelta = timedelta()) -> LoginState:
    """The state after these logins, one every `step`."""
    for number, outcome in enumerate(outcomes):
        state = after(state, outcome, f"sw{number}", NOW + number * step)
    return state


@pytest.mark.parametrize(
    ("state", "mode"),
    [
        (UNTRIED, "one"),
        (TRUSTED, "trusted"),
        (LoginState(succeeded_at=NOW - TRUST - MINUTE), "one"),
        (LoginState(succeeded_at=NOW + MINUTE), "one"),
        (ended(UNTRIED, "accepted"), "trusted"),
        (ended(UNTRIED, "refused"), "one"),
        (ended(UNTRIED, "refused", "refused"), "open"),
        (ended(UNTRIED, "unknown", "unknown", "unknown"), "one"),
        (ended(UNTRIED, "refused", "unknown", "refused"), "open"),
        (ended(TRUSTED, "refused"), "one"),
        (ended(TRUSTED, "refused", "refused"), "one"),
        (ended(TRUSTED, "refused", "refused", "refused"), "open"),
        (ended(TRUSTED, "refused", "accepted", "refused", "refused"), "one"),
        (ended(TRUSTED, "refused", "refused", "accepted"), "trusted"),
        (ended(TRUSTED, "unanswered", "unanswered", "unanswered"), "open"),
        (ended(TRUSTED, "unknown", "unknown", "unknown", "unknown"), "trusted"),
    ],
)
def test_what_may_be_done(state: LoginState, mode: str) -> None:
    assert mode_of(state, NOW) == mode


def test_failures_at_one_place_open_nothing_while_the_credential_is_trusted() -> None:
    state = TRUSTED
    for number in range(5):
        state = after(state, "refused", f"sw{number}", NOW, contained=True)
    assert (state.streak, mode_of(state, NOW)) == (5, "one")
    assert mode_of(after(state, "refused", "elsewhere", NOW), NOW) == "open"
    assert mode_of(after(state, "accepted", "elsewhere", NOW), NOW) == "trusted"
    state = after(
        after(UNTRIED, "refused", "sw1", NOW, contained=True), "refused", "sw2", NOW, contained=True
    )
    assert mode_of(state, NOW) == "open"


@pytest.mark.parametrize("outcome", ["refused", "unanswered"])
def test_it_opens_for_a_time_then_one_device_decides(outcome: LoginOutcome) -> None:
    length = OPEN if outcome == "refused" else SILENT_OPEN
    assert length == (20 if outcome == "refused" else 2) * MINUTE
    state = ended(UNTRIED, outcome, outcome)
    assert mode_of(state, NOW + length - MINUTE) == "open"
    assert mode_of(state, NOW + length) == "one"
    again = after(state, outcome, "sw9", NOW + length)
    assert mode_of(again, NOW + length + MINUTE) == "open", "one failure is enough now"
    assert mode_of(after(state, "accepted", "sw9", NOW + length), NOW + length) == "trusted"


def test_old_failures_are_forgotten() -> None:
    state = ended(UNTRIED, "refused", "refused", step=OPEN + MINUTE)
    assert (state.streak, state.devices) == (1, ("sw1",))
    assert mode_of(state, NOW + OPEN + MINUTE) == "one"


def test_a_clock_that_was_set_back_does_not_keep_it_open() -> None:
    state = ended(UNTRIED, "refused", "refused")
    assert mode_of(state, NOW - timedelta(hours=3)) == "one"


class Crowd:
    """Threads that enter one circuit."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.pool = ThreadPoolExecutor(24)
        self.line = Lifeline()
        self.inside = threading.Semaphore(0)

    def enter(self, seconds: float = LONG) -> Future[bool]:
        def go() -> bool:
            alone = self.circuit.enter(self.line, Deadline(seconds))
            self.inside.release()
            return alone

        return self.pool.submit(go)

    def one_more_is_inside(self) -> None:
        assert self.inside.acquire(timeout=LONG)

    def nobody_is_inside(self) -> bool:
        return not self.inside.acquire(blocking=False)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(Circuit(OwnLedger()))


def test_one_goes_first_and_the_others_follow_its_success(crowd: Crowd) -> None:
    futures = [crowd.enter() for _ in range(12)]
    crowd.one_more_is_inside()
    assert crowd.nobody_is_inside()
    assert sum(future.done() for future in futures) == 1
    crowd.circuit.leave("sw1", "accepted", alone=True)
    alone = [future.result(LONG) for future in futures]
    assert sorted(alone) == [False] * 11 + [True]


def test_nothing_goes_out_side_by_side_until_one_is_accepted(crowd: Crowd) -> None:
    futures = [crowd.enter() for _ in range(5)]
    for _ in range(3):
        crowd.one_more_is_inside()
        assert crowd.nobody_is_inside()
        crowd.circuit.leave("sw1", "unknown", alone=True)
    crowd.one_more_is_inside()
    crowd.circuit.leave("sw1", "accepted", alone=True)
    assert [future.result(LONG) for future in futures].count(True) == 4


def test_two_refusals_turn_away_all_who_wait(crowd: Crowd) -> None:
    futures = [crowd.enter() for _ in range(12)]
    for _ in range(2):
        crowd.one_more_is_inside()
        crowd.circuit.leave("sw1", "refused", alone=True)
    ends = [future.exception(LONG) for future in futures]
    assert sum(isinstance(end, CircuitOpen) for end in ends) == 10
    assert ends.count(None) == 2


def test_a_failure_of_a_trusted_one_holds_back_all_until_the_next_success() -> None:
    crowd = Crowd(Circuit(OwnLedger(LoginState(succeeded_at=datetime.now(UTC)))))
    for _ in range(3):
        assert crowd.enter().result(LONG) is False
        crowd.one_more_is_inside()
    crowd.circuit.leave("sw1", "refused", alone=False)
    late = crowd.enter(seconds=0.05).exception(LONG)
    assert isinstance(late, DeviceError), "nobody goes alone while others are under way"
    held = crowd.enter()
    crowd.circuit.leave("sw2", "unknown", alone=False)
    assert crowd.nobody_is_inside()
    crowd.circuit.leave("sw3", "accepted", alone=False)
    assert held.result(LONG) is False


def test_cancelling_and_the_deadline_end_the_wait(crowd: Crowd) -> None:
    crowd.enter().result(LONG)
    late = crowd.enter(seconds=0.05).exception(LONG)
    assert isinstance(late, DeviceError)
    assert late.kind == "auth_timeout"
    cut = [crowd.enter() for _ in range(5)]
    crowd.line.cut()
    for future in cut:
        error = future.exception(LONG)
        assert isinstance(error, DeviceError)
        assert error.kind == "cancelled"


# What processes share


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one credential, of id 1."""
    fresh_vault(tmp_path).add("lab", "admin", password="x")
    return tmp_path


def shared(home: Path) -> Circuit:
    """A circuit as another process would have it: with a connection and a lock of its own."""
    return Circuit(SharedLedger(LoginStore(home / "collector.db"), login_lock(home, 1), 1))


def outcome(circuit: Circuit, outcome: LoginOutcome) -> None:
    alone = circuit.enter(Lifeline(), Deadline(LONG))
    circuit.leave("sw1", outcome, alone=alone)


def test_what_one_process_found_out_the_next_one_knows(home: Path) -> None:
    outcome(shared(home), "refused")
    outcome(shared(home), "refused")
    with pytest.raises(CircuitOpen) as caught:
        shared(home).enter(Lifeline(), Deadline(LONG))
    assert caught.value.state.devices == ("sw1", "sw1")
    with LoginStore(home / "collector.db") as store:
        store.reset(1)
    outcome(shared(home), "accepted")
    assert shared(home).enter(Lifeline(), Deadline(LONG)) is False


def test_only_one_process_tries_at_a_time(home: Path) -> None:
    first, second = shared(home), Crowd(shared(home))
    assert first.enter(Lifeline(), Deadline(LONG)) is True
    waits = second.enter()
    assert second.nobody_is_inside()
    first.leave("sw1", "accepted", alone=True)
    assert waits.result(LONG) is False, "it follows the success of the other"


def test_what_another_process_has_claimed_is_not_tried_however_long_it_takes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vctui.jobs.ledgers._CLAIM_SECONDS", 0.01)
    first, second = (
        SharedLedger(LoginStore(home / "collector.db"), login_lock(home, 1), 1) for _ in range(2)
    )
    assert first.claim()
    assert [second.claim() for _ in range(3)] == [False] * 3
    first.release()
    assert second.claim()


def test_a_process_that_dies_holds_nobody_up(home: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from vctui.storage import login_lock\n"
        "login_lock(Path(sys.argv[1]), 1).acquire(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(home)], check=False).returncode == 9
    assert shared(home).enter(Lifeline(), Deadline(LONG)) is True


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credentials SET updated_at = '2030-01-01' WHERE id = 1",
        "UPDATE vctui_credentials SET version = version + 1",
    ],
    ids=["edited by VelocityCollector", "edited by vctui"],
)
def test_an_edited_credential_begins_anew(home: Path, statement: str) -> None:
    for _ in range(2):
        outcome(shared(home), "refused")
    run_sql(home / "collector.db", statement)
    assert shared(home).enter(Lifeline(), Deadline(LONG)) is True
    with LoginStore(home / "collector.db") as store:
        assert store.states() == {1: LoginState()}


def test_a_database_that_cannot_be_written_keeps_nobody_from_working(home: Path) -> None:
    circuit = shared(home)
    run_sql(home / "collector.db", "CREATE TABLE vctui_logins (wrong TEXT)")
    outcome(circuit, "accepted")
    assert circuit.enter(Lifeline(), Deadline(LONG)) is False


def test_steady_success_is_not_written_each_time(home: Path) -> None:
    circuit = shared(home)
    outcome(circuit, "accepted")
    before = run_sql(home / "collector.db", "PRAGMA data_version")
    first = (home / "collector.db").stat().st_mtime_ns
    for _ in range(50):
        outcome(circuit, "accepted")
    assert (home / "collector.db").stat().st_mtime_ns == first, before
