"""A copy of somebody else's database, made once, before vctui first writes to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from vctui.errors import DataError, StorageError
from vctui.storage.files import storage_error, sync_folder, temporary_beside

OWN_APPLICATION_ID = 0x76635475
"""In the file's header: vctui made this database, or has backed it up before writing to it."""
BACKUP_SUFFIX = ".before-vctui"


def back_up_foreign(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database is not marked as vctui's; if so, a copy of it exists now. Raises StorageError."""
    if connection.execute("PRAGMA application_id").fetchone()[0] == OWN_APPLICATION_ID:
        return False
    target = path.with_name(path.name + BACKUP_SUFFIX)
    if not target.exists() and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        copy_database(connection, target)
    return True


def back_up_database(path: Path, suffix: str) -> Path:
    """A consistent copy of a database beside it, 0600, in place of an earlier one of that suffix.

    Raises StorageError, or DataError when there is no such database.
    """
    target = path.with_name(path.name + suffix)
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    try:
        with (
            temporary_beside(target) as temporary,
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        ):
            with closing(sqlite3.connect(temporary)) as copy:
                source.backup(copy)
            sync_file(temporary)
            temporary.replace(target)
            sync_folder(target.parent)
    except OSError as error:
        raise storage_error(error, target) from error
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be copied to {target}: {error}", "Check the free space") from error
    return target


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """A consistent copy through SQLite's own backup, 0600; an existing file is left as it is."""
    try:
        with temporary_beside(target) as temporary:
            with closing(sqlite3.connect(temporary)) as copy:
                connection.backup(copy)
            sync_file(temporary)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return
            except OSError:
                temporary.rename(target)
            sync_folder(target.parent)
    except OSError as error:
        raise storage_error(error, target) from error


def sync_file(path: Path) -> None:
    """Make the content of a closed file durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
