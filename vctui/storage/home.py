"""Making a home folder: `config.yaml`, the three databases, the folders; and completing an existing one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import peewee
import yaml

from vctui.config import MAX_CONFIG_BYTES, Settings
from vctui.errors import HomeError, UsageError
from vctui.storage.backup import OWN_APPLICATION_ID
from vctui.storage.database import Store, connection_of, execute, open_database, plain_errors
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
#   retries: 0               # for what can pass by itself, such as no connection; never for a login

# politeness:                # how fast and how many at once log in; sessions are not limited by it
#   logins_per_second: 20
#   at_once: 50
#   per_site: {logins_per_second: 5, at_once: 10}
#   per_jump: {logins_per_second: 10}   # devices behind one jump host
#   aaa_domains:
#     tacacs-eu: {sites: [ams, fra], logins_per_second: 2, at_once: 4}   # also: platforms, roles, credentials

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
        if settings.config_file not in existing:
            undo.callback(settings.config_file.unlink, missing_ok=True)
        done.append(_write_config(settings.config_file, config))
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


@contextmanager
def _built(path: Path, complete: Complete) -> Iterator[Path]:
    """A complete new database under a temporary name beside its final one."""
    try:
        with temporary_beside(path) as temporary:
            create_database(temporary, complete)
            yield temporary
    except OSError as error:
        raise storage_error(error, path, "cannot be created") from error


def create_database(path: Path, complete: Complete) -> None:
    """Fill the empty file `path` with a schema and mark it as vctui's."""
    database = open_database(path)
    try:
        with plain_errors(path), database.atomic("IMMEDIATE"):
            complete(database)
            execute(database, f"PRAGMA application_id = {OWN_APPLICATION_ID}")
    finally:
        database.close()


def _publish(temporary: Path, path: Path) -> None:
    try:
        try:
            os.link(temporary, path)
        except PermissionError:
            temporary.rename(path)
        try:
            sync_folder(path.parent)
        except OSError:
            path.unlink()
            raise
    except FileExistsError:
        raise HomeError(f"{path} has just been created by another program", "Run it again") from None
    except OSError as error:
        raise storage_error(error, path, "cannot be created") from error


def _complete(path: Path, complete: Complete) -> bool:
    """Add to an existing database what it lacks; whether anything was."""
    with Store(path) as store, store.writing() as database:
        before = _schema_of(database), connection_of(database).total_changes
        complete(database)
        return before != (_schema_of(database), connection_of(database).total_changes)


def _schema_of(database: peewee.SqliteDatabase) -> int:
    return int(execute(database, "PRAGMA schema_version").fetchone()[0])


def _config_text(path: Path) -> str:
    """The commented settings, followed by the values that an existing file has. Raises UsageError."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise UsageError(f"{path}: larger than 1 MiB", "This is not a configuration file")
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return CONFIG_TEXT
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"{path}: not YAML", "Mend it or move it aside") from error
    except OSError as error:
        raise HomeError(f"{path} cannot be read: {error.strerror}", "Check its owner") from error
    if not values:
        return CONFIG_TEXT
    return f"{CONFIG_TEXT}\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}"


def _write_config(path: Path, text: str) -> str:
    if path.exists():
        if path.read_bytes() == text.encode():
            return f"kept {path}"
        old = path.with_name(path.name + ".old")
        write_private(old, path.read_bytes())
        write_private(path, text.encode())
        return f"wrote {path} with the values it had; the old file is {old.name}"
    write_private(path, text.encode())
    return f"created {path}"
