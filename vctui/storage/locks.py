"""One run per job at a time: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vctui.errors import LockedError
from vctui.storage.files import FILE_MODE, make_folders, storage_error
from vctui.storage.rows import RunRow

_PROBE_SECONDS = 0.2
_PAUSE_SECONDS = 0.02
_held: set[int] = set()


def _close_in_child() -> None:
    # A forked child shares the lock: it would outlive its holder in there.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


class RunLock:
    """An exclusive flock on a file. The file stays; only the lock on it means anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, wait: float = 0.0) -> None:
        """Take the lock, waiting up to `wait` seconds for its holder. Raises LockedError."""
        if self._descriptor is not None:
            return
        make_folders(self.path.parent)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise storage_error(error, self.path) from error
        # A look at the lock by `is_held` lasts microseconds; it must not make a run fail.
        deadline = time.monotonic() + max(wait, _PROBE_SECONDS)
        while not _try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise LockedError(self._held_by(), "Wait for it to end")
            time.sleep(_PAUSE_SECONDS)
        self._descriptor = descriptor
        _held.add(descriptor)
        owner = {"host": socket.gethostname(), "pid": os.getpid()}
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(owner).encode(), 0)

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._descriptor in _held:
            _held.remove(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = None

    def owner(self) -> dict[str, Any]:
        """Who wrote itself into the file last: `host` and `pid`; empty when unknown."""
        try:
            found = json.loads(self.path.read_bytes()[:1000])
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def is_held(self) -> bool:
        """Whether some process holds it now."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def _held_by(self) -> str:
        owner = self.owner()
        who = f" (process {owner['pid']} on {owner['host']})" if {"pid", "host"} <= owner.keys() else ""
        return f"another run holds this job{who}"

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def job_lock(home: Path, job_file: str) -> RunLock:
    """The lock of one job, named by its history reference (`database:42`, or the file's path)."""
    digest = hashlib.sha256(job_file.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return RunLock(home / "locks" / f"{digest}.lock")


def login_lock(home: Path, credential_id: int) -> RunLock:
    """Who holds it is the only one that tries a credential which nobody knows to be good."""
    return RunLock(home / "locks" / f"login-{credential_id}.lock")


def run_is_alive(home: Path) -> Callable[[RunRow], bool]:
    """For `History.repair_stale`: a run lives as long as its own process holds the lock of its job."""

    def is_alive(run: RunRow) -> bool:
        lock = job_lock(home, run.job_file)
        owner = {"host": run.owner_host, "pid": run.owner_pid}
        return lock.owner() == owner and lock.is_held()

    return is_alive
