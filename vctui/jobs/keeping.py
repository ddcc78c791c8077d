"""The files of a run's devices: captures, what was refused, and recordings."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vctui.config import Settings
from vctui.errors import StorageError, VctuiError
from vctui.jobs.job import Job, base_folder
from vctui.jobs.judge import Judgement
from vctui.jobs.plan import PlanItem
from vctui.jobs.recordings import Recordings
from vctui.jobs.versions import mark_unchanged
from vctui.storage import CaptureBatch, Pending, SavedCapture, save_capture

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What happens to outputs."""

    save: bool = True
    force: bool = False
    """Keep what validation refused."""
    recordings: Recordings | None = None
    """Where the sessions are recorded, if they are."""


@dataclass(slots=True)
class DeviceFiles:
    """The captures of a device, as far as they came."""

    written: list[Pending] = field(default_factory=list)
    error: Exception | None = None

    @property
    def problem(self) -> Exception | None:
        """Why not all of them are saved: nothing counts as saved of which that is not known."""
        lost = next((one for one in self.written if one.saved is None), None)
        if self.error is not None or lost is None:
            return self.error
        return lost.error or StorageError(f"{lost.path} was not saved")


class Keeper:
    """Writes them. `on_full` is called when the disk is, so that no new session starts."""

    def __init__(
        self,
        run: int,
        job: Job,
        settings: Settings,
        options: RecordOptions,
        on_full: Callable[[str], None],
        *,
        in_history: bool,
    ) -> None:
        self._run = run
        self._job = job
        self._settings = settings
        self._options = options
        self._on_full = on_full
        self._in_history = in_history
        self._batch = CaptureBatch()

    def write(self, item: PlanItem, judgement: Judgement) -> DeviceFiles:
        """Write the captures of a device. They are in their places after `finish`."""
        files = DeviceFiles()
        base = base_folder(self._job, self._settings)
        versions = self._settings.home / "versions"
        try:
            for piece in judgement.pieces:
                name = f"{piece.folder}/{item.path.name}"
                data = piece.text.encode()
                files.written.append(self._batch.write(base, name, data, versions=versions))
        except Exception as error:  # noqa: BLE001 - a device must never vanish because saving it broke
            files.error = error
        return files

    def finish(self, several: Iterable[DeviceFiles]) -> None:
        """Put all that was written in its place, durably."""
        try:
            self._batch.finish()
        except Exception as error:  # noqa: BLE001 - see above
            for files in several:
                files.error = files.error or error

    def saved(self, item: PlanItem, judgement: Judgement, files: DeviceFiles) -> list[SavedCapture]:
        """The captures of a device that are in their places."""
        saved = [
            (one.saved, piece)
            for one, piece in zip(files.written, judgement.pieces, strict=False)
            if one.saved is not None
        ]
        if not self._in_history:
            return [one for one, _ in saved]
        return [mark_unchanged(one, piece, item.device_type, self._settings) for one, piece in saved]

    def keep_rejected(self, item: PlanItem, text: str) -> tuple[SavedCapture | None, str]:
        """Keep what is not good enough to be a capture, so that a person can look at it.

        When it cannot be kept, the second half says so: the device's own failure stays what it was.
        """
        if not text or not self._options.save or not self._run:
            return None, ""
        name = f"{self._run}/{item.path.name.removesuffix('.txt')}.partial"
        try:
            return save_capture(self._settings.home / "rejected", name, text.encode(), versions=None), ""
        except StorageError as error:
            self.notice_full(error)
            return None, f"; its output could not be kept: {error.message}"

    def keep_recording(self, item: PlanItem, text: str) -> None:
        """Keep the session itself, if one was recorded."""
        if text and self._options.recordings is not None:
            self._options.recordings.keep(item.path.name.removesuffix(".txt"), text)

    def notice_full(self, error: VctuiError) -> None:
        """End the run when this error says that the disk is full."""
        cause = error.__cause__
        full = isinstance(cause, OSError) and cause.errno in NO_SPACE
        if isinstance(cause, sqlite3.Error):
            full = (getattr(cause, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_FULL
        if full:
            self._on_full(error.message)
