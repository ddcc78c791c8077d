"""`vctui init --force`: an existing home gains what it lacks and loses nothing."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from vctui.config import Settings, load_settings
from vctui.errors import HomeError
from vctui.storage import JobStore, Store, init_home


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "home", {})


def columns(path: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def test_force_keeps_data_and_settings_and_adds_what_is_missing(settings: Settings) -> None:
    init_home(settings)
    with JobStore(settings.collector_db) as store:
        store.save({"name": "n", "slug": "s", "capture_type": "arp", "command": "show arp"})
    settings.config_file.write_text("host_keys: strict\nmy_key: kept\n")
    settings.templates_db.unlink()
    with closing(sqlite3.connect(settings.collector_db)) as db, db:
        db.execute("DROP TABLE job_tags")
    lines = init_home(settings, force=True)
    with JobStore(settings.collector_db) as store:
        assert [row["slug"] for row in store.rows()] == ["s"]
        assert store.tags() == []
    assert columns(settings.collector_db, "job_tags")
    assert columns(settings.templates_db, "templates")
    again = load_settings(settings.home, {})
    assert again.host_keys == "strict"
    assert again.unknown_keys == ("my_key",)
    assert settings.config_file.with_name("config.yaml.old").read_text().startswith("host_keys: strict")
    assert any("completed" in line and "collector.db" in line for line in lines)
    written = settings.config_file.read_bytes()
    assert any("kept" in line and "config.yaml" in line for line in init_home(settings, force=True))
    assert settings.config_file.read_bytes() == written
    assert settings.config_file.with_name("config.yaml.old").read_text().startswith("host_keys: strict")


def make_v1(path: Path) -> None:
    """A version 1 inventory: no credential test columns, and another column order."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """
            CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);
            INSERT INTO schema_version VALUES (1, '2024-01-01');
            CREATE TABLE dcim_site (slug TEXT UNIQUE, name TEXT UNIQUE, id INTEGER PRIMARY KEY AUTOINCREMENT,
              status TEXT NOT NULL DEFAULT 'active', description TEXT, created_at TEXT, updated_at TEXT);
            CREATE TABLE dcim_manufacturer (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, slug TEXT);
            CREATE TABLE dcim_platform (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, slug TEXT,
              manufacturer_id INTEGER, netmiko_device_type TEXT, paging_disable_command TEXT);
            CREATE TABLE dcim_device_role (id INTEGER PRIMARY KEY, name TEXT, slug TEXT, color TEXT);
            CREATE TABLE dcim_device (name TEXT NOT NULL, id INTEGER PRIMARY KEY AUTOINCREMENT,
              site_id INTEGER NOT NULL REFERENCES dcim_site (id), platform_id INTEGER, role_id INTEGER,
              status TEXT NOT NULL DEFAULT 'active', serial_number TEXT, asset_tag TEXT, primary_ip4 TEXT,
              primary_ip6 TEXT, oob_ip TEXT, credential_id INTEGER, ssh_port INTEGER DEFAULT 22,
              description TEXT, comments TEXT, netbox_id INTEGER, created_at TEXT, updated_at TEXT,
              last_collected_at TEXT);
            CREATE VIEW v_device_detail AS SELECT id, name FROM dcim_device;
            INSERT INTO dcim_site (slug, name) VALUES ('lab', 'Lab');
            INSERT INTO dcim_manufacturer (name, slug) VALUES ('Arista', 'arista');
            INSERT INTO dcim_platform (name, slug, manufacturer_id, netmiko_device_type)
              VALUES ('EOS', 'eos', 1, 'arista_eos');
            INSERT INTO dcim_device (name, site_id, platform_id, primary_ip4, comments, ssh_port)
              VALUES ('sw1', 1, 1, '192.0.2.1/24', 'keep me', NULL);
            """
        )


def test_force_brings_a_version_1_inventory_to_version_2_after_a_backup(
    settings: Settings, tmp_path: Path
) -> None:
    fresh = load_settings(tmp_path / "fresh", {})
    init_home(fresh)
    settings.home.mkdir(mode=0o700)
    make_v1(settings.dcim_db)
    init_home(settings, force=True)
    backup = settings.home / "dcim.db.before-vctui"
    assert "credential_tested_at" not in columns(backup, "dcim_device")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert columns(settings.dcim_db, "dcim_device") == columns(fresh.dcim_db, "dcim_device")
    assert columns(settings.dcim_db, "v_device_detail") == columns(fresh.dcim_db, "v_device_detail")
    with closing(sqlite3.connect(settings.dcim_db)) as db:
        assert db.execute("SELECT max(version) FROM schema_version").fetchone() == (2,)
        assert db.execute("SELECT comments, credential_test_result FROM dcim_device").fetchone() == (
            "keep me",
            "untested",
        )


def test_force_completes_a_vault_only_home(settings: Settings) -> None:
    settings.home.mkdir(mode=0o700)
    with closing(sqlite3.connect(settings.collector_db)) as db, db:
        db.execute(
            "CREATE TABLE credentials (id INTEGER PRIMARY KEY, name TEXT, username TEXT, is_default INT)"
        )
        db.execute("INSERT INTO credentials (name, username) VALUES ('lab', 'admin')")
    with pytest.raises(HomeError):
        init_home(settings)
    init_home(settings, force=True)
    with Store(settings.collector_db) as store, store.reading() as database:
        assert columns(settings.collector_db, "jobs")
        rows = list(database.execute_sql("SELECT name FROM credentials"))  # type: ignore[no-untyped-call]
    assert rows == [("lab",)]
