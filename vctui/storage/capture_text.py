"""Reading what a row of `captures` stands for: the file, or the version that replaced it since."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from vctui.errors import DataError, StorageError
from vctui.storage.kept import versions_of
from vctui.storage.rows import CaptureRecord

MAX_CAPTURE_BYTES = 64 * 1024 * 1024
_STEP = "See what there is with: vctui captures list"


def read_capture(record: CaptureRecord, versions: Path, bases: Iterable[Path]) -> bytes:
    """The bytes of a capture as its run saved them.

    Where a later run replaced the file, the older content is looked for under `versions`, by the path below
    one of `bases`. Raises StorageError when nothing can be read, DataError when it is not what was saved.
    """
    path = Path(record.filepath)
    try:
        data = read_regular(path)
    except StorageError:
        if record.sha256 is None:
            raise
        data = b""
    if record.sha256 is None or _sha256(data) == record.sha256:
        return data
    for base in bases:
        if path.is_relative_to(base):
            for version in versions_of(versions, path.relative_to(base).parts):
                older = read_regular(version)
                if _sha256(older) == record.sha256:
                    return older
    if not path.exists():
        raise StorageError(f"{path} is gone", _STEP)
    raise DataError(f"{path} is not what was saved", "It was changed outside vctui; run the job again")


def read_regular(path: Path) -> bytes:
    """A regular file of at most 64 MiB, opened without following a link: its path comes from a database."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise StorageError(f"{path} is not a file", _STEP)
            if info.st_size > MAX_CAPTURE_BYTES:
                raise StorageError(f"{path} is larger than {MAX_CAPTURE_BYTES // 1024 // 1024} MiB", _STEP)
            return file.read(MAX_CAPTURE_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is not a path"
        raise StorageError(f"{path} cannot be read: {reason}", _STEP) from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
