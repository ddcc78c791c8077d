"""Opening SQLite databases safely, and telling a user what is wrong with one.

Every connection enforces foreign keys, waits for other writers, syncs fully, trusts no function that the
schema calls and overwrites what is deleted. The journal mode stays as it is found: VelocityCollector uses
rollback journals, and a WAL file on a shared home or with an older SQLite can corrupt the database.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import peewee

from vctui.errors import DataError, StorageError, UsageError, VctuiError
from vctui.storage.backup import OWN_APPLICATION_ID, back_up_foreign

BUSY_TIMEOUT_MS = 20_000
CHECK_ON_OPEN_BYTES = 16 * 1024 * 1024
"""Databases up to this size are checked for damage when they are opened; larger ones by `vctui doctor`."""
_found_sound: set[tuple[int, int, int, int]] = set()
"""What was checked already: device, inode, size and time. An unchanged file needs no second look."""
REQUIRED_PRAGMAS: Mapping[str, int] = {
    "foreign_keys": 1,
    "busy_timeout": BUSY_TIMEOUT_MS,
    "synchronous": 2,
    "trusted_schema": 0,
    "secure_delete": 1,
}
_DAMAGE_STEP = "Restore it from a backup, or move it aside and run: vctui init --force"
_COMPLETE_STEP = "Add what is missing: vctui init --force"
_FOREIGN_STEP = "Restore the file from a backup, or move it aside and run: vctui init --force"
_MISSING = re.compile(r"no such (table|column): (?:main\.)?(.+)")


class ConstraintError(DataError):
    """A row that the database refuses: a name in use, a reference to nothing; `detail` is SQLite's reason."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.detail = detail


def open_database(path: Path, *, read_only: bool = False) -> peewee.SqliteDatabase:
    """One connection to an existing database, usable from any thread under the caller's lock.

    Raises DataError when the file is missing, damaged or is something else.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist", "Create what is missing with: vctui init --force")
    pragmas = [(name, value) for name, value in REQUIRED_PRAGMAS.items()]
    if read_only:
        pragmas.append(("query_only", 1))
    database = peewee.SqliteDatabase(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
        pragmas=pragmas,
        timeout=BUSY_TIMEOUT_MS // 1000,
        thread_safe=False,
        autoconnect=False,
        uri=True,
        check_same_thread=False,
    )
    with plain_errors(path):
        database.connect()
    try:
        with plain_errors(path):
            connection_of(database).text_factory = _decode
            _check_pragmas(database, path)
            _check_sound(database, path)
    except BaseException:
        database.close()
        raise
    return database


def connection_of(database: peewee.SqliteDatabase) -> sqlite3.Connection:
    """The connection that an open database uses."""
    connection: sqlite3.Connection = database.connection()  # type: ignore[no-untyped-call]
    return connection


def execute(
    database: peewee.SqliteDatabase, statement: str, parameters: tuple[Any, ...] = ()
) -> sqlite3.Cursor:
    """Run one statement of SQL, within the open transaction if there is one."""
    return connection_of(database).execute(statement, parameters)


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _check_pragmas(database: peewee.SqliteDatabase, path: Path) -> None:
    for name, wanted in REQUIRED_PRAGMAS.items():
        found = execute(database, f"PRAGMA {name}").fetchone()
        if found is None or found[0] != wanted:
            value = None if found is None else found[0]
            raise StorageError(f"{path}: SQLite {sqlite3.sqlite_version} keeps {name} at {value}")


def _check_sound(database: peewee.SqliteDatabase, path: Path) -> None:
    execute(database, "SELECT count(*) FROM sqlite_master").fetchone()
    info = path.stat()
    state = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)
    if info.st_size <= CHECK_ON_OPEN_BYTES and state not in _found_sound:
        _refuse_damage(database, path)
        _found_sound.add(state)


def _refuse_damage(database: peewee.SqliteDatabase, path: Path) -> None:
    finding = execute(database, "PRAGMA quick_check(1)").fetchone()
    if finding is None or finding[0] != "ok":
        raise DataError(f"{path} is damaged", _DAMAGE_STEP)


def check_database(path: Path) -> None:
    """Look through the whole file for damage, whatever its size. Raises DataError."""
    database = open_database(path, read_only=True)
    try:
        with plain_errors(path):
            _refuse_damage(database, path)
    finally:
        database.close()


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says into one line about the file `path`."""
    try:
        yield
    except (sqlite3.IntegrityError, peewee.IntegrityError) as error:
        raise ConstraintError(path, str(error)) from error
    except (sqlite3.Error, peewee.PeeweeException) as error:
        source = _source_of(error)
        raise _explain(source, path) from source
    except UnicodeEncodeError as error:
        raise UsageError("a name holds what is not text", "Write it in UTF-8") from error
    except OverflowError as error:
        raise UsageError("a number is too large for the database") from error


