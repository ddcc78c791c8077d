"""The runner against the demo's fleet: what a run leaves, and what stops it."""

from __future__ import annotations

import errno
import hashlib
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vctui.jobs.record
from vctui.config import load_settings
from vctui.demo import DemoHome, check_outcomes
from vctui.errors import LockedError, NoDevicesError, StorageError, UsageError, VaultError
from vctui.events import DeviceFinished, DevicePhase, Event, RunFinished, RunStarted
from vctui.jobs import BatchRunner, Job, JobRunner, JobSource
from vctui.ssh import ExecutionResult
from vctui.storage import History, Inventory, JobStore, init_home, job_lock
from vctui.validation import ValidationEngine, ValidationResult
from vctui.vault import CredentialResolver

ARP = "arista-arp-103"
NEXUS = "cisco-interfaces-106"


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoHome]:
    with DemoHome() as home:
        yield home


def job(demo: DemoHome, ref: str = ARP) -> Job:
    return JobSource(demo.settings).resolve(ref)


def runner(demo: DemoHome, **options: Any) -> JobRunner:
    return JobRunner(demo.resolver, settings=demo.settings, **options)


def finished(events: list[Event]) -> dict[str, DeviceFinished]:
    return {event.device: event for event in events if isinstance(event, DeviceFinished)}


def test_a_run_says_keeps_and_enters_everything(demo: DemoHome) -> None:
    events: list[Event] = []
    progress: list[tuple[int, int, ExecutionResult]] = []
    run = runner(demo, sink=events.append)
    plan = run.plan(job(demo))
    result = run.run_plan(plan, lambda done, total, one: progress.append((done, total, one)))

    devices = finished(events)
    assert check_outcomes(demo.expected_for(ARP), devices.values()) == []
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert (events[-1].status, result.status, result.exit_code) == ("partial", "partial", 3)
    assert [done for done, _, _ in progress] == list(range(1, len(devices) + 1))
    assert {total for _, total, _ in progress} == {len(devices)}

    good = next(event for event in devices.values() if event.status == "ok")
    phases = [e.phase for e in events if isinstance(e, DevicePhase) and e.device == good.device]
    assert phases == ["connecting", "host_key", "authenticating", "prompt", "command", "validating", "saving"]
    assert good.path is not None
    path = Path(good.path)
    assert path == demo.settings.collections_dir / "arp" / f"{good.device}.txt"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == good.sha256
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("Address")

    assert result.history_id is not None
    with History(demo.settings.collector_db) as history:
        row = history.run(result.history_id)
        rows = {device.device: device for device in history.run_devices(result.history_id)}
        records = history.records(result.history_id, good.device)
        captures = history.captures(run=result.history_id)
    assert row is not None
    assert (row.status, row.ok, row.failed, row.job_id) == ("partial", result.success_count, 2, ARP)
    assert {name: (d.status, d.error_kind) for name, d in rows.items()} == {
        name: (event.status, event.error_kind) for name, event in devices.items()
    }
    assert len(records) == good.records
    assert {capture.filepath for capture in captures} == {path for _, path, _, _ in result.saved_files}
    with JobStore(demo.settings.collector_db) as store:
        stored = store.get(slug=ARP)
    assert stored is not None
    assert stored["last_run_status"] == "partial"
    with Inventory(demo.settings.dcim_db) as inventory:
        collected = {device.name for device in inventory.devices() if device.last_collected_at}
    assert collected == {device for device, *_ in result.saved_files}


def test_what_a_refused_output_was_is_kept_for_a_look(demo: DemoHome) -> None:
    events: list[Event] = []
    run = runner(demo, sink=events.append)
    result = run.run_plan(run.plan(job(demo, NEXUS)))
    [skipped] = [event for event in finished(events).values() if event.status == "skipped"]
    assert skipped.path is None
    assert result.validation_failures[0][0] == skipped.device
    with History(demo.settings.collector_db) as history:
        rows = {row.device: row for row in history.run_devices(result.history_id or 0)}
    partial = rows[skipped.device].partial_path
    assert partial is not None
    assert partial.endswith(".partial")
    assert Path(partial).read_text().strip()
    assert not (demo.settings.collections_dir / "interfaces" / f"{skipped.device}.txt").exists()


def test_force_save_keeps_what_validation_refused(demo: DemoHome) -> None:
    events: list[Event] = []
    run = runner(demo, sink=events.append, force_save=True)
    run.run_plan(run.plan(job(demo, NEXUS)))
    statuses = Counter(event.status for event in finished(events).values())
    assert statuses == {"ok": 3, "failed": 1}


def test_no_save_leaves_no_file_but_the_history(demo: DemoHome) -> None:
    before = sorted(demo.settings.home.rglob("*.txt"))
    run = runner(demo, no_save=True, names=["fra-leaf-01"])
    result = run.run_plan(run.plan(job(demo)))
    assert (result.status, result.saved_files) == ("success", [])
    assert sorted(demo.settings.home.rglob("*.txt")) == before
    with History(demo.settings.collector_db) as history:
        [device] = history.run_devices(result.history_id or 0)
    assert (device.status, device.path) == ("ok", None)


def test_without_history_nothing_is_entered(demo: DemoHome) -> None:
    with History(demo.settings.collector_db) as history:
        before = len(history.runs(limit=None))
    run = runner(demo, record_history=False, names=["fra-leaf-01"])
    assert run.run_plan(run.plan(job(demo))).history_id is None
    with History(demo.settings.collector_db) as history:
        assert len(history.runs(limit=None)) == before


