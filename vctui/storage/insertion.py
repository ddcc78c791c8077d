"""Inserting rows with statements made once: building one with peewee costs ten times what SQLite needs."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping
from typing import Any

import peewee


def insert(connection: sqlite3.Connection, model: type[peewee.Model], values: Mapping[str, Any]) -> int:
    """Insert one row, within the open transaction if there is one, and return its id.

    A lone surrogate, such as JSON can hold, becomes a question mark: it cannot be stored.
    """
    statement = _insertion(model, tuple(values))
    try:
        cursor = connection.execute(statement, tuple(values.values()))
    except UnicodeEncodeError:
        cursor = connection.execute(statement, tuple(map(as_utf8, values.values())))
    return int(cursor.lastrowid or 0)


@functools.cache
def _insertion(model: type[peewee.Model], names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{model._meta.fields[name].column_name}"' for name in names)
    marks = ", ".join("?" * len(names))
    return f'INSERT INTO "{model._meta.table_name}" ({columns}) VALUES ({marks})'  # noqa: S608 - our own names


def as_utf8(value: Any) -> Any:
    """A text as it can be stored; what is no text stays as it is."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
