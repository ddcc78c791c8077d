"""Opening databases: pragmas, damage in plain words, backups of what another program made."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from vctui.config import Settings, load_settings
from vctui.errors import DataError, StorageError, UsageError
from vctui.storage import (
    ConstraintError,
    History,
    Inventory,
    JobStore,
    Store,
    check_database,
    init_home,
    open_database,
)
from vctui.storage.backup import OWN_APPLICATION_ID
from vctui.storage.database import execute
from vctui.storage.schema_collector import HISTORY, VAULT
from vctui.storage.schema_dcim import DCIM


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    return settings


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A collector.db as VelocityCollector's vault makes it: no jobs, no tables of vctui, no mark."""
    path = tmp_path / "collector.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(VAULT + HISTORY)
        db.execute("INSERT INTO job_history (job_id, started_at) VALUES ('x', '2024-01-01 10:00:00')")
    return path


def pragma(store: Store, name: str) -> object:
    with store.reading() as database:
        return execute(database, f"PRAGMA {name}").fetchone()[0]


@pytest.mark.parametrize("read_only", [False, True])
def test_every_connection_keeps_the_promised_pragmas(settings: Settings, read_only: bool) -> None:
    for path in (settings.collector_db, settings.dcim_db, settings.templates_db):
        with Store(path, read_only=read_only) as store:
            assert pragma(store, "foreign_keys") == 1
            assert int(str(pragma(store, "busy_timeout"))) >= 5000
            assert pragma(store, "synchronous") == 2
            assert pragma(store, "trusted_schema") == 0
            assert pragma(store, "secure_delete") == 1
            assert pragma(store, "journal_mode") == "delete"
            assert pragma(store, "query_only") == int(read_only)


def test_the_journal_mode_is_left_as_it_is_found(foreign: Path) -> None:
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("PRAGMA journal_mode = wal")
    with Store(foreign) as store:
        assert pragma(store, "journal_mode") == "wal"


def test_a_pragma_that_does_not_hold_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"foreign_keys": 1, "synchronous": 7}
    monkeypatch.setattr("vctui.storage.database.REQUIRED_PRAGMAS", wanted)
    with pytest.raises(StorageError, match="keeps synchronous at"):
        open_database(settings.dcim_db)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def zero_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(bytes(4096))


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 2] ^= 0xFF
    path.write_bytes(data)


def garbage(path: Path) -> None:
    path.write_bytes(b"this is not a database at all\n" * 200)


def cut_to_header(path: Path) -> None:
    os.truncate(path, 60)


@pytest.mark.parametrize("harm", [truncate, zero_a_page, flip_a_byte, garbage, cut_to_header])
@pytest.mark.parametrize("name", ["collector.db", "dcim.db"])
def test_damage_is_named_and_the_file_is_not_touched(
    settings: Settings, name: str, harm: Callable[[Path], None]
) -> None:
    path = settings.home / name
    harm(path)
    before = path.read_bytes()
    for store in (History, JobStore) if name == "collector.db" else (Inventory,):
        with pytest.raises(DataError, match=name) as caught:
            store(path)
        assert caught.value.exit_code == 13
        assert caught.value.next_step
    with pytest.raises(DataError):
        check_database(path)
    assert path.read_bytes() == before


def test_a_missing_file_an_empty_file_and_another_schema_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dcim\.db does not exist.*vctui init"):
        Inventory(tmp_path / "dcim.db")
    assert not (tmp_path / "dcim.db").exists()
    (tmp_path / "dcim.db").write_bytes(b"")
    with pytest.raises(DataError, match="has no table dcim_device"):
        Inventory(tmp_path / "dcim.db")
    (tmp_path / "dcim.db").unlink()
    with closing(sqlite3.connect(tmp_path / "dcim.db")) as db, db:
        db.executescript(DCIM.replace("primary_ip4", "renamed"))
    # `init --force` adds tables, not columns: it must not be what the user is sent to, again and again.
    with pytest.raises(DataError, match=r"table dcim_device has no column primary_ip4\. Restore"):
        Inventory(tmp_path / "dcim.db")


