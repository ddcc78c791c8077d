"""Outputs by the names that users give: a file, a capture's number, a device for its newest capture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.jobs import Specimen
    from vctui.jobs.judge import Engine
    from vctui.storage import CaptureRecord, History

MAX_BYTES = 64 * 1024 * 1024
_STEP = "See them with: vctui captures list"


def read_output(path: Path) -> str:
    """A file (`-`: standard input) as safe text, however the device wrote it. Raises UsageError."""
    from vctui.errors import UsageError
    from vctui.text import TerminalText

    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: larger than 64 MiB")
    decoder = TerminalText()
    return decoder.feed(data) + decoder.finish()


def find_record(history: History, ref: str, capture_type: str | None = None) -> CaptureRecord:
    """The capture of a number, or the newest one of a file or a device. Raises UsageError."""
    from vctui.errors import UsageError

    if ref.isascii() and ref.isdecimal() and len(ref) < 19:
        found = history.captures(id=int(ref))
    else:
        found = history.captures(device=ref, capture_type=capture_type, limit=2 if capture_type else None)
        kinds = sorted({record.capture_type for record in found})
        if len(kinds) > 1:
            raise UsageError(f"{ref} has captures of {', '.join(kinds)}", "Choose one with --type")
        if not found and ("/" in ref or ref.endswith(".txt")):
            path = str(Path(ref).expanduser().absolute())
            found = [record for record in history.captures(latest=True) if record.filepath == path]
    if not found:
        raise UsageError(f"there is no capture {ref}", _STEP)
    return found[0]


def find_specimen(
    settings: Settings, ref: str, capture_type: str | None, command: str | None, engine: Engine
) -> Specimen:
    """The output in a file, or the first in a stored capture, or that of `command`. Raises UsageError."""
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.jobs import CaptureShelf, Specimen, specimens_of_capture
    from vctui.storage import History
    from vctui.validation import clean

    path = Path(ref).expanduser()
    if ref == "-" or path.is_file():
        return Specimen(path.name, clean(clean(read_output(path)), command))
    with History(settings.collector_db) as history:
        shelf = CaptureShelf(settings, history)
        capture = shelf.place(find_record(history, ref, capture_type))
        found = specimens_of_capture(shelf, capture, engine)
    commands = ", ".join(one.command for one in found)
    for one in found:
        if command is None or one.command == command:
            if command is None and len(found) > 1:
                narrate(f"the output of {one.command}; choose among {commands} with --command")
            return one
    raise UsageError(f"{ref} holds no output of {command}", f"It has {commands}")
