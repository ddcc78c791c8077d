"""tfsm_templates.db: one table, five shapes in the wild, all of them read and written as they are found."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee

from vctui.errors import DataError
from vctui.storage.database import Store, columns_of, execute
from vctui.storage.models_dcim import Template
from vctui.storage.rows import TemplateChanges, TemplateRow, content_hash
from vctui.storage.schema import complete_templates

MAX_TEMPLATE_BYTES = 1024 * 1024
_COMMON = ("cli_command", "textfsm_content")
_NAMED = ("name", "template")
SOURCES = ("ntc-templates", "custom", "manual")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


def template_name_problem(name: str) -> str | None:
    """Why a template cannot be called so; None if it can."""
    if _NAME.fullmatch(name):
        return None
    return f"{name!r} is no name for a template: use letters, digits, dots, dashes and underscores"


class TemplateStore:
    """The templates of one file. Others make these files: reading opens them read-only and trusts nothing."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def rows(self) -> list[TemplateRow]:
        """Every template that has a name and a content of at most 1 MiB, by name. Raises DataError."""
        with Store(self.path, read_only=True) as store, store.reading() as database:
            return [row for _, row in _read(database, self.path) if row.cli_command and row.textfsm_content]

    def count(self) -> int:
        """How many templates there are."""
        return len(self.rows())

    def upsert_many(self, rows: Iterable[TemplateRow], *, replace_own: bool = False) -> TemplateChanges:
        """Write templates by name, in one transaction, in the shape that the file has.

        A template of the same name that is the user's own (`TemplateRow.is_own`) is left alone unless
        `replace_own`. Raises DataError, StorageError.
        """
        with Store(self.path) as store, store.writing() as database:
            _refuse_triggers(database, self.path)
            complete_templates(database)
            _convert_empty_named_shape(database)
            present: dict[str, list[tuple[int, TemplateRow]]] = defaultdict(list)
            for number, row in _read(database, self.path):
                for name in {row.cli_command, row.command_name}:
                    present[name].append((number, row))
            counts = {"added": 0, "updated": 0, "unchanged": 0, "skipped": 0}
            for row in rows:
                counts[_write(database, row, present, replace_own)] += 1
        return TemplateChanges(**counts)

    def remove(self, name: str) -> int:
        """Delete every template of this name; how many there were. Raises DataError, StorageError."""
        with Store(self.path) as store, store.writing() as database:
            _refuse_triggers(database, self.path)
            numbers = [number for number, row in _read(database, self.path) if row.cli_command == name]
            for number in numbers:
                execute(database, "DELETE FROM templates WHERE rowid = ?", (number,))
        return len(numbers)


def _write(
    database: peewee.SqliteDatabase,
    row: TemplateRow,
    present: dict[str, list[tuple[int, TemplateRow]]],
    replace_own: bool,
) -> str:
    found = present[row.cli_command]
    if not found:
        number = _insert(database, row)
        found.append((number, row))
        return "added"
    if all(old.textfsm_content == row.textfsm_content for _, old in found):
        return "unchanged"
    if not replace_own and any(old.is_own for _, old in found):
        return "skipped"
    for number, _ in found:
        _update(database, number, row)
    present[row.cli_command] = [(number, row) for number, _ in found]
    return "updated"


def _columns_for(database: peewee.SqliteDatabase, row: TemplateRow) -> dict[str, Any]:
    digest = row.textfsm_hash or content_hash(row.textfsm_content)
    created = row.created or datetime.now(UTC).astimezone().replace(tzinfo=None).isoformat()
    values: dict[str, Any] = {
        "cli_command": row.cli_command,
        "cli_content": row.cli_content,
        "textfsm_content": row.textfsm_content,
        "textfsm_hash": digest,
        "source": row.source,
        "created": created,
        "name": row.cli_command,
        "template": row.textfsm_content,
        "description": row.source,
    }
    columns = columns_of(database, Template.table_name())
    return {name: value for name, value in values.items() if name in columns}


