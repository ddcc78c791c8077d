"""The runner against the demo's fleet: what a run leaves, and what stops it."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import sqlite3
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vctui.config import load_settings
from vctui.demo import DemoHome, check_outcomes
from vctui.errors import LockedError, NoDevicesError, StorageError, UsageError, VaultError
from vctui.events import DeviceFinished, DevicePhase, Event, RunFinished, RunStarted
from vctui.jobs import BatchRunner, Job, JobResult, JobRunner, JobSource, Plan, PlanItem
from vctui.jobs.tally import Tally
from vctui.records import Device
from vctui.ssh import ExecutionResult, SSHExecutorPool
from vctui.storage import CaptureBatch, History, Inventory, JobStore, init_home, job_lock
from vctui.storage.files import sync_folder
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

    monkeypatch.setattr(CaptureBatch, "write", full)
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


def test_a_device_whose_file_is_not_durable_has_failed(
    demo: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: int | Path) -> None:
        if isinstance(folder, int) and Path(f"/proc/self/fd/{folder}").readlink().name == "arp":
            raise OSError(errno.EIO, "Input/output error")
        sync_folder(folder)

    monkeypatch.setattr("vctui.storage.captures.sync_folder", refused)
    events: list[Event] = []
    run = runner(demo, sink=events.append, names=["fra-leaf-01", "fra-leaf-02"])
    result = run.run_plan(run.plan(job(demo)))
    assert (result.success_count, result.error_kinds) == (0, {"save_failed"})
    assert {(each.path, each.size) for each in finished(events).values()} == {(None, None)}


def test_a_device_of_which_nobody_knows_whether_it_is_saved_has_failed(
    demo: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks while many are saved together, and wherever."""

    def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("vctui.storage.captures._MOST", 1)
    monkeypatch.setattr("vctui.storage.captures._sync_names", broken)
    events: list[Event] = []
    run = runner(demo, sink=events.append, names=["fra-leaf-01", "fra-leaf-02"], validate=False)
    result = run.run_plan(run.plan(job(demo)))
    assert result.success_count == 0
    assert {each.status for each in finished(events).values()} == {"failed"}


