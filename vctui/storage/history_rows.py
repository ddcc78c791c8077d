"""Reading the history: VelocityCollector's rows, widened by vctui's where there are any."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from peewee import JOIN, fn

from vctui.storage.database import Store
from vctui.storage.models_collector import Capture, Job, JobHistory, OwnCapture, OwnRun, OwnRunDevice
from vctui.storage.rows import CaptureRecord, RunDeviceRow, RunRow


def runs(
    store: Store,
    own: bool,
    limit: int | None,
    job_id: str | None,
    status: str | None,
    run: int | None = None,
) -> list[RunRow]:
    """Runs, newest first. `own`: whether vctui's tables exist."""
    names = _job_names(store)
    query = JobHistory.select(*JobHistory.fields_in(store.columns(JobHistory.table_name())))
    if own:
        query = query.select_extend(
            *(field.alias(f"own_{name}") for name, field in OwnRun._meta.fields.items())
        ).join(OwnRun, JOIN.LEFT_OUTER, on=(OwnRun.id == JobHistory.id))
    if job_id is not None:
        query = query.where(JobHistory.job_id == job_id)
    if run is not None:
        query = query.where(JobHistory.id == run)
    if status is not None:
        column = fn.COALESCE(OwnRun.status, JobHistory.status) if own else JobHistory.status
        query = query.where(column == status)
    query = query.order_by(JobHistory.id.desc())
    if limit is not None:
        query = query.limit(limit)
    return [_run(row, names) for row in store.fetch(query)]


def _job_names(store: Store) -> dict[str, str]:
    if not {"slug", "name"} <= set(store.columns(Job.table_name())):
        return {}
    return {str(row["slug"]): str(row["name"]) for row in store.fetch(Job.select(Job.slug, Job.name))}


def _run(row: Mapping[str, Any], names: Mapping[str, str]) -> RunRow:
    if row.get("own_id") is not None:
        mine = {name.removeprefix("own_"): value for name, value in row.items() if name.startswith("own_")}
        return RunRow(**mine)
    job_id = str(row["job_id"])
    return RunRow(
        id=row["id"],
        job_id=job_id,
        job_file=row.get("job_file") or "",
        job_name=names.get(job_id, job_id),
        started_at=str(row["started_at"] or ""),
        completed_at=row.get("completed_at"),
        status=row["status"] or "",
        total=_count(row.get("total_devices")),
        ok=_count(row.get("success_count")),
        failed=_count(row.get("failed_count")),
        error=row.get("error_message"),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def run_devices(store: Store, run: int) -> list[RunDeviceRow]:
    """The devices of a run, in the order of their rows."""
    fields = OwnRunDevice.fields_in(store.columns(OwnRunDevice.table_name()))
    query = OwnRunDevice.select(*fields).where(OwnRunDevice.run_id == run).order_by(OwnRunDevice.id)
    return [RunDeviceRow(**{**row, "reasons": _reasons(row.get("reasons"))}) for row in store.fetch(query)]


def _reasons(text: str | None) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()


def captures(
    store: Store,
    device: str | None,
    capture_type: str | None,
    run: int | None,
    latest: bool,
    limit: int | None,
    id: int | None = None,
) -> list[CaptureRecord]:
    """Captures, newest first; `latest` leaves out those that a later one of the same file replaced."""
    query = Capture.select(*Capture.fields_in(store.columns(Capture.table_name())))
    if store.columns(OwnCapture.table_name()):
        query = query.select_extend(OwnCapture.sha256).join(
            OwnCapture, JOIN.LEFT_OUTER, on=(OwnCapture.capture_id == Capture.id)
        )
    if device is not None:
        query = query.where(Capture.device_name == device)
    if capture_type is not None:
        query = query.where(Capture.capture_type == capture_type)
    if run is not None:
        query = query.where(Capture.job_history_id == run)
    if id is not None:
        query = query.where(Capture.id == id)
    if latest:
        newest = Capture.select(fn.MAX(Capture.id)).group_by(Capture.filepath)
        query = query.where(Capture.id.in_(newest))
    query = query.order_by(Capture.id.desc())
    if limit is not None:
        query = query.limit(limit)
    return [_capture(row) for row in store.fetch(query)]


def _capture(row: Mapping[str, Any]) -> CaptureRecord:
    return CaptureRecord(
        device_id=row.get("device_id"),
        device_name=row["device_name"],
        capture_type=row["capture_type"],
        filepath=row["filepath"],
        file_size=_count(row.get("file_size")),
        captured_at=row.get("captured_at"),
        id=row["id"],
        run=row["job_history_id"],
        sha256=row.get("sha256"),
    )
