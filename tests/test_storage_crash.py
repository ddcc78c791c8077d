"""kill -9 at every step of recording devices: never a row without its file, never a damaged database."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from vctui.config import load_settings
from vctui.storage import History, clean_temporary, init_home, save_capture, versions_of

ROOT = Path(__file__).parent.parent
OLD, NEW = b"old\n" * 50, b"new\n" * 5000

# One child for each step, forked from one interpreter; each kills itself before its step of the recording.
SWEEP = """
import os, signal, sys
from functools import partial
from pathlib import Path
from vctui.config import load_settings
from vctui.storage import CaptureBatch, CaptureRecord, DeviceRecord, History, Outcome
from vctui.storage.database import connection_of

def record(home, step):
    settings = load_settings(home, {})
    count = 0
    def reached(*_):
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
    def hooked(real, *args, **kwargs):
        reached()
        return real(*args, **kwargs)
    with History(settings.collector_db) as history:
        for name in ("open", "write", "fsync", "link", "rename", "mkdir", "close"):
            setattr(os, name, partial(hooked, getattr(os, name)))
        connection_of(history._database).set_trace_callback(reached)
        run = history.start_run(job_id="a", job_file="database:1", job_name="A", total=2)
        batch, versions = CaptureBatch(), settings.home / "versions"
        written = [
            batch.write(settings.collections_dir, f"arp/sw{n}.txt", NEW, versions=versions) for n in (1, 2)
        ]
        batch.finish()
        outcomes = []
        for n, one in enumerate(written, start=1):
            device = DeviceRecord(
                n, f"sw{n}", "192.0.2.1", "ok", "complete",
                path=str(one.saved.path), size=one.saved.size, sha256=one.saved.sha256,
            )
            capture = CaptureRecord(n, f"sw{n}", "arp", str(one.saved.path), one.saved.size)
            outcomes.append(Outcome(device, [capture], [{"a": 1}]))
        history.record_devices(run, outcomes)
        print(step, "acknowledged", flush=True)
        history.finish_run(run, status="success", ok=1)

NEW = b"new\\n" * 5000
for home in map(Path, sys.argv[1:]):
    child = os.fork()
    if child == 0:
        record(home, int(home.name))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(int(home.name), "killed" if os.WIFSIGNALED(status) else "done", flush=True)
