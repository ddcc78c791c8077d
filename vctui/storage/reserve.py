"""A few MiB kept on the disk, to be given up when it is full, so that the end of a run can be written."""

from __future__ import annotations

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
        write_all(descriptor, bytes(RESERVE_BYTES))
    except OSError:
        with suppress(OSError):
            path.unlink()
        return False
    finally:
        os.close(descriptor)
    return True


def release_reserve(database: Path) -> bool:
    """Give the space back to the disk; False when there was none."""
    try:
        _reserve_of(database).unlink()
    except OSError:
        return False
    return True
