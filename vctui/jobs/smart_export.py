"""Parsed captures as documents: JSON with where the records come from, CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vctui.errors import VctuiError
from vctui.jobs.judge import Engine
from vctui.jobs.stored import CaptureShelf, Parsing, StoredCapture
from vctui.storage import neutral, utc_text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Nobody's records hold these; a device's name in a foreign database may."""
ORIGIN = ("_device", "_type", "_captured_at", "_template", "_source_file")
"""The first columns of a CSV of several captures; the fields of the records follow."""


def documents(
    shelf: CaptureShelf, captures: Iterable[StoredCapture], engine: Engine, wanted: str | None = None
) -> Iterator[dict[str, Any]]:
    """Parse captures as their runs would now, or with `wanted`; what cannot be read says so as its reason."""
    for capture in captures:
        try:
            parsing = shelf.parse(capture, engine, wanted)
        except VctuiError as error:
            parsing = Parsing(reason=str(error))
        yield document(capture, parsing)


def document(capture: StoredCapture, parsing: Parsing) -> dict[str, Any]:
    """One capture as JSON holds it; `exported_at` is UTC, `captured_at` as the history has it."""
    record = capture.record
    return {
        "source_file": record.filepath,
        "device": record.device_name,
        "capture_type": record.capture_type,
        "captured_at": record.captured_at,
        "run": record.run,
        "template": parsing.template,
        "score": parsing.score,
        "exported_at": utc_text(),
        "record_count": len(parsing.records),
        "fields": fields_of(parsing.records),
        "data": parsing.records,
        "reason": parsing.reason,
    }


def fields_of(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of all fields, in the order in which they first come."""
    return list(dict.fromkeys(name for record in records for name in record))


def export_text(documents: Sequence[Mapping[str, Any]], *, as_csv: bool, single: bool = False) -> str:
    """Documents as the text of one file; `single` means the only one, as an object and not in an array.

    JSON in ASCII, so that no byte of it can act on a terminal.
    """
    if as_csv:
        return joined_table(documents)
    text = json.dumps(documents[0] if single else list(documents), indent=2, default=str)
    return text.replace("\x7f", "\\u007f") + "\n"


def table(document: Mapping[str, Any]) -> str:
    """One document's records as CSV."""
    return _csv([document["fields"], *_rows(document, document["fields"])])


def joined_table(documents: Sequence[Mapping[str, Any]]) -> str:
    """All documents' records in one CSV, each with its device, type, time, template and file before it."""
    fields = list(dict.fromkeys(name for document in documents for name in document["fields"]))
    rows: list[list[Any]] = [[*ORIGIN, *fields]]
    for document in documents:
        keys = ("device", "capture_type", "captured_at", "template", "source_file")
        origin = [document[key] for key in keys]
        rows += [[*origin, *row] for row in _rows(document, fields)]
    return _csv(rows)


def _rows(document: Mapping[str, Any], fields: Sequence[str]) -> Iterable[list[Any]]:
    return ([record.get(name) for name in fields] for record in document["data"])


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    output = io.StringIO(newline="")
    writer = csv.writer(output, lineterminator="\n")
    for row in rows:
        writer.writerow([neutral(_cell(value)) for value in row])
    return output.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return _CONTROL.sub("\ufffd", text)
