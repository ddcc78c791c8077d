"""What a finished device becomes in history."""

from __future__ import annotations

from collections.abc import Sequence

from vctui.events import DeviceFinished, DeviceStatus, Verdict
from vctui.jobs.judge import Judgement
from vctui.jobs.plan import PlanItem
from vctui.ssh import ExecutionResult
from vctui.storage import CaptureRecord, DeviceRecord, SavedCapture


def finished_event(
    run: int,
    item: PlanItem,
    result: ExecutionResult,
    judgement: Judgement | None,
    *,
    status: DeviceStatus,
    kind: str | None,
    error: str | None,
    next_step: str | None,
    saved: SavedCapture | None,
) -> DeviceFinished:
    """What is said of a device that is done."""
    records = judgement.records if judgement else None
    verdict: Verdict = "suspect" if judgement and judgement.sizes.suspect else result.verdict
    reasons = (error,) if error and verdict == "suspect" else judgement.notes if judgement else ()
    return DeviceFinished(
        run=run,
        device=item.device.name,
        host=item.host,
        status=status,
        verdict=verdict,
        error_kind=kind,
        error=error,
        next_step=next_step,
        duration_ms=round(result.duration_ms, 1),
        credential=item.credential or None,
        path=str(saved.path) if saved else None,
        size=saved.size if saved else None,
        sha256=saved.sha256 if saved else None,
        template=judgement.template if judgement else None,
        score=round(judgement.score, 1) if judgement and judgement.score is not None else None,
        records=len(records) if records is not None else None,
        attempts=result.attempts,
        reasons=reasons,
    )


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
        reasons=event.reasons,
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
