"""The older contents of captures, kept beside them: what a new one replaces gets a second name here first."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vctui.errors import StorageError
from vctui.storage.files import FOLDER_MODE, make_folders, sync_folder, write_all
from vctui.storage.temporary import TEMPORARY, temporary_in

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}
_CHUNK = 1024 * 1024


def split_name(parts: str | PurePosixPath | Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The folders of a capture below its base, and its file's name; StorageError for what leads out."""
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


def sync_new(created: Iterable[Path]) -> None:
    """Make the names of folders durable that were just created."""
    for folder in created:
        sync_folder(folder.parent)


def open_folder(base: Path, folders: Sequence[str], unsynced: list[int] | None = None) -> int:
    """A descriptor of a folder below `base`, created 0700 where missing; no link is followed on the way.

    Where something was created, a descriptor of the folder around it is added to `unsynced`, or it is synced.
    """
    current = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in folders:
        above = current
        try:
            current = _open_inner(above, name, unsynced)
        finally:
            os.close(above)
    return current


def _open_inner(above: int, name: str, unsynced: list[int] | None) -> int:
    try:
        return os.open(name, _FOLDER_FLAGS, dir_fd=above)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=above)
            if unsynced is None:
                sync_folder(above)
            else:
                unsynced.append(os.dup(above))
        return os.open(name, _FOLDER_FLAGS, dir_fd=above)


_File = tuple[int, int, int]
"""What tells a file from the one that takes its place."""


class Previous(NamedTuple):
    """What a capture replaces."""

    existed: bool
    version: Path | None = None
    """Where its content is kept, when it differs from the new one."""
    unsynced: tuple[int, ...] = ()
    """Descriptors of the folders that have new names for it, to be synced and closed."""
    file: _File | None = None


NOTHING = Previous(existed=False)


def is_still_there(folder: int, name: str, previous: Previous) -> bool:
    """Whether the file of that name is the one that was kept; another run may have saved its own since."""
    return _file(folder, name) == previous.file


def _file(folder: int, name: str) -> _File | None:
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return info.st_dev, info.st_ino, info.st_mtime_ns


def keep_previous(
    folder: int, name: str, digest: str, size: int, versions: Path | None, folders: Sequence[str]
) -> Previous:
    """Keep the content of the file of that name, if there is one; durably once the folders are synced."""
    file = _file(folder, name)
    try:
        previous = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return Previous(error.errno != errno.ENOENT, file=file)
        raise
    try:
        info = os.fstat(previous)
        same = info.st_size == size and _sha256(previous) == digest
        if versions is None or not stat.S_ISREG(info.st_mode) or same:
            return Previous(True, file=file)
        sync_new(make_folders(versions))
        kept = (*folders, name.removesuffix(".txt"))
        unsynced: list[int] = []
        try:
            target = open_folder(versions, kept, unsynced)
            unsynced.append(target)
            stamp = datetime.fromtimestamp(info.st_mtime, UTC)
            version = _link_or_copy(folder, name, previous, target, f"{stamp:%Y%m%dT%H%M%S.%fZ}")
        except BaseException:
            for one in unsynced:
                os.close(one)
            raise
    finally:
        os.close(previous)
    return Previous(True, versions.joinpath(*kept, version), tuple(unsynced), file)


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
            if _file(target, version) is None:
                _copy(previous, target, version)
                return version
        if _same_content(previous, target, version):
            return version
    raise FileExistsError(errno.EEXIST, "too many versions of one moment", stamp)


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


def put_back(folder: int, name: str, version: Path | None) -> None:
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
    folders, name = split_name(parts)
    folder = versions.joinpath(*folders, name.removesuffix(".txt"))
    if not folder.is_dir():
        return []
    return sorted(folder.glob("*.txt"), key=_moment, reverse=True)


def _moment(version: Path) -> tuple[str, int]:
    """When the content was saved, and its number among those of one moment."""
    stamp, _, number = version.stem.partition("-")
    return stamp, int(number) if number.isdecimal() else 0
