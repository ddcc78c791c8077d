"""Files and folders that only their owner can read, from the first byte; and folders we trust to write in."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from vctui.errors import HomeError, StorageError, VctuiError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def storage_error(error: OSError, path: Path | str, doing: str = "cannot be written") -> VctuiError:
    """The error of a failed write, with what to do about it."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        next_step = "Free some space, or raise the quota, and run it again"
    elif error.errno in _FORBIDDEN:
        next_step = "Check the owner, the permissions and whether the file system is mounted read-only"
    elif error.errno in (errno.ELOOP, errno.ENOTDIR):
        next_step = "A symbolic link or a file is in the way; move it aside"
    else:
        next_step = "Check the disk with: vctui doctor"
    return StorageError(f"{path} {doing}: {reason}", next_step)


def create_private(path: Path) -> int:
    """Create a file that must not exist yet and return its descriptor, open for reading and writing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, FILE_MODE)


def new_private(path: Path) -> bool:
    """Create an empty file; False when there is one already. Raises StorageError."""
    try:
        os.close(create_private(path))
    except FileExistsError:
        return False
    except OSError as error:
        raise storage_error(error, path) from error
    return True


def make_folders(path: Path) -> list[Path]:
    """Create a folder and its missing parents, 0700 each; returns the created ones, outermost first."""
    missing: list[Path] = []
    folder = path
    while not folder.exists() and not folder.is_symlink():
        missing.append(folder)
        folder = folder.parent
    created: list[Path] = []
    for folder in reversed(missing):
        try:
            folder.mkdir(mode=FOLDER_MODE)
            created.append(folder)
        except FileExistsError:
            continue
        except OSError as error:
            raise storage_error(error, folder, "cannot be created") from error
    if not path.is_dir():
        raise StorageError(f"{path} is not a folder", "Move it aside")
    return created


def check_folder(path: Path) -> None:
    """Refuse a home that somebody else could have put there or could change. Raises HomeError."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise HomeError(f"{path} cannot be read: {error.strerror}", "Check its owner") from error
    if stat.S_ISLNK(info.st_mode):
        raise HomeError(f"{path} is a symbolic link", f"Name the folder itself: --home {path.resolve()}")
    if not stat.S_ISDIR(info.st_mode):
        raise HomeError(f"{path} is not a folder", "Move it aside, or choose another with --home")
    if info.st_uid != os.geteuid():
        raise HomeError(f"{path} belongs to another user (uid {info.st_uid})", "Choose another with --home")
    if info.st_mode & 0o022:
        raise HomeError(f"{path} can be changed by other users", f"Close it with: chmod go-w {path}")


def sync_folder(path: Path | int) -> None:
    """Make the names in a folder durable, as far as its file system knows how."""
    if isinstance(path, int):
        try:
            os.fsync(path)
        except OSError as error:
            # Some network file systems cannot sync a folder and say so in this way.
            if error.errno != errno.EINVAL:
                raise
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_folder(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte: `os.write` may stop short on a full disk."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new private file in the folder of `path`, closed and empty; removed at the end if still there."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    os.close(create_private(temporary))
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file in one step, so that its content is the old or the new. Raises StorageError."""
    try:
        with temporary_beside(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error
