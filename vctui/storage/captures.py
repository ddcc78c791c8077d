"""Capture files: the latest copy in one atomic step, the previous content kept as a version.

Order: a temporary file (new, 0600) → write → fsync → link the old content into the versions → rename →
fsync the folder, once for all that wait. The rows come after that, so a row never lacks its file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vctui.errors import StorageError, VctuiError
from vctui.storage.files import FOLDER_MODE, make_folders, storage_error, sync_folder, write_all
from vctui.storage.rows import SavedCapture
from vctui.storage.temporary import TEMPORARY, temporary_in

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}
_CHUNK = 1024 * 1024


class Unsynced:
    """Captures whose new names are not durable yet: one fsync of their folder is enough for all of them."""

    def __init__(self) -> None:
        self._folders: dict[tuple[int, int], tuple[int, list[_Renamed]]] = {}

    def add(self, folder: int, capture: _Renamed) -> None:
        """A capture has been put in place."""
        info = os.fstat(folder)
        key = info.st_dev, info.st_ino
        if key not in self._folders:
            self._folders[key] = os.dup(folder), []
        self._folders[key][1].append(capture)

    def sync(self) -> dict[Path, VctuiError]:
        """Make them durable, and forget them. Returns why for those that cannot be: they are as they were."""
        failed: dict[Path, VctuiError] = {}
        folders, self._folders = self._folders, {}
        for folder, captures in folders.values():
            try:
                _sync_names(folder, captures)
            except OSError as error:
                failed |= {path: storage_error(error, path) for path, _, _ in captures}
            finally:
                os.close(folder)
        return failed


class _Renamed(NamedTuple):
    path: Path
    version: Path | None
    existed: bool


def _sync_names(folder: int, captures: Sequence[_Renamed]) -> None:
    try:
        sync_folder(folder)
    except OSError:
        for path, version, existed in reversed(captures):
            if version is not None or not existed:
                _put_back(folder, path.name, version)
        raise


def save_capture(
    base: Path,
    parts: str | PurePosixPath | Sequence[str],
    data: bytes,
    *,
    versions: Path | None,
    later: Unsynced | None = None,
) -> SavedCapture:
    """Write `data` to `base/parts` so that a crash at any point leaves the old file or the new one.

    Nothing is followed out of `base`. A previous, different content is kept under `versions` first. Raises
    StorageError; the old file is then as it was. With `later`, it is durable after `later.sync()`.
    """
    folders, name = _split(parts)
    path = base.joinpath(*folders, name)
    digest = hashlib.sha256(data).hexdigest()
    try:
        make_folders(base)
        with _walk(base, folders) as folder, temporary_in(folder) as (temporary, descriptor):
            write_all(descriptor, data)
            os.fsync(descriptor)
            existed = _exists(folder, name)
            version = _keep_previous(folder, name, digest, len(data), versions, folders)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            renamed = _Renamed(path, version, existed)
            if later is None:
                _sync_names(folder, [renamed])
            else:
                later.add(folder, renamed)
    except OSError as error:
        raise storage_error(error, path) from error
    return SavedCapture(path, len(data), digest, version)


def _split(parts: str | PurePosixPath | Sequence[str]) -> tuple[tuple[str, ...], str]:
    # PurePosixPath would quietly drop the empty and `.` components that are refused here.
    if isinstance(parts, str):
        names = tuple(parts.split("/"))
    else:
        names = parts.parts if isinstance(parts, PurePosixPath) else tuple(parts)
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name or TEMPORARY.fullmatch(name):
            raise StorageError(f"{'/'.join(names)!r} is not a file within the folder of captures")
    if not names:
        raise StorageError("a capture needs a file name")
    return names[:-1], names[-1]


@contextmanager
def _walk(base: Path, folders: Sequence[str]) -> Iterator[int]:
    """The descriptor of a folder below `base`, created 0700 where missing; no link is followed on the way."""
    current = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folders:
            try:
                os.mkdir(name, FOLDER_MODE, dir_fd=current)
                sync_folder(current)
            except FileExistsError:
                pass
            inner = os.open(name, _FOLDER_FLAGS, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def _keep_previous(
    folder: int, name: str, digest: str, size: int, versions: Path | None, folders: Sequence[str]
) -> Path | None:
    if versions is None:
        return None
    try:
        previous = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise
    try:
        info = os.fstat(previous)
        if not stat.S_ISREG(info.st_mode) or (info.st_size == size and _sha256(previous) == digest):
            return None
        make_folders(versions)
        kept = (*folders, name.removesuffix(".txt"))
        with _walk(versions, kept) as target:
            stamp = datetime.fromtimestamp(info.st_mtime, UTC)
            version = _link_or_copy(folder, name, previous, target, f"{stamp:%Y%m%dT%H%M%S.%fZ}")
            sync_folder(target)
    finally:
        os.close(previous)
    return versions.joinpath(*kept, version)


def _link_or_copy(folder: int, name: str, previous: int, target: int, stamp: str) -> str:
    """Give the old content a second name in `target`; a file system without links to it gets a copy."""
    for number in range(1000):
        version = f"{stamp}-{number}.txt" if number else f"{stamp}.txt"
        try:
            os.link(name, version, src_dir_fd=folder, dst_dir_fd=target, follow_symlinks=False)
            return version
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if not _exists(target, version):
                _copy(previous, target, version)
                return version
        if _same_content(previous, target, version):
            return version
    raise FileExistsError(errno.EEXIST, "too many versions of one moment", stamp)


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _same_content(previous: int, folder: int, name: str) -> bool:
    other = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if os.path.samestat(os.fstat(other), os.fstat(previous)):
            return True
        return _sha256(other) == _sha256(previous)
    finally:
        os.close(other)


def _copy(source: int, target: int, name: str) -> None:
    with temporary_in(target) as (temporary, descriptor):
        os.lseek(source, 0, os.SEEK_SET)
        while chunk := os.read(source, _CHUNK):
            write_all(descriptor, chunk)
        info = os.fstat(source)
        os.utime(descriptor, ns=(info.st_atime_ns, info.st_mtime_ns))
        os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=target, dst_dir_fd=target)


def _put_back(folder: int, name: str, version: Path | None) -> None:
    """After a rename that may not be durable: the old content again, or no file where there was none."""
    if version is None:
        os.unlink(name, dir_fd=folder)
        return
    source = os.open(version, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _copy(source, folder, name)
    finally:
        os.close(source)


def _sha256(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    digest = hashlib.sha256()
    while chunk := os.read(descriptor, _CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal; OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def drop_version(version: Path) -> None:
    """Remove a kept older content. One that cannot be removed stays, which harms nothing."""
    with suppress(OSError):
        version.unlink()


def versions_of(versions: Path, parts: str | PurePosixPath | Sequence[str]) -> list[Path]:
    """The kept older contents of one capture, newest first; each has the time when it was saved."""
    folders, name = _split(parts)
    folder = versions.joinpath(*folders, name.removesuffix(".txt"))
    if not folder.is_dir():
        return []
    return sorted(folder.glob("*.txt"), key=_moment, reverse=True)


def _moment(version: Path) -> tuple[str, int]:
    """When the content was saved, and its number among those of one moment."""
    stamp, _, number = version.stem.partition("-")
    return stamp, int(number) if number.isdecimal() else 0