def _source_of(error: BaseException) -> BaseException:
    """SQLite's own error. On a full disk it ends the transaction, then the rollback fails and hides it."""
    source: BaseException | None = error
    while source is not None:
        if isinstance(source, sqlite3.Error) and "cannot rollback" not in str(source):
            return source
        source = source.__cause__ or source.__context__
    return error


def _explain(error: BaseException, path: Path) -> VctuiError:
    code = getattr(error, "sqlite_errorcode", 0) or 0
    primary = code & 0xFF
    text = str(error)
    if primary == sqlite3.SQLITE_NOTADB:
        return DataError(f"{path} is not an SQLite database", "Move it aside and run: vctui init --force")
    if primary == sqlite3.SQLITE_CORRUPT:
        return DataError(f"{path} is damaged", _DAMAGE_STEP)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(f"{path} is in use by another program", "Close it there and try again")
    if primary == sqlite3.SQLITE_FULL:
        return StorageError(f"{path} cannot be written: the disk is full", "Free some space")
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StorageError(f"{path} cannot be written", "Check its owner, permissions and file system")
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return StorageError(
            f"{path} cannot be read or written: {text}", "Check the disk, the free space and the permissions"
        )
    missing = _MISSING.search(text)
    if missing:
        return DataError(
            f"{path} has no {missing[1]} {missing[2]}",
            _COMPLETE_STEP if missing[1] == "table" else _FOREIGN_STEP,
        )
    return DataError(f"{path}: {text}", "Check it with: vctui doctor")


def tables_of(database: peewee.SqliteDatabase) -> set[str]:
    """The names of the tables, without the views."""
    rows = execute(database, "SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {str(row[0]) for row in rows}


def columns_of(database: peewee.SqliteDatabase, table: str) -> list[str]:
    """The columns of a table or view in their order; none when it does not exist."""
    rows = execute(database, "SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    return [str(row[0]) for row in rows]


class Store:
    """One database file, one connection: any thread may call, one at a time. Close it, or use `with`."""

    required: ClassVar[Mapping[str, Iterable[str]]] = {}
    """Table → columns without which the store cannot work."""

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._columns: dict[str, list[str]] = {}
        self._database = open_database(self.path, read_only=read_only)
        try:
            self._check_required()
        except BaseException:
            self.close()
            raise

    def _check_required(self) -> None:
        for table, columns in self.required.items():
            if not self.columns(table):
                raise DataError(
                    f"{self.path} has no table {table}",
                    "It may be another program's file; add what is missing: vctui init --force",
                )
            self._check_columns(table, columns)

    def _check_columns(self, table: str, columns: Iterable[str]) -> None:
        for column in columns:
            if column not in self.columns(table):
                raise DataError(f"{self.path}: table {table} has no column {column}", _FOREIGN_STEP)

    def columns(self, table: str) -> list[str]:
        """The columns of a table as they are in this file; none when it does not exist."""
        with self._lock:
            if table not in self._columns:
                with self.reading() as database:
                    found = columns_of(database, table)
                if not found:
                    return []
                self._columns[table] = found
            return self._columns[table]

    @contextlib.contextmanager
    def reading(self) -> Iterator[peewee.SqliteDatabase]:
        """The database, for queries that only read."""
        with self._lock, plain_errors(self.path):
            yield self._database

    @contextlib.contextmanager
    def writing(self) -> Iterator[peewee.SqliteDatabase]:
        """The database within one transaction: all of the block is written, or nothing.

        A database that VelocityCollector made is backed up beside itself before the first write.
        """
        with self._lock, plain_errors(self.path):
            foreign = back_up_foreign(connection_of(self._database), self.path)
            with self._database.atomic("IMMEDIATE"):
                yield self._database
                if foreign:
                    execute(self._database, f"PRAGMA application_id = {OWN_APPLICATION_ID}")

    def fetch(self, query: Any) -> list[dict[str, Any]]:
        """The rows of a peewee query, by column name."""
        with self.reading() as database:
            return list(query.dicts().execute(database))

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        with self._lock:
            if not self._database.is_closed():
                self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
