"""What changed between two captures of one device and type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vctui.errors import UsageError
from vctui.jobs.stored import CaptureShelf, StoredCapture
from vctui.storage import CaptureRecord, History


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two captures and the difference of their texts; `before` is None where there is no other version."""

    after: StoredCapture
    before: StoredCapture | None = None
    lines: tuple[str, ...] = ()
    """As `diff -u` prints them, without its two lines of names; empty where the texts are equal."""
    added: int = 0
    removed: int = 0


def compare(
    history: History,
    shelf: CaptureShelf,
    device: str,
    capture_type: str,
    *,
    run: int | None = None,
    since: int | None = None,
    context: int = 3,
) -> Comparison:
    """The newest capture (or that of `run`) beside the last one before it that differs (or that of `since`).

    Raises UsageError where there is no such capture, StorageError or DataError where one cannot be read.
    """
    found = history.captures(device=device, capture_type=capture_type)
    after = _of_run(found, run, device, capture_type)
    before = _of_run(found, since, device, capture_type) if since is not None else _previous(found, after)
    if before is None:
        return Comparison(shelf.place(after))
    old, new = shelf.place(before), shelf.place(after)
    lines = unified(shelf.text(old).splitlines(), shelf.text(new).splitlines(), context)
    return Comparison(
        new,
        old,
        lines,
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
    )


def _of_run(found: Sequence[CaptureRecord], run: int | None, device: str, capture_type: str) -> CaptureRecord:
    """The newest one, or the newest of a run. Raises UsageError."""
    for record in found:
        if run is None or record.run == run:
            return record
    of_run = "" if run is None else f" in run {run}"
    raise UsageError(
        f"there is no capture of {device} {capture_type}{of_run}", "See them with: vctui captures list --all"
    )


def _previous(found: Iterable[CaptureRecord], after: CaptureRecord) -> CaptureRecord | None:
    """The last capture of the same file before `after` whose content is another.

    Of captures of VelocityCollector only the last content of a file is left, which is no other version.
    """
    for record in found:
        earlier = (record.id or 0) < (after.id or 0) and record.filepath == after.filepath
        if earlier and record.sha256 and record.sha256 != after.sha256:
            return record
    return None


def unified(old: Sequence[str], new: Sequence[str], context: int = 3) -> tuple[str, ...]:
    """A unified diff without names; the lines that both begin and end with are not searched through."""
    head = _same(old, new)
    tail = _same(old[head:][::-1], new[head:][::-1])
    start = max(0, head - context)
    rest = max(0, tail - context)
    lines = difflib.unified_diff(
        old[start : len(old) - rest], new[start : len(new) - rest], n=context, lineterm=""
    )
    return tuple(_moved(line, start) if line.startswith("@@") else line for line in lines)[2:]


def _same(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines both begin with."""
    shorter = min(len(old), len(new))
    return next((n for n in range(shorter) if old[n] != new[n]), shorter)


def _moved(header: str, by: int) -> str:
    """A hunk's header with its line numbers counted from the file's beginning."""
    parts = header.split()
    for place in (1, 2):
        first, comma, count = parts[place][1:].partition(",")
        parts[place] = f"{parts[place][0]}{int(first) + by}{comma}{count}"
    return " ".join(parts)
