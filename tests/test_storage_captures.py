"""Capture files: atomic, private, inside their folder, the previous content kept."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from vctui.errors import StorageError
from vctui.storage import CaptureBatch, clean_temporary, kept, save_capture, sha256_of, versions_of

OLD, NEW = b"old content\n", b"new content\n" * 100


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "collections"


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    return tmp_path / "versions"


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def test_a_capture_is_saved_private_under_any_umask(base: Path, versions: Path, umask: int) -> None:
    for data in (OLD, NEW):
        saved = save_capture(base, "lab/arp/sw1.txt", data, versions=versions)
    assert saved.path == base / "lab" / "arp" / "sw1.txt"
    assert saved.path.read_bytes() == NEW
    assert (saved.size, saved.sha256) == (len(NEW), hashlib.sha256(NEW).hexdigest())
    for path in [base, *base.rglob("*"), versions, *versions.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_different_content_is_kept_as_a_version_and_the_same_is_not(base: Path, versions: Path) -> None:
    assert save_capture(base, "arp/sw1.txt", OLD, versions=versions).version is None
    before = (base / "arp" / "sw1.txt").stat()
    assert save_capture(base, "arp/sw1.txt", OLD, versions=versions).version is None
    assert (base / "arp" / "sw1.txt").stat().st_ino != before.st_ino
    saved = save_capture(base, "arp/sw1.txt", NEW, versions=versions)
    save_capture(base, "arp/sw1.txt", b"third", versions=versions)
    kept = versions_of(versions, "arp/sw1.txt")
    assert [path.read_bytes() for path in kept] == [NEW, OLD]
    assert saved.version == kept[1]
    assert kept[1].parent == versions / "arp" / "sw1"
    assert kept[1].name.endswith("Z.txt")
    assert versions_of(versions, "arp/sw2.txt") == []


def test_two_contents_of_one_moment_are_both_kept(base: Path, versions: Path) -> None:
    for number in range(13):
        save_capture(base, "arp/sw1.txt", b"%d" % number, versions=versions)
        os.utime(base / "arp" / "sw1.txt", (1000, 1000))
    kept = [path.read_bytes() for path in versions_of(versions, "arp/sw1.txt")]
    assert kept == [b"%d" % number for number in reversed(range(12))]


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM])
def test_without_hard_links_the_version_is_a_copy(
    base: Path, versions: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def no_links(*args: Any, **kwargs: Any) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "link", no_links)
    save_capture(base, "arp/sw1.txt", OLD, versions=versions)
    when = (base / "arp" / "sw1.txt").stat().st_mtime_ns
    save_capture(base, "arp/sw1.txt", NEW, versions=versions)
    (kept,) = versions_of(versions, "arp/sw1.txt")
    assert kept.read_bytes() == OLD
    assert kept.stat().st_mtime_ns == when
    os.utime(base / "arp" / "sw1.txt", ns=(when, when))
    save_capture(base, "arp/sw1.txt", OLD, versions=versions)
    assert {path.read_bytes() for path in versions_of(versions, "arp/sw1.txt")} == {OLD, NEW}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_links_are_not_followed_out_of_the_folder(base: Path, tmp_path: Path, versions: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(OLD)
    base.mkdir()
    (base / "arp").symlink_to(outside)
    with pytest.raises(StorageError, match="symbolic link"):
        save_capture(base, "arp/sw1.txt", NEW, versions=versions)
    (base / "mac").mkdir()
    (base / "mac" / "sw1.txt").symlink_to(outside / "victim")
    save_capture(base, "mac/sw1.txt", NEW, versions=versions)
    assert (outside / "victim").read_bytes() == OLD
    assert names_in(outside) == ["victim"]
    assert not (base / "mac" / "sw1.txt").is_symlink()
    versions.mkdir(exist_ok=True)
    (versions / "mac").symlink_to(outside)
    with pytest.raises(StorageError):
        save_capture(base, "mac/sw1.txt", OLD, versions=versions)
    assert (base / "mac" / "sw1.txt").read_bytes() == NEW
    assert names_in(outside) == ["victim"]


def test_a_folder_or_a_pipe_in_the_way(base: Path, versions: Path) -> None:
    (base / "arp" / "sw1.txt").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"sw1\.txt cannot be written"):
        save_capture(base, "arp/sw1.txt", NEW, versions=versions)
    os.mkfifo(base / "arp" / "sw2.txt")
    assert save_capture(base, "arp/sw2.txt", NEW, versions=versions).path.read_bytes() == NEW
    (base / "file").write_text("")
    with pytest.raises(StorageError, match="is in the way"):
        save_capture(base, "file/sw1.txt", NEW, versions=versions)
    assert not list(base.rglob(".vctui*"))


OPERATIONS = ("open", "write", "fsync", "link", "rename", "mkdir")


def _hooked(
    hook: Callable[[str, tuple[Any, ...]], None],
    name: str,
    real: Callable[..., Any],
    *args: Any,
    **kwargs: Any,
) -> Any:
    hook(name, args)
    return real(*args, **kwargs)


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, hook: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    """Call `hook` before every file operation."""
    with monkeypatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(os, name, partial(_hooked, hook, name, getattr(os, name)))
        yield


def test_the_order_of_operations(base: Path, versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_capture(base, "arp/sw1.txt", OLD, versions=versions)
    save_capture(base, "arp/sw1.txt", NEW, versions=versions)
    os.utime(base / "arp" / "sw1.txt", (1000, 1000))
    calls: list[str] = []

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args[1] & os.O_CREAT:
            assert args[1] & os.O_EXCL
            assert args[2] == 0o600
            calls.append("create")
        elif name == "fsync":
            calls.append("fsync folder" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else "fsync file")
        elif name in ("write", "link", "rename"):
            calls.append(name)

    with watched(monkeypatch, note):
        save_capture(base, "arp/sw1.txt", b"third", versions=versions)
    assert calls == ["create", "write", "link", "fsync file", "fsync folder", "rename", "fsync folder"]


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("existed", [True, False])
def test_a_fault_at_any_operation_leaves_the_old_file_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int, existed: bool
) -> None:
    for step in range(1, 100):
        base, versions = tmp_path / f"{step}" / "base", tmp_path / f"{step}" / "versions"
        if existed:
            save_capture(base, "arp/sw1.txt", OLD, versions=versions)
        calls = 0

        def fail(name: str, args: tuple[Any, ...], step: int = step) -> None:
            nonlocal calls
            calls += 1
            if calls == step:
                raise OSError(reason, os.strerror(reason))

        error: StorageError | None = None
        with watched(monkeypatch, fail):
            try:
                save_capture(base, "arp/sw1.txt", NEW, versions=versions)
            except StorageError as caught:
                error = caught
        path = base / "arp" / "sw1.txt"
        if calls < step:
            assert error is None
            assert step > 10
            return
        assert error is not None, f"operation {step} failed and nobody noticed"
        assert os.strerror(reason) in str(error)
        assert error.exit_code == 14
        assert (path.read_bytes() if path.exists() else None) == (OLD if existed else None)
        assert not list((tmp_path / f"{step}").rglob(".vctui*"))
    pytest.fail("never came to the end")


def test_many_take_each_step_together(base: Path, versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            calls.append("fsync folder" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else "fsync file")
        elif name in ("write", "rename"):
            calls.append(name)

    save_capture(base, "arp/sw0.txt", OLD, versions=versions)
    save_capture(base, "mac/sw0.txt", OLD, versions=versions)
    batch = CaptureBatch()
    with watched(monkeypatch, note):
        written = [
            batch.write(base, f"{folder}/sw{number}.txt", NEW, versions=versions)
            for number in range(1, 9)
            for folder in ("arp", "mac")
        ]
        assert not list(base.rglob("sw1.txt"))
        batch.finish()
    assert calls == ["write"] * 16 + ["fsync file"] * 16 + ["rename"] * 16 + ["fsync folder"] * 2
    assert [one.saved.path.read_bytes() if one.saved else None for one in written] == [NEW] * 16
    assert not list(base.rglob(".vctui*"))
    batch.finish()


def test_a_fault_at_any_operation_costs_only_those_that_it_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("arp/sw1.txt", "arp/sw2.txt", "mac/sw1.txt")
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for step in range(1, 100):
        base, versions = tmp_path / f"{step}" / "base", tmp_path / f"{step}" / "versions"
        for name in ("arp/sw1.txt", "mac/sw1.txt"):
            save_capture(base, name, OLD, versions=versions)
        calls = 0

        def fail(name: str, args: tuple[Any, ...], step: int = step) -> None:
            nonlocal calls
            calls += 1
            if calls == step:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        batch, failed = CaptureBatch(), set()
        written = {}
        with watched(monkeypatch, fail):
            for name in names:
                try:
                    written[name] = batch.write(base, name, NEW, versions=versions)
                except StorageError:
                    failed.add(name)
            batch.finish()
        failed |= {name for name, one in written.items() if one.error is not None}
        assert {name for name, one in written.items() if one.saved is not None} == set(names) - failed
        assert len(failed) in ((0,) if calls < step else (1, 2)), f"operation {step}"
        for name in names:
            path = base / name
            before = None if name == "arp/sw2.txt" else OLD
            assert (path.read_bytes() if path.exists() else None) == (before if name in failed else NEW)
        assert not list((tmp_path / f"{step}").rglob(".vctui*"))
        assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
        if calls < step:
            assert step > 25
            return
    pytest.fail("never came to the end")


def test_what_nobody_foresaw_of_one_costs_no_other(
    base: Path, versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems know times that Python does not."""
    for name in ("arp/sw1.txt", "arp/sw2.txt", "arp/sw3.txt"):
        save_capture(base, name, OLD, versions=versions)
    os.utime(base / "arp" / "sw2.txt", (0, 0))

    class Calendar(datetime):
        @classmethod
        def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> Any:
            if not timestamp:
                raise OverflowError("no such year")
            return datetime.fromtimestamp(timestamp, tz)

    monkeypatch.setattr(kept, "datetime", Calendar)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    batch = CaptureBatch()
    written = [batch.write(base, f"arp/sw{number}.txt", NEW, versions=versions) for number in (1, 2, 3)]
    batch.finish()
    assert [one.saved is not None for one in written] == [True, False, True]
    assert isinstance(written[1].error, OverflowError)
    assert [(base / "arp" / f"sw{number}.txt").read_bytes() for number in (1, 2, 3)] == [NEW, OLD, NEW]
    assert not list(base.rglob(".vctui*"))
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_so_many_captures_take_no_more_files_than_there_may_be(base: Path, versions: Path) -> None:
    names = [f"folder{folder}/sw{number}.txt" for number in range(8) for folder in range(40)]
    for name in names:
        save_capture(base, name, OLD, versions=versions)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 200, hard))
    try:
        batch = CaptureBatch()
        written = [batch.write(base, name, NEW, versions=versions) for name in names]
        batch.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert all(one.saved is not None and one.saved.version is not None for one in written)
    assert all((base / name).read_bytes() == NEW for name in names)


