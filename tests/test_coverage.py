"""Coverage: what inventory, history and tests say of each device, on both faces."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from screens.coverage import CoverageScreen
from screens.coverage_view import fitting
from screens.discovery import DiscoveryScreen
from tests.fixtures.logins import Home, make_home
from tests.fixtures.screens import (
    HOSTILE,
    Stage,
    assert_harmless,
    is_on,
    make_context,
    row_texts,
    shown,
    text_of,
    until,
)
from vctui.cli.main import main
from vctui.events import DeviceStatus
from vctui.jobs import Coverage, DeviceCoverage, age, read_coverage
from vctui.records import Device
from vctui.storage import CaptureRecord, DeviceRecord, History, Inventory, LastVisit, LoginStore, LoginTest
from vctui.storage.logins import TestResult

NOW = datetime.now(UTC)
DAYS = 60 * 84
"""Minutes: three and a half days, which stay three for as long as a test may take."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Five devices and the credentials a and b."""
    home = make_home(tmp_path)
    for name in "ab":
        home.add_credential(name, name)
    home.add_port(22, 5, credential="")
    return home


def coverage(home: Home) -> dict[str, DeviceCoverage]:
    read = read_coverage(home.settings, home.resolver.credentials())
    return {one.device.name: one for one in read.devices}


def device_id(home: Home, name: str) -> int:
    with Inventory(home.settings.dcim_db) as inventory:
        device = inventory.get(name)
    assert device is not None
    return device.id


def visit(
    home: Home,
    name: str,
    status: DeviceStatus = "ok",
    kind: str | None = None,
    *,
    credential: str = "a",
    minutes: int = 0,
    types: tuple[str, ...] = (),
) -> None:
    """One device of one run, so many minutes ago."""
    at = NOW - timedelta(minutes=minutes)
    local = at.astimezone().replace(tzinfo=None).isoformat()
    id = device_id(home, name)
    record = DeviceRecord(
        id, name, "192.0.2.1", status, "complete", kind, credential=credential, finished_at=at.isoformat()
    )
    captures = [CaptureRecord(id, name, kind, f"/c/{kind}/{name}.txt", 10, local) for kind in types]
    with History(home.settings.collector_db) as history:
        run = history.start_run(job_id="j", job_file="j", job_name="j", total=1)
        history.record_device(run, record, captures)


def note(home: Home, name: str, credential: str, result: TestResult, minutes: int = 0) -> None:
    with LoginStore(home.settings.collector_db) as store:
        store.note_test(
            LoginTest(
                device_id(home, name),
                home.id_of(credential) or 0,
                "x:22",
                result,
                "",
                NOW - timedelta(minutes=minutes),
            )
        )


def test_what_the_last_login_said(home: Home) -> None:
    visit(home, "fra-000", minutes=9)
    visit(home, "fra-001", "failed", "auth_failed", minutes=9)
    visit(home, "fra-002", "failed", "command_timeout")
    visit(home, "fra-003", "failed", "connection_timeout")
    found = coverage(home)
    assert [found[f"fra-00{n}"].login for n in range(5)] == [
        "works",
        "refused",
        "works",
        "unknown",
        "unknown",
    ]
    assert found["fra-003"].last is not None
    assert (found["fra-004"].last, found["fra-004"].credential) == (None, "")
    visit(home, "fra-000", "failed", "auth_failed", minutes=5)
    visit(home, "fra-000", "failed", "unreachable", minutes=1)
    note(home, "fra-001", "b", "accepted")
    found = coverage(home)
    assert (found["fra-000"].login, found["fra-000"].last and found["fra-000"].last.error_kind) == (
        "refused",
        "unreachable",
    )
    assert (found["fra-001"].login, found["fra-001"].credential) == ("works", "b")


def test_it_speaks_of_the_credential_that_a_run_would_use(home: Home) -> None:
    with Inventory(home.settings.dcim_db) as inventory:
        for name in ("fra-000", "fra-001"):
            inventory.set_credential(device_id(home, name), home.id_of("a"))
        inventory.set_credential(device_id(home, "fra-002"), home.id_of("b"), result="success")
    note(home, "fra-000", "a", "refused", minutes=5)
    note(home, "fra-000", "b", "accepted")
    note(home, "fra-001", "b", "accepted")
    found = coverage(home)
    assert [
        (found[n].login, found[n].credential, found[n].other) for n in ("fra-000", "fra-001", "fra-002")
    ] == [
        ("refused", "a", "b"),
        ("unknown", "a", "b"),
        ("works", "b", ""),
    ]


def test_the_newest_capture_of_each_type(home: Home) -> None:
    visit(home, "fra-000", types=("arp", "version"), minutes=60 * 30)
    visit(home, "fra-000", types=("arp",), minutes=3)
    visit(home, "fra-001", types=("arp",), minutes=60 * 24 * 80)
    read = read_coverage(home.settings, home.resolver.credentials())
    assert (read.types, read.collected) == (("arp", "version"), 2)
    ages = [[age(one.captured.get(kind), NOW) for kind in read.types] for one in read.devices]
    assert ages == [["3m", "30h"], ["11w", "-"], ["-", "-"], ["-", "-"], ["-", "-"]]


