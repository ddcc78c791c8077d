"""The lock of a job: one holder, freed by its death, whoever looks."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vctui.errors import LockedError, StorageError
from vctui.storage import RunLock, RunRow, job_lock, run_is_alive

HOLD = """
import sys, time
from pathlib import Path
from vctui.storage import job_lock
lock = job_lock(Path(sys.argv[1]), sys.argv[2])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of `database:1`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path), "database:1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def run_of(pid: int, host: str | None = None, job_file: str = "database:1") -> RunRow:
    return RunRow(
        id=1, job_id="a", job_file=job_file, job_name="a", started_at="", completed_at=None, status="running",
        total=0, ok=0, failed=0, owner_host=host or socket.gethostname(), owner_pid=pid,
    )  # fmt: skip


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = job_lock(tmp_path, "database:1"), job_lock(tmp_path, "database:1")
    with first:
        first.acquire()
        assert first.is_held()
        assert second.is_held()
        with pytest.raises(LockedError, match=f"process {os.getpid()}") as caught:
            second.acquire()
        assert caught.value.exit_code == 11
        with job_lock(tmp_path, "database:2"):
            pass
    assert not first.is_held()
    with second:
        pass
    second.release()


def test_the_lock_is_freed_when_its_holder_is_killed(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    lock = job_lock(tmp_path, "database:1")
    assert lock.is_held()
    with pytest.raises(LockedError, match=f"process {holder.pid} on"):
        lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not lock.is_held()
    lock.acquire()
    lock.release()


def test_waiting_for_the_holder(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    job_lock(tmp_path, "database:1").acquire(wait=10)


def test_a_run_lives_while_its_own_process_holds_the_lock(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    is_alive = run_is_alive(tmp_path)
    assert is_alive(run_of(holder.pid))
    assert not is_alive(run_of(holder.pid + 1)), "an older run of the same job is not alive"
    assert not is_alive(run_of(holder.pid, host="elsewhere"))
    assert not is_alive(run_of(holder.pid, job_file="database:2"))
    holder.kill()
    holder.wait()
    assert not is_alive(run_of(holder.pid))


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "a.lock")
    lock.acquire()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        theirs.send(b"forked")
        theirs.recv(1)
        os._exit(0)
    theirs.close()
    with ours:
        assert ours.recv(10) == b"forked"
        lock.release()
        assert not RunLock(tmp_path / "a.lock").is_held()
    os.waitpid(child, 0)


def test_the_lock_file_is_private_and_no_link_is_followed(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "locks" / "a.lock")
    with lock:
        assert stat.S_IMODE(lock.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(lock.path.parent.stat().st_mode) == 0o700
        assert lock.owner() == {"host": socket.gethostname(), "pid": os.getpid()}
    lock.path.write_text("[[[")
    assert lock.owner() == {}
    (tmp_path / "link.lock").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError):
        RunLock(tmp_path / "link.lock").acquire()
    assert not (tmp_path / "target").exists()
