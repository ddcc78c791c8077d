"""The history: VelocityCollector's rows as it writes them, vctui's beside them, stale runs mended."""

from __future__ import annotations

import errno
import os
import re
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vctui.config import Settings, load_settings
from vctui.errors import DataError, StorageError
from vctui.events import RunStatus
from vctui.storage import (
    CaptureRecord,
    DeviceRecord,
    Finding,
    History,
    JobStore,
    Outcome,
    OutputSize,
    RunRow,
    init_home,
    save_capture,
    verify_captures,
)
from vctui.storage.database import connection_of

LOCAL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
LOCAL_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
UTC_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    return settings


@pytest.fixture
def history(settings: Settings) -> Iterator[History]:
    with History(settings.collector_db) as opened:
        yield opened


def start(history: History, **changes: Any) -> int:
    values = {"job_id": "arista-arp", "job_file": "database:1", "job_name": "Arista ARP", "total": 2}
    return history.start_run(**{**values, **changes})


def record(number: int = 1, **changes: Any) -> DeviceRecord:
    values = {"device_id": number, "device": f"sw{number}", "host": f"192.0.2.{number}", "status": "ok"}
    return DeviceRecord(**{**values, "verdict": "complete", **changes})


def upstream(history: History, query: str) -> list[tuple[Any, ...]]:
    """What VelocityCollector reads."""
    with closing(sqlite3.connect(history.path)) as db:
        return db.execute(query).fetchall()


def save(settings: Settings, history: History, run: int, number: int, data: bytes) -> Path:
    saved = save_capture(
        settings.collections_dir, f"arp/sw{number}.txt", data, versions=settings.home / "versions"
    )
    capture = CaptureRecord(number, f"sw{number}", "arp", str(saved.path), saved.size)
    entry = record(number, path=str(saved.path), size=saved.size, sha256=saved.sha256)
    history.record_device(run, entry, [capture], [{"IP": "192.0.2.9", "N": number}])
    return saved.path


def test_a_run_as_velocitycollector_and_as_vctui_read_it(settings: Settings, history: History) -> None:
    with JobStore(settings.collector_db) as jobs:
        job = jobs.save(
            {"name": "Arista ARP", "slug": "arista-arp", "capture_type": "arp", "command": "show arp"}
        )
    run = start(history)
    assert upstream(history, "SELECT job_id, job_file, total_devices, status FROM job_history") == [
        ("arista-arp", "database:1", 2, "running")
    ]
    path = save(settings, history, run, 1, b"x")
    history.record_device(
        run, record(2, status="failed", verdict="failed", error_kind="auth_failed", error="no")
    )
    history.finish_run(run, status="partial", ok=1, failed=1, database_id=job)
    ((started, completed, ok, failed, status),) = upstream(
        history, "SELECT started_at, completed_at, success_count, failed_count, status FROM job_history"
    )
    assert LOCAL.fullmatch(started)
    assert LOCAL.fullmatch(completed)
    assert (ok, failed, status) == (1, 1, "partial")
    ((at, of, size, history_id),) = upstream(
        history, "SELECT captured_at, filepath, file_size, job_history_id FROM captures"
    )
    assert LOCAL_ISO.fullmatch(at)
    assert (of, size, history_id) == (str(path), 1, run)
    assert upstream(
        history, "SELECT last_run_at = ?, last_run_status FROM jobs".replace("?", repr(completed))
    ) == [(1, "partial")]
    found = history.run(run)
    assert found is not None
    assert UTC_ISO.fullmatch(found.started_at)
    assert UTC_ISO.fullmatch(found.completed_at or "")
    assert (found.job_name, found.status, found.total, found.ok, found.failed) == (
        "Arista ARP",
        "partial",
        2,
        1,
        1,
    )
    assert (found.own, found.owner_pid) == (True, os.getpid())
    first, second = history.run_devices(run)
    assert (first.device, first.path, first.sha256, first.status) == ("sw1", str(path), first.sha256, "ok")
    assert (second.error_kind, second.error, second.path) == ("auth_failed", "no", None)
    assert UTC_ISO.fullmatch(second.finished_at or "")
    assert history.records(run, "sw1") == [{"IP": "192.0.2.9", "N": 1}]
    assert history.records(run, "sw2") == history.records(run, "nobody") == []
    assert [capture.sha256 for capture in history.captures(device="sw1")] == [first.sha256]


