"""Creating and completing the three databases of a home."""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import complete_statement
from typing import Any

import peewee

from vctui.storage.database import columns_of, execute, tables_of
from vctui.storage.defaults import MANUFACTURERS, PLATFORMS, ROLES
from vctui.storage.models_dcim import DeviceRole, Manufacturer, Platform, SchemaVersion
from vctui.storage.schema_collector import COLLECTOR
from vctui.storage.schema_dcim import DCIM_VERSION, INDEXES, TABLES, TEMPLATES, UPGRADE_DEVICE_COLUMNS, VIEWS
from vctui.storage.tables import Table
from vctui.storage.times import local_text, stamps_for


def run_script(database: peewee.SqliteDatabase, script: str) -> None:
    """Run several statements within the open transaction (`executescript` would commit it)."""
    for statement in _statements(script):
        execute(database, statement)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if complete_statement(statement):
            yield statement
            statement = ""


def complete_collector(database: peewee.SqliteDatabase) -> None:
    """Create every table, index and view of collector.db that is missing."""
    run_script(database, COLLECTOR)


def complete_dcim(database: peewee.SqliteDatabase, *, defaults: bool) -> None:
    """Create what is missing in dcim.db and bring version 1 to 2; defaults go into empty tables only."""
    run_script(database, TABLES)
    present = columns_of(database, "dcim_device")
    missing = [name for name in UPGRADE_DEVICE_COLUMNS if name not in present]
    for name in missing:
        execute(database, f"ALTER TABLE dcim_device ADD COLUMN {name} {UPGRADE_DEVICE_COLUMNS[name]}")
    if missing:
        execute(database, "DROP VIEW IF EXISTS v_device_detail")
    run_script(database, INDEXES + VIEWS)
    SchemaVersion.insert(version=DCIM_VERSION, applied_at=local_text()).on_conflict_ignore().execute(database)
    if defaults:
        _add_defaults(database)


def _add_defaults(database: peewee.SqliteDatabase) -> None:
    if not Manufacturer.select().exists(database):
        rows: list[dict[str, Any]] = [{"name": name, "slug": slug} for name, slug in MANUFACTURERS]
        _insert(database, Manufacturer, rows)
    if not Platform.select().exists(database):
        makers = {row["name"]: row["id"] for row in Manufacturer.select().dicts().execute(database)}
        platforms: list[dict[str, Any]] = [
            {
                "name": platform.name,
                "slug": platform.slug,
                "manufacturer_id": makers.get(platform.manufacturer),
                "netmiko_device_type": platform.device_type,
                "paging_disable_command": platform.paging_disable,
            }
            for platform in PLATFORMS
        ]
        _insert(database, Platform, platforms)
    if not DeviceRole.select().exists(database):
        roles: list[dict[str, Any]] = [
            {"name": name, "slug": slug, "color": color} for name, slug, color in ROLES
        ]
        _insert(database, DeviceRole, roles)


def _insert(database: peewee.SqliteDatabase, model: type[Table], rows: list[dict[str, Any]]) -> None:
    stamps = stamps_for(columns_of(database, model.table_name()))
    model.insert_many([{**row, **stamps} for row in rows]).execute(database)


def complete_templates(database: peewee.SqliteDatabase) -> None:
    """Create the table of templates when it is missing; any of its five shapes is left as it is."""
    if "templates" not in tables_of(database):
        run_script(database, TEMPLATES)
