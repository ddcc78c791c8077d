"""Capture files: the latest copy in one atomic step, the previous content kept as a version.

Order: temporary files (new, 0600) → write → link the old content into the versions → fsync of file and link →
rename → fsync of the folder. The rows come after that, so a row never lacks its file. Several captures take
each of these steps together: an fsync that follows others closely has little left to wait for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vctui.storage.files import make_folders, storage_error, sync_folder, write_all
from vctui.storage.kept import (
    NOTHING,
    Previous,
    is_still_there,
    keep_previous,
    open_folder,
    put_back,
    split_name,
    sync_new,
)
from vctui.storage.rows import SavedCapture
from vctui.storage.temporary import new_temporary

_MOST = 32
"""Captures that are finished together at most: each holds files open, of which a process has few."""


@dataclass(slots=True, eq=False)
class Pending:
    """A capture that is written beside its place. When its batch is finished, it is saved or has an error."""

    path: Path
    size: int
    sha256: str
    saved: SavedCapture | None = None
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class _Step:
    """What is known of a capture on its way."""

    pending: Pending
    folder: int
    folders: tuple[str, ...]
    name: str
    versions: Path | None
    temporary: str
    descriptor: int
    previous: Previous = NOTHING


class CaptureBatch:
    """Captures that take their places together. One that cannot is as it was, and holds up no other."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._folders: dict[tuple[Path, tuple[str, ...]], tuple[Path, int]] = {}

    def write(
        self, base: Path, parts: str | PurePosixPath | Sequence[str], data: bytes, *, versions: Path | None
    ) -> Pending:
        """Write `data` beside what is to become `base/parts`; nothing is followed out of `base`.

        A previous, different content will be kept under `versions`. Raises StorageError.
        """
        folders, name = split_name(parts)
        if len(self._steps) >= _MOST:
            self.finish()
        try:
            path, folder = self._folder(base, folders)
            temporary, descriptor = new_temporary(folder)
            pending = Pending(path / name, len(data), hashlib.sha256(data).hexdigest())
            step = _Step(pending, folder, folders, name, versions, temporary, descriptor)
            try:
                write_all(descriptor, data)
            except BaseException:
                _give_up(step)
                raise
        except OSError as error:
            raise storage_error(error, base.joinpath(*folders, name)) from error
        self._steps.append(step)
        return pending

    def finish(self) -> None:
        """Put them in their places, durably. What came of each is in what `write` returned for it."""
        steps, self._steps = self._steps, []
        folders, self._folders = self._folders, {}
        try:
            for act in (_keep, _sync, _sync_version, _place):
                steps = [step for step in steps if _succeeds(step, act)]
            for _, folder in folders.values():
                _sync_names(folder, [step for step in steps if step.folder == folder])
        finally:
            for _, folder in folders.values():
                os.close(folder)

    def _folder(self, base: Path, folders: tuple[str, ...]) -> tuple[Path, int]:
        """The path and a descriptor of a folder, which stays open until the batch is finished."""
        key = base, folders
        if key not in self._folders:
            sync_new(make_folders(base))
            self._folders[key] = base.joinpath(*folders), open_folder(base, folders)
        return self._folders[key]


def save_capture(
    base: Path, parts: str | PurePosixPath | Sequence[str], data: bytes, *, versions: Path | None
) -> SavedCapture:
    """Write `data` to `base/parts` so that a crash at any point leaves the old file or the new one.

    See CaptureBatch.write. Raises StorageError; the old file is then as it was.
    """
    batch = CaptureBatch()
    try:
        pending = batch.write(base, parts, data, versions=versions)
    finally:
        batch.finish()
    if pending.saved is None:
        assert pending.error is not None
        raise pending.error
    return pending.saved


def _succeeds(step: _Step, act: Callable[[_Step], None]) -> bool:
    try:
        act(step)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others take their places
        _give_up(step)
        _fail(step, error)
        return False
    except BaseException:
        _give_up(step)
        raise
    return True


def _keep(step: _Step) -> None:
    step.previous = keep_previous(
        step.folder, step.name, step.pending.sha256, step.pending.size, step.versions, step.folders
    )


def _sync(step: _Step) -> None:
    os.fsync(step.descriptor)


def _sync_version(step: _Step) -> None:
    for folder in step.previous.unsynced:
        sync_folder(folder)


def _place(step: _Step) -> None:
    while not is_still_there(step.folder, step.name, step.previous):
        _close_all(step.previous.unsynced)
        step.previous = NOTHING
        _keep(step)
        _sync_version(step)
    os.rename(step.temporary, step.name, src_dir_fd=step.folder, dst_dir_fd=step.folder)
    _close(step)


def _sync_names(folder: int, steps: Sequence[_Step]) -> None:
    """Make the new names in a folder durable; when that fails, put all back as it was."""
    try:
        sync_folder(folder)
    except OSError as error:
        for step in reversed(steps):
            _fail(step, error)
            version, existed = step.previous.version, step.previous.existed
            if version is not None or not existed:
                try:
                    put_back(folder, step.name, version)
                except OSError as worse:
                    _fail(step, worse)
        return
    for step in steps:
        pending = step.pending
        pending.saved = SavedCapture(pending.path, pending.size, pending.sha256, step.previous.version)


def _fail(step: _Step, error: Exception) -> None:
    if isinstance(error, OSError):
        step.pending.error = storage_error(error, step.pending.path)
        step.pending.error.__cause__ = error
    else:
        step.pending.error = error


def _give_up(step: _Step) -> None:
    """Leave nothing of a capture behind that did not come to its place."""
    with suppress(OSError):
        os.unlink(step.temporary, dir_fd=step.folder)
    _close(step)


def _close(step: _Step) -> None:
    _close_all((step.descriptor, *step.previous.unsynced))


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        with suppress(OSError):  # what had to be durable was synced
            os.close(descriptor)
