"""`vctui creds`, and how a run ends whose credential is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fixtures.logins import address
from tests.fixtures.ssh_device import USER, Device, Rules
from tests.fixtures.vault import MASTER, run_sql
from vctui.cli.main import main
from vctui.config import Settings, load_settings
from vctui.jobs import new_row
from vctui.scope import parse_scope
from vctui.ssh import KnownHosts
from vctui.storage import Audit, Inventory, JobStore, LoginState, LoginStore, init_home
from vctui.vault import Vault


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with two credentials, `lab` being the default."""
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    vault = Vault(settings.collector_db)
    vault.init(MASTER)
    vault.add("lab", USER, password="not-the-password")
    vault.add("prod", USER, password="x")
    monkeypatch.setenv("VCOLLECTOR_HOME", str(settings.home))
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", MASTER)
    return settings


@pytest.fixture
def device(settings: Settings) -> Iterator[Device]:
    """Five devices of the inventory, which refuse `lab`, and a job for them."""
    with Device(rules=Rules(), host="0.0.0.0") as device:
        keys = [replace(device.scanned, host=address(number)) for number in range(5)]
        KnownHosts(settings.known_hosts).add(keys)
        rows = [f"sw{number},{address(number)},cisco_ios,fra,{device.port}" for number in range(5)]
        table = settings.home / "devices.csv"
        table.write_text("\n".join(["name,primary_ip4,platform,site,ssh_port", *rows]))
        with Inventory(settings.dcim_db) as inventory:
            inventory.import_csv(table)
        job = {**new_row(), "name": "ARP", "slug": "arp", "capture_type": "arp", "command": "show arp"}
        with JobStore(settings.collector_db) as store:
            store.save({**job, "max_workers": 1})
        yield device


def stop(settings: Settings, credential: int = 1) -> None:
    now = datetime.now(UTC)
    state = LoginState(
        failed_at=now, streak=2, refused=2, devices=("sw0", "sw1"), open_until=now + timedelta(minutes=20)
    )
    with LoginStore(settings.collector_db) as store:
        store.change(credential, lambda known: state)


