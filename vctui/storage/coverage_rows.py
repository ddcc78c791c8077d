"""What the history says of each device at last: its captures by type, and its logins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee import fn

from vctui.storage.history import History
from vctui.storage.models_collector import Capture, OwnRunDevice


@dataclass(frozen=True, slots=True)
class LastCapture:
    """The newest capture of one type of one device. Captures of other programs may have no device id."""

    device_id: int | None
    device: str
    capture_type: str
    captured_at: str
    """Local ISO time."""


@dataclass(frozen=True, slots=True)
class LastVisit:
    """How the newest run of a device ended."""

    device_id: int
    run: int
    status: str
    error_kind: str | None
    error: str | None
    credential: str | None
    finished_at: str
    """UTC with offset."""


def last_captures(history: History) -> list[LastCapture]:
    """One row for each device and type."""
    query = Capture.select(
        Capture.device_id,
        Capture.device_name,
        Capture.capture_type,
        fn.MAX(Capture.captured_at).alias("captured_at"),
    ).group_by(Capture.device_id, Capture.device_name, Capture.capture_type)
    return [
        LastCapture(row["device_id"], row["device_name"], row["capture_type"], row["captured_at"] or "")
        for row in history.fetch(query)
    ]


def last_visits(history: History, *, with_login: bool = False) -> dict[int, LastVisit]:
    """By device id, the newest outcome; `with_login`, the newest in which a login was tried."""
    if not history.columns(OwnRunDevice.table_name()):
        return {}
    # SQLite takes the other columns from the row of the maximum.
    query = OwnRunDevice.select(
        OwnRunDevice.device_id,
        OwnRunDevice.run_id,
        OwnRunDevice.status,
        OwnRunDevice.error_kind,
        OwnRunDevice.error,
        OwnRunDevice.credential,
        OwnRunDevice.finished_at,
        fn.MAX(OwnRunDevice.id),
    ).group_by(OwnRunDevice.device_id)
    if with_login:
        unsaid = ("auth_failed", *AFTER_LOGIN)
        query = query.where(OwnRunDevice.error_kind.is_null() | OwnRunDevice.error_kind.in_(unsaid))
    return {row["device_id"]: _visit(row) for row in history.fetch(query)}


AFTER_LOGIN = (
    *("enable_failed", "channel_refused", "prompt_not_found", "command_timeout", "command_rejected"),
    *("output_limit", "incomplete", "validation_failed", "save_failed"),
)
"""Failures of devices that had let the login in."""


def _visit(row: Mapping[str, Any]) -> LastVisit:
    return LastVisit(
        device_id=row["device_id"],
        run=row["run_id"],
        status=row["status"],
        error_kind=row["error_kind"],
        error=row["error"],
        credential=row["credential"],
        finished_at=row["finished_at"],
    )
