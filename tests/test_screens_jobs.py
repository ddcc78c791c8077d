"""The job picker: filtering as you type, and what can be done to a job from the keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

from screens.job_edit import JobEditScreen
from screens.job_list import JobLine, copied_row, job_line
from screens.jobs import JobsScreen
from screens.unlock import UnlockScreen
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.rows import Rows
from tests.fixtures.small_home import (
    add_job,
    add_job_file,
    job_row,
    make_context,
    make_home,
    opened,
    settle,
)
from vctui.config import Settings
from vctui.jobs import Job, JobEntry, JobSource
from vctui.storage import JobStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = make_home(tmp_path)
    add_job(home, "arista-arp-300", vendor="arista", last_run_status="success")
    add_job(home, "cisco-version-301", vendor="cisco", capture_type="version", is_enabled=0)
    add_job(home, "multi-configs-302", vendor=None, capture_type="configs", last_run_status="failed")
    add_job_file(home, "arp-file.json", job_id=7)
    (home.jobs_dir / "broken.json").write_text('{"version": "2.0", "commands": {}}')
    return home


def top(app: App[Any]) -> Screen[Any]:
    """The screen on show, anew at every call."""
    return app.screen


def slugs(app: App[Any]) -> list[str]:
    return [line.entry.ref for line in rows_of(app).items]


def rows_of(app: App[Any]) -> Rows[JobLine]:
    rows: Rows[JobLine] = app.screen.query_one("#jobs", Rows)
    return rows


def shown(app: App[Any], selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()
    await settle(pilot)


async def find(pilot: Pilot[None], text: str) -> None:
    """Filter, without a key press for each letter."""
    pilot.app.screen.query_one("#filter", Input).value = text
    await pilot.pause()


async def test_lists_database_and_file_jobs_and_bad_files(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, _):
        assert slugs(app) == [
            "arista-arp-300",
            "cisco-version-301",
            "multi-configs-302",
            "arp-file.json",
            "broken.json",
        ]
        texts = [line.cells[0] for line in rows_of(app).items]
        assert [text[6] for text in texts] == ["success", "never", "failed", "never", "unusable"]
        assert [text[4] for text in texts] == ["on", "off", "on", "on", ""]
        assert [text[7] for text in texts] == ["db", "db", "db", "file", "file"]
        assert shown(app, "#count") == "5 jobs"


async def test_filters_as_you_type_and_escape_clears(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await press(pilot, *"arp")
        assert slugs(app) == ["arista-arp-300", "arp-file.json"]
        assert shown(app, "#count") == "2 of 5 jobs"
        await press(pilot, "space", *"FILE")
        assert slugs(app) == ["arp-file.json"]
        await press(pilot, *"nothing")
        assert slugs(app) == []
        await press(pilot, "enter", "ctrl+e", "delete")
        assert isinstance(top(app), JobsScreen)
        await press(pilot, "escape")
        assert len(slugs(app)) == 5


async def test_arrows_move_while_the_box_keeps_the_focus(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await press(pilot, "down", "down", "up")
        assert rows_of(app).cursor == 1
        assert isinstance(app.focused, Input)
        await press(pilot, "pagedown")
        assert rows_of(app).cursor == 4
        assert "broken.json" in shown(app, "#detail")
        assert "capture_type" in shown(app, "#detail") or "command" in shown(app, "#detail")


async def test_a_bad_job_is_not_opened_but_explained(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await find(pilot, "broken")
        await press(pilot, "enter")
        assert isinstance(top(app), JobsScreen)
        assert "broken.json cannot be used" in app.said


async def test_enter_opens_the_preview(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from screens import preview

    opened_with: list[Job] = []

    class Preview(ConfirmScreen):
        def __init__(self, context: object, job: Job) -> None:
            super().__init__("stands for the preview")
            opened_with.append(job)

    monkeypatch.setattr(preview, "PreviewScreen", Preview)
    async with opened(JobsScreen(make_context(settings))) as (_, pilot):
        await find(pilot, "multi")
        await press(pilot, "enter")
    assert [job.slug for job in opened_with] == ["multi-configs-302"]


async def test_the_status_is_read_again_after_a_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from screens import preview

    monkeypatch.setattr(preview, "PreviewScreen", lambda context, job: ConfirmScreen("stands for it"))
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await find(pilot, "arista-arp")
        await press(pilot, "enter")
        with JobStore(settings.collector_db) as store:
            store.save({"id": 1, "last_run_status": "partial"})
        await press(pilot, "escape")
        assert rows_of(app).items[0].cells[0][6] == "partial"
        assert slugs(app) == ["arista-arp-300"]


async def test_switching_off_and_on(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await press(pilot, "down", "ctrl+t")
        assert job_row(settings, 2)["is_enabled"] == 1
        assert rows_of(app).cursor == 1
        assert rows_of(app).items[1].cells[0][4] == "on"
        await press(pilot, "ctrl+t")
        assert job_row(settings, 2)["is_enabled"] == 0


async def test_removing_asks_and_names_the_job(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await press(pilot, "delete")
        assert isinstance(top(app), ConfirmScreen)
        assert "arista-arp-300" in shown(app, "#question")
        await press(pilot, "enter")
        assert len(slugs(app)) == 5
        await press(pilot, "delete", "y")
        assert "arista-arp-300" not in slugs(app)
    with JobStore(settings.collector_db) as store:
        assert store.get(slug="arista-arp-300") is None


async def test_a_file_is_not_changed_but_says_how(settings: Settings) -> None:
    before = (settings.jobs_dir / "arp-file.json").read_bytes()
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        for key in ("ctrl+t", "delete", "ctrl+d"):
            app.clear_notifications()
            await find(pilot, "arp-file")
            await press(pilot, key)
            assert isinstance(top(app), JobsScreen)
            assert "^o imports it" in app.said
            await press(pilot, "escape")
    assert (settings.jobs_dir / "arp-file.json").read_bytes() == before


async def test_importing_a_file_puts_the_cursor_on_its_copy(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await press(pilot, "end", "down", "down", "down", "ctrl+o")
        await settle(pilot)
        picked = rows_of(app).picked
        assert picked is not None
        assert picked.database_id is not None
        assert job_row(settings, picked.database_id)["legacy_job_id"] == 7
        await press(pilot, "ctrl+o")
        assert "in the database already" in app.said
    assert (settings.jobs_dir / "arp-file.json").exists()


async def test_editing_a_file_imports_it_first(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await find(pilot, "arp-file")
        await press(pilot, "ctrl+e")
        assert isinstance(top(app), ConfirmScreen)
        await press(pilot, "n")
        assert isinstance(top(app), JobsScreen)
        await press(pilot, "ctrl+e", "enter")
        assert isinstance(top(app), JobEditScreen)


async def test_editing_comes_back_to_the_job(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await press(pilot, "down", "ctrl+e")
        assert isinstance(top(app), JobEditScreen)
        await press(pilot, "X", "ctrl+s")
        assert isinstance(top(app), JobsScreen)
        assert rows_of(app).cursor == 1
    assert job_row(settings, 2)["name"].endswith("X")


async def test_duplicating_copies_commands_and_tags_under_a_free_slug(settings: Settings) -> None:
    original = add_job(settings, "two-steps", commands=["show version", "show clock"], legacy_job_id=5)
    with JobStore(settings.collector_db) as store:
        store.save({"id": original}, tags=["night"])
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await find(pilot, "two-steps")
        await press(pilot, "ctrl+d")
        assert isinstance(top(app), JobEditScreen)
        await press(pilot, "escape")
        assert isinstance(top(app), JobsScreen)
        await press(pilot, "ctrl+d", "ctrl+s")
        assert slugs(app) == ["two-steps", "two-steps-copy"]
    with JobStore(settings.collector_db) as store:
        copy = store.get(slug="two-steps-copy")
        assert copy is not None
        assert copy["legacy_job_id"] is None
        commands = [command["command"] for command in store.commands(copy["id"])]
        assert commands == ["show version", "show clock"]
        assert store.tags(copy["id"]) == ["night"]


async def test_new_job_opens_an_empty_editor(settings: Settings) -> None:
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await press(pilot, "ctrl+n")
        assert isinstance(top(app), JobEditScreen)


async def test_locking_and_unlocking(settings: Settings) -> None:
    context = make_context(settings)
    async with opened(JobsScreen(context)) as (app, pilot):
        assert shown(app, "#lock") == ""
        await press(pilot, "ctrl+l")
        assert not context.resolver.is_unlocked
        assert "locked" in shown(app, "#lock")
        await press(pilot, "ctrl+l")
        assert isinstance(top(app), UnlockScreen)
        await press(pilot, *"correct", "space", *"horse", "enter")
        assert isinstance(top(app), JobsScreen)
        assert shown(app, "#lock") == ""


async def test_a_damaged_database_is_said(settings: Settings) -> None:
    context = make_context(settings)
    settings.collector_db.write_bytes(b"this is no database, but long enough to be looked at " * 40)
    async with opened(JobsScreen(context)) as (app, _):
        assert "collector.db" in app.said


async def test_hostile_text_is_shown_literally(settings: Settings) -> None:
    nasty = "[/oops] [red]x\x1b]0;PWNED\x07\u202e"
    add_job(settings, "nasty", description=nasty, vendor="[/bold]")
    (settings.jobs_dir / "[red]\x1b[31m.json").write_text("{")
    async with opened(JobsScreen(make_context(settings))) as (app, pilot):
        await find(pilot, "nasty")
        assert "[/oops] [red]x\ufffd]0;PWNED\ufffd\ufffd" in shown(app, "#detail")
        await press(pilot, "escape", "pagedown", "ctrl+end", "enter")
        assert "\x1b" not in app.export_screenshot()
        assert "\x1b" not in app.said


async def test_thousands_of_jobs_are_one_table_without_widgets_for_rows(settings: Settings) -> None:
    entry = JobSource(settings).entries()[0]
    lines = [job_line(JobEntry(f"job-{n}", entry.source, None, "bad")) for n in range(10_000)]
    screen = JobsScreen(make_context(settings))
    async with opened(screen) as (app, pilot):
        screen.post_message(JobsScreen.Loaded(lines, None, None))
        await pilot.pause()
        widgets = len(app.screen.query("*"))
        await find(pilot, "job-9999")
        assert slugs(app) == ["job-9999"]
        assert len(app.screen.query("*")) == widgets


def test_the_slug_of_a_copy_is_free() -> None:
    row = {"id": 3, "name": "A", "slug": "a", "last_run_at": "x", "legacy_job_id": 4, "vendor": "cisco"}
    assert copied_row(row, {"a"}) == {"name": "A (copy)", "slug": "a-copy", "vendor": "cisco"}
    assert copied_row(row, {"a", "a-copy", "a-copy-2"})["slug"] == "a-copy-3"


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("2026-11-23 18:00:05", "11-23 18:00"),
        ("2026-11-23T18:00:05.123456", "11-23 18:00"),
        ("2025-11-23 18:00:05", "2025-11-23"),
        ("yesterday", "yesterday"),
        (None, "-"),
    ],
)
def test_moments(settings: Settings, stored: str | None, expected: str) -> None:
    add_job(settings, "timed", last_run_at=stored)
    entry = next(entry for entry in JobSource(settings).entries() if entry.ref == "timed")
    assert job_line(entry, year=2026).cells[0][5] == expected