def test_captures_without_an_id_count_where_the_name_is_unique(home: Home) -> None:
    home.add_port(22, 1, site="ams", credential="")
    with Inventory(home.settings.dcim_db) as inventory:
        inventory.edit(device_id(home, "ams-005"), {"name": "fra-001"})
    with History(home.settings.collector_db) as history:
        run = history.start_run(job_id="j", job_file="j", job_name="j", total=1)
        record = DeviceRecord(0, "other", "192.0.2.1", "ok", "complete")
        captures = [CaptureRecord(None, name, "arp", f"/{name}", 1) for name in ("fra-000", "fra-001")]
        history.record_device(run, record, captures)
    read = read_coverage(home.settings, home.resolver.credentials())
    assert {one.device.name: set(one.captured) for one in read.devices if one.captured} == {
        "fra-000": {"arp"}
    }


def test_the_command_prints_the_matrix(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    visit(home, "fra-000", types=("arp",), minutes=DAYS)
    visit(home, "fra-001", "failed", "auth_failed")
    flags = ["--home", str(home.settings.home), "devices", "coverage"]
    assert main(flags) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["DEVICE", "SITE", "CREDENTIAL", "LOGIN", "LAST", "RUN", "ARP"]
    assert lines[1].split() == ["fra-000", "fra", "a", "works", "ok", "3d"]
    assert lines[2].split() == ["fra-001", "fra", "a", "refused", "auth_failed", "-"]
    assert (
        "5 devices: a credential works on 1, is refused by 1, unknown for 3; 1 have a capture" in captured.err
    )
    assert main([*flags, "--gaps", "--types", "arp,mac", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["device"] for one in found] == [f"fra-00{n}" for n in range(5)]
    assert set(found[0]["captured"]) == {"arp", "mac"}
    assert found[0]["captured"]["mac"] is None
    assert main([*flags, "--gaps"]) == 0
    assert "fra-000" not in capsys.readouterr().out


# The screen


def make(count: int = 3, types: tuple[str, ...] = ("arp", "version"), name: str = "sw") -> Coverage:
    rows = []
    for number in range(count):
        device = Device(number, f"{name}{number}", primary_ip4=f"192.0.2.{number}", site="fra")
        last = LastVisit(number, 7, "failed", "auth_failed", "no", "a", NOW.isoformat()) if number else None
        login = ("works", "refused", "unknown")[number % 3]
        captured = dict.fromkeys(types, NOW - timedelta(minutes=DAYS)) if number == 0 else {}
        rows.append(DeviceCoverage(device, login, "a", NOW, captured, last))  # type: ignore[arg-type]
    return Coverage(types, tuple(rows))


async def test_the_screen_shows_the_matrix_and_narrows_it(tmp_path: Path) -> None:
    screen = CoverageScreen(make_context(tmp_path), read=lambda context: make())
    app = Stage(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "sw0" in shown(app))
        assert "3 devices  works 1  refused 1  unknown 1  collected 1" in shown(app)
        assert [line.split() for line in row_texts(app, "#devices")] == [
            ["sw0", "a", "works", "3d", "3d"],
            ["sw1", "a", "refused", "-", "-"],
            ["sw2", "a", "unknown", "-", "-"],
        ]
        await pilot.press("down")
        assert "a is refused" in text_of(app, "#detail")
        assert "Run 7" in text_of(app, "#detail")
        await pilot.press(*"refused")
        assert [line.split()[0] for line in row_texts(app, "#devices")] == ["sw1"]
        await pilot.press("escape", "ctrl+t")
        assert [line.split()[0] for line in row_texts(app, "#devices")] == ["sw1", "sw2"]
        assert "without a credential that works" in shown(app)


async def test_types_that_do_not_fit_are_turned_to(tmp_path: Path) -> None:
    types = tuple(f"type-{number:02}" for number in range(20))
    app = Stage(CoverageScreen(make_context(tmp_path), read=lambda context: make(types=types)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "type-00" in shown(app))
        assert "types 1-4 of 20" in shown(app)
        for _ in range(9):
            await pilot.press("ctrl+right")
        assert "type-19" in shown(app)
        await pilot.press("ctrl+left")
        assert "type-19" not in shown(app)
        for _ in range(9):
            await pilot.press("ctrl+left")
        assert "types 1-4 of 20" in shown(app)
    assert fitting(types, 0, 10) == 1, "one at least"


async def test_enter_looks_for_credentials_for_the_devices_in_view(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.add_credential("a", "a")
    home.add_port(22, 3, credential="")
    context = make_context(home.settings.home)
    context.resolver = home.resolver
    screen = CoverageScreen(replace(context, settings=home.settings))
    app = Stage(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "fra-000" in shown(app))
        await pilot.press(*"-001", "enter")
        await until(pilot, lambda: is_on(app, DiscoveryScreen) and "1 device, at most 1 logins" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    for text in HOSTILE:
        read = make(types=(text,), name=text)
        app = Stage(CoverageScreen(make_context(tmp_path), read=lambda context, read=read: read))  # type: ignore[misc]
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda app=app: "3 devices" in shown(app))  # type: ignore[misc]
            assert_harmless(app)
