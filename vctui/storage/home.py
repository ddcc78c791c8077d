"""Making a home folder: `config.yaml`, the three databases, the folders; and completing an existing one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import peewee
import yaml

from vctui.config import MAX_CONFIG_BYTES, Settings
from vctui.errors import HomeError, UsageError
from vctui.storage.backup import OWN_APPLICATION_ID
from vctui.storage.database import Store, open_database, plain_errors
from vctui.storage.files import (
    check_folder,
    make_folders,
    storage_error,
    sync_folder,
    temporary_beside,
    write_private,
)
from vctui.storage.schema import complete_collector, complete_dcim, complete_templates

CONFIG_TEXT = """\
# Settings of vctui. Every line is optional; remove the leading '# ' to change a value.
# Paths may begin with ~; others are relative to this file.

# collector_db: collector.db
# dcim_db: dcim.db
# tfsm_templates_db: tfsm_templates.db
# collections_dir: collections
# jobs_dir: jobs
# batches_dir: batches

# execution:
#   timeout: 60              # seconds without a byte before a device counts as silent
#   time_limit: 300          # seconds for one device in all
#   max_workers: 12          # devices at a time
#   inter_command_delay: 0   # seconds between commands; waiting is for the prompt, so 0 is right

# host_keys: ask             # ask, strict or accept-new

# logging:
#   level: INFO
#   file: logs/vctui.log
"""


Complete = Callable[[peewee.SqliteDatabase], None]


def init_home(settings: Settings, *, force: bool = False, defaults: bool = True) -> list[str]:
    """Create a home; returns a line for each thing done.

    One that exists is refused unless `force`, which writes `config.yaml` anew (its values stay) and adds
    what is missing; nothing that is there is reset. Databases and file appear complete or not at all.
    Raises HomeError, UsageError, DataError, StorageError.
    """
    check_folder(settings.home)
    databases = _databases(settings, defaults)
    existing = [path for path in (settings.config_file, *databases) if path.exists() or path.is_symlink()]
    if existing and not force:
        raise HomeError(
            f"{settings.home} is initialised already: {existing[0].name} exists",
            "It can be used as it is; to add only what is missing: vctui init --force",
        )
    config = _config_text(settings.config_file)
    done: list[str] = []
    with ExitStack() as undo:
        for folder in _folders(settings, databases):
            created = make_folders(folder)
            for one in created:
                undo.callback(_remove_empty, one)
            done += [f"created {one}/" for one in created]
        with ExitStack() as building:
            built = [
                (building.enter_context(_built(path, complete)), path)
                for path, complete in databases.items()
                if path not in existing
            ]
            for temporary, path in built:
                _publish(temporary, path)
                undo.callback(path.unlink, missing_ok=True)
                done.append(f"created {path}")
        done += [
            f"completed {path}: added what was missing"
            for path, complete in databases.items()
            if path in existing and _complete(path, complete)
        ]
        done += _write_config(settings.config_file, config)
        undo.pop_all()
    return done


def _databases(settings: Settings, defaults: bool) -> dict[Path, Complete]:
    return {
        settings.collector_db: complete_collector,
        settings.dcim_db: lambda database: complete_dcim(database, defaults=defaults),
        settings.templates_db: complete_templates,
    }


def _folders(settings: Settings, databases: dict[Path, Complete]) -> list[Path]:
    inside = [settings.home / name for name in ("versions", "locks")]
    chosen = [settings.collections_dir, settings.jobs_dir, settings.batches_dir, settings.logs_dir]
    parents = [settings.config_file.parent, *(path.parent for path in databases)]
    return [settings.home, *chosen, *inside, *parents]


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _built(path: Path, complete: Complete) -> _Built:
    return _Built(path, complete)


class _Built:
    """A complete new database under a temporary name beside its final one."""

    def __init__(self, path: Path, complete: Complete) -> None:
        self._path = path
        self._complete = complete
        self._stack = ExitStack()

    def __enter__(self) -> Path:
        try:
            temporary = self._stack.enter_context(temporary_beside(self._path))
            create_database(temporary, self._complete)
        except OSError as error:
            self._stack.close()
            raise storage_error(error, self._path, "cannot be created") from error
        except BaseException:
            self._stack.close()
            raise
        return temporary

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()


def create_database(path: Path, complete: Complete) -> None:
    """Fill the empty file `path` with a schema and mark it as vctui's."""
    database = open_database(path)
    try:
        with plain_errors(path), database.atomic("IMMEDIATE"):
            complete(database)
            database.execute_sql(f"PRAGMA application_id = {OWN_APPLICATION_ID}")
    finally:
        database.close()


def _publish(temporary: Path, path: Path) -> None:
    try:
        try:
            os.link(temporary, path)
        except PermissionError:
            temporary.rename(path)
        sync_folder(path.parent)
    except FileExistsError:
        raise HomeError(f"{path} has just been created by another program", "Run it again") from None
    except OSError as error:
        raise storage_error(error, path, "cannot be created") from error


def _complete(path: Path, complete: Complete) -> bool:
    """Add to an existing database what it lacks, backing up another program's first; whether anything was."""
    with Store(path) as store:
        before = _schema_of(store)
        database = open_database(path)
        try:
            # Tried on a copy in memory first: a database that lacks nothing is not written to.
            changed = _would_change(database, complete)
        finally:
            database.close()
        if changed:
            with store.writing() as writable:
                complete(writable)
        return changed and _schema_of(store) != before


def _would_change(database: peewee.SqliteDatabase, complete: Complete) -> bool:
    changes = database.connection().total_changes
    with database.atomic("IMMEDIATE") as transaction:
        schema = database.execute_sql("PRAGMA schema_version").fetchone()
        complete(database)
        after = database.execute_sql("PRAGMA schema_version").fetchone()
        changed: bool = schema != after or database.connection().total_changes != changes
        transaction.rollback()
    return changed


def _schema_of(store: Store) -> list[Any]:
    with store.reading() as database:
        return database.execute_sql("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
