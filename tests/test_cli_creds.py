"""`vctui creds`, and how a run ends whose credential is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fixtures.ssh_device import USER, Device, Rules
from tests.fixtures.vault import MASTER, run_sql
from vctui.cli.main import main
from vctui.config import Settings, load_settings
from vctui.jobs import new_row
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
    with Device(rules=Rules()) as device:
        KnownHosts(settings.known_hosts).add([device.scanned])
        rows = [f"sw{number},127.0.0.1,cisco_ios,fra,{device.port}" for number in range(5)]
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


def test_without_credentials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(tmp_path / "empty", {})
    init_home(settings)
    assert main(["--home", str(settings.home), "creds", "status"]) == 0
    assert "vctui vault add" in capsys.readouterr().err
    assert main(["--home", str(settings.home), "creds", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
