"""Outputs to try templates on, read from disk: plain calls that wait, to be made from a thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.events import DeviceFinished
    from vctui.jobs import Specimen
    from vctui.storage import CaptureRecord


def of_capture(settings: Settings, record: CaptureRecord) -> list[Specimen]:
    """The outputs in a stored capture. Raises VctuiError."""
    from vctui.jobs import CaptureShelf, specimens_of_capture
    from vctui.storage import History
    from vctui.validation import ValidationEngine

    with History(settings.collector_db) as history:
        shelf = CaptureShelf(settings, history)
        return specimens_of_capture(shelf, shelf.place(record), ValidationEngine(settings.templates_db))


def of_device(settings: Settings, run: int | None, finished: DeviceFinished) -> list[Specimen]:
    """What one device of a run said: what was saved, else what was put aside. Raises VctuiError."""
    from vctui.errors import StorageError
    from vctui.jobs import CaptureShelf, specimen_of_file, specimens_of_capture, specimens_of_refused
    from vctui.storage import History
    from vctui.validation import ValidationEngine

    engine = ValidationEngine(settings.templates_db)
    if run:
        with History(settings.collector_db) as history:
            shelf = CaptureShelf(settings, history)
            saved = [one for one in history.captures(run=run) if _is_of(one, finished)]
            if saved:
                places = map(shelf.place, reversed(saved))
                return [one for place in places for one in specimens_of_capture(shelf, place, engine)]
            for row in history.run_devices(run):
                if (row.device, row.host) == (finished.device, finished.host) and row.partial_path:
                    return specimens_of_refused(shelf, row, engine)
    if finished.path is None:
        raise StorageError(f"there is no output of {finished.device} to try a template on")
    return [specimen_of_file(Path(finished.path))]


def records_of(settings: Settings, run: int, finished: Sequence[DeviceFinished]) -> list[CaptureRecord]:
    """The captures that these devices of a run left, in the order of the devices. Raises VctuiError."""
    from vctui.storage import History

    with History(settings.collector_db) as history:
        captures = history.captures(run=run)[::-1]
    by_device: dict[str, list[CaptureRecord]] = {}
    for capture in captures:
        by_device.setdefault(capture.device_name, []).append(capture)
    return [one for event in finished for one in by_device.get(event.device, ()) if _is_of(one, event)]


def _is_of(capture: CaptureRecord, finished: DeviceFinished) -> bool:
    """Whether it is a file of this device: those of one device differ in their folder only."""
    return (
        capture.device_name == finished.device
        and finished.path is not None
        and Path(capture.filepath).name == Path(finished.path).name
    )


def of_file(path: str) -> list[Specimen]:
    """The output in any file. Raises VctuiError."""
    from vctui.config import expand
    from vctui.jobs import specimen_of_file

    return [specimen_of_file(expand(path).absolute())]