@pytest.mark.parametrize(
    ("status", "ok", "expected"),
    [
        ("success", 2, "success"),
        ("partial", 1, "partial"),
        ("failed", 0, "failed"),
        ("cancelled", 1, "partial"),
        ("cancelled", 0, "failed"),
        ("interrupted", 1, "failed"),
    ],
)
def test_upstream_sees_its_four_statuses_only(
    history: History, status: RunStatus, ok: int, expected: str
) -> None:
    run = start(history)
    history.finish_run(run, status=status, ok=ok, skipped=1, cancelled=1)
    ((seen, failed, message),) = upstream(
        history, "SELECT status, failed_count, error_message FROM job_history"
    )
    assert (seen, failed) == (expected, 2)
    assert (message == "Cancelled") == (status == "cancelled")
    found = history.run(run)
    assert found is not None
    assert found.status == status


def test_runs_of_velocitycollector_are_listed_too(history: History) -> None:
    with closing(sqlite3.connect(history.path)) as db, db:
        db.execute(
            "INSERT INTO job_history (job_id, started_at, status) VALUES ('300', '2024-01-01 10:00:00', NULL)"
        )
    run = start(history)
    assert [(row.id, row.own) for row in history.runs()] == [(run, True), (run - 1, False)]
    old = history.run(run - 1)
    assert old == RunRow(
        id=run - 1, job_id="300", job_file="", job_name="300", started_at="2024-01-01 10:00:00",
        completed_at=None, status="", total=0, ok=0, failed=0,
    )  # fmt: skip
    assert history.run_devices(run - 1) == []
    assert [row.id for row in history.runs(1)] == [run]
    assert [row.id for row in history.runs(job_id="300")] == [run - 1]
    assert history.run(99) is None


def test_velocitycollector_can_delete_a_run(settings: Settings, history: History) -> None:
    run = start(history)
    save(settings, history, run, 1, b"x")
    with closing(sqlite3.connect(history.path)) as db, db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM captures")
        db.execute("DELETE FROM job_history")
    assert history.runs() == []
    assert start(history) == run + 1, "an id is never used twice"


def test_a_device_recorded_twice_is_there_once(history: History) -> None:
    run = start(history)
    history.record_device(run, record(1, status="failed", verdict="failed"), records=[{"a": 1}])
    history.record_device(run, record(1))
    (device,) = history.run_devices(run)
    assert device.status == "ok"
    assert history.records(run, "sw1") == []


def test_devices_of_one_name_are_told_apart(history: History) -> None:
    run = start(history)
    for number in (1, 2):
        history.record_device(run, record(number, device="sw"), records=[{"n": number}])
    assert len(history.run_devices(run)) == 2
    assert history.records(run, "sw", 1) == [{"n": 1}]


def test_a_device_and_its_capture_are_written_together_or_not_at_all(history: History) -> None:
    run = start(history)
    capture = CaptureRecord(1, "sw1", "arp", "/x/sw1.txt", 1)
    with pytest.raises(DataError):
        history.record_device(run, record(1, host=None), [capture])
    with pytest.raises(DataError):
        history.record_device(99, record(1), [capture])
    assert history.captures() == []
    assert history.run_devices(run) == []


def test_many_devices_are_written_together_or_not_at_all(history: History) -> None:
    run = start(history)
    capture = CaptureRecord(1, "sw1", "arp", "/x/sw1.txt", 1)
    good = Outcome(record(1), [capture], [{"n": 1}], [OutputSize(1, "sw1", "show arp", 3)])
    with pytest.raises(DataError):
        history.record_devices(run, [good, Outcome(record(2, host=None))])
    assert history.captures() == []
    assert history.run_devices(run) == []
    assert history.output_sizes(["show arp"]) == {}
    rows = history.record_devices(run, [good, Outcome(record(2))])
    assert [row.id for row in history.run_devices(run)] == rows
    assert [one.device_name for one in history.captures()] == ["sw1"]


def test_what_stands_for_older_content_is_found_without_looking_through_all_captures(
    history: History,
) -> None:
    start(history)
    with closing(sqlite3.connect(history.path)) as db:
        db.execute("DROP INDEX idx_vctui_captures_sha256")  # a file of an earlier version
    run = start(history)
    first, other = (CaptureRecord(n, "sw", "arp", f"/x/sw{n}.txt", 1, sha256="old") for n in (1, 2))
    history.record_device(run, record(1, device="sw"), [first, other])
    statements: list[str] = []
    with history.reading() as database:
        connection_of(database).set_trace_callback(statements.append)
    history.record_device(
        run, record(3), [CaptureRecord(1, "sw", "arp", "/x/sw1.txt", 1, sha256="new", stands_for="old")]
    )
    assert {one.filepath: one.sha256 for one in history.captures() if one.run == run} == {
        "/x/sw1.txt": "new",
        "/x/sw2.txt": "old",
    }
    [replacing] = [text for text in statements if text.startswith("UPDATE vctui_captures")]
    plan = [str(row[-1]) for row in upstream(history, f"EXPLAIN QUERY PLAN {replacing}")]
    assert [step for step in plan if step.startswith("SCAN")] == []


