"""Which credential works where: found out with one login for each pair, counted by the devices."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fixtures.logins import login_only, make_home
from tests.fixtures.ssh_device import USER, Device, Rules, closed_port, host_key
from tests.fixtures.vault import run_sql
from vctui.errors import CredentialNotFound, NoDevicesError
from vctui.events import Event
from vctui.jobs import (
    DeviceSettled,
    Discovery,
    DiscoveryFinished,
    DiscoveryOptions,
    DiscoveryPlan,
    DiscoverySettings,
    LoginTested,
    plan_discovery,
    require_candidates,
)
from vctui.jobs.discovery_plan import FRESH
from vctui.jobs.places import PlaceGate
from vctui.records import Device as Row
from vctui.records import DeviceFilter
from vctui.scope import parse_scope
from vctui.ssh import Deadline, Lifeline
from vctui.storage import Audit, Inventory, LoginState, LoginStore, LoginTest

ALL = DiscoveryOptions(DeviceFilter())
HOW = DiscoverySettings(pause=0.001, rate=1000.0, timeout=10.0)


class Lab:
    """A home with the credentials a, b and c; the password of each is its name."""

    def __init__(self, folder: Path) -> None:
        self.home = make_home(folder)
        self.settings = self.home.settings
        self.events: list[Event] = []
        for name in "abc":
            self.home.add_credential(name, name)

    def trust(self, *names: str) -> None:
        """As after a success within the hour."""
        with LoginStore(self.settings.collector_db) as store:
            for name in names:
                store.change(
                    self.home.id_of(name) or 0, lambda state: LoginState(succeeded_at=datetime.now(UTC))
                )

    def plan(self, options: DiscoveryOptions = ALL, now: datetime | None = None) -> DiscoveryPlan:
        return plan_discovery(self.settings, self.home.resolver.credentials(), options, now)

    def discover(self, options: DiscoveryOptions = ALL, how: DiscoverySettings = HOW) -> DiscoveryFinished:
        self.events.clear()
        discovery = Discovery(self.settings, self.home.resolver, how, sink=self.events.append)
        return discovery.run(self.plan(options))

    @property
    def found(self) -> dict[str, tuple[str, str | None]]:
        """Device → how it was settled, and with which credential."""
        return {e.device: (e.result, e.credential) for e in self.events if isinstance(e, DeviceSettled)}

    @property
    def tried(self) -> list[tuple[str, str, str]]:
        """(device, credential, result), as they ended."""
        return [(e.device, e.credential, e.result) for e in self.events if isinstance(e, LoginTested)]

    def rows(self) -> dict[str, Row]:
        with Inventory(self.settings.dcim_db) as inventory:
            return {device.name: device for device in inventory.devices()}

    def give(self, device: str, credential: str, result: str | None = None) -> None:
        with Inventory(self.settings.dcim_db) as inventory:
            row = inventory.get(device)
            assert row is not None
            inventory.set_credential(row.id, self.home.id_of(credential), result=result)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


class Counted(Device):
    """A device that takes some passwords and counts each that it is shown."""

    def __init__(self, *accepted: str) -> None:
        super().__init__(login_only, Rules(), "0.0.0.0")
        self.seen: Counter[str] = Counter()
        self.accepted = set(accepted)
        self.rules.knows = self._knows

    def __enter__(self) -> Counted:
        super().__enter__()
        return self

    def _knows(self, password: str) -> bool:
        self.seen[password] += 1
        return password in self.accepted


@pytest.fixture
def one() -> Iterator[Counted]:
    with Counted("a") as device:
        yield device


@pytest.fixture
def two() -> Iterator[Counted]:
    with Counted("b") as device:
        yield device


def test_each_device_is_given_the_credential_that_works(lab: Lab, one: Counted, two: Counted) -> None:
    lab.trust("a", "b")
    lab.home.add(one, 4, site="fra", credential="")
    lab.home.add(two, 4, site="ams", credential="")
    how = replace(HOW, max_refusals=9)
    finished = lab.discover(how=how)
    assert set(lab.found.values()) == {("works", "a"), ("works", "b")}
    assert (finished.works, finished.attempts, finished.exit_code) == (8, 12, 0)
    assert (one.seen, two.seen) == ({"a": 4}, {"a": 4, "b": 4})
    rows = lab.rows().values()
    assert {(row.site, row.credential_id) for row in rows} == {
        ("fra", lab.home.id_of("a")),
        ("ams", lab.home.id_of("b")),
    }
    assert {row.credential_result for row in rows} == {"success"}
    assert all(row.credential_tested_at for row in rows)


def test_what_is_known_is_not_asked_again_within_a_day(lab: Lab, one: Counted) -> None:
    lab.trust("a", "b", "c")
    lab.home.add(one, 3, credential="")
    lab.discover()
    with pytest.raises(NoDevicesError, match="was found to work within a day"):
        require_candidates(lab.plan())
    assert len(lab.plan(now=datetime.now(UTC) + FRESH + timedelta(minutes=1)).candidates) == 3
    assert len(lab.plan(replace(ALL, force=True)).candidates) == 3


def test_a_pair_that_was_refused_is_not_tried_again_and_the_rest_is_gone_on_with(
    lab: Lab, two: Counted
) -> None:
    lab.trust("a", "b", "c")
    lab.home.add(two, 3, credential="")
    how = replace(HOW, max_refusals=9)
    lab.discover(replace(ALL, credentials=["a"]), how)
    assert set(lab.found.values()) == {("refused", None)}
    lab.discover(how=how)
    assert two.seen == {"a": 3, "b": 3}
    assert set(lab.found.values()) == {("works", "b")}


def test_a_discovery_that_is_killed_repeats_no_login(lab: Lab, two: Counted) -> None:
    """It dies in the middle of its first login: that pair counts as tried."""
    lab.trust("a", "b", "c")
    lab.home.add(two, 1, credential="")
    reached = threading.Event()
    let_go = threading.Event()

    def knows(password: str) -> bool:
        two.seen[password] += 1
        reached.set()
        return let_go.wait(20) and password == "b"

    two.rules.knows = knows
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(lab.settings.home)], stdin=subprocess.PIPE)
    assert reached.wait(20)
    child.kill()
    child.wait()
    let_go.set()
    assert child.stdin is not None
    child.stdin.close()
    lab.discover()
    assert two.seen == {"a": 1, "b": 1}
    assert list(lab.found.values()) == [("works", "b")]


KILLED = """
import sys
from tests.fixtures.vault import FAST, MASTER
from tests.test_discovery import ALL, HOW, Discovery, plan_discovery
from vctui.config import load_settings
from vctui.vault import CredentialResolver, Vault
settings = load_settings(sys.argv[1], {})
resolver = CredentialResolver(settings)
resolver.vault = Vault(settings.collector_db, kdf=FAST)
resolver.vault.unlock(MASTER)
Discovery(settings, resolver, HOW).run(plan_discovery(settings, resolver.credentials(), ALL))
"""


def test_a_credential_that_was_never_accepted_is_stopped_after_two_refusals(lab: Lab, two: Counted) -> None:
    for site in ("ams", "fra", "lon"):
        lab.home.add(two, 10, site=site, credential="")
    finished = lab.discover(replace(ALL, credentials=["a"]))
    assert two.seen == {"a": 2}
    assert (finished.refused, finished.postponed, finished.exit_code) == (2, 28, 6)
    assert lab.discover(replace(ALL, credentials=["a"])).attempts == 0, "for twenty minutes"


def test_one_that_is_accepted_elsewhere_is_given_up_site_by_site(
    lab: Lab, one: Counted, two: Counted
) -> None:
    lab.home.add(one, 10, site="ams", credential="")
    lab.home.add(two, 10, site="fra", credential="")
    lab.home.add(two, 10, site="lon", credential="")
    finished = lab.discover(replace(ALL, credentials=["a"]))
    assert (one.seen, two.seen) == ({"a": 10}, {"a": 4})
    assert (finished.works, finished.refused, finished.postponed) == (10, 4, 16)


def test_refusals_of_a_known_one_do_not_stop_it_for_the_runs(lab: Lab, two: Counted) -> None:
    lab.trust("a")
    lab.home.add(two, 6, credential="")
    lab.discover(replace(ALL, credentials=["a"]))
    with LoginStore(lab.settings.collector_db) as store:
        state = store.state(lab.home.id_of("a") or 0)
    assert (state.streak, state.open_until) == (0, None)


def test_the_first_login_goes_where_it_is_known_to_work(lab: Lab, one: Counted, two: Counted) -> None:
    lab.home.add(two, 5, site="ams", credential="")
    lab.home.add(one, 5, site="fra", credential="")
    lab.give("fra-007", "a", "success")
    lab.discover(replace(ALL, credentials=["a"]), replace(HOW, workers=1))
    assert lab.tried[0] == ("fra-007", "a", "accepted")


def test_the_first_logins_go_to_devices_that_are_unlike(lab: Lab, one: Counted, two: Counted) -> None:
    lab.home.add(two, 5, site="ams", credential="")
    lab.home.add(one, 5, site="fra", credential="")
    lab.discover(replace(ALL, credentials=["a"]), replace(HOW, workers=1))
    assert lab.tried[:2] == [("ams-000", "a", "refused"), ("fra-005", "a", "accepted")]


def test_likely_credentials_come_first(lab: Lab, one: Counted) -> None:
    lab.home.add(one, 3, site="ams", credential="")
    lab.home.add(one, 3, site="fra", credential="")
    lab.give("ams-000", "c", "success")
    lab.give("fra-003", "b", "success")
    lab.give("fra-004", "c", "failed")
    orders = {c.device.name: "".join(i.name for i in c.credentials) for c in lab.plan().candidates}
    assert orders == {
        "ams-000": "cba",
        "ams-001": "cba",
        "ams-002": "cba",
        "fra-003": "bca",
        "fra-004": "cba",
        "fra-005": "bca",
    }


def test_who_cannot_be_reached_has_not_failed(lab: Lab, one: Counted) -> None:
    lab.trust("a")
    with closed_port() as port:
        lab.home.add_port(port, 1, site="ams", credential="a")
        lab.home.add(one, 1, site="fra", credential="")
        one.rules.key = host_key("other")
        finished = lab.discover()
    assert set(lab.found.values()) == {("unreachable", None)}
    assert one.counts.total == 0
    assert finished.error_kinds == ("connection_refused", "host_key_changed")
    assert finished.exit_code == 5
    assert {row.credential_result for row in lab.rows().values()} == {"untested"}


def test_what_a_person_chose_is_kept_unless_forced(lab: Lab, two: Counted) -> None:
    lab.trust("a", "b")
    lab.home.add(two, 1, credential="a")
    (name,) = lab.rows()
    lab.discover()
    row = lab.rows()[name]
    assert (row.credential_id, row.credential_result) == (lab.home.id_of("a"), "failed")
    (settled,) = [event for event in lab.events if isinstance(event, DeviceSettled)]
    assert (settled.credential, settled.saved) == ("b", False)
    assert "--force" in settled.note
    lab.discover(replace(ALL, force=True), replace(HOW, replace=True))
    row = lab.rows()[name]
    assert (row.credential_id, row.credential_result) == (lab.home.id_of("b"), "success")


def test_what_a_test_chose_or_what_is_gone_is_replaced(lab: Lab, two: Counted) -> None:
    lab.trust("a", "b")
    two.accepted = {"a"}
    lab.home.add(two, 2, credential="")
    first, second = lab.rows()
    lab.discover(replace(ALL, names=[first]))
    two.accepted = {"b"}
    with Inventory(lab.settings.dcim_db) as inventory:
        inventory.set_credential(lab.rows()[second].id, 99)
    lab.discover(replace(ALL, force=True))
    assert {row.credential_id for row in lab.rows().values()} == {lab.home.id_of("b")}


def test_without_update_nothing_is_changed(lab: Lab, one: Counted) -> None:
    lab.trust("a")
    lab.home.add(one, 1, credential="")
    before = lab.rows()
    lab.discover(how=replace(HOW, update=False))
    assert list(lab.found.values()) == [("works", "a")]
    assert lab.rows() == before


def test_an_inventory_of_version_1_is_served_too(lab: Lab, one: Counted) -> None:
    lab.trust("a")
    lab.home.add(one, 1, credential="")
    database = lab.settings.dcim_db
    run_sql(database, "DROP VIEW v_device_detail")
    for index in run_sql(
        database, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%credential_test%'"
    ):
        run_sql(database, f"DROP INDEX {index[0]}")
    for column in ("credential_tested_at", "credential_test_result"):
        run_sql(database, f"ALTER TABLE dcim_device DROP COLUMN {column}")
    lab.discover()
    (row,) = lab.rows().values()
    assert (row.credential_id, row.credential_result) == (lab.home.id_of("a"), "untested")
    assert lab.plan().candidates == (), "it is remembered beside the inventory"


def test_scope_search_limit_and_the_other_filters(lab: Lab, one: Counted) -> None:
    lab.home.add(one, 2, site="ams", credential="")
    lab.home.add(one, 2, site="fra", credential="a")
    lab.home.resolver.vault.add("d", USER, password="d", scope=parse_scope("site:ams"))

    def names(**options: object) -> list[str]:
        plan = lab.plan(replace(ALL, **options))  # type: ignore[arg-type]
        return [candidate.device.name for candidate in plan.candidates]

    assert names(credentials=["d"]) == ["ams-000", "ams-001"]
    assert names(skip_configured=True) == ["ams-000", "ams-001"]
    assert names(search="00") == names()
    assert names(search="-002") == ["fra-002"]
    assert names(limit=3) == ["ams-000", "ams-001", "fra-002"]
    assert names(filter=DeviceFilter(site="fra")) == ["fra-002", "fra-003"]
    reasons = {left.reason for left in lab.plan(replace(ALL, credentials=["d"])).left_out}
    assert reasons == {"outside the scope of every credential"}
    with pytest.raises(CredentialNotFound):
        names(credentials=["nobody"])


def test_what_is_about_to_be_sent_is_in_the_audit_trail(lab: Lab, one: Counted) -> None:
    lab.trust("a")
    lab.home.add(one, 2, credential="")
    lab.discover(replace(ALL, credentials=["a"]))
    entries = [entry for entry in Audit(lab.settings.home).entries() if entry["kind"] == "credential_tried"]
    assert [(entry["name"], entry["devices"]) for entry in entries] == [("a", ["fra-000", "fra-001"])]


def test_cancelling_ends_it_and_the_rest_is_left_for_the_next_time(lab: Lab, two: Counted) -> None:
    lab.trust("a", "b", "c")
    lab.home.add(two, 4, credential="")
    cancel = threading.Event()

    def sink(event: Event) -> None:
        lab.events.append(event)
        if isinstance(event, LoginTested):
            cancel.set()

    how = replace(HOW, workers=1)
    finished = Discovery(lab.settings, lab.home.resolver, how, sink=sink, cancel=cancel).run(lab.plan())
    assert finished.cancelled == 4
    assert finished.exit_code == 130
    assert 1 <= two.counts.total <= 4, "the first round, at most"
    assert len(lab.plan().candidates) == 4


def test_a_login_without_an_answer_is_unclear(lab: Lab) -> None:
    rules = Rules(methods="keyboard-interactive", questions=(("Token: ", True),))
    with Device(login_only, rules, "0.0.0.0") as device:
        lab.trust("a", "b", "c")
        lab.home.add(device, 1, credential="")
        finished = lab.discover()
    assert (finished.unclear, finished.exit_code) == (1, 4)
    assert [row.credential_result for row in lab.rows().values()] == ["untested"]


def test_the_gate_of_a_site_lets_in_no_more_than_could_be_refused() -> None:
    gate, line = PlaceGate(2, strict=True), Lifeline()
    assert gate.enter(line, Deadline(9))
    assert gate.enter(line, Deadline(9))
    waits = threading.Thread(target=lambda: results.append(gate.enter(line, Deadline(9))))
    results: list[bool] = []
    waits.start()
    gate.leave("refused")
    gate.leave("refused")
    waits.join(9)
    assert results == [False]


def test_a_test_of_another_address_says_nothing(lab: Lab, one: Counted) -> None:
    lab.home.add(one, 1, credential="")
    (row,) = lab.rows().values()
    test = LoginTest(row.id, lab.home.id_of("a") or 0, "192.0.2.9:22", "accepted", "", datetime.now(UTC))
    with LoginStore(lab.settings.collector_db) as store:
        store.note_test(test)
    assert len(lab.plan().candidates) == 1
