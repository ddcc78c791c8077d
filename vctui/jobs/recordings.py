"""Sessions as files that play them again: one for each, never over another."""

from __future__ import annotations

import contextlib
import threading
from itertools import count
from pathlib import Path

from vctui.errors import StorageError, VctuiError
from vctui.storage import make_folders, new_private, write_private


class Recordings:
    """The folder that recordings go to. `keep` is called from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = 0
        self.error: VctuiError | None = None
        """What kept the first one from being written that could not be."""
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make the folder, and see that files can be written there. Raises StorageError."""
        make_folders(self.folder)
        trial = self.folder / ".recordings"
        write_private(trial, b"")
        with contextlib.suppress(OSError):
            trial.unlink()

    def keep(self, name: str, text: str) -> None:
        """Write the recording of a device; `name` is safe for a file."""
        with self._lock:
            try:
                write_private(self._free(name), text.encode())
                self.kept += 1
            except VctuiError as error:
                self.error = self.error or error

    def _free(self, name: str) -> Path:
        for number in count(1):
            path = self.folder / (f"{name}.yaml" if number == 1 else f"{name}-{number}.yaml")
            if new_private(path):
                return path
        raise StorageError(f"{self.folder} has no free name for {name}", "Choose another folder")
