"""The credentials of a run: to no device outside their scope, and to none at all without a note of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.logins import login_only, make_home
from tests.fixtures.ssh_device import PASSWORD, Device, Rules
from tests.fixtures.vault import run_sql
from vctui.demo import DemoHome
from vctui.errors import VaultError
from vctui.events import DevicePhase, Event
from vctui.jobs import Job, JobRunner, JobSource, make_plan
from vctui.records import CredentialInfo, SSHCredentials
from vctui.scope import parse_scope
from vctui.storage import Audit, History

ARP = "arista-arp-103"


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoHome]:
    with DemoHome() as home:
        yield home


def job(demo: DemoHome) -> Job:
    return JobSource(demo.settings).resolve(ARP)


def scoped(demo: DemoHome, text: str) -> list[CredentialInfo]:
    return [replace(info, scope=parse_scope(text)) for info in demo.resolver.credentials()]


def test_devices_outside_the_scope_are_left_out_with_the_reason(demo: DemoHome) -> None:
    whole = make_plan(demo.settings, job(demo), credentials=demo.resolver.credentials())
    one = whole.items[0].device
    plan = make_plan(demo.settings, job(demo), credentials=scoped(demo, f"name:{one.name}"))
    assert [item.device for item in plan.items] == [one]
    outside = [left for left in plan.left_out if "outside the scope of credential" in left.reason]
    assert {left.device for left in outside} == {item.device for item in whole.items} - {one}
    assert f"its name is not {one.name}" in outside[0].reason


def test_a_credential_whose_scope_is_smaller_than_the_plan_thought_is_not_sent(demo: DemoHome) -> None:
    events: list[Event] = []
    run = JobRunner(demo.resolver, settings=demo.settings, sink=events.append)
    plan = run.plan(job(demo))
    login = replace(demo.resolver.get_ssh_credentials(), scope=parse_scope("network:192.0.2.0/24"))

    class Opened:
        """A vault whose credential says something else than the list of credentials did."""

        def get_many(self, ids: Iterable[int]) -> dict[int, SSHCredentials]:
            return dict.fromkeys(ids, login)

    narrow: Any = Opened()
    with pytest.raises(VaultError, match="its address is not in 192"):
        JobRunner(narrow, settings=demo.settings, sink=events.append).run_plan(plan)
    assert events == []


def test_every_use_is_noted_with_its_devices(demo: DemoHome) -> None:
    result = JobRunner(demo.resolver, settings=demo.settings, no_save=True).run_job(job_slug=ARP)
    audit = Audit(demo.settings.home)
    used = [entry for entry in audit.entries() if entry["kind"] == "credential_used"]
    assert [entry["run"] for entry in used] == [result.history_id] * len(used)
    plan = make_plan(demo.settings, job(demo), credentials=demo.resolver.credentials())
    assert sorted(name for entry in used for name in entry["devices"]) == sorted(
        item.device.name for item in plan.items
    )
    login = demo.resolver.get_ssh_credentials()
    assert {(entry["credential"], entry["name"]) for entry in used} == {(login.id, login.name)}
    assert audit.check().problems == ()


def test_a_run_that_cannot_be_noted_connects_to_nobody(
    demo: DemoHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    (tmp_path / "audit.jsonl").mkdir()
    monkeypatch.setattr("vctui.jobs.planrun.Audit", lambda home: Audit(tmp_path))
    run = JobRunner(demo.resolver, settings=demo.settings, sink=events.append)
    result = run.run_plan(run.plan(job(demo)))
    assert (result.status, result.exit_code) == ("failed", 14)
    assert "audit trail" in (result.error or "")
    assert not [event for event in events if isinstance(event, DevicePhase)]
    assert result.history_id is not None
    with History(demo.settings.collector_db) as history:
        row = history.run(result.history_id)
    assert row is not None
    assert row.status == "failed"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credentials SET name = 'other' WHERE name = 'lab'",
        "UPDATE credentials SET username = 'root' WHERE name = 'lab'",
        "UPDATE credentials SET password_encrypted = (SELECT password_encrypted WHERE id = 2)",
        "UPDATE credentials SET password_encrypted = NULL WHERE name = 'lab'",
        "UPDATE vctui_credentials SET scope = 'site:fra' WHERE credential_id = 1",
        "UPDATE vctui_credentials SET version = version + 1 WHERE credential_id = 1",
        "UPDATE vctui_credentials SET uuid = 'x' || uuid WHERE credential_id = 1",
        "UPDATE vctui_vault SET manifest = substr(manifest, 1, 40)",
        "UPDATE vctui_vault SET uuid = 'another'",
        "DELETE FROM credentials WHERE name = 'prod'",
        "DELETE FROM vctui_credentials WHERE credential_id = 1",
    ],
)
def test_what_was_altered_outside_vctui_reaches_no_device(statement: str, tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.add_credential("lab", PASSWORD)
    home.add_credential("prod", "the-better-one")
    with Device(login_only, Rules(), host="0.0.0.0") as device:
        home.add(device, 3)
        assert home.run().total_devices == 3
        assert device.counts.total == 3
        connections = device.connections
        run_sql(home.settings.collector_db, statement)
        result = home.run()
        assert result.status == "failed"
        assert result.exit_code == (12 if "another" in statement else 13)
        assert result.error is not None
        assert "'lab'" in result.error or "'prod'" in result.error or "vctui_vault " in statement
        assert (device.counts.total, device.connections) == (3, connections)
