"""How large the outputs of each device's commands were: one row for a device and a command."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from vctui.storage.database import Store
from vctui.storage.models_collector import OwnOutput
from vctui.storage.rows import OutputSize

_REMEMBER = (
    "INSERT INTO vctui_outputs (device_id, device, command, good, suspect) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (device_id, device, command) DO UPDATE SET good = excluded.good, suspect = excluded.suspect"
)


def known_sizes(store: Store, commands: Sequence[str]) -> dict[tuple[int, str, str], OutputSize]:
    """By device id, device and command."""
    if not store.columns(OwnOutput.table_name()):
        return {}
    rows = store.fetch(OwnOutput.select().where(OwnOutput.command.in_(list(commands))))
    found = (OutputSize(**row) for row in rows)
    return {(one.device_id, one.device, one.command): one for one in found}


def remember_sizes(connection: sqlite3.Connection, sizes: Iterable[OutputSize]) -> None:
    """Write them, within the open transaction."""
    for one in sizes:
        connection.execute(_REMEMBER, (one.device_id, one.device, one.command, one.good, one.suspect))
