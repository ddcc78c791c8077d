"""Reading templates: `tfsm_templates.db` in every shape that users have, and folders of template files."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vctui.errors import DataError, StorageError

MAX_TEMPLATES = 20_000
MAX_TEMPLATE_CHARS = 1024 * 1024
MAX_NAME_CHARS = 200
READ_SECONDS = 10.0
"""The longest a database may take to read: a hostile file must not hang the program."""

NTC_SOURCE = "ntc-templates"
_CREATE = "Create what is missing with: vctui init --force"
_REPLACE = "Move it aside and run: vctui init --force"


@dataclass(frozen=True, slots=True)
class Template:
    """One TextFSM template: its name is the platform and the command, joined by underscores."""

    name: str
    content: str
    source: str = ""
    platform: str = ""
    command: str = ""
    """Platform and command are given by one shape of the database only; else they are in the name."""
    digest: str = ""
    """MD5 of the content as it was imported, where the database holds it."""
    created: str = ""
    """Local time, as the database holds it."""

    @property
    def is_own(self) -> bool:
        """Whether the user wrote or changed it."""
        return self.source not in (NTC_SOURCE, "")


def read_templates(db_path: str | Path) -> tuple[Template, ...]:
    """Every usable template of the database, the user's own first. Raises DataError if it is none.

    The file is foreign until proven: opened read-only, its schema not trusted, checked, within a time limit.
    """
    path = Path(db_path)
    if not path.is_file():
        raise DataError(f"{path}: no such template database", _CREATE)
    try:
        with closing(_open(path)) as connection:
            columns = _columns(connection, path)
            query = _query(columns, path)
            templates = [template for row in connection.execute(query) if (template := _template(row))]
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise DataError(f"{path}: reading it took longer than {READ_SECONDS:g} s", _REPLACE) from error
        raise DataError(f"{path}: cannot be read: {error}", "Check its permissions") from error
    except sqlite3.Error as error:
        raise DataError(f"{path}: not a template database: {error}", _REPLACE) from error
    return tuple(sorted(templates, key=lambda template: not template.is_own))


def _open(path: Path) -> sqlite3.Connection:
    # Beside a database in WAL mode SQLite makes two files, even to read; where it may not, nobody writes.
    mode = "mode=ro" if os.access(path.absolute().parent, os.W_OK) else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=5)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA query_only=ON")
        deadline = time.monotonic() + READ_SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()
        if damage is None or damage[0] != "ok":
            raise DataError(f"{path}: damaged: {damage[0] if damage else 'no answer'}", _REPLACE)
    except BaseException:
        connection.close()
        raise
    return connection


def _columns(connection: sqlite3.Connection, path: Path) -> set[str]:
    found = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'templates'").fetchone()
    # A view or a virtual table of that name would run whatever its maker wrote.
    if found is None or not str(found[0]).upper().startswith("CREATE TABLE"):
        raise DataError(f"{path}: no table named templates", _CREATE)
    return {str(row[1]).lower() for row in connection.execute("PRAGMA table_info(templates)")}


def _query(columns: set[str], path: Path) -> str:
    """The shapes differ in ids, keys and constraints; for reading only the columns' names matter."""
    if {"cli_command", "textfsm_content"} <= columns:
        kept = ", ".join(c if c in columns else "''" for c in ("textfsm_hash", "created"))
        source = "source" if "source" in columns else "''"
        wanted = f"cli_command, textfsm_content, {source}, '', '', {kept}"
    elif {"name", "template"} <= columns:
        platform = "platform" if "platform" in columns else "''"
        command = "command" if "command" in columns else "''"
        created = "created_at" if "created_at" in columns else "''"
        source = "'custom'"
        if "description" in columns:
            # vctui keeps the source there, for want of a column.
            source = f"CASE WHEN description = '{NTC_SOURCE}' THEN description ELSE 'custom' END"
        wanted = f"name, template, {source}, {platform}, {command}, '', {created}"
    else:
        raise DataError(f"{path}: the table templates has other columns than expected", _REPLACE)
    return f"SELECT {wanted} FROM templates ORDER BY rowid LIMIT {MAX_TEMPLATES}"  # noqa: S608 (own constants)


