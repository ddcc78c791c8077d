"""Unfinished files in a folder of captures: each is its writer's alone; a killed one's are removed."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vctui.storage.files import FILE_MODE

TEMPORARY = re.compile(r"\.vctui-(\d+)-[0-9a-f]{12}\.tmp")
_NEW_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def new_temporary(folder: int) -> tuple[str, int]:
    """The name of a new private file in the folder and its descriptor, locked for as long as it is open."""
    name = f".vctui-{os.getpid()}-{secrets.token_hex(6)}.tmp"
    descriptor = os.open(name, _NEW_FLAGS, FILE_MODE, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except BaseException:
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    return name, descriptor


@contextmanager
def temporary_in(folder: int) -> Iterator[tuple[str, int]]:
    """A new private file in the folder, open and locked for as long as its writer lives."""
    name, descriptor = new_temporary(folder)
    try:
        yield name, descriptor
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)


def clean_temporary(base: Path) -> int:
    """Remove the unfinished files that a killed run left below `base`; returns how many."""
    removed = 0
    for folder, _, names in os.walk(base):
        for name in names:
            found = TEMPORARY.fullmatch(name)
            if found and not _is_alive(int(found[1])) and _unlink_unlocked(Path(folder, name)):
                removed += 1
    return removed


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _unlink_unlocked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