def test_a_run_whose_credential_is_refused_ends_with_6_and_says_why(
    settings: Settings, device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--job", "arp", "--json"]) == 6
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert device.counts.total == 2
    [opened] = [line for line in lines if line["event"] == "breaker_opened"]
    assert (opened["credential"], opened["devices"]) == ("lab", ["sw0", "sw1"])
    ends = {line["device"]: line for line in lines if line["event"] == "device_finished"}
    assert [ends[f"sw{n}"]["error_kind"] for n in range(5)] == ["auth_failed"] * 2 + ["breaker_open"] * 3
    run = str(lines[0]["run"])

    assert main(["runs", "show", run]) == 0
    shown = capsys.readouterr().out
    assert "breaker_open" in shown
    assert "refused 2 times in a row, last by sw0, sw1" in shown

    assert main(["run", "--job", "arp", "--quiet"]) == 6
    captured = capsys.readouterr()
    assert device.counts.total == 2
    assert "credential lab is not tried until" in captured.err
    assert "vctui creds status --reset lab" in captured.out


def test_status_says_which_is_good_and_which_is_stopped(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    stop(settings)
    with LoginStore(settings.collector_db) as store:
        store.change(2, lambda state: LoginState(succeeded_at=datetime.now(UTC)))
    assert main(["creds", "status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "stopped until" in lines[1]
    assert "the login was refused 2 times in a row, last by sw0, sw1" in lines[1]
    assert "good" in lines[2]
    assert main(["creds", "status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["state"], one["failures_in_a_row"]) for one in found] == [
        ("lab", "stopped", 2),
        ("prod", "good", 0),
    ]


def test_reset_lets_it_be_tried_and_is_noted(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    stop(settings)
    assert main(["creds", "status", "--reset", "lab"]) == 0
    captured = capsys.readouterr()
    assert "lab may be tried again" in captured.err
    assert "one device first" in captured.out
    entry = list(Audit(settings.home).entries())[-1]
    assert (entry["kind"], entry["name"]) == ("breaker_reset", "lab")
    assert main(["creds", "status", "--reset", "nobody"]) == 12


def test_a_damaged_state_stops_nobody(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    stop(settings)
    statement = "UPDATE vctui_logins SET open_until = 'soon', failed_at = '2026-01-01'"
    run_sql(settings.collector_db, statement)
    assert main(["creds", "status"]) == 0
    assert "one device first" in capsys.readouterr().out


def test_discover_prints_a_line_a_device_and_ends_by_the_worst(
    settings: Settings, device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    device.rules.knows = lambda password: password == "x"
    flags = ["creds", "discover", "--yes", "--pause", "0.001", "--rate", "1000", "--workers", "2"]
    assert main([*flags, "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].split() == ["sw0", "127.1.0.1", "lab,", "prod"]
    assert "5 devices, at most 10 logins" in captured.err
    assert main([*flags, "--dry-run", "--json", "--limit", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["devices"][0]["credentials"] == ["lab", "prod"]

    assert main([*flags, "--credentials", "lab"]) == 6
    captured = capsys.readouterr()
    assert (
        sorted(line.split()[2] for line in captured.out.splitlines()) == ["postponed"] * 3 + ["refused"] * 2
    )
    assert "2 refused, 3 postponed of 5 devices with 2 logins" in captured.err
    assert "Go on with the same command in twenty minutes" in captured.err

    assert main([*flags, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["event"] for line in lines} == {"login_tested", "device_settled", "discovery_finished"}
    assert (lines[-1]["works"], lines[-1]["attempts"]) == (5, 5)
    assert device.counts.total == 7
    with Inventory(settings.dcim_db) as inventory:
        assert {row.credential_id for row in inventory.devices()} == {2}

    assert main(["creds", "status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    counts = [(one["name"], one["given_to"], one["works_on"], one["refused_by"]) for one in found]
    assert counts == [("lab", 0, 0, 2), ("prod", 5, 5, 0)]

    assert main(flags) == 4
    assert "was found to work within a day" in capsys.readouterr().err
    assert main([*flags, "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_discover_asks_before_it_begins(
    settings: Settings, device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["creds", "discover"]) == 2
    assert "Try at most 10 logins on 5 devices? There is no terminal" in capsys.readouterr().err
    assert device.counts.total == 0


def test_test_tries_one_credential_on_one_device(
    settings: Settings, device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    device.rules.knows = lambda password: password == "x"
    assert main(["creds", "test", "sw0"]) == 4
    assert "sw0 127.1.0.1 refused" in capsys.readouterr().out
    assert main(["creds", "test", "sw0", "--credential", "prod"]) == 0
    assert "sw0 127.1.0.1 works prod" in capsys.readouterr().out
    with Inventory(settings.dcim_db) as inventory:
        assert [row.credential_id for row in inventory.devices()] == [None] * 5
    assert main(["creds", "test", "sw0", "--credential", "prod", "--update", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["login_tested", "device_settled", "discovery_finished"]
    with Inventory(settings.dcim_db) as inventory:
        row = inventory.get("sw0")
    assert row is not None
    assert (row.credential_id, row.credential_result) == (2, "success")
    assert device.counts.total == 3
    assert main(["creds", "test", "sw1", "--credential", "nobody"]) == 12
    assert main(["creds", "test", "nobody"]) == 2


def test_test_respects_the_scope_of_a_credential(
    settings: Settings, device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    vault = Vault(settings.collector_db)
    vault.unlock(MASTER)
    vault.add("ams", USER, password="x", scope=parse_scope("site:ams"))
    assert main(["creds", "test", "sw0", "--credential", "ams"]) == 2
    assert "may not be sent to sw0" in capsys.readouterr().err
    assert main(["creds", "discover", "--credentials", "ams", "--yes"]) == 4
    assert "outside the scope of every credential" in capsys.readouterr().err
    assert device.counts.total == 0


def test_without_credentials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(tmp_path / "empty", {})
    init_home(settings)
    assert main(["--home", str(settings.home), "creds", "status"]) == 0
    assert "vctui vault add" in capsys.readouterr().err
    assert main(["--home", str(settings.home), "creds", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