def _template(row: tuple[Any, ...]) -> Template | None:
    name, content, source, platform, command, digest, created = (_text(value) for value in row)
    name = name.strip().removesuffix(".textfsm")
    if not name or not content or len(name) > MAX_NAME_CHARS or len(content) > MAX_TEMPLATE_CHARS:
        return None
    return Template(name, content, source, platform.strip(), command.strip(), digest, created)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def ntc_folder() -> Path:
    """Where the installed ntc-templates package keeps its templates and their index."""
    spec = importlib.util.find_spec("ntc_templates")
    if spec is None or spec.origin is None:
        raise DataError(
            "the package ntc-templates is not installed", "Install it with: pip install ntc-templates"
        )
    return Path(spec.origin).parent / "templates"


def ntc_rows(created: datetime | None = None) -> list[dict[str, str]]:
    """The installed ntc-templates as rows for the template store: name, content, MD5, source, time."""
    return folder_rows(ntc_folder(), NTC_SOURCE, created)


def folder_rows(
    folder: Path,
    source: str = "custom",
    created: datetime | None = None,
    bad: list[str] | None = None,
) -> list[dict[str, str]]:
    """The `*.textfsm` files of a folder as rows for the template store. Raises StorageError.

    `created` is local time without offset, as the column has always held it. A file that is no template for
    the store is named in `bad` and left out; without `bad` it is an error.
    """
    stamp = (created or datetime.now()).isoformat(timespec="seconds")  # noqa: DTZ005 (the column's convention)
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == ".textfsm" and file.is_file())
    except OSError as error:
        raise StorageError(f"{folder}: templates cannot be read: {error.strerror}") from error
    rows = []
    for file in files:
        try:
            rows.append(_row(file, source, stamp))
        except StorageError as error:
            if bad is None:
                raise
            bad.append(error.message)
    return rows


def _row(file: Path, source: str, created: str) -> dict[str, str]:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_TEMPLATE_CHARS + 1)
        content = data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise StorageError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StorageError(f"{file}: not UTF-8 text") from error
    if len(data) > MAX_TEMPLATE_CHARS or len(file.stem) > MAX_NAME_CHARS or not content:
        raise StorageError(f"{file}: no template: empty, or larger than 1 MiB, or its name is too long")
    return {
        "cli_command": file.stem,
        "cli_content": "",
        "textfsm_content": content,
        "textfsm_hash": hashlib.md5(content.encode(), usedforsecurity=False).hexdigest(),
        "source": source,
        "created": created,
    }


Templates = Mapping[str, tuple[Template, ...]]
"""Lower-case name → its templates (more than one where a database holds a name twice)."""
Stamp = tuple[tuple[int, int, int], ...]
_reading = threading.Lock()


@lru_cache(maxsize=2)
def _templates_of(path: Path, stamp: Stamp) -> Templates:
    """What a database holds, which is not read anew by the plan of a run, the run and its threads."""
    by_name: dict[str, list[Template]] = {}
    for template in read_templates(path):
        by_name.setdefault(template.name.lower(), []).append(template)
    return {name: tuple(found) for name, found in by_name.items()}


class TemplateSet:
    """The templates of one database by name; read when first asked for, and again when the file changes."""

    def __init__(self, db_path: str | Path, on_change: Callable[[], None] | None = None) -> None:
        self._path = Path(db_path)
        self._files = (str(self._path), f"{self._path}-wal")
        self._on_change = on_change
        self._stamp: Stamp | None = None
        self._by_name: Templates = {}

    def refresh(self) -> Templates:
        """What the database holds now."""
        stamp = self._stat()
        if stamp != self._stamp or not stamp:
            with _reading:
                self._by_name = _templates_of(self._path, stamp)
            self._stamp = stamp
            if self._on_change:
                self._on_change()
        return self._by_name

    def _stat(self) -> Stamp:
        stamp: list[tuple[int, int, int]] = []
        for path in self._files:
            with contextlib.suppress(OSError):
                found = os.stat(path)  # noqa: PTH116 (asked before every validation: a Path takes twice as long)
                if found.st_size:
                    stamp.append((found.st_ino, found.st_size, found.st_mtime_ns))
        return tuple(stamp)
