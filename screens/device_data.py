"""What is kept of one device of a run: its output on disk, its records, its row in the history."""

from __future__ import annotations

import os
import re
import stat
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from screens.widgets.lines import MAX_CELLS
from vctui.errors import VctuiError

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.events import DeviceFinished

CHUNK = 1024 * 1024
MAX_LINES = 1_000_000
"""Lines beyond these are left out; the file has them."""
MAX_LINE_BYTES = 4 * MAX_CELLS


class FileLines:
    """The lines of a text file: one pass notes where they begin, each is read when it is shown.

    Raises OSError. Opened without following links: the path comes from a database.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise OSError(f"{path} is not a file")
            self._starts = self._find_lines()
        except BaseException:
            self.close()
            raise
        gaps = (after - before for before, after in zip(self._starts, self._starts[1:], strict=False))
        self.width = max(gaps, default=1) - 1
        """Bytes of the longest line."""

    def __len__(self) -> int:
        return max(0, len(self._starts) - 1)

    def __getitem__(self, index: int) -> str:
        start, end = self._starts[index], self._starts[index + 1]
        data = os.pread(self._file, min(end - start, MAX_LINE_BYTES), start) if self._file >= 0 else b""
        return data.decode("utf-8", "replace").rstrip("\r\n")

    def close(self) -> None:
        """Give the file back; its lines are empty from here on."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _find_lines(self) -> array[int]:
        starts = array("Q", [0])
        offset = 0
        while len(starts) <= MAX_LINES and (chunk := os.pread(self._file, CHUNK, offset)):
            starts.extend(offset + found.end() for found in re.finditer(b"\n", chunk))
            offset += len(chunk)
        if offset > starts[-1] and len(starts) <= MAX_LINES:
            starts.append(offset)
        return starts[: MAX_LINES + 1]


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is to show of one device."""

    lines: FileLines | None = None
    path: str | None = None
    partial: bool = False
    """The output is what arrived of a failed command, or what validation refused."""
    records: Sequence[Mapping[str, Any]] = ()
    notes: tuple[str, ...] = field(default=())
    """What could not be read, and why."""


Load = Callable[["Context", int | None, "DeviceFinished"], Kept]


def load_kept(context: Context, run: int | None, finished: DeviceFinished) -> Kept:
    """Read what the run kept of this device; what cannot be read becomes a note."""
    notes: list[str] = []
    path, partial = finished.path, False
    records: Sequence[Mapping[str, Any]] = ()
    if run:
        try:
            found, records = _from_history(context, run, finished)
        except VctuiError as error:
            notes.append(str(error))
        else:
            if path is None and found is not None:
                path, partial = found, True
    lines = None
    if path is not None:
        try:
            lines = FileLines(Path(path))
        except OSError as error:
            notes.append(f"{path} cannot be read: {error.strerror or error}")
    return Kept(lines, path, partial, records, tuple(notes))


def _from_history(
    context: Context, run: int, finished: DeviceFinished
) -> tuple[str | None, Sequence[Mapping[str, Any]]]:
    """Where the partial output of the device is, and its records."""
    from vctui.storage import History

    with History(context.settings.collector_db) as history:
        wanted = (finished.device, finished.host)
        row = next((row for row in history.run_devices(run) if (row.device, row.host) == wanted), None)
        if row is None:
            return None, ()
        return row.partial_path, history.records(run, row.device, row.device_id)