def test_cancel_closes_sessions_and_names_who_was_left(demo: DemoHome) -> None:
    cancel = threading.Event()
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, DevicePhase) and event.phase == "command":
            cancel.set()

    run = runner(demo, sink=sink, cancel=cancel, workers=2)
    plan = run.plan(job(demo, "multi-version-101"))
    result = run.run_plan(plan)
    assert result.status == "cancelled"
    assert result.exit_code == 130
    assert len(finished(events)) == len(plan.items)
    assert finished(events)["fra-spine-01"].status == "cancelled"
    with History(demo.settings.collector_db) as history:
        row = history.run(result.history_id or 0)
    assert row is not None
    assert row.status == "cancelled"
    with job_lock(demo.settings.home, plan.job.source):
        pass  # the run let go of it


def test_a_full_disk_stops_the_run_and_loses_nothing(demo: DemoHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise StorageError("disk is full") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(vctui.jobs.record, "save_capture", full)
    events: list[Event] = []
    run = runner(demo, sink=events.append, workers=1)
    plan = run.plan(job(demo, "multi-version-101"))
    result = run.run_plan(plan)
    statuses = Counter(event.status for event in finished(events).values())
    assert sum(statuses.values()) == len(plan.items)
    assert statuses["cancelled"] > 0
    assert statuses["ok"] == 0
    assert "save_failed" in result.error_kinds
    assert (result.error, result.exit_code) == ("disk is full", 14)


class OnlyLeafOne(ValidationEngine):
    """A rule of somebody's own."""

    def validate(self, output: str, filter_str: str | None = None) -> ValidationResult:
        if "10.20.0.1 " in output:
            raise RuntimeError("this rule is broken")
        return ValidationResult("mine", 55.0, 1, [{"own": "yes"}], is_valid=True)


def test_an_engine_handed_in_decides(demo: DemoHome) -> None:
    events: list[Event] = []
    engine = OnlyLeafOne(demo.settings.templates_db)
    run = runner(demo, sink=events.append, engine=engine, names=["fra-leaf-01"])
    run.run_plan(run.plan(job(demo)))
    event = finished(events)["fra-leaf-01"]
    assert (event.status, event.template, event.score, event.records) == ("ok", "mine", 55.0, 1)


def test_an_engine_that_breaks_costs_the_device_not_the_run(
    demo: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> ValidationResult:
        raise RuntimeError("this rule is broken")

    engine = OnlyLeafOne(demo.settings.templates_db)
    monkeypatch.setattr(engine, "validate", broken)
    events: list[Event] = []
    run = runner(demo, sink=events.append, engine=engine, names=["fra-leaf-01", "fra-leaf-02"])
    result = run.run_plan(run.plan(job(demo)))
    assert result.skipped_count == 2
    assert "this rule is broken" in (finished(events)["fra-leaf-01"].error or "")


def test_what_keeps_a_run_from_starting(demo: DemoHome, tmp_path: Path) -> None:
    run = runner(demo)
    plan = run.plan(job(demo))
    with job_lock(demo.settings.home, plan.job.source), pytest.raises(LockedError):
        run.run_plan(plan)
    nobody = runner(demo, limit=0)
    with pytest.raises(NoDevicesError, match="no device matches"):
        nobody.run_plan(nobody.plan(job(demo)))
    with pytest.raises(UsageError, match="no such device"):
        runner(demo, names=["nobody"]).plan(job(demo))
    with pytest.raises(VaultError, match="no credential called"):
        runner(demo, credential="none").plan(job(demo))


def test_commands_that_may_write_need_a_word(demo: DemoHome, tmp_path: Path) -> None:
    file = tmp_path / "reload.json"
    file.write_text('{"commands": {"command": "reload"}, "device_filter": {"vendor": "arista"}}')
    run = runner(demo)
    plan = run.plan(JobSource(demo.settings).resolve(str(file)))
    assert plan.writing_commands == ("reload",)
    with pytest.raises(UsageError, match="not known to only read: reload"):
        run.run_plan(plan)


def test_a_script_hears_of_errors_in_the_result(demo: DemoHome) -> None:
    result = runner(demo).run("no-such.json")
    assert (result.status, result.exit_code) == ("failed", 2)
    assert "no job of this slug, id or file" in (result.error or "")


def test_an_empty_vault_is_a_vault_error(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", environ={})
    init_home(settings)
    csv = tmp_path / "one.csv"
    csv.write_text("name,primary_ip4,platform,site,role,status\nsw1,127.0.0.1,arista_eos,lab,leaf,active\n")
    with Inventory(settings.dcim_db) as inventory:
        inventory.import_csv(csv)
    (settings.jobs_dir / "arp.json").write_text('{"commands": {"command": "show ip arp"}}')
    with CredentialResolver(settings) as resolver:
        run = JobRunner(resolver, settings=settings)
        plan = run.plan(JobSource(settings).resolve("arp"))
        with pytest.raises(VaultError, match="no credential for sw1"):
            run.run_plan(plan)


def test_a_batch_counts_jobs_and_devices(demo: DemoHome) -> None:
    batch = BatchRunner(
        demo.resolver,
        settings=demo.settings,
        make_runner=lambda: runner(demo, names=["fra-leaf-01", "fra-leaf-06"]),
    ).run([ARP, "nothing"])
    assert (batch.total_jobs, batch.successful_jobs) == (2, 0)
    assert (batch.total_success, batch.total_failed) == (1, 1)
    assert batch.exit_code == 2


def test_a_changed_output_keeps_what_it_replaces(demo: DemoHome) -> None:
    run = runner(demo, names=["fra-leaf-02"])
    run.run_plan(run.plan(job(demo)))
    capture = demo.settings.collections_dir / "arp" / "fra-leaf-02.txt"
    capture.write_text("what was there before\n")
    run.run_plan(run.plan(job(demo)))
    [version] = (demo.settings.home / "versions" / "arp" / "fra-leaf-02").iterdir()
    assert version.read_text() == "what was there before\n"
