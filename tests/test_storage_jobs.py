"""Jobs by column name, in files of any age."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vctui.config import load_settings
from vctui.errors import UsageError
from vctui.storage import JobStore, init_home
from vctui.storage.schema_collector import HISTORY, VAULT

ARP = {"name": "Arista ARP", "slug": "arista-arp-300", "capture_type": "arp", "command": "show ip arp,,"}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobStore]:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    with JobStore(settings.collector_db) as store:
        yield store


@pytest.fixture
def vault_only(tmp_path: Path) -> Iterator[JobStore]:
    """What VelocityCollector's vault alone makes: no table of jobs."""
    path = tmp_path / "collector.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(VAULT + HISTORY)
    with JobStore(path) as store:
        yield store


def test_a_saved_job_is_read_with_velocitycollectors_defaults(jobs: JobStore) -> None:
    number = jobs.save(ARP)
    row = jobs.get(id=number)
    assert row == jobs.get(slug="arista-arp-300") == jobs.rows()[0]
    assert row is not None
    assert row["command"] == "show ip arp,,"
    assert (row["max_workers"], row["timeout_seconds"], row["is_enabled"]) == (10, 60, 1)
    assert row["filename_pattern"] == "{device_name}.txt"
    assert (jobs.get(slug="none"), jobs.get(id=99), jobs.get()) == (None, None, None)


def test_saving_again_changes_only_what_is_given(jobs: JobStore) -> None:
    number = jobs.save({**ARP, "vendor": "arista", "schedule_cron": "0 * * * *"}, tags=["daily", "l2"])
    jobs.save({"id": number, "vendor": None})
    row = jobs.get(id=number)
    assert row is not None
    assert (row["vendor"], row["schedule_cron"], row["name"]) == (None, "0 * * * *", "Arista ARP")
    assert jobs.tags(number) == ["daily", "l2"]
    jobs.save({"id": number}, tags=["l2"])
    assert jobs.tags(number) == ["l2"]
    assert jobs.tags() == ["daily", "l2"]


def test_commands_keep_their_order_and_are_replaced_as_a_whole(jobs: JobStore) -> None:
    number = jobs.save(ARP, commands=[{"command": "show b"}, {"command": "show a, and more"}])
    assert [row["command"] for row in jobs.commands(number)] == ["show b", "show a, and more"]
    jobs.save({"id": number}, commands=jobs.commands(number)[1:])
    assert [row["command"] for row in jobs.commands(number)] == ["show a, and more"]
    jobs.save({"id": number}, commands=[])
    assert jobs.commands(number) == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({**ARP, "colour": "red"}, "job: colour: no such column"),
        ({**ARP, "id = 1; --": "x"}, "no such column"),
        ({**ARP, "slug": "taken"}, "job: slug: taken is in use by another job"),
        ({**ARP, "command": ""}, "job: command: must not be empty"),
        ({"name": "x"}, "job: slug: must not be empty"),
        ({**ARP, "credential_id": 99}, "job: credential_id: no such credential"),
        ({**ARP, "max_workers": 2**70}, "job: max_workers: too large"),
        ({"id": 77, "name": "x"}, "job 77 does not exist"),
        ({"id": 1, "name": ""}, "job: name: must not be empty"),
    ],
)
def test_what_cannot_be_saved_is_named_and_changes_nothing(
    jobs: JobStore, values: dict[str, Any], reason: str
) -> None:
    jobs.save({**ARP, "slug": "taken"})
    before = jobs.rows()
    with pytest.raises(UsageError, match=reason):
        jobs.save(values, commands=[{"command": "x"}], tags=["t"])
    assert jobs.rows() == before
    assert jobs.tags() == []


def test_enabling_running_and_deleting(jobs: JobStore) -> None:
    number = jobs.save(ARP, commands=[{"command": "show a"}], tags=["x"])
    jobs.set_enabled(number, False)
    jobs.save({"id": number, "last_run_at": "2026-11-23 18:00:00", "last_run_status": "partial"})
    row = jobs.get(id=number)
    assert row is not None
    assert (row["is_enabled"], row["last_run_at"], row["last_run_status"]) == (
        0,
        "2026-11-23 18:00:00",
        "partial",
    )
    jobs.delete(number)
    assert jobs.rows() == jobs.commands(number) == []
    assert jobs.tags(number) == []
    for missing in (jobs.delete, lambda job: jobs.set_enabled(job, True)):
        with pytest.raises(UsageError, match="does not exist"):
            missing(number)


def test_a_lone_surrogate_is_stored_as_a_replacement(jobs: JobStore) -> None:
    number = jobs.save({**ARP, "name": "bad \ud800 name"})
    row = jobs.get(id=number)
    assert row is not None
    assert row["name"] == "bad ? name"


def test_a_file_without_tables_of_jobs_has_none_until_one_is_saved(vault_only: JobStore) -> None:
    assert vault_only.rows() == []
    assert (vault_only.get(slug="x"), vault_only.commands(1), vault_only.tags()) == (None, [], [])
    vault_only.save(ARP)
    assert [row["slug"] for row in vault_only.rows()] == ["arista-arp-300"]
    assert vault_only.path.with_name("collector.db.before-vctui").exists()


def test_velocitycollectors_view_counts_runs_of_a_job(jobs: JobStore) -> None:
    jobs.save({**ARP, "legacy_job_id": 300})
    with closing(sqlite3.connect(jobs.path)) as db, db:
        for job in ("arista-arp-300", "300", "other"):
            db.execute(
                "INSERT INTO job_history (job_id, started_at) VALUES (?, '2026-01-01 00:00:00')", (job,)
            )
        assert db.execute("SELECT slug, run_count, last_history_run FROM v_job_summary").fetchall() == [
            ("arista-arp-300", 2, "2026-01-01 00:00:00")
        ]
        assert db.execute(
            "SELECT count(*) FROM v_job_history_detail WHERE job_name = 'Arista ARP'"
        ).fetchone() == (2,)
