"""Stored captures with what is known of how they came about, and parsing them once more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vctui.config import Settings
from vctui.errors import VctuiError
from vctui.jobs.job import Job, JobCommand, base_folder
from vctui.jobs.judge import Engine, Judgement, Piece, judge
from vctui.jobs.source import JobSource
from vctui.storage import CaptureRecord, History, Inventory, RunDeviceRow, read_capture
from vctui.text import TerminalText
from vctui.validation import clean

_PROMPT = r"(?:\S(?:.{0,78}\S)?[#>$%\])~]|[#>$%])\s*"


@dataclass(frozen=True, slots=True)
class StoredCapture:
    """One capture file; `device` and `job` are None where the run was not vctui's or the job is gone."""

    record: CaptureRecord
    device: RunDeviceRow | None = None
    job: Job | None = None
    device_type: str = ""


@dataclass(frozen=True, slots=True)
class Parsing:
    """What was read out of a capture. `reason` says why it is not valid."""

    template: str | None = None
    score: float | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    reason: str | None = None


class CaptureShelf:
    """The captures of a home. Reads each run, job and device once."""

    def __init__(self, settings: Settings, history: History) -> None:
        self._settings = settings
        self._history = history
        self._jobs: dict[int, Job | None] = {}
        self._rows: dict[int, dict[tuple[int | None, str], RunDeviceRow]] = {}
        self._types: dict[int, str] | None = None
        self._types_by_name: dict[str, str] = {}

    def find(
        self,
        *,
        device: str | None = None,
        capture_type: str | None = None,
        run: int | None = None,
        latest: bool = True,
        limit: int | None = None,
    ) -> Iterator[StoredCapture]:
        """Captures that fit, newest first; with `latest` only the last one of each file."""
        found = self._history.captures(
            device=device, capture_type=capture_type, run=run, latest=latest, limit=limit
        )
        return map(self.place, found)

    def place(self, record: CaptureRecord) -> StoredCapture:
        """The capture with its job, its device type and its row of the run."""
        run = record.run or 0
        if run not in self._rows:
            rows = self._history.run_devices(run)
            self._rows[run] = {(row.device_id, row.device): row for row in rows}
        row = self._rows[run].get((record.device_id, record.device_name))
        kind = self.device_type(record.device_id, record.device_name)
        return StoredCapture(record, row, self.job_of_run(run), kind)

    def job_of_run(self, run: int) -> Job | None:
        """The job of a run as it is now; None where it is gone."""
        if run not in self._jobs:
            row = self._history.run(run)
            self._jobs[run] = None
            if row is not None:
                # The job_id of a file may be the id of a row.
                ref = row.job_id if row.job_file.startswith("database:") or not row.job_file else row.job_file
                try:
                    self._jobs[run] = JobSource(self._settings).resolve(ref)
                except VctuiError:
                    self._jobs[run] = None
        return self._jobs[run]

    def device_type(self, device_id: int | None, name: str) -> str:
        """The device type of a device as the inventory has it now; empty for one that is gone."""
        if self._types is None:
            with Inventory(self._settings.dcim_db) as inventory:
                devices = inventory.devices()
            self._types = {device.id: device.kind for device in devices}
            self._types_by_name = {device.name: device.kind for device in devices}
        found = self._types.get(device_id) if device_id is not None else None
        return found or self._types_by_name.get(name, "")

    def text(self, capture: StoredCapture) -> str:
        """The output as its run saved it. Raises StorageError, DataError."""
        settings = self._settings
        bases = [settings.collections_dir]
        if capture.job is not None:
            bases.insert(0, base_folder(capture.job, settings))
        data = read_capture(capture.record, settings.home / "versions", bases)
        text = safe_text(data)
        # What vctui saved is clean already.
        return text if capture.record.sha256 else clean(text)

    def parse(
        self, capture: StoredCapture, engine: Engine, wanted: str | None = None, *, ask: bool = True
    ) -> Parsing:
        """Parse a capture as its run would now: `wanted`, else job, command and platform name the template.

        Without the job, the template that parsed it is asked for, else all are. `ask` parses also what its
        job does not validate.
        """
        text, job = self.text(capture), capture.job
        if wanted or job is None:
            kept = capture.device.template if capture.device else None
            found = engine.validate(text, wanted or (kept if kept and "," not in kept else None))
            reason = None if found.is_valid else found.reason or "not valid"
            return Parsing(found.template, found.score, list(found.records), reason)
        if ask:
            steps = tuple(replace(step, use_textfsm=True) for step in job.steps)
            job = replace(job, use_textfsm=True, steps=steps, min_score=0.0)
        return _best(
            # Commands that left no trace are not missed: nobody knows whether they had anything to say.
            judge(
                replace(job, steps=tuple(step for step, _, _ in parts)),
                capture.device_type,
                (Piece("", parts),),
                engine,
            )
            for parts in ways_to_split(text, self.steps(job, capture))
        )

    def steps(self, job: Job, capture: StoredCapture) -> tuple[JobCommand, ...]:
        """The commands whose output the file holds, so far as its folder tells."""
        base, folder = base_folder(job, self._settings), Path(capture.record.filepath).parent
        return (
            tuple(s for s in job.steps if base / (s.output_directory or job.output_directory) == folder)
            or job.steps
        )


Parts = tuple[tuple[JobCommand, str, str], ...]
"""(command, output, prompt)"""


def ways_to_split(text: str, steps: Sequence[JobCommand]) -> Iterator[Parts]:
    """A capture as outputs of its commands: from the second on, each stands below its prompt and command.

    Whose output the first one is does not stand there, and commands that answer nothing leave no trace: so
    there is a way for each command that it may be, the likeliest first.
    """
    cuts: list[tuple[int, int, int]] = []
    position, first = 0, 1
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        for number in range(first, len(steps)):
            command = re.escape(steps[number].command)
            if bare.endswith(steps[number].command) and re.fullmatch(_PROMPT + command, bare):
                cuts.append((number, position, position + len(line)))
                first = number + 1
                break
        position += len(line)
    rest: list[tuple[JobCommand, str, str]] = []
    for at, (number, start, end) in enumerate(cuts):
        stop = cuts[at + 1][1] if at + 1 < len(cuts) else len(text)
        prompt = text[start:end].rstrip("\n").removesuffix(steps[number].command)
        rest.append((steps[number], text[end:stop], prompt))
    head = text[: cuts[0][1]] if cuts else text
    before = steps[: cuts[0][0]] if cuts else steps
    for step in reversed(before):
        yield ((step, head, ""), *rest)


def _best(judgements: Iterator[Judgement]) -> Parsing:
    """The first that is accepted with records, else the first."""
    first: Judgement | None = None
    for judgement in judgements:
        if judgement.accepted and judgement.records:
            first = judgement
            break
        first = first or judgement
    if first is None:
        return Parsing(reason="the job has no command")
    score = None if first.score is None else round(first.score, 1)
    return Parsing(first.template, score, list(first.records or ()), first.reason)


def safe_text(data: bytes) -> str:
    """A file's bytes as text that no sink obeys."""
    decoder = TerminalText()
    return decoder.feed(data) + decoder.finish()
