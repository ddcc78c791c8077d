"""What a finished device becomes in history."""

from __future__ import annotations

from collections.abc import Sequence

from vctui.events import DeviceFinished
from vctui.jobs.plan import PlanItem
from vctui.storage import CaptureRecord, DeviceRecord, SavedCapture


def device_row(item: PlanItem, event: DeviceFinished, rejected: SavedCapture | None) -> DeviceRecord:
    """The device's row of the run."""
    return DeviceRecord(
        device_id=item.device.id,
        device=event.device,
        host=event.host,
        status=event.status,
        verdict=event.verdict,
        error_kind=event.error_kind,
        error=event.error,
        next_step=event.next_step,
        duration_ms=event.duration_ms,
        credential=event.credential,
        path=event.path,
        partial_path=str(rejected.path) if rejected else None,
        size=event.size,
        sha256=event.sha256,
        template=event.template,
        score=event.score,
        records=event.records,
        attempts=event.attempts,
    )


def capture_rows(item: PlanItem, capture_type: str, saved: Sequence[SavedCapture]) -> list[CaptureRecord]:
    """A row for each file that was saved."""
    return [
        CaptureRecord(
            device_id=item.device.id,
            device_name=item.device.name,
            capture_type=capture_type,
            filepath=str(one.path),
            file_size=one.size,
            sha256=one.sha256,
            stands_for=one.stands_for,
        )
        for one in saved
    ]
