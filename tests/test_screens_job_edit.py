"""The job editor: every field, a live count of devices, errors at the field, nothing lost by accident."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from screens.context import Context
from screens.job_edit import JobEditScreen
from screens.job_known import JobCopy
from screens.job_list import copied_row
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.field import Field
from screens.widgets.form import Form
from screens.widgets.matching import Matching
from screens.widgets.pick import PickScreen
from tests.fixtures.small_home import add_job, job_row, make_context, make_home, opened, settle
from vctui.config import Settings
from vctui.jobs import new_row
from vctui.storage import Inventory, JobStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_home(tmp_path)


@pytest.fixture
def context(settings: Settings) -> Context:
    return make_context(settings)


def field(app: App[Any], column: str) -> Field:
    return app.screen.query_one(f"#field-{column}", Field)


def problem(app: App[Any], column: str) -> str:
    return field(app, column).error


def matching(app: App[Any]) -> str:
    return str(app.screen.query_one(Matching).content)


async def write(pilot: Pilot[None], column: str, text: str) -> None:
    found = field(pilot.app, column)
    found.focus_editor()
    found.text = text
    await pilot.pause()
    await settle(pilot)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()
    await settle(pilot)


def platform_id(settings: Settings, slug: str) -> int:
    with Inventory(settings.dcim_db) as inventory:
        return next(row.id for row in inventory.platforms() if row.slug == slug)


async def test_every_column_a_user_sets_is_on_the_form(context: Context) -> None:
    async with opened(JobEditScreen(context, None)) as (app, _):
        assert {found.spec.column for found in app.screen.query(Field)} == set(new_row())


async def test_a_new_job_from_the_keyboard_alone(settings: Settings, context: Context) -> None:
    async with opened(JobEditScreen(context, None)) as (app, pilot):
        await press(pilot, *"Lab", "space", *"ARP")
        assert field(app, "slug").text == "lab-arp"
        await press(pilot, "enter", "down", "down", *"arp", "down", "down", *"arista")
        assert matching(app) == "2 of 7 devices match; 1 more would, but without an address"
        field(app, "command").focus_editor()
        await press(pilot, *"show", "space", *"ip", "space", *"arp", "ctrl+s")
        assert len(app.answers) == 1
    row = job_row(settings, app.answers[0])
    wanted = {**new_row(), "name": "Lab ARP", "slug": "lab-arp", "capture_type": "arp"}
    wanted |= {"vendor": "arista", "command": "show ip arp"}
    assert {column: row[column] for column in wanted} == wanted


async def test_the_slug_follows_the_name_only_until_it_is_written(context: Context) -> None:
    async with opened(JobEditScreen(context, None)) as (app, pilot):
        await write(pilot, "name", "One")
        await write(pilot, "slug", "mine")
        await write(pilot, "name", "Two")
        assert field(app, "slug").text == "mine"


async def test_errors_stand_at_their_fields_and_the_first_gets_the_cursor(context: Context) -> None:
    async with opened(JobEditScreen(context, None)) as (app, pilot):
        await write(pilot, "name", "Lab")
        await write(pilot, "filename_pattern", "{hostname}.txt")
        await write(pilot, "max_workers", "many")
        await press(pilot, "ctrl+s")
        assert not app.answers
        assert problem(app, "capture_type") == "is required"
        assert problem(app, "command") == "is required"
        assert "{device_name}" in problem(app, "filename_pattern")
        assert "must be a number" in problem(app, "max_workers")
        current = app.screen.query_one(Form).current
        assert current is not None
        assert current.spec.column == "capture_type"
        assert "4 fields need" in app.said
        await press(pilot, *"arp")
        assert problem(app, "capture_type") == ""


async def test_a_slug_in_use_is_an_error_at_the_slug(settings: Settings, context: Context) -> None:
    add_job(settings, "taken")
    async with opened(JobEditScreen(context, None)) as (app, pilot):
        for column, text in (("name", "Taken"), ("capture_type", "arp"), ("command", "show ip arp")):
            await write(pilot, column, text)
        await press(pilot, "ctrl+s")
        assert not app.answers
        assert "in use" in problem(app, "slug")
        current = app.screen.query_one(Form).current
        assert current is not None
        assert current.spec.column == "slug"


async def test_what_is_left_alone_stays_exactly_as_it_was(settings: Settings, context: Context) -> None:
    odd = {
        "vendor": "nortel",
        "capture_type": "my own type",
        "device_filter_platform_id": 9999,
        "device_filter_status": "mothballed",
        "description": "two\nlines",
        "credential_fallback_env": "VELOCITYCMDB_VAULT_PASS",
        "paging_disable_command": "",
        "output_directory": None,
        "inter_command_delay": 1,
        "max_workers": None,
    }
    job_id = add_job(settings, "odd", commands=["show clock"], **odd)
    before = job_row(settings, job_id)
    async with opened(JobEditScreen(context, before)) as (app, pilot):
        assert field(app, "device_filter_platform_id").text == "#9999 (unknown)"
        assert field(app, "description").text == "two⏎lines"
        await write(pilot, "name", "Renamed")
        await press(pilot, "ctrl+s")
        assert app.answers == [job_id]
    after = job_row(settings, job_id)
    assert after.pop("name") == "Renamed"
    before.pop("name")
    before.pop("updated_at")
    after.pop("updated_at")
    assert after == before
    with JobStore(settings.collector_db) as store:
        assert [row["command"] for row in store.commands(job_id)] == ["show clock"]


async def test_a_duplicate_keeps_odd_values_too(settings: Settings, context: Context) -> None:
    odd: dict[str, Any] = {
        "device_filter_platform_id": 9999,
        "is_enabled": None,
        "max_workers": "7",
        "description": "a\nb",
    }
    add_job(settings, "odd", **odd)
    with JobStore(settings.collector_db) as store:
        row = store.get(slug="odd")
    assert row is not None
    like = JobCopy(copied_row(row, {"odd"}), (), ())
    async with opened(JobEditScreen(context, None, like=like)) as (app, pilot):
        await press(pilot, "ctrl+s")
    copy = job_row(settings, app.answers[0])
    assert copy["slug"] == "odd-copy"
    assert {column: copy[column] for column in odd} == {column: row[column] for column in odd}


async def test_a_dangling_credential_survives_an_edit(settings: Settings, context: Context) -> None:
    job_id = add_job(settings, "job")
    with closing(sqlite3.connect(settings.collector_db)) as raw, raw:
        raw.execute("UPDATE jobs SET credential_id = 77 WHERE id = ?", (job_id,))
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        assert field(app, "credential_id").text == "#77 (unknown)"
        await write(pilot, "timeout_seconds", "90")
        await press(pilot, "ctrl+s")
        assert app.answers == [job_id]
    assert job_row(settings, job_id)["credential_id"] == 77
    assert job_row(settings, job_id)["timeout_seconds"] == 90


async def test_references_are_edited_by_name(settings: Settings, context: Context) -> None:
    context.resolver.vault.add("lab", "admin", password="secret")
    job_id = add_job(settings, "job", device_filter_platform_id=platform_id(settings, "arista_eos"))
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        shown = field(app, "device_filter_platform_id")
        assert "EOS" in shown.text
        cisco = next(c for c in shown.choices if c.value == platform_id(settings, "cisco_ios"))
        await write(pilot, "device_filter_platform_id", cisco.text.upper())
        assert matching(app) == "2 of 7 devices match"
        await write(pilot, "credential_id", "lab")
        await write(pilot, "device_filter_role_id", "nobody")
        assert "there is no role 'nobody'" in matching(app)
        await press(pilot, "ctrl+s")
        assert not app.answers
        assert "there is no role 'nobody'" in problem(app, "device_filter_role_id")
        await write(pilot, "device_filter_role_id", "")
        await press(pilot, "ctrl+s")
        assert app.answers == [job_id]
    row = job_row(settings, job_id)
    assert row["device_filter_platform_id"] == platform_id(settings, "cisco_ios")
    assert row["device_filter_role_id"] is None
    assert row["credential_id"] == 1


async def test_a_cleared_reference_means_any(settings: Settings, context: Context) -> None:
    job_id = add_job(settings, "job", device_filter_platform_id=9999)
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        assert matching(app) == "0 of 7 devices match"
        await write(pilot, "device_filter_platform_id", "")
        assert matching(app) == "5 of 7 devices match; 1 more would, but without an address"
        await press(pilot, "ctrl+s")
    assert job_row(settings, job_id)["device_filter_platform_id"] is None


async def test_the_count_follows_the_filter(context: Context) -> None:
    async with opened(JobEditScreen(context, None)) as (app, pilot):
        await write(pilot, "device_filter_name_pattern", "^core-")
        assert matching(app) == "3 of 7 devices match"
        await write(pilot, "device_filter_name_pattern", "^core-(")
        assert "not a regular expression" in matching(app)
        await write(pilot, "device_filter_name_pattern", "")
        await write(pilot, "device_filter_status", "offline")
        assert matching(app) == "1 of 7 devices match"


async def test_a_value_is_chosen_from_the_known_ones(context: Context) -> None:
    async with opened(JobEditScreen(context, None)) as (app, pilot):
        field(app, "device_filter_site_id").focus_editor()
        await press(pilot, "f2")
        assert isinstance(app.screen, PickScreen)
        await press(pilot, *"cor", "enter")
        assert field(app, "device_filter_site_id").text == "core"
        assert matching(app) == "3 of 7 devices match"
        await press(pilot, "f2", "escape")
        assert field(app, "device_filter_site_id").text == "core"
        field(app, "description").focus_editor()
        await press(pilot, "f2")
        assert isinstance(app.screen, JobEditScreen)


async def test_flags_are_turned_with_the_space_bar(settings: Settings, context: Context) -> None:
    job_id = add_job(settings, "job", is_enabled=1, use_textfsm=0)
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        field(app, "is_enabled").focus_editor()
        await press(pilot, "space")
        assert field(app, "is_enabled").text == "no"
        field(app, "use_textfsm").focus_editor()
        await press(pilot, "y", "ctrl+s")
    row = job_row(settings, job_id)
    assert (row["is_enabled"], row["use_textfsm"]) == (0, 1)


async def test_a_flag_that_is_null_shows_what_it_means(settings: Settings, context: Context) -> None:
    job_id = add_job(settings, "job", is_enabled=None, use_textfsm=None)
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        assert field(app, "is_enabled").text == "yes"
        assert field(app, "use_textfsm").text == "no"
        await write(pilot, "name", "Renamed")
        await press(pilot, "ctrl+s")
    assert job_row(settings, job_id)["is_enabled"] is None


async def test_leaving_with_changes_asks(settings: Settings, context: Context) -> None:
    job_id = add_job(settings, "job")
    before = job_row(settings, job_id)
    async with opened(JobEditScreen(context, before)) as (app, pilot):
        await press(pilot, "X", "escape")
        assert isinstance(app.screen, ConfirmScreen)
        assert "Name" in str(app.screen.query_one("#detail", Static).content)
        await press(pilot, "escape")
        assert isinstance(app.screen, JobEditScreen)
        assert app.screen.quit_question()
        await press(pilot, "escape", "y")
        assert app.answers == [None]
    assert job_row(settings, job_id) == before


async def test_leaving_without_changes_does_not_ask(settings: Settings, context: Context) -> None:
    job_id = add_job(settings, "job")
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        await press(pilot, "X", "backspace")
        assert isinstance(app.screen, JobEditScreen)
        assert app.screen.quit_question() is None
        await press(pilot, "escape")
        assert app.answers == [None]


async def test_a_bad_value_from_before_is_shown_but_keeps_nothing_from_being_saved(
    settings: Settings, context: Context
) -> None:
    job_id = add_job(settings, "job", protocol="telnet")
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        assert "ssh" in problem(app, "protocol")
        await write(pilot, "name", "Renamed")
        await press(pilot, "ctrl+s")
        assert app.answers == [job_id]
    assert job_row(settings, job_id)["protocol"] == "telnet"


async def test_line_breaks_survive_an_edit(settings: Settings, context: Context) -> None:
    job_id = add_job(
        settings, "job", paging_disable_command="config system console\nset output standard\nend"
    )
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        await write(pilot, "paging_disable_command", field(app, "paging_disable_command").text + "⏎exit")
        await press(pilot, "ctrl+s")
    stored = job_row(settings, job_id)["paging_disable_command"]
    assert stored == "config system console\nset output standard\nend\nexit"


async def test_own_commands_are_shown(settings: Settings, context: Context) -> None:
    job_id = add_job(settings, "job", commands=["show version", "show clock"])
    with closing(sqlite3.connect(settings.collector_db)) as raw, raw:
        raw.execute("UPDATE jobs SET command = '' WHERE id = ?", (job_id,))
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        about = str(app.screen.query_one("#about", Static).content)
        assert "command 2: show clock" in about
        await write(pilot, "name", "Renamed")
        await press(pilot, "ctrl+s")
        assert app.answers == [job_id]


async def test_hostile_values_are_literal_and_left_alone(settings: Settings, context: Context) -> None:
    nasty = "[/oops]\x1b]0;PWNED\x07"
    job_id = add_job(settings, "job", description=nasty, textfsm_template="[red]")
    async with opened(JobEditScreen(context, job_row(settings, job_id))) as (app, pilot):
        assert "\x1b" not in field(app, "description").text
        await write(pilot, "name", "[/b]")
        await press(pilot, "ctrl+s")
        assert app.answers == [job_id]
    assert job_row(settings, job_id)["description"] == nasty


async def test_arrows_reach_every_field_and_it_is_in_view(context: Context) -> None:
    async with opened(JobEditScreen(context, None)) as (app, pilot):
        form = app.screen.query_one(Form)
        fields = list(form.fields)
        for expected in fields:
            assert form.current is expected
            assert form.region.contains_region(expected.region)
            form.action_move(1)
            await pilot.pause()
        assert form.current is fields[0]
        await pilot.press("down", "tab", "shift+tab", "up", "up")
        assert form.current is fields[-1]
        await pilot.press("down")
        await pilot.press("pagedown", "pagedown", "pageup")
        assert form.current is fields[8]
