"""No account is locked: how many logins the devices themselves count (requirement 21)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fixtures.logins import WORKERS, Home, login_only, make_home
from tests.fixtures.ssh_device import PASSWORD, USER, Device, Rules, closed_port
from vctui.events import BreakerOpened, PasswordKept
from vctui.jobs import BatchRunner, JobSource
from vctui.jobs.breaker import Breaker
from vctui.jobs.circuit import Circuit
from vctui.jobs.ledgers import OwnLedger
from vctui.jobs.run_login import ABORT, LEAVE_OUT, RETYPE, RETYPE_AND_KEEP, RunLogin
from vctui.politeness import Domain, Limit, Politeness
from vctui.questions import Desk, OpenQuestion
from vctui.records import SSHCredentials
from vctui.ssh import Deadline, Lifeline, LoginOutcome, Target
from vctui.storage import History, LoginState, LoginStore

WRONG = "not-the-password"
LONG = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path)
    home.add_credential("lab", PASSWORD)
    return home


@pytest.fixture
def device() -> Iterator[Device]:
    with Device(login_only, Rules(), host="0.0.0.0") as device:
        yield device


def refusing(device: Device) -> None:
    device.rules.knows = lambda password: False


def test_a_wrong_credential_is_tried_twice_on_two_hundred_devices(home: Home, device: Device) -> None:
    refusing(device)
    home.add(device, 200)
    result = home.run()
    assert device.counts.total == 2
    assert home.kinds == {"auth_failed": 2, "breaker_open": 198}
    assert (result.failed_count, result.exit_code) == (200, 6)
    assert device.connections <= WORKERS + 2, "who cannot be tried is not connected to"


def test_a_good_credential_that_starts_failing_is_stopped(home: Home, device: Device) -> None:
    lock, logins, good = threading.Lock(), Counter[bool](), 40

    def knows(password: str) -> bool:
        with lock:
            right = logins[True] < good
            logins[right] += 1
            return right

    device.rules.knows = knows
    home.add(device, 200)
    home.run()
    assert logins[True] == good
    assert 3 <= logins[False] <= 3 + WORKERS
    assert home.kinds["breaker_open"] == 200 - good - logins[False]


def test_the_first_login_is_alone_until_it_is_accepted(home: Home, device: Device) -> None:
    first, go, most = threading.Event(), threading.Event(), []
    lock, busy = threading.Lock(), 0

    def knows(password: str) -> bool:
        nonlocal busy
        with lock:
            busy += 1
            most.append(busy)
        first.set()
        assert go.wait(LONG)
        with lock:
            busy -= 1
        return True

    device.rules.knows = knows
    home.add(device, 24)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(home.run)
        assert first.wait(LONG)
        with device.changed:
            assert device.changed.wait_for(lambda: device.connections == WORKERS, LONG)
        assert most == [1]
        go.set()
        run.result(LONG)
    assert device.counts.total == 24
    assert home.kinds["breaker_open"] == 0


def test_who_cannot_be_reached_counts_neither_way(home: Home, device: Device) -> None:
    refusing(device)
    with closed_port() as port:
        home.add_port(port, 20, site="aaa")
        home.add(device, 20, site="zzz")
        home.run(workers=1)
    assert device.counts.total == 2
    assert home.kinds == {"connection_refused": 20, "auth_failed": 2, "breaker_open": 18}


def test_the_other_credential_goes_on(home: Home, device: Device) -> None:
    home.add_credential("old", WRONG)
    home.add(device, 20, credential="old", site="aaa")
    home.add(device, 20, credential="lab", site="zzz")
    home.run()
    assert device.counts.total == 2 + 20
    assert home.kinds["breaker_open"] == 18


def test_the_next_run_knows_it_and_a_reset_or_a_new_password_lets_one_try(home: Home, device: Device) -> None:
    refusing(device)
    home.add(device, 30)
    home.run()
    result = home.run()
    assert (device.counts.total, result.exit_code) == (2, 6)
    assert home.kinds == {"breaker_open": 30}
    home.forget()
    home.run()
    assert device.counts.total == 4


@pytest.mark.parametrize(
    ("separate", "kinds"),
    [(True, {"auth_failed": 2, "breaker_open": 78}), (False, {"auth_failed": 8, "breaker_open": 72})],
    ids=["each with its own logins", "with the same logins"],
)
def test_jobs_that_run_at_once_try_it_twice_together(
    home: Home, device: Device, separate: bool, kinds: dict[str, int]
) -> None:
    refusing(device)
    home.add(device, 20)
    slugs = [f"job-{number}" for number in range(4)]
    for slug in slugs:
        home.add_job(slug)
    batch = BatchRunner(
        home.resolver,
        4,
        settings=home.settings,
        make_runner=home.runner,
        separate_logins=separate,
    ).run(slugs)
    assert device.counts.total == 2
    assert batch.exit_code == 6
    assert home.kinds == kinds
    told = [event.run for event in home.events if isinstance(event, BreakerOpened)]
    assert len(set(told)) == 4, "each run says it"


def test_the_run_says_why(home: Home, device: Device) -> None:
    refusing(device)
    home.add(device, 5)
    result = home.run(workers=1)
    [opened] = [event for event in home.events if isinstance(event, BreakerOpened)]
    assert (opened.credential, opened.devices) == ("lab", ("fra-000", "fra-001"))
    assert opened.to_dict()["event"] == "breaker_opened"
    with History(home.settings.collector_db) as history:
        rows = {row.device: row for row in history.run_devices(result.history_id or 0)}
    last = rows["fra-004"]
    assert (last.status, last.error_kind) == ("failed", "breaker_open")
    assert "refused 2 times in a row, last by fra-000, fra-001" in (last.error or "")
    assert "vctui creds status --reset lab" in (last.next_step or "")


# A person in front of it


class Person:
    """Answers the questions of a run as they come."""

    def __init__(self, *answers: tuple[str, str]) -> None:
        self.left = list(answers)
        """(a part of the title, the answer)"""
        self.seen: list[OpenQuestion] = []
        self.desk = Desk(self._look)

    def _look(self) -> None:
        for question in self.desk.open():
            if not self.left or self.left[0][0] not in question.question.title:
                continue
            _, answer = self.left.pop(0)
            self.seen.append(question)
            self.desk.answer(question.key, answer)


def test_the_password_is_typed_again(home: Home, device: Device) -> None:
    home.add_credential("old", WRONG)
    home.add(device, 40, credential="old")
    person = Person(("what to do", RETYPE), ("password", PASSWORD))
    result = home.run(person.desk)
    assert device.counts.total == 40
    assert home.kinds["auth_failed"] == 2
    assert home.kinds["breaker_open"] == 0
    assert result.exit_code != 6
    assert PASSWORD not in repr(home.events)
    assert home.resolver.get_ssh_credentials("old").password == WRONG, "it was for this run"


def test_the_password_is_typed_again_and_saved(home: Home, device: Device) -> None:
    home.add_credential("old", WRONG)
    home.add(device, 10, credential="old")
    home.run(Person(("what to do", RETYPE_AND_KEEP), ("password", PASSWORD)).desk)
    assert device.counts.total == 10
    assert [(e.credential, e.error) for e in home.events if isinstance(e, PasswordKept)] == [("old", None)]
    assert home.resolver.get_ssh_credentials("old").password == PASSWORD
    home.run()
    assert home.kinds["auth_failed"] == home.kinds["breaker_open"] == 0
    assert device.counts.total == 20


def test_a_wrong_password_is_not_saved_and_a_locked_vault_stops_no_run(home: Home, device: Device) -> None:
    home.add_credential("old", WRONG)
    home.add(device, 10, credential="old")
    home.run(Person(("what to do", RETYPE_AND_KEEP), ("password", "no"), ("what to do", LEAVE_OUT)).desk)
    assert home.resolver.get_ssh_credentials("old").password == WRONG
    home.forget()
    person = Person(("what to do", RETYPE_AND_KEEP), ("password", PASSWORD))

    def lock_then_answer() -> None:
        if any(question.question.kind == "password" for question in person.desk.open()):
            home.resolver.lock()
        person._look()

    person.desk = Desk(lock_then_answer)
    home.run(person.desk)
    [kept] = [event for event in home.events if isinstance(event, PasswordKept)]
    assert "locked" in (kept.error or "")
    assert home.kinds["breaker_open"] == 0


def test_a_password_that_is_typed_wrong_costs_one_more_login(home: Home, device: Device) -> None:
    home.add_credential("old", WRONG)
    home.add(device, 40, credential="old")
    person = Person(
        ("what to do", RETYPE), ("password", "wrong again"), ("what to do", RETYPE), ("password", PASSWORD)
    )
    home.run(person.desk)
    assert home.kinds["auth_failed"] == 3
    assert device.counts.total == 40
    assert [question.question.kind for question in person.seen] == ["breaker", "password"] * 2


def test_its_devices_are_left_out(home: Home, device: Device) -> None:
    refusing(device)
    home.add(device, 40)
    person = Person(("what to do", LEAVE_OUT))
    assert home.run(person.desk).exit_code == 6
    assert (device.counts.total, home.kinds["breaker_open"]) == (2, 38)
    assert len(person.seen) == 1


def test_only_the_place_that_failed_last_is_offered_and_only_where_there_is_another() -> None:
    def asked(*ends: tuple[LoginOutcome, str], places: tuple[str, ...] = ("ams", "fra")) -> str:
        login = RunLogin("lab", Circuit(OwnLedger()), {})
        for outcome, place in ends:
            login.count(outcome, place, places)
        question = login.ask(LoginState(), SSHCredentials(USER, password="x"), places, can_keep=False)
        return next((one for one in question.choices if one not in (RETYPE, LEAVE_OUT, ABORT)), "")

    assert asked(("refused", "ams"), ("refused", "ams")) == "Leave out ams"
    assert asked(("refused", "fra"), ("accepted", "fra"), ("refused", "ams")) == "Leave out ams"
    assert asked(("refused", "fra"), ("refused", "ams")) == ""
    assert asked(("refused", "ams"), ("unknown", "fra")) == "Leave out ams"
    assert asked(("refused", "ams"), places=("ams",)) == ""


def west_of(home: Home) -> None:
    """Put site aaa into an AAA domain of its own: its devices and the others take turns in a run."""
    west = Domain("west", Limit(logins_per_second=1000.0), sites=frozenset({"aaa"}))
    home.settings = replace(home.settings, politeness=Politeness(domains=(west,)))


def trust(home: Home, credential: str = "lab") -> None:
    """As after a success within the hour."""
    with LoginStore(home.settings.collector_db) as store:
        good = LoginState(succeeded_at=datetime.now(UTC))
        store.change(home.id_of(credential) or 0, lambda state: good)


def test_successes_elsewhere_do_not_hide_the_refusals_of_one_place(home: Home, device: Device) -> None:
    trust(home)
    west_of(home)
    with Device(login_only, host="0.0.0.0") as other:
        refusing(device)
        home.add(device, 40, site="aaa")
        home.add(other, 40, site="zzz")
        home.run()
        assert (device.counts.total, other.counts.total) == (3, 40)
        assert home.kinds["breaker_open"] == 37
        [opened] = [event for event in home.events if isinstance(event, BreakerOpened)]
        assert "3 times in a row at AAA domain west" in opened.reason
        home.run()
        assert (device.counts.total, other.counts.total) == (3, 80), "the next run leaves it out as well"
        home.forget()
        trust(home)
        home.run()
        assert (device.counts.total, other.counts.total) == (6, 120)


def test_a_success_in_between_does_not_make_more_of_failures_at_one_place(
    home: Home, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(home)
    west_of(home)
    home.add(device, 3, site="aaa")
    home.add(device, 1, site="zzz")
    runner = home.runner()
    plan = runner.plan(JobSource(home.settings).resolve("arp"))
    run: Any = SimpleNamespace(number=1, plan=plan)
    login = home.resolver.get_ssh_credentials("lab")
    targets = [Target(item.device.name, item.host, login, ()) for item in plan.items]
    targets.sort(key=lambda target: target.device)
    inside, go, leave = threading.Event(), threading.Event(), Circuit.leave

    def slow(self: Circuit, device: str, outcome: LoginOutcome, **more: bool) -> None:
        if outcome == "accepted":
            inside.set()
            assert go.wait(LONG)
        leave(self, device, outcome, **more)

    monkeypatch.setattr(Circuit, "leave", slow)
    with Breaker(home.settings, [run], desk=Desk(), sink=home.events.append) as breaker:
        for target in targets:
            breaker.admit(target, Lifeline(), Deadline(LONG))
        for target in targets[:2]:
            breaker.report(target, "refused")
        success = threading.Thread(target=breaker.report, args=(targets[3], "accepted"))
        success.start()
        assert inside.wait(LONG)
        refusal = threading.Thread(target=breaker.report, args=(targets[2], "refused"))
        refusal.start()
        refusal.join(0.5)
        with LoginStore(home.settings.collector_db) as store:
            assert store.state(login.id or 0).open_until is None
        go.set()
        success.join()
        refusal.join()


def test_a_credential_that_fails_everywhere_is_stopped_everywhere(home: Home, device: Device) -> None:
    trust(home)
    refusing(device)
    for site in ("aaa", "bbb", "ccc", "ddd"):
        home.add(device, 20, site=site)
    home.run(workers=1)
    assert device.counts.total == 4, "three at the first site, one at the next"
    assert home.kinds == {"auth_failed": 4, "breaker_open": 76}


def test_a_place_that_was_good_holds_back_after_a_refusal(home: Home, device: Device) -> None:
    """One device with a password of its own costs the others nothing."""
    trust(home)
    lock, odd = threading.Lock(), [5, 17, 29]

    def knows(password: str) -> bool:
        with lock:
            return device.counts.total not in odd

    device.rules.knows = knows
    home.add(device, 40)
    home.run()
    assert device.counts.total == 40
    assert home.kinds["breaker_open"] == 0
    assert home.kinds["auth_failed"] >= 1


@pytest.mark.parametrize("domain", [None, "west"])
def test_the_site_or_the_domain_that_refuses_is_left_out(
    home: Home, device: Device, domain: str | None
) -> None:
    """Whatever comes first: the first two refusals, or a success elsewhere and then three."""
    if domain is not None:
        west_of(home)
    with Device(login_only, host="0.0.0.0") as other:
        refusing(device)
        home.add(device, 20, site="aaa")
        home.add(other, 20, site="zzz")
        place = "site aaa" if domain is None else f"AAA domain {domain}"
        person = Person(("what to do", f"Leave out {place}"))
        home.run(person.desk)
    assert other.counts.total == 20
    assert device.counts.total in ((2,) if domain is None else (2, 3))
    assert home.kinds["breaker_open"] == 20 - device.counts.total


def test_the_run_is_stopped(home: Home, device: Device) -> None:
    refusing(device)
    home.add(device, 40)
    result = home.run(Person(("what to do", ABORT)).desk)
    assert (result.status, device.counts.total) == ("cancelled", 2)
    assert home.kinds == {"auth_failed": 2, "cancelled": 38}


def test_declining_leaves_its_devices_out(home: Home, device: Device) -> None:
    refusing(device)
    home.add(device, 40)

    def decline() -> None:
        for one in desk.open():
            desk.decline(one.key)

    desk = Desk(decline)
    assert home.run(desk).exit_code == 6
    assert (device.counts.total, home.kinds["breaker_open"]) == (2, 38)
