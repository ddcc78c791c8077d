"""A few MiB kept on the disk, to be given up when it is full, so that the end of a run can be written."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from vctui.storage.files import create_private, write_all

RESERVE_BYTES = 4 * 1024 * 1024


def _reserve_of(database: Path) -> Path:
    return database.with_name(database.name + ".reserve")


def hold_reserve(database: Path) -> bool:
    """Set the reserve aside beside a database; False where there is no room or no right for it."""
    path = _reserve_of(database)
    if path.exists():
        return True
    try:
        descriptor = create_private(path)
    except OSError:
        return False
    try:
        _take_room(descriptor)
    except OSError:
        with suppress(OSError):
            path.unlink()
        return False
    finally:
        os.close(descriptor)
    return True


def _take_room(descriptor: int) -> None:
    """Take the blocks without writing them, where the file system can do that."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    write_all(descriptor, bytes(RESERVE_BYTES))


def release_reserve(database: Path) -> bool:
    """Give the space back to the disk; False when there was none."""
    try:
        _reserve_of(database).unlink()
    except OSError:
        return False
    return True
