"""Making and completing a home folder."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vctui.config import Settings, load_settings
from vctui.errors import HomeError, StorageError
from vctui.storage import Inventory, init_home

COLLECTOR = {
    "credentials": (
        "id name username password_encrypted ssh_key_encrypted ssh_key_passphrase_encrypted "
        "is_default created_at updated_at"
    ),
    "vault_metadata": "id key value",
    "jobs": (
        "id name slug description capture_type vendor credential_id credential_fallback_env "
        "protocol device_filter_source device_filter_platform_id device_filter_site_id "
        "device_filter_role_id device_filter_name_pattern device_filter_status "
        "paging_disable_command command output_directory filename_pattern use_textfsm "
        "textfsm_template validation_min_score store_failures max_workers timeout_seconds "
        "inter_command_delay base_path schedule_enabled schedule_cron is_enabled last_run_at "
        "last_run_status legacy_job_id legacy_job_file migrated_at created_at updated_at"
    ),
    "job_commands": "id job_id sequence command description output_directory use_textfsm textfsm_template",
    "job_tags": "id name color",
    "job_tag_assignments": "job_id tag_id",
    "job_history": (
        "id job_id job_file started_at completed_at total_devices success_count failed_count status "
        "error_message"
    ),
    "captures": "id device_id device_name capture_type filepath file_size captured_at job_history_id",
    "v_job_summary": (
        "id name slug capture_type vendor is_enabled last_run_at last_run_status schedule_enabled "
        "schedule_cron credential_name run_count last_history_run"
    ),
    "v_job_history_detail": (
        "id job_id job_file started_at completed_at total_devices success_count failed_count status "
        "error_message job_name capture_type vendor"
    ),
}
DCIM = {
    "schema_version": "version applied_at",
    "dcim_site": (
        "id name slug status description physical_address facility time_zone netbox_id created_at updated_at"
    ),
    "dcim_manufacturer": "id name slug description netbox_id created_at updated_at",
    "dcim_platform": (
        "id name slug manufacturer_id description netmiko_device_type paging_disable_command "
        "netbox_id created_at updated_at"
    ),
    "dcim_device_role": "id name slug color description netbox_id created_at updated_at",
    "dcim_device": (
        "id name site_id platform_id role_id status serial_number asset_tag primary_ip4 primary_ip6 "
        "oob_ip credential_id ssh_port credential_tested_at credential_test_result description "
        "comments netbox_id created_at updated_at last_collected_at"
    ),
    "v_device_detail": (
        "id name status serial_number asset_tag primary_ip4 primary_ip6 oob_ip credential_id "
        "ssh_port credential_tested_at credential_test_result description netbox_id created_at "
        "updated_at last_collected_at site_id site_name site_slug platform_id platform_name "
        "platform_slug netmiko_device_type paging_disable_command manufacturer_id manufacturer_name "
        "manufacturer_slug role_id role_name role_slug"
    ),
    "v_site_device_counts": "id name slug status device_count active_devices",
    "v_platform_device_counts": "id name slug manufacturer_name device_count",
}
TEMPLATES = {"templates": "id cli_command cli_content textfsm_content textfsm_hash source created"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "home", {})


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def columns(path: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def everything_below(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


def test_every_table_view_and_column_velocitycollector_expects_is_there(settings: Settings) -> None:
    init_home(settings)
    for path, expected in (
        (settings.collector_db, COLLECTOR),
        (settings.dcim_db, DCIM),
        (settings.templates_db, TEMPLATES),
    ):
        for table, names in expected.items():
            assert columns(path, table) == set(names.split()), table


def test_uniques_foreign_keys_and_indexes_hold(settings: Settings) -> None:
    init_home(settings)
    with closing(sqlite3.connect(settings.dcim_db)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("INSERT INTO dcim_site (name, slug) VALUES ('lab', 'lab')")
        db.execute("INSERT INTO dcim_device (name, site_id, platform_id) VALUES ('sw1', 1, 1)")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("INSERT INTO dcim_device (name, site_id) VALUES ('sw1', 1)")
        db.execute("DELETE FROM dcim_platform WHERE id = 1")
        assert db.execute("SELECT platform_id, ssh_port, status FROM dcim_device").fetchone() == (
            None,
            22,
            "active",
        )
        db.execute("DELETE FROM dcim_site")
        assert db.execute("SELECT count(*) FROM dcim_device").fetchone() == (0,)
    with closing(sqlite3.connect(settings.collector_db)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("INSERT INTO credentials (name, username) VALUES ('lab', 'admin')")
        db.execute(
            "INSERT INTO jobs (name, slug, capture_type, command, credential_id)"
            " VALUES ('a', 'a', 'arp', 'x', 1)"
        )
        db.execute("INSERT INTO job_commands (job_id, command) VALUES (1, 'show arp')")
        db.execute("DELETE FROM credentials")
        assert db.execute("SELECT credential_id, max_workers, protocol FROM jobs").fetchone() == (
            None,
            10,
            "ssh",
        )
        db.execute("DELETE FROM jobs")
        assert db.execute("SELECT count(*) FROM job_commands").fetchone() == (0,)
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        assert {"idx_jobs_legacy_id", "idx_job_history_started", "idx_captures_device"} <= names


def test_the_defaults_are_there_unless_refused(settings: Settings, tmp_path: Path) -> None:
    init_home(settings)
    with Inventory(settings.dcim_db) as inventory:
        by_slug = {platform.slug: platform for platform in inventory.platforms()}
        assert len(by_slug) == 13
        assert len(inventory.roles()) == 12
        assert [maker.slug for maker in inventory.manufacturers()].count("palo-alto") == 1
    assert by_slug["cisco_ios_xr"].device_type == "cisco_xr"
    assert by_slug["cisco_ios_xr"].manufacturer == "Cisco"
    assert by_slug["juniper_junos"].paging_disable == "set cli screen-length 0"
    bare = load_settings(tmp_path / "bare", {})
    init_home(bare, defaults=False)
    with Inventory(bare.dcim_db) as inventory:
        assert inventory.platforms() == inventory.roles() == inventory.manufacturers() == []


def test_everything_is_private_under_any_umask(settings: Settings, umask: int) -> None:
    init_home(settings)
    for path in everything_below(settings.home):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_an_existing_home_is_refused_and_left_alone(settings: Settings) -> None:
    init_home(settings)
    before = {p: p.read_bytes() for p in everything_below(settings.home) if p.is_file()}
    with pytest.raises(HomeError, match=r"initialised already.*--force") as caught:
        init_home(settings)
    assert caught.value.exit_code == 10
    assert {p: p.read_bytes() for p in everything_below(settings.home) if p.is_file()} == before


def test_the_written_config_can_be_read_and_changes_nothing(settings: Settings) -> None:
    init_home(settings)
    assert load_settings(settings.home, {}) == settings


@pytest.mark.parametrize("kind", ["symlink", "file", "world", "group"])
def test_a_home_that_others_control_is_refused(settings: Settings, tmp_path: Path, kind: str) -> None:
    if kind == "symlink":
        (tmp_path / "real").mkdir()
        settings.home.symlink_to(tmp_path / "real")
    elif kind == "file":
        settings.home.write_text("")
    else:
        settings.home.mkdir()
        settings.home.chmod(0o707 if kind == "world" else 0o770)
    with pytest.raises(HomeError):
        init_home(settings)
    assert not (tmp_path / "real" / "collector.db").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_refused(settings: Settings) -> None:
    settings.home.mkdir()
    os.chown(settings.home, 12345, -1)
    with pytest.raises(HomeError, match="another user"):
        init_home(settings)


def test_a_failed_init_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file operation fails in turn: nothing is left, and a second try succeeds."""
    step = 1
    while fails_at(step, load_settings(tmp_path / str(step), {}), monkeypatch):
        step += 1
    assert step > 20


def fails_at(step: int, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether init has so many file operations; the given one fails."""
    calls = 0
    for name in ("open", "link", "mkdir", "fsync", "write"):
        real = getattr(os, name)

        def failing(*args: object, real: object = real, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == step:
                raise OSError(28, "No space left on device")
            return real(*args, **kwargs)  # type: ignore[operator]

        monkeypatch.setattr(os, name, failing)
    try:
        init_home(settings)
    except StorageError:
        failed = True
    else:
        failed = False
    monkeypatch.undo()
    assert failed == (calls >= step), "an operation failed and nobody noticed"
    if failed:
        left = settings.home.rglob("*") if settings.home.exists() else ()
        assert [path for path in left if path.is_file()] == []
        init_home(settings)
    assert columns(settings.collector_db, "vctui_runs")
    return failed