"""
STEPS = 75


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def prepare(home: Path) -> None:
    settings = load_settings(home, {})
    init_home(settings)
    save_capture(settings.collections_dir, "arp/sw1.txt", OLD, versions=settings.home / "versions")


def test_kill_at_every_step(tmp_path: Path) -> None:
    homes = [tmp_path / str(step) for step in range(1, STEPS + 1)]
    prepare(homes[0])
    for home in homes[1:]:
        subprocess.run(["cp", "-a", str(homes[0]), str(home)], check=True)
    sweep = subprocess.run(
        [sys.executable, "-c", SWEEP, *map(str, homes)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    lines = set(sweep.stdout.split("\n"))
    killed = [step for step in range(1, STEPS + 1) if f"{step} killed" in lines]
    assert len(killed) >= 40, sweep.stdout
    assert f"{STEPS} done" in lines, "the sweep is too short to reach the end"
    for home in homes:
        check(home, acknowledged=f"{home.name} acknowledged" in lines)


def check(home: Path, *, acknowledged: bool) -> None:
    settings = load_settings(home, {})
    versions = settings.home / "versions"
    current = (settings.collections_dir / "arp" / "sw1.txt").read_bytes()
    kept = [path.read_bytes() for path in versions_of(versions, "arp/sw1.txt")]
    assert current in (OLD, NEW)
    new = settings.collections_dir / "arp" / "sw2.txt"
    assert not new.exists() or new.read_bytes() == NEW
    assert current == OLD or OLD in kept, "the old content is lost"
    with closing(sqlite3.connect(settings.collector_db)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = db.execute("SELECT path, sha256 FROM vctui_run_devices").fetchall()
        assert len(rows) in (0, 2)
        assert len(rows) == db.execute("SELECT count(*) FROM captures").fetchone()[0]
        assert len(rows) == db.execute("SELECT count(*) FROM vctui_records").fetchone()[0]
    for path, digest in rows:
        assert digest == sha256(NEW)
        assert Path(path).read_bytes() == NEW, "a row without its file"
    if acknowledged:
        assert len(rows) == 2, "an acknowledged device is lost"
    clean_temporary(settings.collections_dir)
    clean_temporary(versions)
    assert not list(settings.home.rglob(".vctui*"))
    with History(settings.collector_db) as history:
        history.repair_stale(lambda run: False)
        assert {run.status for run in history.runs()} <= {"interrupted", "success"}


FULL_DISK = """
import sys
from contextlib import suppress
from pathlib import Path
from vctui.config import load_settings
from vctui.errors import StorageError
from vctui.storage import CaptureRecord, DeviceRecord, History, init_home
settings = load_settings(Path(sys.argv[1]) / "home", {})
init_home(settings)
with History(settings.collector_db) as history:
    run = history.start_run(job_id="a", job_file="database:1", job_name="A", total=1)
    with open(Path(sys.argv[1]) / "filler", "wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    device = DeviceRecord(1, "sw1", "192.0.2.1", "ok", "complete")
    try:
        for number in range(200):
            history.record_device(run, device, [CaptureRecord(1, "x", "arp", "/x", 1)], [{"a": "b" * 5000}])
    except StorageError as error:
        print("refused:", error)
    history.finish_run(run, status="failed", error="the disk is full")
    print(history.run(run).status)
    with history.reading() as database:
        print(database.execute_sql("PRAGMA integrity_check").fetchone()[0])
"""


def test_on_a_full_disk_the_end_of_the_run_is_still_written(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["unshare", "-rm", "sh", "-c", script, "sh", str(mount), sys.executable]
    probe = subprocess.run([*command, ""], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no private mount here: {probe.stderr.strip()}")
    run = subprocess.run([*command, FULL_DISK], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    refused, status, integrity = run.stdout.splitlines()
    assert "the disk is full" in refused
    assert (status, integrity) == ("failed", "ok")


WRITER = """
import sys
from vctui.storage import DeviceRecord, History
with History(sys.argv[1]) as history:
    run = history.start_run(job_id="a", job_file=sys.argv[2], job_name="A", total=100)
    for number in range(100):
        history.record_device(run, DeviceRecord(number, f"sw{number}", "192.0.2.1", "ok", "complete"))
    history.finish_run(run, status="success", ok=100)
"""


def test_two_processes_write_side_by_side(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    command = [sys.executable, "-c", WRITER, str(settings.collector_db)]
    writers = [
        subprocess.Popen([*command, f"database:{number}"], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for number in range(2)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, "")
    with History(settings.collector_db) as history:
        assert [len(history.run_devices(run.id)) for run in history.runs()] == [100, 100]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount read-only")
def test_a_read_only_file_system_can_be_read(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
    code = (
        "import sys; from vctui.config import load_settings; from vctui.errors import StorageError\n"
        "from vctui.storage import History\n"
        "with History(load_settings(sys.argv[1], {}).collector_db) as history:\n"
        "    print(history.runs())\n"
        "    try: history.start_run(job_id='a', job_file='b', job_name='c', total=1)\n"
        "    except StorageError as error: print(error)\n"
    )
    command = ["unshare", "-rm", "sh", "-c", script, "sh", str(settings.home), sys.executable]
    probe = subprocess.run([*command, ""], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no private mount here: {probe.stderr.strip()}")
    run = subprocess.run([*command, code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    runs, refused = run.stdout.splitlines()
    assert runs == "[]"
    assert "collector.db cannot be written" in refused