@pytest.mark.parametrize("existed", [True, False])
def test_what_another_run_saves_meanwhile_is_kept_as_well(
    base: Path, versions: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    """Two jobs may have one folder, and to save many captures together takes a while."""
    if existed:
        save_capture(base, "arp/sw1.txt", OLD, versions=versions)
    others = [b"theirs\n"]
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        fsync(descriptor)
        if others:
            save_capture(base, "arp/sw1.txt", others.pop(), versions=versions)

    batch = CaptureBatch()
    pending = batch.write(base, "arp/sw1.txt", NEW, versions=versions)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fsync", slow)
    batch.finish()
    assert pending.saved is not None
    assert pending.path.read_bytes() == NEW
    kept_ones = {one.read_bytes() for one in versions_of(versions, "arp/sw1.txt")}
    assert kept_ones == ({OLD, b"theirs\n"} if existed else {b"theirs\n"})
    assert pending.saved.version is not None
    assert pending.saved.version.read_bytes() == b"theirs\n"
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors - 2


def test_every_new_folder_is_durable_before_a_file_takes_its_place(
    base: Path, versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()
    before: list[set[Path]] = []

    def note(name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            synced.add(Path(f"/proc/self/fd/{args[0]}").readlink())
        elif name == "rename":
            before.append(set(synced))

    with watched(monkeypatch, note):
        save_capture(base, "arp/sw1.txt", OLD, versions=versions)
        synced.clear()
        save_capture(base, "arp/sw1.txt", NEW, versions=versions)
    assert before[0] >= {base.parent, base}
    assert before[1] >= {versions.parent, versions, versions / "arp", versions / "arp" / "sw1"}


def test_what_is_not_durable_is_as_it_was(
    base: Path, versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_capture(base, "arp/sw1.txt", OLD, versions=versions)
    save_capture(base, "mac/sw1.txt", OLD, versions=versions)
    batch = CaptureBatch()
    names = ("arp/sw1.txt", "arp/sw2.txt", "arp/sw1.txt")
    lost = [batch.write(base, name, NEW + b"%d" % n, versions=versions) for n, name in enumerate(names)]
    good = batch.write(base, "mac/sw1.txt", NEW, versions=versions)
    arp = (base / "arp").stat().st_ino

    def fail(name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync" and os.fstat(args[0]).st_ino == arp:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with watched(monkeypatch, fail):
        batch.finish()
    assert [one.saved for one in lost] == [None] * 3
    assert {type(one.error.__cause__) for one in lost if one.error} == {OSError}
    assert (base / "arp" / "sw1.txt").read_bytes() == OLD
    assert names_in(base / "arp") == ["sw1.txt"]
    assert (good.error, (base / "mac" / "sw1.txt").read_bytes()) == (None, NEW)


def test_a_short_write_is_completed(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:7])))
    assert save_capture(base, "arp/sw1.txt", NEW, versions=None).path.read_bytes() == NEW


def test_a_file_size_limit_is_reported_and_harmless(base: Path, versions: Path) -> None:
    save_capture(base, "arp/sw1.txt", OLD, versions=versions)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(StorageError, match="File too large"):
            save_capture(base, "arp/sw1.txt", NEW, versions=versions)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (base / "arp" / "sw1.txt").read_bytes() == OLD
    assert [path.name for path in (base / "arp").iterdir()] == ["sw1.txt"]


FULL_DISK = """
import os, sys
from pathlib import Path
from vctui.errors import StorageError
from vctui.storage import save_capture
base = Path(sys.argv[1])
save_capture(base, "arp/sw1.txt", b"old", versions=base / "versions")
try:
    save_capture(base, "arp/sw1.txt", bytes(2_000_000), versions=base / "versions")
except StorageError as error:
    print(error)
assert (base / "arp" / "sw1.txt").read_bytes() == b"old"
assert os.listdir(base / "arp") == ["sw1.txt"]
"""


def test_a_full_disk(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", script, "sh", str(mount), sys.executable]
    probe = subprocess.run([*command, ""], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no private mount here: {probe.stderr.strip()}")
    run = subprocess.run(
        [*command, FULL_DISK],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert run.returncode == 0, run.stderr
    assert "No space left on device" in run.stdout


def test_unfinished_files_of_dead_writers_are_cleaned_and_others_left(base: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    save_capture(base, "arp/sw1.txt", OLD, versions=None)
    stale = base / "arp" / f".vctui-{dead.pid}-0123456789ab.tmp"
    live = base / "arp" / f".vctui-{os.getpid()}-0123456789ab.tmp"
    for path in (stale, live, base / "arp" / ".vctui-x.tmp"):
        path.write_text("")
    assert clean_temporary(base) == 1
    assert not stale.exists()
    assert live.exists()
    assert sha256_of(base / "arp" / "sw1.txt") == hashlib.sha256(OLD).hexdigest()
