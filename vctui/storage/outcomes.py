"""What came of one device, as rows: VelocityCollector's of each capture, and what vctui knows beyond that."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from operator import attrgetter

from vctui.storage.insertion import as_utf8, insert
from vctui.storage.models_collector import Capture, OwnCapture, OwnRecords, OwnRunDevice
from vctui.storage.output_sizes import remember_sizes
from vctui.storage.record_text import records_text
from vctui.storage.rows import CaptureRecord, DeviceRecord, Outcome
from vctui.storage.times import local_iso, utc_text

_FORGET_DEVICE = "DELETE FROM vctui_run_devices WHERE run_id = ? AND device_id = ? AND device = ?"
_REPLACE_DIGEST = (
    "UPDATE vctui_captures SET sha256 = ? WHERE sha256 = ? "
    "AND EXISTS (SELECT 1 FROM captures WHERE id = capture_id AND filepath = ?)"
)
_FIELDS = tuple(field.name for field in fields(DeviceRecord))
_values_of = attrgetter(*_FIELDS)


def write_outcome(connection: sqlite3.Connection, run: int, outcome: Outcome) -> int:
    """Write one device, anew when the run has it already, in the open transaction; returns its row's id."""
    record = outcome.record
    for capture in outcome.captures:
        _write_capture(connection, run, capture, record)
    values = dict(zip(_FIELDS, _values_of(record), strict=True))
    values |= {"run_id": run, "finished_at": record.finished_at or utc_text()}
    values["reasons"] = json.dumps(record.reasons) if record.reasons else None
    connection.execute(_FORGET_DEVICE, (run, record.device_id, as_utf8(record.device)))
    row = insert(connection, OwnRunDevice, values)
    if outcome.records:
        insert(connection, OwnRecords, {"run_device_id": row, "records": records_text(outcome.records)})
    remember_sizes(connection, outcome.sizes)
    return row


def _write_capture(
    connection: sqlite3.Connection, run: int, capture: CaptureRecord, record: DeviceRecord
) -> None:
    values = {
        "device_id": capture.device_id,
        "device_name": capture.device_name,
        "capture_type": capture.capture_type,
        "filepath": capture.filepath,
        "file_size": capture.file_size,
        "captured_at": capture.captured_at or local_iso(),
        "job_history_id": run,
    }
    row = insert(connection, Capture, values)
    digest = capture.sha256 or (record.sha256 if capture.filepath == record.path else None)
    if digest:
        insert(connection, OwnCapture, {"capture_id": row, "sha256": digest})
    if digest and capture.stands_for:
        connection.execute(_REPLACE_DIGEST, (digest, capture.stands_for, as_utf8(capture.filepath)))