def test_a_full_disk_ends_this_run_and_no_other(demo: DemoHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise StorageError("disk is full") from OSError(errno.ENOSPC, "No space left on device")

    cancel = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(CaptureBatch, "write", full)
        run = runner(demo, cancel=cancel, names=["fra-leaf-01"])
        assert run.run_plan(run.plan(job(demo))).exit_code == 14
    assert not cancel.is_set()
    assert run.run_plan(run.plan(job(demo))).status == "success"


def test_a_folder_called_full_is_not_a_full_disk(demo: DemoHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **options: object) -> None:
        raise StorageError("no") from PermissionError(errno.EACCES, "Permission denied", "full-configs")

    monkeypatch.setattr(CaptureBatch, "write", refused)
    run = runner(demo, names=["fra-leaf-01", "fra-leaf-02"])
    result = run.run_plan(run.plan(job(demo)))
    assert (result.error, result.failed_count, result.error_kinds) == (None, 2, {"save_failed"})


def test_a_failure_stays_what_it_was_when_its_output_cannot_be_kept(
    demo: DemoHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object, **options: object) -> None:
        raise StorageError("no room") from PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(CaptureBatch, "write", refused)
    events: list[Event] = []
    run = runner(demo, sink=events.append)
    result = run.run_plan(run.plan(job(demo, NEXUS)))
    refusals = [e for e in finished(events).values() if e.error_kind != "save_failed" and e.error]
    assert {e.status for e in refusals} == {"skipped", "failed"}
    [skipped] = [event for event in refusals if event.status == "skipped"]
    assert skipped.error_kind == "validation_failed"
    assert (skipped.error or "").endswith("; its output could not be kept: no room")
    assert result.error is None


def test_what_a_callback_or_a_sink_raises_costs_no_device(demo: DemoHome) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("a bug of the caller's")

    for options, callback in (({"sink": broken}, None), ({}, broken)):
        run = runner(demo, **options)
        result = run.run_plan(run.plan(job(demo)), callback)
        assert (result.status, result.finished_count) == ("partial", result.total_devices)
        with History(demo.settings.collector_db) as history:
            assert len(history.run_devices(result.history_id or 0)) == result.total_devices


@pytest.mark.parametrize("broken", [StorageError("known_hosts is gone"), KeyboardInterrupt()])
def test_a_run_that_breaks_off_is_closed_in_history(
    demo: DemoHome, monkeypatch: pytest.MonkeyPatch, broken: BaseException
) -> None:
    def run_no_one(*args: object, **options: object) -> None:
        raise broken

    monkeypatch.setattr(SSHExecutorPool, "run", run_no_one)
    events: list[Event] = []
    run = runner(demo, sink=events.append)
    plan = run.plan(job(demo))
    if isinstance(broken, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            run.run_plan(plan)
        status = "interrupted"
    else:
        result = run.run_plan(plan)
        status = "failed"
        assert (result.error, result.exit_code) == ("known_hosts is gone", 14)
    assert isinstance(events[-1], RunFinished)
    assert events[-1].status == status
    with History(demo.settings.collector_db) as history:
        [row] = history.runs(limit=1)
    assert row.status == status
    assert row.completed_at


def test_of_two_devices_of_one_name_only_the_collected_one_is_marked(tmp_path: Path) -> None:
    plan_items = [
        PlanItem(
            Device(id, "sw1"), "192.0.2.1", 22, "", "", None, (), None, tmp_path / "x.txt", host_known=True
        )
        for id in (1, 2)
    ]
    result = JobResult(job_file="j", job_id="j", total_devices=2)
    tally = Tally(result, threading.Event(), None)
    outcome = ExecutionResult("192.0.2.1", "sw1", True, "complete", (), 1.0)
    for item, status, path in zip(plan_items, ("ok", "failed"), ("x.txt", None), strict=True):
        tally.finished(item, outcome, DeviceFinished(1, "sw1", "h", status, "complete", path=path))  # type: ignore[arg-type]
    assert tally.collected == [1]


def test_refused_outputs_of_two_devices_never_share_a_file(demo: DemoHome, tmp_path: Path) -> None:
    file = tmp_path / "plain.json"
    stored = job(demo, NEXUS)
    chosen = dataclasses.replace(stored, filename_pattern="{device_name}.{device_id}", source=str(file))
    run = runner(demo)
    result = run.run_plan(run.plan(chosen))
    with History(demo.settings.collector_db) as history:
        partials = [
            row.partial_path for row in history.run_devices(result.history_id or 0) if row.partial_path
        ]
    ids = {item.device.id for item in run.plan(chosen).items}
    assert partials
    assert all(
        int(Path(partial).name.removesuffix(".partial").rpartition(".")[2]) in ids for partial in partials
    )


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


def test_a_job_that_breaks_does_not_hide_the_others(demo: DemoHome) -> None:
    class Broken(JobRunner):
        def plan_ref(self, ref: str) -> Plan:
            if ref == "bad":
                raise RuntimeError("a bug")
            return super().plan_ref(ref)

    batch = BatchRunner(
        demo.resolver,
        make_runner=lambda: Broken(demo.resolver, settings=demo.settings, names=["fra-leaf-01"]),
    ).run(["bad", ARP])
    assert [result.status for result in batch.results] == ["failed", "success"]
    assert batch.exit_code == 1


def test_a_row_that_cannot_be_entered_costs_only_its_own_device(demo: DemoHome) -> None:
    with History(demo.settings.collector_db) as history:
        history.start_run(job_id="a", job_file="b", job_name="c", total=0)  # makes the tables
    with closing(sqlite3.connect(demo.settings.collector_db)) as db, db:
        db.execute(
            "CREATE TRIGGER refuse_one BEFORE INSERT ON vctui_run_devices "
            "WHEN NEW.device = 'fra-leaf-02' AND NEW.status = 'ok' BEGIN SELECT RAISE(ABORT, 'no luck'); END"
        )
    events: list[Event] = []
    run = runner(demo, names=["fra-leaf-01", "fra-leaf-02", "fra-leaf-04"], sink=events.append)
    result = run.run_plan(run.plan(job(demo)))
    assert {name: event.error_kind for name, event in finished(events).items()} == {
        "fra-leaf-01": None,
        "fra-leaf-02": "save_failed",
        "fra-leaf-04": None,
    }
    with History(demo.settings.collector_db) as history:
        rows = {row.device: row.status for row in history.run_devices(result.history_id or 0)}
        files = [capture.device_name for capture in history.captures(run=result.history_id)]
    assert rows == {"fra-leaf-01": "ok", "fra-leaf-02": "failed", "fra-leaf-04": "ok"}
    assert sorted(files) == ["fra-leaf-01", "fra-leaf-02", "fra-leaf-04"]


def test_a_changed_output_keeps_what_it_replaces(demo: DemoHome) -> None:
    run = runner(demo, names=["fra-leaf-02"])
    run.run_plan(run.plan(job(demo)))
    capture = demo.settings.collections_dir / "arp" / "fra-leaf-02.txt"
    capture.write_text("what was there before\n")
    run.run_plan(run.plan(job(demo)))
    [version] = (demo.settings.home / "versions" / "arp" / "fra-leaf-02").iterdir()
    assert version.read_text() == "what was there before\n"
