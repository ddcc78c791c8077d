"""The single recorder: outputs are validated, written and entered in history here, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vctui.config import Settings
from vctui.errors import NEXT_STEPS, VctuiError
from vctui.events import DeviceFinished, DevicePhase, DeviceStatus, Phase, Sink
from vctui.jobs.job import Job
from vctui.jobs.judge import Engine, Judgement, Piece, clean_outputs, group, judge
from vctui.jobs.keeping import DeviceFiles, Keeper, RecordOptions
from vctui.jobs.pipeline import Stage
from vctui.jobs.plan import PlanItem
from vctui.jobs.rows import capture_rows, device_row, finished_event
from vctui.jobs.sizes import TRY_AGAIN, Sizes
from vctui.jobs.versions import forget_unchanged
from vctui.ssh import ExecutionResult
from vctui.storage import History, Outcome, SavedCapture
from vctui.text import safe_line
from vctui.validation import ValidationEngine

OnFinished = Callable[[PlanItem, ExecutionResult, DeviceFinished], None]
_TOGETHER = 32
"""Devices whose files and rows become durable together, when so many wait: that waits for the disk."""
_GATHER = 0.1
"""Seconds that a device waits for others to be saved with; nobody looks closer than that."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Judged:
    item: PlanItem
    result: ExecutionResult
    judgement: Judgement | None
    broken: str | None = None
    """What went wrong in this program, not on the device."""


@dataclass(frozen=True, slots=True)
class _Settled:
    """A device whose files are written, or not; only its rows are missing."""

    judged: _Judged
    event: DeviceFinished
    saved: Sequence[SavedCapture] = ()
    rejected: SavedCapture | None = None


