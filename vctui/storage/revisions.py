"""What validation says of a device of a run, written anew after a template changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vctui.storage.history import History
from vctui.storage.models_collector import OwnRecords, OwnRunDevice
from vctui.storage.record_text import records_text


def revise_validation(
    history: History,
    row: int,
    *,
    template: str | None,
    score: float | None,
    records: Sequence[Mapping[str, Any]],
) -> None:
    """Replace template, score and records of one device of a run (`RunDeviceRow.id`) in one transaction.

    The capture and VelocityCollector's rows are not touched. Raises DataError, StorageError.
    """
    values = {"template": template, "score": score, "records": len(records)}
    with history.writing() as database:
        OwnRunDevice.update(values).where(OwnRunDevice.id == row).execute(database)
        OwnRecords.delete().where(OwnRecords.run_device_id == row).execute(database)
        if records:
            OwnRecords.insert(run_device_id=row, records=records_text(records)).execute(database)
