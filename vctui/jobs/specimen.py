"""What a template is tried on: one output, with what its run parses it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vctui.jobs.job import Job
from vctui.jobs.judge import Engine, wanted_template
from vctui.jobs.stored import CaptureShelf, Parts, StoredCapture, safe_text, ways_to_split
from vctui.storage import RunDeviceRow, read_regular
from vctui.validation import clean


@dataclass(frozen=True, slots=True)
class Specimen:
    """One cleaned output."""

    title: str
    """Device and command, or the name of the file."""
    text: str
    filter: str | None = None
    """What its run parses it with; None: nothing is known of it."""
    command: str = ""
    name: str = ""
    """What a template for it is called, where platform and command are known."""
    capture: StoredCapture | None = None


def specimens_of_capture(shelf: CaptureShelf, capture: StoredCapture, engine: Engine) -> list[Specimen]:
    """The outputs in a capture file, one for each command that answered. Raises StorageError, DataError."""
    text, job = shelf.text(capture), capture.job
    device = capture.record.device_name
    if job is None:
        kept = capture.device.template if capture.device else None
        wanted = kept if kept and "," not in kept else None
        return [Specimen(f"{device} {capture.record.capture_type}", text, wanted, capture=capture)]
    parts = next(ways_to_split(text, shelf.steps(job, capture)), ())
    return _specimens(device, job, capture.device_type, parts, engine, capture)


def specimens_of_refused(shelf: CaptureShelf, row: RunDeviceRow, engine: Engine) -> list[Specimen]:
    """The outputs of a device that its run did not accept, as they were put aside; none if they were not."""
    if not row.partial_path:
        return []
    text = safe_text(read_regular(Path(row.partial_path)))
    job = shelf.job_of_run(row.run_id)
    if job is None:
        return [Specimen(row.device, text, row.template)]
    parts = next(ways_to_split(text, job.steps), ())
    return _specimens(row.device, job, shelf.device_type(row.device_id, row.device), parts, engine)


def specimen_of_file(path: Path) -> Specimen:
    """The output in a file, however it was captured. Raises StorageError."""
    return Specimen(path.name, clean(safe_text(read_regular(path))))


def _specimens(
    device: str,
    job: Job,
    device_type: str,
    parts: Parts,
    engine: Engine,
    capture: StoredCapture | None = None,
) -> list[Specimen]:
    return [
        Specimen(
            f"{device} {step.command}",
            text,
            wanted_template(job, device_type, step, engine),
            step.command,
            template_name(device_type, step.command),
            capture,
        )
        for step, text, _ in parts
    ]


def template_name(device_type: str, command: str) -> str:
    """`cisco_ios` and `show ip arp | include x` → `cisco_ios_show_ip_arp`; empty without a device type."""
    words: Sequence[str] = command.split("|")[0].split()
    plain = ("".join(char for char in word if char.isalnum() or char in "._-") for word in words)
    return "_".join([device_type, *filter(None, plain)]).lower() if device_type and words else ""