class Recorder:
    """Threads behind the sessions: two validate, where that is asked for, and one writes.

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
        self._history = history
        self._engine = engine
        self._options = options
        self._sink = sink
        self._on_finished = on_finished
        self._files = Keeper(run, job, settings, options, on_full, in_history=history is not None)
        self._sizes = Sizes(history.output_sizes(job.commands) if history is not None else {})
        self._writing: Stage[_Judged] = Stage(
            "vctui-record",
            self._record,
            weigh=lambda judged: _weight(judged.result),
            most=_TOGETHER,
            gather=_GATHER,
        )
        self._validating: Stage[tuple[PlanItem, ExecutionResult]] | None = None
        if engine is not None:
            self._validating = Stage(
                "vctui-validate",
                self._judge,
                weigh=lambda pair: _weight(pair[1]),
                # An output that hangs holds up no others. An engine of the user's own is asked by one thread.
                threads=2 if type(engine) is ValidationEngine else 1,
            )

    def put(self, item: PlanItem, result: ExecutionResult) -> None:
        """Take in a device, from any thread."""
        if self._validating is not None:
            self._validating.put((item, result))
        else:
            self._judge([(item, result)])

    def close(self) -> None:
        """Return once every device put before has been recorded and said."""
        if self._validating is not None:
            self._validating.close()
        self._writing.close()

    def _judge(self, pairs: Sequence[tuple[PlanItem, ExecutionResult]]) -> None:
        for item, result in pairs:
            judgement, broken = None, None
            if result.success:
                try:
                    judgement = self._judgement(item, result)
                except Exception as error:  # noqa: BLE001 - a device must never vanish because judging it broke
                    broken = _words(error)
            self._writing.put(_Judged(item, result, judgement, broken))

    def _judgement(self, item: PlanItem, result: ExecutionResult) -> Judgement:
        parts = clean_outputs(self._job, result.outputs)
        device, sizes = item.device, [(step.command, len(text.encode())) for step, text, _ in parts]
        compared = self._sizes.judge(device.id, device.name, sizes, force=self._options.force)
        notes = tuple(
            output.error or f"{output.command}: {output.note}"
            for output in result.outputs
            if output.error or output.note
        )
        judgement = self._validated(item, group(self._job, parts), compared.suspect)
        return replace(judgement, sizes=compared, notes=notes + compared.notes)

    def _validated(self, item: PlanItem, pieces: tuple[Piece, ...], suspect: str | None) -> Judgement:
        if self._engine is None or suspect is not None:
            return Judgement(pieces, accepted=suspect is None, reason=suspect)
        self._say_phase(item, "validating")
        try:
            judgement = judge(self._job, item.device_type, pieces, self._engine)
        except Exception as error:  # noqa: BLE001 - an engine of the user's own may raise anything
            judgement = Judgement(pieces, accepted=False, reason=f"validation broke: {_words(error)}")
        if self._options.force and not judgement.accepted:
            return replace(judgement, accepted=True, reason=None)
        return judgement

    def _record(self, several: Sequence[_Judged]) -> None:
        """Write the files of all devices, then their rows in one transaction, then say them."""
        files = [self._write(judged) for judged in several]
        self._files.finish(files)
        settled = [self._settle(judged, own) for judged, own in zip(several, files, strict=True)]
        try:
            self._enter(settled)
        except Exception:  # noqa: BLE001 - whose fault it was shows when each is entered by itself
            settled = [self._enter_alone(one) for one in settled]
        for one in settled:
            if one.event.status == "ok":
                for saved in one.saved:
                    forget_unchanged(saved)
            self._sink(one.event)
            self._on_finished(one.judged.item, one.judged.result, one.event)

    def _write(self, judged: _Judged) -> DeviceFiles:
        """Write what the device is to leave as its captures, if anything."""
        judgement = judged.judgement
        if self._options.save and (judgement is not None or judged.result.partial):
            self._say_phase(judged.item, "saving")
        if self._options.save and judgement is not None and judgement.accepted:
            return self._files.write(judged.item, judgement)
        return DeviceFiles()

    def _settle(self, judged: _Judged, files: DeviceFiles) -> _Settled:
        try:
            self._files.keep_recording(judged.item, judged.result.recording)
            if judged.broken is not None:
                return self._failed(judged, "internal", judged.broken)
            return self._outcome_of(judged, files)
        except Exception as error:  # noqa: BLE001 - a device must never vanish because recording it broke
            return self._failed(judged, "internal", _words(error))

    def _outcome_of(self, judged: _Judged, files: DeviceFiles) -> _Settled:
        item, result, judgement = judged.item, judged.result, judged.judgement
        if judgement is None:
            status: DeviceStatus = "cancelled" if result.error_kind == "cancelled" else "failed"
            rejected, lost = self._files.keep_rejected(item, result.partial)
            tried = f"; tried {result.attempts} times" if result.attempts > 1 else ""
            error = f"{result.error}{tried}{lost}"
            event = self._event(judged, status, result.error_kind, error, result.next_step)
            return _Settled(judged, event, rejected=rejected)
        if judgement.sizes.suspect is not None:
            rejected, lost = self._files.keep_rejected(item, judgement.text)
            event = self._event(judged, "failed", "incomplete", f"{judgement.reason}{lost}", TRY_AGAIN)
            return _Settled(judged, event, rejected=rejected)
        if not judgement.accepted:
            kind = "validation_failed"
            rejected, lost = self._files.keep_rejected(
                item, judgement.text if self._job.store_failures else ""
            )
            event = self._event(judged, "skipped", kind, f"{judgement.reason}{lost}", NEXT_STEPS[kind])
            return _Settled(judged, event, rejected=rejected)
        saved = self._files.saved(item, judgement, files)
        if files.problem is not None:
            return self._failed_by(judged, files.problem, saved)
        event = self._event(judged, "ok", None, None, None, saved[0] if saved else None)
        return _Settled(judged, event, saved)

    def _enter(self, settled: Sequence[_Settled]) -> None:
        """Write the rows of devices in one transaction: all of them, or none."""
        if self._history is not None:
            self._history.record_devices(self._run, [self._outcome(one) for one in settled])

    def _enter_alone(self, one: _Settled) -> _Settled:
        """Enter one device; when that fails it has failed, which is entered where that works."""
        try:
            self._enter([one])
        except Exception as error:  # noqa: BLE001 - a device must never vanish because recording it broke
            one = self._failed_by(one.judged, error, one.saved)
        else:
            return one
        try:
            self._enter([one])
        except VctuiError as error:
            self._files.notice_full(error)
        except Exception:  # noqa: BLE001 - the event still names the device; the log has the bug
            _log.exception("device %s could not be entered in history", safe_line(one.event.device))
        return one

    def _event(
        self,
        judged: _Judged,
        status: DeviceStatus,
        kind: str | None,
        error: str | None,
        next_step: str | None,
        saved: SavedCapture | None = None,
    ) -> DeviceFinished:
        return finished_event(
            self._run,
            judged.item,
            judged.result,
            judged.judgement,
            status=status,
            kind=kind,
            error=error,
            next_step=next_step,
            saved=saved,
        )

    def _outcome(self, one: _Settled) -> Outcome:
        judgement = one.judged.judgement
        sizes = judgement.sizes.sizes if judgement and one.event.error_kind in (None, "incomplete") else ()
        return Outcome(
            device_row(one.judged.item, one.event, one.rejected),
            capture_rows(one.judged.item, self._job.capture_type, one.saved),
            (judgement.records if judgement else None) or (),
            sizes,
        )

    def _failed(
        self,
        judged: _Judged,
        kind: str,
        message: str,
        next_step: str | None = None,
        saved: Sequence[SavedCapture] = (),
    ) -> _Settled:
        return _Settled(
            judged, self._event(judged, "failed", kind, message, next_step or NEXT_STEPS[kind]), saved
        )

    def _failed_by(self, judged: _Judged, error: Exception, saved: Sequence[SavedCapture]) -> _Settled:
        if not isinstance(error, VctuiError):
            return self._failed(judged, "internal", _words(error), saved=saved)
        self._files.notice_full(error)
        return self._failed(judged, "save_failed", error.message, error.next_step, saved)

    def _say_phase(self, item: PlanItem, phase: Phase) -> None:
        self._sink(DevicePhase(self._run, item.device.name, item.host, phase))


def _weight(result: ExecutionResult) -> int:
    return len(result.partial) + len(result.recording) + sum(len(output.text) for output in result.outputs)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {safe_line(str(error), 200)}"
