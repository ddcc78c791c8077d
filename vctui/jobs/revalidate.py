"""Stored captures parsed again after a template changed; the captures themselves are not touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from vctui.errors import VctuiError
from vctui.jobs.judge import Engine
from vctui.jobs.plan import by_any_name
from vctui.jobs.stored import CaptureShelf, Parsing, StoredCapture
from vctui.storage import History, RunDeviceRow, revise_validation

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Revalidated:
    """What parsing the captures of one device of a run again gave. `problem`: they could not be read."""

    run: int
    device: str
    capture_type: str
    path: str
    template_before: str | None
    template: str | None
    score_before: float | None
    score: float | None
    records_before: int | None
    records: int | None
    changed: bool = False
    reason: str | None = None
    """Why the capture is no longer valid."""
    problem: str | None = None
    fields_new: tuple[str, ...] = ()
    fields_gone: tuple[str, ...] = ()

    @property
    def fields(self) -> str:
        """`+hw -mac`: the fields that the records have now and had not before, and the other way round."""
        return " ".join(
            [*(f"+{name}" for name in self.fields_new), *(f"-{name}" for name in self.fields_gone)]
        )


def revalidate(
    history: History,
    shelf: CaptureShelf,
    captures: Iterable[StoredCapture],
    engine: Engine,
    *,
    wanted: str | None = None,
    template: str | None = None,
    write: bool = True,
) -> Iterator[Revalidated]:
    """Parse captures again and write what is new into vctui's rows, a device of a run at a time.

    `wanted` takes the place of the template's choice; `template` keeps to captures that this template parsed,
    or would parse now. Captures of VelocityCollector's runs have no row to write and are left out.
    """
    ours = (capture for capture in captures if capture.device is not None)
    ordered = sorted(ours, key=lambda capture: capture.device.id if capture.device else 0)
    for _, group in groupby(ordered, key=lambda capture: capture.device.id if capture.device else 0):
        capture = next(group)
        row = capture.device
        assert row is not None
        used = {name.strip() for name in (row.template or "").replace(":", ",").split(",")}
        if template is not None and template not in used and not _names(engine, capture, template):
            continue
        yield _again(history, shelf, capture, row, engine, wanted, write)


def _names(engine: Engine, capture: StoredCapture, template: str) -> bool:
    steps = capture.job.steps if capture.job else ()
    found = (by_any_name(engine.template_for)(capture.device_type, s.command) or "" for s in steps)
    return any(template in name.split(":") for name in found)


def _again(
    history: History,
    shelf: CaptureShelf,
    capture: StoredCapture,
    row: RunDeviceRow,
    engine: Engine,
    wanted: str | None,
    write: bool,
) -> Revalidated:
    record = capture.record
    before = Revalidated(
        row.run_id,
        row.device,
        record.capture_type,
        record.filepath,
        *(row.template, row.template),
        *(row.score, row.score),
        *(row.records, row.records),
    )
    if row.template is None and capture.job is None and not wanted:
        return before
    try:
        files = [
            shelf.place(one)
            for one in reversed(history.captures(run=row.run_id, device=row.device))
            if one.device_id == record.device_id
        ]
        found = _together([shelf.parse(one, engine, wanted, ask=False) for one in files])
        stored = history.records(row.run_id, row.device, row.device_id)
    except VctuiError as error:
        return replace(before, problem=str(error))
    if found.template is None and found.score is None:
        return before
    count = len(found.records)
    changed = (found.template, found.score, count) != (row.template, row.score, row.records or 0)
    changed = changed or found.records != stored
    if changed and write:
        try:
            revise_validation(
                history, row.id, template=found.template, score=found.score, records=found.records
            )
        except VctuiError as error:
            return replace(before, problem=str(error))
    return replace(
        before,
        template=found.template,
        score=found.score,
        records=count,
        changed=changed,
        reason=found.reason,
        fields_new=_missing(found.records, stored),
        fields_gone=_missing(stored, found.records),
    )


def _missing(there: Records, here: Records) -> tuple[str, ...]:
    """The fields of the records there that those here have not; none where one side has no records."""
    known = {name for record in here for name in record}
    return tuple(dict.fromkeys(n for r in there for n in r if n not in known)) if there and here else ()


def _together(found: list[Parsing]) -> Parsing:
    """Several files of one device: as a run counts them, the lowest score and all records."""
    spoken = [one for one in found if one.template is not None or one.score is not None]
    if not spoken:
        return Parsing()
    names = (name for one in spoken for name in (one.template or "").split(", ") if name)
    return Parsing(
        ", ".join(dict.fromkeys(names)) or None,
        min((round(one.score, 1) for one in spoken if one.score is not None), default=None),
        [record for one in spoken for record in one.records],
        next((one.reason for one in spoken if one.reason), None),
    )
