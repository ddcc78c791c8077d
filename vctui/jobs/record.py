"""The single recorder: outputs are validated, written and entered in history here, and nowhere else."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vctui.config import Settings
from vctui.errors import NEXT_STEPS, StorageError, VctuiError
from vctui.events import DeviceFinished, DevicePhase, DeviceStatus, Phase, Sink
from vctui.jobs.job import Job, base_folder
from vctui.jobs.judge import Engine, Judgement, assemble, judge
from vctui.jobs.pipeline import Stage
from vctui.jobs.plan import PlanItem
from vctui.jobs.versions import forget_unchanged, mark_unchanged
from vctui.ssh import ExecutionResult
from vctui.storage import CaptureRecord, DeviceRecord, History, SavedCapture, save_capture
from vctui.text import safe_line

OnFinished = Callable[[PlanItem, ExecutionResult, DeviceFinished], None]
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What happens to outputs."""

    save: bool = True
    force: bool = False
    """Keep what validation refused."""


@dataclass(frozen=True, slots=True)
class _Judged:
    item: PlanItem
    result: ExecutionResult
    judgement: Judgement | None
    broken: str | None = None
    """What went wrong in this program, not on the device."""


class Recorder:
    """Two threads behind the sessions: one validates, one writes. `put` is called from any thread.

    Each device is on disk before its `DeviceFinished` is said. A device that cannot be saved is failed; when
    the disk is full, `on_full` is called so that no new session starts.
    """

    def __init__(
        self,
        run: int,
        job: Job,
        settings: Settings,
        *,
        history: History | None,
        engine: Engine | None,
        options: RecordOptions,
        sink: Sink,
        on_finished: OnFinished,
        on_full: Callable[[str], None],
    ) -> None:
        self._run = run
        self._job = job
        self._settings = settings
        self._history = history
        self._engine = engine
        self._options = options
        self._sink = sink
        self._on_finished = on_finished
        self._on_full = on_full
        self._writing: Stage[_Judged] = Stage(
            "vctui-record", self._record, weigh=lambda judged: _weight(judged.result)
        )
        self._validating: Stage[tuple[PlanItem, ExecutionResult]] = Stage(
            "vctui-validate", self._judge, weigh=lambda pair: _weight(pair[1])
        )

    def put(self, item: PlanItem, result: ExecutionResult) -> None:
        self._validating.put((item, result))

    def close(self) -> None:
        """Return once every device put before has been recorded and said."""
        self._validating.close()
        self._writing.close()

    def _judge(self, pair: tuple[PlanItem, ExecutionResult]) -> None:
        item, result = pair
        judgement, broken = None, None
        if result.success:
            try:
                judgement = self._judgement(item, result)
            except Exception as error:  # noqa: BLE001 - a device must never vanish because judging it broke
                broken = _words(error)
        self._writing.put(_Judged(item, result, judgement, broken))

    def _judgement(self, item: PlanItem, result: ExecutionResult) -> Judgement:
        pieces = assemble(self._job, result.outputs)
        if self._engine is None:
            return Judgement(pieces)
        self._say_phase(item, "validating")
        try:
            judgement = judge(self._job, item.device_type, pieces, self._engine)
        except Exception as error:  # noqa: BLE001 - an engine of the user's own may raise anything
            judgement = Judgement(pieces, accepted=False, reason=f"validation broke: {_words(error)}")
        if self._options.force and not judgement.accepted:
            return replace(judgement, accepted=True, reason=None)
        return judgement

    def _record(self, judged: _Judged) -> None:
        try:
            if judged.broken is not None:
                event = self._failed(judged, "internal", judged.broken)
            else:
                event = self._write(judged)
        except VctuiError as error:
            event = self._failed(judged, "save_failed", error.message, error.next_step)
            self._notice_full(error)
        except Exception as error:  # noqa: BLE001 - a device must never vanish because recording it broke
            event = self._failed(judged, "internal", _words(error))
        self._sink(event)
        self._on_finished(judged.item, judged.result, event)

    def _write(self, judged: _Judged) -> DeviceFinished:
        item, result, judgement = judged.item, judged.result, judged.judgement
        if self._options.save and (judgement is not None or result.partial):
            self._say_phase(item, "saving")
        if judgement is None:
            status: DeviceStatus = "cancelled" if result.error_kind == "cancelled" else "failed"
            rejected, lost = self._keep_rejected(item, result.partial)
            tried = f"; tried {result.attempts} times" if result.attempts > 1 else ""
            error = f"{result.error}{tried}{lost}"
            event = self._event(judged, status, result.error_kind, error, result.next_step)
            self._enter(judged, event, [], rejected)
            return event
        if not judgement.accepted:
            kind = "validation_failed"
            rejected, lost = self._keep_rejected(item, judgement.text if self._job.store_failures else "")
            event = self._event(judged, "skipped", kind, f"{judgement.reason}{lost}", NEXT_STEPS[kind])
            self._enter(judged, event, [], rejected)
            return event
        saved: list[SavedCapture] = []
        try:
            if self._options.save:
                self._save(item, judgement, saved)
        except StorageError as error:
            self._notice_full(error)
            return self._failed(judged, "save_failed", error.message, error.next_step, saved)
        event = self._event(judged, "ok", None, None, None, saved[0] if saved else None)
        self._enter(judged, event, saved, None)
        for one in saved:
            forget_unchanged(one)
        return event

    def _save(self, item: PlanItem, judgement: Judgement, saved: list[SavedCapture]) -> None:
        """Write the files of a device, adding each to `saved`, which tells how far it came."""
        base = base_folder(self._job, self._settings)
        versions = self._settings.home / "versions"
        for piece in judgement.pieces:
            name = f"{piece.folder}/{item.path.name}"
            one = save_capture(base, name, piece.text.encode(), versions=versions)
            saved.append(one)
            if self._history is not None:
                saved[-1] = mark_unchanged(one, piece, item.device_type, self._settings)

    def _keep_rejected(self, item: PlanItem, text: str) -> tuple[SavedCapture | None, str]:
        """Keep what is not good enough to be a capture, so that a person can look at it.

        When it cannot be kept, the second half says so: the device's own failure stays what it was.
        """
        if not text or not self._options.save or not self._run:
            return None, ""
        name = f"{self._run}/{item.path.name.removesuffix('.txt')}.partial"
        try:
            return save_capture(self._settings.home / "rejected", name, text.encode(), versions=None), ""
        except StorageError as error:
            self._notice_full(error)
            return None, f"; its output could not be kept: {error.message}"

    def _event(
        self,
        judged: _Judged,
        status: DeviceStatus,
        kind: str | None,
        error: str | None,
        next_step: str | None,
        saved: SavedCapture | None = None,
    ) -> DeviceFinished:
        item, result, judgement = judged.item, judged.result, judged.judgement
        records = judgement.records if judgement else None
        return DeviceFinished(
            run=self._run,
            device=item.device.name,
            host=item.host,
            status=status,
            verdict=result.verdict,
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
        )

    def _enter(
        self,
        judged: _Judged,
        event: DeviceFinished,
        saved: Sequence[SavedCapture],
        rejected: SavedCapture | None,
    ) -> None:
        if self._history is None:
            return
        item = judged.item
        records = judged.judgement.records if judged.judgement else None
        captures = [
            CaptureRecord(
                device_id=item.device.id,
                device_name=item.device.name,
                capture_type=self._job.capture_type,
                filepath=str(one.path),
                file_size=one.size,
                sha256=one.sha256,
                stands_for=one.stands_for,
            )
            for one in saved
        ]
        row = DeviceRecord(
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
        self._history.record_device(self._run, row, captures, records or ())

    def _failed(
        self,
        judged: _Judged,
        kind: str,
        message: str,
        next_step: str | None = None,
        saved: Sequence[SavedCapture] = (),
    ) -> DeviceFinished:
        event = self._event(judged, "failed", kind, message, next_step or NEXT_STEPS[kind])
        try:
            self._enter(judged, event, saved, None)
        except VctuiError as error:
            self._notice_full(error)
        except Exception:  # noqa: BLE001 - the event still names the device; the log has the bug
            _log.exception("device %s could not be entered in history", safe_line(event.device))
        return event

    def _notice_full(self, error: VctuiError) -> None:
        cause = error.__cause__
        full = isinstance(cause, OSError) and cause.errno in NO_SPACE
        if isinstance(cause, sqlite3.Error):
            full = (getattr(cause, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_FULL
        if full:
            self._on_full(error.message)

    def _say_phase(self, item: PlanItem, phase: Phase) -> None:
        self._sink(DevicePhase(self._run, item.device.name, item.host, phase))


def _weight(result: ExecutionResult) -> int:
    return len(result.partial) + sum(len(output.text) for output in result.outputs)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {safe_line(str(error), 200)}"
