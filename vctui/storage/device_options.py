"""What vctui knows of a device beside its row: its jump host, and whether it may use old algorithms.

VelocityCollector has no place for these: they stand in a table of vctui's own, made when it is first needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peewee

from vctui.storage.database import execute, tables_of
from vctui.storage.models_dcim import DeviceOptions

OPTIONS = ("jump", "legacy")
_TABLE = """
CREATE TABLE IF NOT EXISTS vctui_device_options (
    device_id INTEGER PRIMARY KEY,
    jump TEXT,
    legacy INTEGER
)
"""


def read_options(database: peewee.SqliteDatabase) -> dict[int, dict[str, Any]]:
    """The options of every device that has any, by its id."""
    if DeviceOptions.table_name() not in tables_of(database):
        return {}
    rows = DeviceOptions.select().dicts().execute(database)
    return {
        row["device_id"]: {
            "jump": row["jump"] or None,
            "legacy": None if row["legacy"] is None else bool(row["legacy"]),
        }
        for row in rows
    }


def write_options(database: peewee.SqliteDatabase, device_id: int, changes: Mapping[str, Any]) -> None:
    """Change the given options of a device, within the open transaction; None clears one."""
    if not changes:
        return
    execute(database, _TABLE)
    DeviceOptions.insert(device_id=device_id).on_conflict_ignore().execute(database)
    DeviceOptions.update(dict(changes)).where(DeviceOptions.device_id == device_id).execute(database)


def drop_options(database: peewee.SqliteDatabase, device_id: int) -> None:
    """Forget a device that is removed."""
    if DeviceOptions.table_name() in tables_of(database):
        DeviceOptions.delete().where(DeviceOptions.device_id == device_id).execute(database)