def test_a_text_that_is_no_utf8_is_stored_all_the_same(history: History) -> None:
    run = start(history, job_name="\ud800 x")
    capture = CaptureRecord(1, "sw1", "arp", "/x/\udcff.txt", 1)
    history.record_device(run, record(1, error="\ud800 ü", reasons=("\ud800",)), [capture])
    [row] = history.run_devices(run)
    assert (row.error, row.reasons) == ("? ü", ("\ud800",))
    assert [one.filepath for one in history.captures()] == ["/x/?.txt"]
    assert [one.job_name for one in history.runs()] == ["? x"]


def test_damaged_records_are_named(history: History) -> None:
    run = start(history)
    history.record_device(run, record(1), records=[{"a": "\ud800 ü"}])
    assert history.records(run, "sw1") == [{"a": "? ü"}]
    for bad in ("{", "7", "[1]", "[" * 100_000):
        with closing(sqlite3.connect(history.path)) as db, db:
            db.execute("UPDATE vctui_records SET records = ?", (bad,))
        with pytest.raises(DataError, match="records of sw1"):
            history.records(run, "sw1")


def test_a_run_without_an_owner_is_interrupted_and_others_are_left(history: History) -> None:
    dead, alive = start(history), start(history, job_file="database:2")
    history.record_device(dead, record(1))
    history.record_device(dead, record(2, status="failed", verdict="failed"))
    with closing(sqlite3.connect(history.path)) as db, db:
        for job in ("u", "o"):
            db.execute(
                "INSERT INTO job_history (job_id, started_at, status) VALUES (?, 'x', 'running')", (job,)
            )
        db.execute(
            "INSERT INTO vctui_runs (id, job_id, job_file, job_name, started_at, status, owner_host,"
            " owner_pid) VALUES (4, 'o', 'o', 'o', '2024', 'running', 'another-host', 1)"
        )
    repaired = history.repair_stale(lambda run: run.id == alive)
    assert [run.id for run in repaired] == [dead]
    statuses = {run.id: run.status for run in history.runs()}
    assert statuses == {dead: "interrupted", alive: "running", 3: "running", 4: "running"}
    found = history.run(dead)
    assert found is not None
    assert (found.ok, found.failed, found.skipped) == (1, 1, 0)
    assert upstream(history, "SELECT status, error_message FROM job_history WHERE id = 1") == [
        ("failed", "Interrupted: the program ended before the run did")
    ]
    assert history.repair_stale(lambda run: run.id == alive) == []


def test_the_end_of_a_run_is_written_when_the_database_may_not_grow(history: History) -> None:
    """The first try fails; the reserve is given up and the second one succeeds."""
    run = start(history)
    reserve = history.path.with_name("collector.db.reserve")
    assert reserve.stat().st_size >= 4 * 1024 * 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StorageError, match=r"collector\.db"):
            history.record_device(run, record(1))
        with pytest.raises(StorageError):
            history.finish_run(run, status="failed", error="disk full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not reserve.exists()
    history.finish_run(run, status="failed", error="disk full")
    assert upstream(history, "PRAGMA integrity_check") == [("ok",)]
    found = history.run(run)
    assert found is not None
    assert (found.status, found.error) == ("failed", "disk full")


@pytest.mark.parametrize("knows_how", [True, False])
def test_the_reserve_is_room_and_not_only_a_size(
    history: History, monkeypatch: pytest.MonkeyPatch, knows_how: bool
) -> None:
    def refuse(*args: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    if not knows_how:
        monkeypatch.setattr(os, "posix_fallocate", refuse)
    start(history)
    assert history.path.with_name("collector.db.reserve").stat().st_blocks * 512 >= 4 * 1024 * 1024


def test_a_reserve_for_which_there_is_no_room_leaves_no_file(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert history.run(start(history)) is not None
    assert not history.path.with_name("collector.db.reserve").exists()


def test_verify_names_what_changed_is_missing_or_is_unknown(settings: Settings, history: History) -> None:
    run = start(history)
    paths = [save(settings, history, run, number, f"data {number}".encode()) for number in range(1, 6)]
    save(settings, history, start(history), 5, b"newer")
    assert verify_captures(history, settings.collections_dir) == (5, [])
    paths[0].write_bytes(b"data X")
    paths[1].unlink()
    extra = settings.collections_dir / "arp" / "stray.txt"
    extra.write_text("x")
    count, findings = verify_captures(history, settings.collections_dir)
    assert count == 5
    assert findings == [
        Finding(extra, "unknown"),
        Finding(paths[0], "changed"),
        Finding(paths[1], "missing"),
    ]
    latest = history.captures(latest=True)
    assert len(latest) == 5
    assert len(history.captures()) == 6
    assert [capture.run for capture in history.captures(run=run, limit=2)] == [run, run]
    assert history.captures(capture_type="mac") == []
