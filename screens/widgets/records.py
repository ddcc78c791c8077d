"""Parsed records as a table; the arrow keys go sideways through their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from screens.widgets.rows import Cells, Column, Rows, widest

MEASURED = 200
"""Records whose values are measured for the columns' widths."""


class RecordTable:
    """Records as rows of text; `shift` goes sideways, a field at a time."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.records = records
        self._keys = list(dict.fromkeys(key for record in records for key in record))
        self._first = 0

    def columns(self) -> tuple[Column, ...]:
        """The fields from the first one on show; those without room give way from the right."""
        columns = []
        for place, key in enumerate(self._keys[self._first :]):
            values = (_value(record.get(key)) for record in islice(self.records, MEASURED))
            width = max(widest([key], 3, 24), widest(values, 3, 32))
            columns.append(Column(key, width, optional=place))
        return tuple(columns)

    def cells(self, index: int) -> Cells:
        """One record."""
        record = self.records[index]
        return [_value(record.get(key)) for key in self._keys[self._first :]], ""

    def shift(self, by: int) -> bool:
        """Go sideways; whether that changed anything."""
        before = self._first
        self._first = max(0, min(before + by, len(self._keys) - 1))
        return self._first != before


def _value(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class RecordRows(Rows[int]):
    """The records of one output."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "pick", "Open", show=False, id="records.pick"),
        Binding("left", "sideways(-1)", "Fields left", show=False, id="records.left"),
        Binding("right", "sideways(1)", "Fields right", show=False, id="records.right"),
    ]

    def __init__(self, *, empty: str, id: str | None = None) -> None:
        self.table = RecordTable(())
        super().__init__((), (), self.table.cells, empty=empty, id=id)

    def show_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Show other records; the same ones stay as they are."""
        if records is not self.table.records:
            self.table = RecordTable(records)
            self._draw()

    def _draw(self) -> None:
        self.set_columns(self.table.columns(), self.table.cells)
        self.show(range(len(self.table.records)))

    def action_sideways(self, by: int) -> None:
        """The next fields, or back."""
        if self.table.shift(by):
            self._draw()
