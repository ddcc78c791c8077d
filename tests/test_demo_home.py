"""The throw-away home of the demo, and the demo's jobs run for real against the fleet."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vctui.demo import DemoHome, Expected, Fault, check_outcomes, demo_jobs
from vctui.demo.faults import OUTCOMES, outcome
from vctui.demo.home import CREDENTIAL, WRONG_CREDENTIAL
from vctui.errors import NEXT_STEPS, VctuiError, WrongPassword
from vctui.events import DeviceFinished, DeviceStatus, Event
from vctui.jobs import JobRunner, JobSource
from vctui.ssh import KnownHosts
from vctui.storage import Inventory, TemplateStore


@pytest.fixture(scope="module")
def home() -> Iterator[DemoHome]:
    with DemoHome() as running:
        yield running


def run_job(home: DemoHome, ref: str) -> list[DeviceFinished]:
    finished: list[DeviceFinished] = []

    def sink(event: Event) -> None:
        if isinstance(event, DeviceFinished):
            finished.append(event)

    runner = JobRunner(home.resolver, settings=home.settings, sink=sink, quiet=True)
    runner.run_job(job_slug=ref)
    return finished


def test_the_home_is_private_and_knows_the_fleet(home: DemoHome) -> None:
    folder = home.settings.home
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    with Inventory(home.settings.dcim_db) as inventory:
        devices = {device.name: device for device in inventory.devices()}
    assert set(devices) == set(home.fleet.hosts) == set(home.expected)
    for name, host in home.fleet.hosts.items():
        assert (devices[name].host, devices[name].port) == (host.host, host.port)
    assert {device.device_type for device in devices.values()} == {
        "cisco_ios",
        "cisco_nxos",
        "cisco_xr",
        "arista_eos",
        "juniper_junos",
        "huawei_vrp",
    }
    assert TemplateStore(home.settings.templates_db).count() > 900


def test_credentials_are_unlocked_and_one_is_wrong(home: DemoHome) -> None:
    infos = {info.name: info for info in home.resolver.credentials()}
    assert set(infos) == {CREDENTIAL, WRONG_CREDENTIAL}
    assert infos[CREDENTIAL].is_default
    assert infos[CREDENTIAL].has_enable
    assert home.resolver.get_ssh_credentials().password
    with Inventory(home.settings.dcim_db) as inventory:
        own = [device.name for device in inventory.devices() if device.credential_id is not None]
    assert own == [name for name, wanted in home.expected.items() if wanted.error_kind == "auth_failed"]
    with pytest.raises(WrongPassword):
        home.resolver.unlock_vault("not the password")
    assert home.resolver.unlock_vault(home.master_password)


def test_known_hosts_has_every_key_and_one_that_changed(home: DemoHome) -> None:
    known = KnownHosts(home.settings.known_hosts)
    checks = {
        name: known.check(host.host, host.port, "ssh-ed25519", host.key).status
        for name, host in home.fleet.hosts.items()
    }
    changed = [name for name, status in checks.items() if status == "changed"]
    assert changed == [
        name for name, wanted in home.expected.items() if wanted.error_kind == "host_key_changed"
    ]
    assert set(checks.values()) == {"ok", "changed"}


def test_jobs_are_in_the_database_and_in_files(home: DemoHome) -> None:
    entries = JobSource(home.settings).entries()
    assert [entry.error for entry in entries if entry.error] == []
    rows = [entry for entry in entries if entry.source.startswith("database:")]
    assert len(rows) == len(entries) - len(rows) == len(demo_jobs(home)) >= 8
    assert sorted(entry.ref for entry in rows) == sorted(demo_jobs(home))
    platforms = {entry.job.filter.platform_id for entry in rows if entry.job}
    assert len(platforms) == 4  # IOS, NX-OS, IOS-XR, and the jobs that name none


def test_the_demo_jobs_mean_every_device(home: DemoHome) -> None:
    covered = [name for ref in demo_jobs(home) for name in home.expected_for(ref)]
    assert set(covered) == set(home.expected)


def test_expectations_are_of_the_jobs_devices_and_its_validation(home: DemoHome) -> None:
    versions = home.expected_for(next(ref for ref in demo_jobs(home) if "multi-version" in ref))
    assert versions["ams-dist-02"] == Expected("skipped", "validation_failed")
    assert "sin-core-01" not in versions
    assert outcome(Fault.UNPARSEABLE) == Expected("skipped", "validation_failed")
    assert outcome(Fault.UNPARSEABLE, validates=False) == Expected("ok")


def test_every_outcome_is_one_that_a_run_can_report() -> None:
    assert set(OUTCOMES) == set(Fault)
    for expected in OUTCOMES.values():
        assert (expected.status == "ok") == (expected.error_kind is None)
        assert expected.error_kind is None or expected.error_kind in NEXT_STEPS


def finished(device: str, status: DeviceStatus, kind: str | None = None) -> DeviceFinished:
    return DeviceFinished(1, device, "127.0.0.1", status, "complete", error_kind=kind)


def test_check_outcomes_names_each_difference() -> None:
    expected = {"a": Expected("ok"), "b": Expected("failed", "auth_failed"), "c": Expected("ok")}
    good = [finished("a", "ok"), finished("b", "failed", "auth_failed"), finished("c", "ok")]
    assert check_outcomes(expected, good) == []
    assert check_outcomes(expected, [*good, finished("c", "ok")]) == []
    assert check_outcomes(
        expected, [finished("a", "failed", "internal"), finished("b", "ok"), finished("x", "ok")]
    ) == [
        "a: expected ok, reported failed (internal)",
        "b: expected failed (auth_failed), reported ok",
        "x: reported ok, but is no device of this job",
        "c: no outcome was reported",
    ]


def test_the_sample_fleet_ends_as_it_was_built_to(home: DemoHome) -> None:
    """Every job of the small demo, side by side: each kind of fault is reported as what it is."""
    refs = demo_jobs(home)
    with ThreadPoolExecutor(len(refs)) as pool:
        results = dict(zip(refs, pool.map(lambda ref: run_job(home, ref), refs), strict=True))
    differences = {ref: check_outcomes(home.expected_for(ref), events) for ref, events in results.items()}
    assert differences == {ref: [] for ref in refs}
    seen = {event.error_kind for events in results.values() for event in events}
    later = {expected.later for expected in OUTCOMES.values() if expected.later}
    assert seen - later == {expected.error_kind for expected in OUTCOMES.values()}
    assert seen >= later


def test_a_generated_fleet_is_covered_by_two_jobs_and_ends_as_built() -> None:
    with DemoHome(60) as home:
        refs = demo_jobs(home)
        assert len(refs) == 2
        covered = [name for ref in refs for name in home.expected_for(ref)]
        assert sorted(covered) == sorted(home.expected)
        assert len(home.expected) == 60
        for ref in refs:
            assert check_outcomes(home.expected_for(ref), run_job(home, ref)) == []


def test_nothing_is_left_behind() -> None:
    with DemoHome(3) as home:
        folder, pid = home.settings.home, home.fleet.pid
        assert folder.is_dir()
        assert pid is not None
        os.kill(pid, 0)
    assert not folder.exists()
    assert not home.resolver.is_unlocked
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_demo_that_cannot_start_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("vctui.demo.home.tempfile.tempdir", str(folder))

    def broken(*args: object) -> None:
        raise VctuiError("no")

    monkeypatch.setattr(DemoHome, "_import_jobs", broken)
    with pytest.raises(VctuiError, match="no"), DemoHome(3):
        pass
    assert list(folder.iterdir()) == []


def test_the_environment_of_the_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text("collector_db: /nowhere/collector.db\n")
    monkeypatch.setenv("VCOLLECTOR_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setenv("VCOLLECTOR_HOME", str(tmp_path / "mine"))
    with DemoHome(3) as home:
        assert home.settings.collector_db.parent == home.settings.home
        inventory = home.settings.home / "demo-inventory.csv"
        with inventory.open(encoding="utf-8", newline="") as file:
            assert len(list(csv.DictReader(file))) == 3
    assert not (tmp_path / "mine").exists()
