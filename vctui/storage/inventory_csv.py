"""Devices as CSV.

Columns, in any order: `name, primary_ip4, platform, site, role, status`, and optionally `primary_ip6,
ssh_port, credential, manufacturer, description, serial_number, asset_tag, comments`. A device is known by its
name and site. A column that is absent changes nothing in an existing device; an empty cell empties its value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee

from vctui.errors import UsageError
from vctui.records import Device
from vctui.storage.database import columns_of
from vctui.storage.device_options import OPTIONS, read_options, write_options
from vctui.storage.inventory_names import NameBook
from vctui.storage.inventory_values import check_values, columns_for
from vctui.storage.models_dcim import DcimDevice
from vctui.storage.rows import ImportReport
from vctui.storage.times import local_text

REQUIRED_COLUMNS = ("name", "primary_ip4", "platform", "site")
COLUMNS = (
    *("name", "primary_ip4", "platform", "site", "role", "status", "primary_ip6", "ssh_port"),
    *("credential", "manufacturer", "description", "serial_number", "asset_tag", "comments"),
)
MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 200_000
_DANGEROUS = tuple("=+-@\t\r\n\0＝＋－＠")  # noqa: RUF001 - full-width forms, which spreadsheets take as well


@dataclass(frozen=True, slots=True)
class ParsedCsv:
    """The checked rows of a file with their line numbers, and what was wrong with the others."""

    rows: tuple[tuple[int, dict[str, Any]], ...]
    errors: tuple[tuple[int, str], ...]
    ignored_columns: tuple[str, ...]


def read_csv(path: Path, credential_id: Callable[[str], int | None] | None) -> ParsedCsv:
    """Read and check a file, touching nothing else. Raises UsageError when it is not such a CSV."""
    text = _read_text(path)
    header_line = text.split("\n", 1)[0]
    delimiter = ";" if ";" in header_line and "," not in header_line else ","
    records = _records(text, delimiter, path)
    _, header = next(records, (1, []))
    columns = _columns(header, path)
    rows: list[tuple[int, dict[str, Any]]] = []
    errors: list[tuple[int, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in records:
        try:
            values = _values(columns, cells, credential_id)
            key = (values["name"].casefold(), values["site"].casefold())
            if key in seen:
                raise UsageError(f"{values['name']} is on line {seen[key]} already")
            seen[key] = line
        except UsageError as error:
            errors.append((line, error.message.removeprefix("device: ")))
        else:
            rows.append((line, values))
        if len(rows) + len(errors) > MAX_ROWS:
            raise UsageError(f"{path}: more than {MAX_ROWS} rows", "Split the file")
    ignored = tuple(name for name in columns if name and name not in COLUMNS + OPTIONS)
    return ParsedCsv(tuple(rows), tuple(errors), ignored)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES // 1024 // 1024} MiB", "Split the file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}: line {line}: not UTF-8 text", "Save it as CSV UTF-8") from error


def _records(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Records with the line each begins on; empty lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UsageError(f"{path}: line {line}: {error}", "Check the quotes") from error
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1


def _columns(header: Sequence[str], path: Path) -> list[str]:
    columns = [cell.strip().lower().replace(" ", "_") for cell in header]
    for name in REQUIRED_COLUMNS:
        if name not in columns:
            raise UsageError(
                f"{path}: line 1: the header has no column {name}",
                f"It needs {', '.join(COLUMNS[:6])}",
            )
    for name in columns:
        if name and columns.count(name) > 1:
            raise UsageError(f"{path}: line 1: the column {name[:80]!r} is there twice")
    return columns


def _values(
    columns: Sequence[str], cells: Sequence[str], credential_id: Callable[[str], int | None] | None
) -> dict[str, Any]:
    if len(cells) != len(columns):
        raise UsageError(f"{len(cells)} cells, the header has {len(columns)}")
    known = COLUMNS + OPTIONS
    raw = {name: restore(cell.strip()) for name, cell in zip(columns, cells, strict=True) if name in known}
    credential = raw.pop("credential", None)
    values = check_values(raw)
    for name in ("name", "site"):
        if not values[name]:
            raise UsageError(f"{name}: must not be empty")
    if credential is not None:
        values["credential_id"] = credential_id(credential) if credential and credential_id else None
        if credential and values["credential_id"] is None:
            raise UsageError(f"credential: no credential is called {credential[:80]!r}")
    return values


def import_rows(database: peewee.SqliteDatabase, parsed: ParsedCsv, *, strict: bool) -> ImportReport:
    """Write parsed rows within the open transaction."""
    errors = list(parsed.errors)
    if strict and errors:
        return _report(errors, parsed)
    with database.atomic() as everything:
        names = NameBook(database)
        existing = _Existing(database)
        options = read_options(database)
        counts = {"added": 0, "updated": 0, "unchanged": 0}
        for line, values in parsed.rows:
            columns = columns_for(values, names)
            try:
                # Only the asset tag can still be in use elsewhere; a savepoint for each row would cost time.
                with database.atomic() if columns.get("asset_tag") else nullcontext():
                    number, what = _write(database, columns, existing)
                chosen = {name: values[name] for name in OPTIONS if name in values}
                before = options.get(number, {})
                if any(before.get(name) != value for name, value in chosen.items()):
                    write_options(database, number, chosen)
                    what = "updated" if what == "unchanged" else what
                counts[what] += 1
            except peewee.IntegrityError as error:
                errors.append((line, _conflict(str(error), values)))
        if strict and errors:
            everything.rollback()
            return _report(errors, parsed)
    return _report(errors, parsed, tuple(names.created), **counts)


def _report(
    errors: Sequence[tuple[int, str]], parsed: ParsedCsv, created: tuple[str, ...] = (), **counts: int
) -> ImportReport:
    skipped = len(parsed.rows) + len(parsed.errors) - sum(counts.values())
    return ImportReport(
        **counts,
        skipped=skipped,
        errors=tuple(sorted(errors)),
        created=created,
        ignored_columns=parsed.ignored_columns,
    )


class _Existing:
    """The devices of the database by name and site, in their own case or, failing that, in any."""

    def __init__(self, database: peewee.SqliteDatabase) -> None:
        present = set(columns_of(database, DcimDevice.table_name()))
        self._exact: dict[tuple[str, int], dict[str, Any]] = {}
        self._folded: dict[tuple[str, int], dict[str, Any]] = {}
        for row in DcimDevice.select(*DcimDevice.fields_in(list(present))).dicts().execute(database):
            self.add(row)

    def add(self, row: dict[str, Any]) -> None:
        """Know one more device."""
        self._exact[row["name"], row["site_id"]] = row
        self._folded.setdefault((row["name"].casefold(), row["site_id"]), row)

    def find(self, name: str, site_id: int) -> dict[str, Any] | None:
        """The row of a device, or None."""
        return self._exact.get((name, site_id)) or self._folded.get((name.casefold(), site_id))


def _write(database: peewee.SqliteDatabase, columns: dict[str, Any], existing: _Existing) -> tuple[int, str]:
    """The device's id, and what became of it."""
    now = local_text()
    old = existing.find(columns["name"], columns["site_id"])
    if old is None:
        new = {"status": "active", "ssh_port": 22, "created_at": now, "updated_at": now, **columns}
        number = int(DcimDevice.insert(new).execute(database))
        existing.add({"id": number, **new})
        return number, "added"
    if all(old.get(name) == value for name, value in columns.items()):
        return old["id"], "unchanged"
    DcimDevice.update(**columns, updated_at=now).where(DcimDevice.id == old["id"]).execute(database)
    return old["id"], "updated"


