"""Devices from CSV and back."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vctui.config import load_settings
from vctui.errors import StorageError, UsageError
from vctui.records import Device
from vctui.storage import ImportReport, Inventory, init_home
from vctui.storage.inventory_csv import neutral, restore

HEADER = "name,primary_ip4,platform,site,role,status\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    with Inventory(settings.dcim_db) as opened:
        yield opened


def load(inventory: Inventory, folder: Path, text: str | bytes, **options: object) -> ImportReport:
    path = folder / "devices.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return inventory.import_csv(path, **options)  # type: ignore[arg-type]


def named(inventory: Inventory, name: str) -> Device:
    device = inventory.get(name)
    assert device is not None
    return device


def test_import_creates_what_is_missing_and_keeps_to_device_types(
    inventory: Inventory, tmp_path: Path
) -> None:
    report = load(
        inventory,
        tmp_path,
        "status,role,site,platform,primary_ip4,name,ssh_port\n"
        "active,leaf,Main Office,arista_eos,192.0.2.1,sw1,\n"
        ",Leaf,main-office,cisco_xe,192.0.2.2/24,sw2,2222\n"
        "planned,new role,lab,huawei_vrp,192.0.2.3,sw3,\n"
        "active,,lab,frr,192.0.2.4,sw4,\n"
        "active,,lab,linux,192.0.2.5,sw5,\n"
        "active,,lab,acme_os,192.0.2.6,sw6,\n",
    )
    assert (report.added, report.skipped, report.errors) == (6, 0, ())
    found = {device.name: device for device in inventory.devices()}
    assert found["sw1"].site == found["sw2"].site == "main-office"
    assert found["sw1"].role == found["sw2"].role == "leaf"
    assert (found["sw2"].platform, found["sw2"].port, found["sw2"].status) == ("cisco_ios_xe", 2222, "active")
    types = {name: (device.device_type, device.manufacturer) for name, device in found.items()}
    assert types == {
        "sw1": ("arista_eos", "Arista"),
        "sw2": ("cisco_xe", "Cisco"),
        "sw3": ("huawei_vrp", "Huawei"),
        "sw4": ("frr", "FRRouting"),
        "sw5": ("linux", "Linux"),
        "sw6": ("acme_os", "Acme"),
    }
    assert "site Main Office" in report.created
    assert "platform Huawei VRP" in report.created


def test_bad_rows_are_named_by_line_and_the_others_imported(inventory: Inventory, tmp_path: Path) -> None:
    text = (
        HEADER + "sw1,192.0.2.1,arista_eos,lab,leaf,active\n"
        "sw2,192.0.2.999,arista_eos,lab,leaf,active\n"
        "\n"
        '"sw\n3",192.0.2.3,arista_eos,lab,leaf,active\n'
        "sw4,192.0.2.4,arista_eos,,leaf,active\n"
        "sw5,192.0.2.5,arista_eos,lab,leaf,broken\n"
        "sw6,192.0.2.6,arista_eos,lab\n"
        ",192.0.2.7,arista_eos,lab,leaf,active\n"
        "SW1,192.0.2.8,arista_eos,LAB,leaf,active\n"
    )
    report = load(inventory, tmp_path, text)
    assert [line for line, _ in report.errors] == [3, 5, 7, 8, 9, 10, 11]
    reasons = dict(report.errors)
    assert reasons[3] == "primary_ip4: '192.0.2.999' is not an IPv4 address"
    assert "control character" in reasons[5]
    assert reasons[7] == "site: must not be empty"
    assert reasons[9] == "4 cells, the header has 6"
    assert reasons[11] == "SW1 is on line 2 already"
    assert (report.added, report.skipped) == (1, 7)
    assert [device.name for device in inventory.devices()] == ["sw1"]


def test_strict_imports_nothing_when_one_row_is_bad(inventory: Inventory, tmp_path: Path) -> None:
    good = "sw1,192.0.2.1,acme_os,lab,leaf,active\n"
    bad_value = load(inventory, tmp_path, HEADER + good + "sw2,x,acme_os,lab,leaf,active\n", strict=True)
    assert (bad_value.added, bad_value.skipped) == (0, 2)
    twice = "name,primary_ip4,platform,site,asset_tag\nsw1,,acme_os,lab,A1\nsw2,,acme_os,lab,A1\n"
    conflict = load(inventory, tmp_path, twice, strict=True)
    assert conflict.errors == ((3, "asset_tag: A1 belongs to another device"),)
    assert (conflict.added, conflict.skipped, conflict.created) == (0, 2, ())
    assert inventory.devices() == []
    assert inventory.sites() == []
    assert "acme_os" not in {platform.slug for platform in inventory.platforms()}


def test_a_conflicting_row_costs_only_itself(inventory: Inventory, tmp_path: Path) -> None:
    text = "name,primary_ip4,platform,site,asset_tag\nsw1,,frr,lab,A1\nsw2,,frr,other,A1\nsw3,,frr,other,A3\n"
    report = load(inventory, tmp_path, text)
    assert (report.added, report.skipped) == (2, 1)
    assert named(inventory, "sw3").site == "other"


def test_importing_again_updates_and_keeps_what_has_no_column(inventory: Inventory, tmp_path: Path) -> None:
    full = "name,primary_ip4,platform,site,comments,description\nsw1,192.0.2.1,frr,lab,rack 4,old\n"
    load(inventory, tmp_path, full)
    inventory.edit(named(inventory, "sw1").id, {"ssh_port": 2222, "credential_id": 9})
    again = load(inventory, tmp_path, HEADER + "SW1,192.0.2.9,frr,LAB,,\n")
    assert (again.added, again.updated, again.skipped) == (0, 1, 0)
    device = named(inventory, "sw1")
    assert (device.primary_ip4, device.comments, device.port, device.credential_id) == (
        "192.0.2.9",
        "rack 4",
        2222,
        9,
    )
    assert load(inventory, tmp_path, HEADER + "SW1,192.0.2.9,frr,LAB,,\n").unchanged == 1
    emptied = load(inventory, tmp_path, "name,primary_ip4,platform,site,comments\nSW1,192.0.2.9,frr,lab,\n")
    assert emptied.updated == 1
    assert named(inventory, "sw1").comments == ""


def test_a_credential_is_found_by_name(inventory: Inventory, tmp_path: Path) -> None:
    text = "name,primary_ip4,platform,site,credential\nsw1,,frr,lab,lab\nsw2,,frr,lab,\nsw3,,frr,lab,nobody\n"
    report = load(inventory, tmp_path, text, credential_id={"lab": 4}.get)
    assert report.errors == ((4, "credential: no credential is called 'nobody'"),)
    assert named(inventory, "sw1").credential_id == 4
    assert named(inventory, "sw2").credential_id is None


@pytest.mark.parametrize(
    "data",
    [
        ("﻿" + HEADER + "sw1,192.0.2.1,frr,lab,,\n").encode(),
        (HEADER + "sw1,192.0.2.1,frr,lab,,\n").replace("\n", "\r\n").encode(),
        (HEADER + "sw1,192.0.2.1,frr,lab,,\n").replace(",", ";").encode(),
        (b" Name ,Primary IP4,PLATFORM,site\nsw1 , 192.0.2.1,frr,lab"),
    ],
    ids=["BOM", "CRLF", "semicolons", "spelling"],
)
def test_files_as_spreadsheets_write_them(inventory: Inventory, tmp_path: Path, data: bytes) -> None:
    assert load(inventory, tmp_path, data).added == 1
    assert named(inventory, "sw1").host == "192.0.2.1"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no column name"),
        (b"name,site,platform\n", "no column primary_ip4"),
        (b"name,site,platform,primary_ip4,name\n", "'name' is there twice"),
        (HEADER.encode() + b"sw\xff,1,frr,lab,,\n", "line 2: not UTF-8"),
        (HEADER.encode() + b'"sw1,1,frr,lab,,\n', "line 2: unexpected end"),
        (HEADER.encode() + b"x" * 200_000 + b",,,,,\n", "line 2: field larger"),
    ],
)
def test_what_is_not_such_a_csv_is_refused(
    inventory: Inventory, tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        load(inventory, tmp_path, data)


def test_sizes_are_bounded(inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vctui.storage.inventory_csv.MAX_ROWS", 3)
    with pytest.raises(UsageError, match="more than 3 rows"):
        load(inventory, tmp_path, HEADER + "".join(f"sw{n},,frr,lab,,\n" for n in range(5)))
    monkeypatch.setattr("vctui.storage.inventory_csv.MAX_BYTES", 100)
    with pytest.raises(UsageError, match="larger than"):
        load(inventory, tmp_path, HEADER + "x" * 200)
    with pytest.raises(UsageError, match="no such file"):
        inventory.import_csv(tmp_path / "missing.csv")


def test_unknown_columns_are_reported(inventory: Inventory, tmp_path: Path) -> None:
    report = load(inventory, tmp_path, "name,primary_ip4,platform,site,colour\nsw1,,frr,lab,red\n")
    assert report.ignored_columns == ("colour",)


def test_export_is_neutral_to_spreadsheets_private_and_comes_back_the_same(
    inventory: Inventory, tmp_path: Path
) -> None:
    hostile = ["=1+1", "+1", "-1+cmd", "@SUM(A1)", "'=1", "\uff1d1", "plain", "-12.5", 'a,b\n"c"']
    for number, text in enumerate(hostile):
        inventory.add({"name": f"sw{number}", "site": "lab", "comments": text, "platform": "frr"})
    before = inventory.devices()
    target = tmp_path / "out.csv"
    assert inventory.export_csv(target) == len(hostile)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [row["comments"] for row in rows]
    assert cells == ["'=1+1", "'+1", "'-1+cmd", "'@SUM(A1)", "''=1", "'\uff1d1", "plain", "-12.5", 'a,b\n"c"']
    assert inventory.import_csv(target).unchanged == len(hostile)
    assert inventory.devices() == before
    with pytest.raises(StorageError):
        inventory.export_csv(tmp_path / "missing" / "out.csv")


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\n\0\uff1d ab1.")))
def test_neutral_cells_never_begin_like_a_formula_and_come_back(text: str) -> None:
    cell = neutral(text)
    number = text.removeprefix("-").replace(".", "", 1).isdecimal()
    assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d"))
    assert restore(cell) == text


def test_two_thousand_devices_import_in_one_transaction(inventory: Inventory, tmp_path: Path) -> None:
    rows = "".join(
        f"sw{n},10.{n >> 16}.{n >> 8 & 255}.{n & 255},arista_eos,site {n % 40},leaf,active\n"
        for n in range(2_000)
    )
    assert load(inventory, tmp_path, HEADER + rows).added == 2_000
    assert len(inventory.devices()) == 2_000
