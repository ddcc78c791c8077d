"""The base of the peewee models: the real tables and columns, by name, bound to no database.

A query is given its database when it is executed, so two stores in one process never share a connection.
"""

from __future__ import annotations

from typing import Any

from peewee import Model


class Table(Model):
    """Base of all models."""

    @classmethod
    def table_name(cls) -> str:
        return str(cls._meta.table_name)

    @classmethod
    def fields_in(cls, columns: list[str]) -> list[Any]:
        """The model's fields that a file really has: older versions lack some columns."""
        return [field for name, field in cls._meta.fields.items() if field.column_name in columns]
