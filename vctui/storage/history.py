"""The history of runs: VelocityCollector's two tables as it writes them, and what vctui knows beyond that."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from vctui.errors import DataError, StorageError
from vctui.events import RunStatus
from vctui.storage import history_rows
from vctui.storage.database import Store, columns_of, connection_of, execute, tables_of
from vctui.storage.insertion import as_utf8, insert
from vctui.storage.models_collector import (
    Job,
    JobHistory,
    OwnCapture,
    OwnOutput,
    OwnRecords,
    OwnRun,
    OwnRunDevice,
)
from vctui.storage.outcomes import write_outcome
from vctui.storage.output_sizes import known_sizes
from vctui.storage.record_text import read_records
from vctui.storage.reserve import hold_reserve, release_reserve
from vctui.storage.rows import CaptureRecord, DeviceRecord, Outcome, OutputSize, RunDeviceRow, RunRow
from vctui.storage.schema import run_script
from vctui.storage.schema_collector import OWN
from vctui.storage.times import local_text, utc_text

_UPSTREAM_STATUS: Mapping[str, str] = {
    "running": "running",
    "success": "success",
    "partial": "partial",
    "failed": "failed",
    "interrupted": "failed",
}
_ADDED = {"attempts": "INTEGER NOT NULL DEFAULT 1", "reasons": "TEXT"}
_NEWEST = "idx_vctui_captures_sha256"
"""What was added to the tables last: a file without it is of an earlier version."""
INTERRUPTED = "Interrupted: the program ended before the run did"


class History(Store):
    """Runs, their devices and their captures, in collector.db."""

    required: ClassVar[Mapping[str, Iterable[str]]] = {
        "job_history": ("id", "job_id", "job_file", "started_at", "status"),
        "captures": ("id", "device_name", "capture_type", "filepath", "job_history_id"),
    }

    def start_run(self, *, job_id: str, job_file: str, job_name: str, total: int) -> int:
        """Write the run as running, owned by this process; returns its id, the one of `job_history`."""
        self._create_own()
        hold_reserve(self.path)
        with self.writing() as database:
            connection = connection_of(database)
            run = insert(
                connection,
                JobHistory,
                {
                    "job_id": job_id,
                    "job_file": job_file,
                    "started_at": local_text(),
                    "total_devices": total,
                    "success_count": 0,
                    "failed_count": 0,
                    "status": "running",
                },
            )
            own = {"id": run, "job_id": job_id, "job_file": job_file, "job_name": job_name}
            own |= {"started_at": utc_text(), "status": "running", "total": total}
            own |= dict.fromkeys(("ok", "failed", "skipped", "cancelled"), 0)
            own |= {"owner_host": socket.gethostname(), "owner_pid": os.getpid()}
            insert(connection, OwnRun, own)
        return run

    def record_device(
        self,
        run: int,
        record: DeviceRecord,
        captures: Sequence[CaptureRecord] = (),
        records: Sequence[Mapping[str, Any]] = (),
        sizes: Sequence[OutputSize] = (),
    ) -> int:
        """Write one device's outcome, its captures, parsed records and sizes in one transaction.

        A device that the run has already is written anew. Returns the id of its row.
        """
        return self.record_devices(run, [Outcome(record, captures, records, sizes)])[0]

    def record_devices(self, run: int, outcomes: Iterable[Outcome]) -> list[int]:
        """Write what came of several devices in one transaction: all of it, or nothing."""
        with self.writing() as database:
            connection = connection_of(database)
            return [write_outcome(connection, run, outcome) for outcome in outcomes]

    def output_sizes(self, commands: Sequence[str]) -> dict[tuple[int, str, str], OutputSize]:
        """What is known of the outputs of these commands, by device id, device and command."""
        return known_sizes(self, commands)

    def finish_run(
        self,
        run: int,
        *,
        status: RunStatus,
        ok: int = 0,
        failed: int = 0,
        skipped: int = 0,
        cancelled: int = 0,
        error: str | None = None,
        database_id: int | None = None,
    ) -> None:
        """Write how a run ended; for a job of the database also its last run.

        On a full disk the reserve that `start_run` set aside is given up for it.
        """

        def write() -> None:
            self._finish(run, status, (ok, failed, skipped, cancelled), error, database_id)

        try:
            write()
        except StorageError:
            if not release_reserve(self.path):
                raise
            write()

    def _finish(
        self,
        run: int,
        status: RunStatus,
        counts: tuple[int, int, int, int],
        error: str | None,
        database_id: int | None,
    ) -> None:
        ok, failed, skipped, cancelled = counts
        ended = local_text()
        upstream = _UPSTREAM_STATUS.get(status) or ("partial" if ok else "failed")
        message = as_utf8(error) or ("Cancelled" if status == "cancelled" else None)
        with self.writing() as database:
            JobHistory.update(
                completed_at=ended,
                success_count=ok,
                failed_count=failed + skipped + cancelled,
                status=upstream,
                error_message=message,
            ).where(JobHistory.id == run).execute(database)
            OwnRun.update(
                completed_at=utc_text(),
                status=status,
                ok=ok,
                failed=failed,
                skipped=skipped,
                cancelled=cancelled,
                error=as_utf8(error),
            ).where(OwnRun.id == run).execute(database)
            if database_id is not None and "jobs" in tables_of(database):
                Job.update(last_run_at=ended, last_run_status=upstream).where(Job.id == database_id).execute(
                    database
                )

    def repair_stale(self, is_alive: Callable[[RunRow], bool]) -> list[RunRow]:
        """Mark runs of this machine that are `running` with no owner alive as interrupted; returns them.

        Runs of other machines and of VelocityCollector are left alone: their owners cannot be asked.
        """
        host = socket.gethostname()
        if not self._has_own() or not self._any_running():
            return []
        stale = [
            run
            for run in self.runs(limit=None, status="running")
            if run.own and run.owner_host == host and not is_alive(run)
        ]
        for run in stale:
            counts = dict.fromkeys(("ok", "failed", "skipped", "cancelled"), 0)
            for device in self.run_devices(run.id):
                counts[device.status] += 1
            self.finish_run(run.id, status="interrupted", error=INTERRUPTED, **counts)
        return stale

    def runs(
        self, limit: int | None = 100, *, job_id: str | None = None, status: str | None = None
    ) -> list[RunRow]:
        """The newest runs first, vctui's and VelocityCollector's; `job_id` is a slug or a file's job id."""
        return history_rows.runs(self, self._has_own(), limit, job_id, status)

    def run(self, run: int) -> RunRow | None:
        """One run by its id."""
        found = history_rows.runs(self, self._has_own(), 1, None, None, run)
        return found[0] if found else None

    def run_devices(self, run: int) -> list[RunDeviceRow]:
        """The devices of a run in the order in which they finished; none for a run of VelocityCollector."""
        return history_rows.run_devices(self, run) if self._has_own() else []

    def records(self, run: int, device: str, device_id: int | None = None) -> list[dict[str, Any]]:
        """The parsed records of one device of a run. Raises DataError when they are not what was written."""
        if not self._has_own():
            return []
        chosen = (OwnRunDevice.run_id == run) & (OwnRunDevice.device == device)
        if device_id is not None:
            chosen &= OwnRunDevice.device_id == device_id
        query = (
            OwnRecords.select(OwnRecords.records)
            .join(OwnRunDevice, on=(OwnRunDevice.id == OwnRecords.run_device_id))
            .where(chosen)
            .order_by(OwnRunDevice.id.desc())
            .limit(1)
        )
        for row in self.fetch(query):
            return _records(row["records"], f"{self.path}: records of {device} in run {run}")
        return []

    def captures(
        self,
        *,
        device: str | None = None,
        capture_type: str | None = None,
        run: int | None = None,
        latest: bool = False,
        limit: int | None = None,
        id: int | None = None,
    ) -> list[CaptureRecord]:
        """The saved captures, newest first; with `latest` only the last one of each file."""
        return history_rows.captures(self, device, capture_type, run, latest, limit, id)

    def _any_running(self) -> bool:
        with self.reading() as database:
            found = execute(database, "SELECT 1 FROM vctui_runs WHERE status = 'running' LIMIT 1").fetchone()
        return found is not None

    def _has_own(self) -> bool:
        return bool(self.columns(OwnRun.table_name()))

    def _create_own(self) -> None:
        devices = OwnRunDevice.table_name()
        with self.reading() as database:
            newest = execute(database, "SELECT 1 FROM sqlite_master WHERE name = ?", (_NEWEST,)).fetchone()
        if newest is not None and set(_ADDED) <= set(self.columns(devices)):
            return
        with self.writing() as database:
            run_script(database, OWN)
            for name in set(_ADDED) - set(columns_of(database, devices)):  # a file of an earlier version
                execute(database, f"ALTER TABLE {devices} ADD COLUMN {name} {_ADDED[name]}")
        for table in (devices, OwnOutput.table_name(), OwnCapture.table_name()):
            self._columns.pop(table, None)


def _records(text: str, what: str) -> list[dict[str, Any]]:
    try:
        return read_records(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} are damaged") from error