def test_a_query_against_a_table_that_is_gone_names_it(settings: Settings) -> None:
    with Store(settings.collector_db) as store:
        with (
            pytest.raises(DataError, match=r"collector\.db has no table nowhere"),
            store.reading() as database,
        ):
            execute(database, "SELECT * FROM nowhere")
        with pytest.raises(DataError, match=r"has no column none"), store.reading() as database:
            execute(database, "SELECT none FROM jobs")


def test_a_busy_database_is_said_to_be_in_use(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(settings.collector_db) as store, closing(sqlite3.connect(settings.collector_db)) as other:
        with store.reading() as database:
            execute(database, "PRAGMA busy_timeout = 1")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="in use by another program"), store.writing():
            pass
        other.rollback()
        with store.writing():
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_can_be_read_and_says_why_it_cannot_be_written(settings: Settings) -> None:
    settings.dcim_db.chmod(0o400)
    with Inventory(settings.dcim_db) as inventory:
        assert inventory.devices() == []
        with pytest.raises(StorageError, match="cannot be written"):
            inventory.add({"name": "sw1", "site": "lab"})


def test_a_read_only_store_writes_nothing(settings: Settings) -> None:
    with (
        Store(settings.dcim_db, read_only=True) as store,
        store.reading() as database,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        execute(database, "DELETE FROM dcim_platform")


def test_text_that_is_not_unicode_is_a_usage_error(settings: Settings) -> None:
    with JobStore(settings.collector_db) as store:
        with pytest.raises(UsageError):
            store.get(slug="\udcff")
        assert store.get(id=10**30) is None


def test_one_store_serves_many_threads(settings: Settings) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(5):
                inventory.add({"name": f"sw{number}-{step}", "site": f"site {number}"})
                inventory.devices()
        except BaseException as error:  # noqa: BLE001 - reported by the test
            errors.append(error)

    with Inventory(settings.dcim_db) as inventory:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(inventory.devices()) == 20


def add_tags(store: Store, *names: str) -> None:
    with store.writing() as database:
        for name in names:
            execute(database, "INSERT INTO job_tags (name) VALUES (?)", (name,))


def test_a_failed_transaction_leaves_nothing(settings: Settings) -> None:
    with Store(settings.collector_db) as store:
        with pytest.raises(ConstraintError):
            add_tags(store, "a", "b", "a")
        with store.reading() as database:
            assert execute(database, "SELECT count(*) FROM job_tags").fetchone() == (0,)


def test_another_programs_database_is_backed_up_once_before_the_first_write(foreign: Path) -> None:
    backup = foreign.with_name("collector.db.before-vctui")
    with History(foreign) as history:
        assert len(history.runs()) == 1
        assert history.run_devices(1) == []
        assert not backup.exists()
        run = history.start_run(job_id="a", job_file="database:1", job_name="A", total=0)
        assert run == 2
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as db:
        assert db.execute("SELECT job_id FROM job_history").fetchall() == [("x",)]
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name LIKE 'vctui%'").fetchall()
    backup.unlink()
    with JobStore(foreign) as store:
        store.save({"name": "n", "slug": "s", "capture_type": "arp", "command": "show arp"})
    assert not backup.exists(), "a second backup would hold vctui's own writes"


def test_another_programs_mark_is_not_taken_for_ours(foreign: Path) -> None:
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("PRAGMA application_id = 7")
    with Store(foreign) as store, store.writing():
        assert foreign.with_name("collector.db.before-vctui").exists()


def test_databases_of_vctui_are_not_backed_up(settings: Settings) -> None:
    with Inventory(settings.dcim_db) as inventory:
        inventory.add({"name": "sw1", "site": "lab"})
        assert pragma(inventory, "application_id") == OWN_APPLICATION_ID
    assert not list(settings.home.glob("*.before-vctui"))


def test_a_failed_backup_stops_the_write(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with JobStore(foreign) as store:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left"):
            store.save({"name": "n", "slug": "s", "capture_type": "arp", "command": "show arp"})
        monkeypatch.undo()
        assert store.rows() == []
    assert [path.name for path in foreign.parent.glob("*collector*")] == ["collector.db"]


def test_the_rollback_journal_is_private_too(settings: Settings) -> None:
    with Store(settings.collector_db) as store, store.writing() as database:
        execute(database, "INSERT INTO job_tags (name) VALUES ('a')")
        journal = settings.collector_db.with_name("collector.db-journal")
        assert stat.S_IMODE(journal.stat().st_mode) == 0o600