def _insert(database: peewee.SqliteDatabase, row: TemplateRow) -> int:
    values = _columns_for(database, row)
    if not _id_is_key(database):
        highest = execute(database, "SELECT max(id) FROM templates").fetchone()[0]
        values["id"] = highest + 1 if isinstance(highest, int) else 1
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    cursor = execute(
        database,
        f"INSERT INTO templates ({names}) VALUES ({marks})",  # noqa: S608 - names are the literals above
        tuple(values.values()),
    )
    return cursor.lastrowid or 0


def _update(database: peewee.SqliteDatabase, number: int, row: TemplateRow) -> None:
    values = _columns_for(database, row)
    changes = ", ".join(f"{name} = ?" for name in values)
    execute(
        database,
        f"UPDATE templates SET {changes} WHERE rowid = ?",  # noqa: S608 - names are literals of this module
        (*values.values(), number),
    )


def _id_is_key(database: peewee.SqliteDatabase) -> bool:
    found = execute(database, "SELECT pk FROM pragma_table_info('templates') WHERE name = 'id'").fetchone()
    return found is None or found[0] > 0


def _read(database: peewee.SqliteDatabase, path: Path) -> list[tuple[int, TemplateRow]]:
    table = Template.table_name()
    kind = execute(database, "SELECT type, sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    if kind is None or kind[0] != "table" or "VIRTUAL" in str(kind[1]).upper().split("(")[0]:
        raise DataError(f"{path} has no table {table}", "Make one with: vctui templates import --ntc")
    columns = columns_of(database, table)
    if set(_COMMON) <= set(columns):
        name, content = _COMMON
    elif set(_NAMED) <= set(columns):
        name, content = _NAMED
    else:
        missing = next(column for column in _COMMON if column not in columns)
        raise DataError(f"{path}: table {table} has no column {missing}", "It is another program's file")
    described = "description" if name == "name" else "source"
    wanted = [name, content, "textfsm_hash", described, "cli_content", "created", "platform", "command"]
    picked = ", ".join(column if column in columns else f"NULL AS {column}" for column in wanted)
    cursor = execute(
        database,
        f"SELECT rowid AS number, {picked} FROM templates "  # noqa: S608 - names are literals of this module
        f"WHERE length(CAST({content} AS BLOB)) <= {MAX_TEMPLATE_BYTES} ORDER BY {name}, rowid",
    )
    labels = ["number", "name", "content", "textfsm_hash", "source", *wanted[4:]]
    found = (dict(zip(labels, row, strict=True)) for row in cursor.fetchall())
    return [(row["number"], _template({**row, "described": name == "name"})) for row in found]


def _template(row: Mapping[str, Any]) -> TemplateRow:
    name = _text(row["name"]).strip().removesuffix(".textfsm")
    platform, command = _text(row["platform"]), _text(row["command"])
    source = _text(row["source"])
    if row["described"]:
        # This shape has no column for it: vctui writes it as the description, others write prose there.
        source = source if source in SOURCES else ""
    return TemplateRow(
        cli_command=name,
        command_name="_".join([platform, *command.split()]) if platform and command else name,
        textfsm_content=_text(row["content"]),
        source=source or "custom",
        textfsm_hash=_text(row["textfsm_hash"]),
        cli_content=_text(row["cli_content"]),
        created=_text(row["created"]) or None,
    )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _refuse_triggers(database: peewee.SqliteDatabase, path: Path) -> None:
    found = execute(database, "SELECT name FROM sqlite_master WHERE type = 'trigger' LIMIT 1").fetchone()
    if found is not None:
        raise DataError(f"{path} would run code of its own when written (a trigger)", "Use another file")


def _convert_empty_named_shape(database: peewee.SqliteDatabase) -> None:
    """An empty table with a `template` column suits no reader: give it the columns that all expect."""
    columns = columns_of(database, Template.table_name())
    if "cli_command" in columns or not set(_NAMED) <= set(columns):
        return
    if execute(database, "SELECT 1 FROM templates LIMIT 1").fetchone() is None:
        execute(database, "DROP TABLE templates")
        complete_templates(database)