def _conflict(detail: str, values: dict[str, Any]) -> str:
    if "asset_tag" in detail:
        return f"asset_tag: {values.get('asset_tag')} belongs to another device"
    return detail


def to_csv(devices: Sequence[Device], credential_name: Callable[[int], str | None] | None) -> str:
    """Devices as CSV text that `read_csv` takes back; no cell of it is a formula to a spreadsheet."""
    output = io.StringIO(newline="")
    writer = csv.writer(output, lineterminator="\n")
    # A column that VelocityCollector does not know is only there when it says something.
    used = any(device.jump or device.legacy is not None for device in devices)
    columns = COLUMNS + OPTIONS * used
    writer.writerow(columns)
    for device in devices:
        credential = None
        if device.credential_id is not None and credential_name is not None:
            credential = credential_name(device.credential_id)
        cells = {
            "name": device.name,
            "primary_ip4": device.primary_ip4,
            "platform": device.platform,
            "site": device.site_name,
            "role": device.role_name,
            "status": device.status,
            "primary_ip6": device.primary_ip6,
            "ssh_port": device.port,
            "credential": credential,
            "manufacturer": device.manufacturer,
            "description": device.description,
            "serial_number": device.serial_number,
            "asset_tag": device.asset_tag,
            "comments": device.comments,
            "jump": device.jump,
            "legacy": {None: "", True: "on", False: "off"}[device.legacy],
        }
        writer.writerow([neutral(str(cells[name] or "")) for name in columns])
    return output.getvalue()


def neutral(cell: str) -> str:
    """A cell that no spreadsheet runs: a leading `'` where it could be a formula; plain numbers are kept."""
    if not cell.lstrip("'").startswith(_DANGEROUS) or _is_number(cell):
        return cell
    return "'" + cell


def restore(cell: str) -> str:
    """The value that `neutral` was given."""
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip("'").startswith(_DANGEROUS) else cell


def _is_number(cell: str) -> bool:
    return cell.isascii() and cell.removeprefix("-").replace(".", "", 1).isdecimal()
