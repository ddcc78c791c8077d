"""The inventory: reading by name whatever the file's age, editing, counting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vctui.config import load_settings
from vctui.errors import UsageError
from vctui.records import Device
from vctui.storage import Inventory, init_home

V1 = """
CREATE TABLE dcim_site (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, name TEXT UNIQUE);
CREATE TABLE dcim_manufacturer (id INTEGER PRIMARY KEY, slug TEXT, name TEXT);
CREATE TABLE dcim_platform (paging_disable_command TEXT, netmiko_device_type TEXT, manufacturer_id INT,
  name TEXT, slug TEXT, id INTEGER PRIMARY KEY);
CREATE TABLE dcim_device_role (id INTEGER PRIMARY KEY, name TEXT, slug TEXT);
CREATE TABLE dcim_device (last_collected_at TEXT, comments TEXT, ssh_port, credential_id INT,
  primary_ip6 TEXT, primary_ip4 TEXT, asset_tag TEXT, serial_number TEXT, status TEXT, role_id INT,
  platform_id INT, site_id INT, description TEXT, name TEXT, updated_at TEXT, created_at TEXT,
  id INTEGER PRIMARY KEY, UNIQUE (name, site_id));
INSERT INTO dcim_site VALUES (1, 'b', 'Berlin'), (2, 'a', 'Aachen');
INSERT INTO dcim_manufacturer VALUES (1, 'arista', 'Arista');
INSERT INTO dcim_platform VALUES ('terminal length 0', 'arista_eos', 1, 'EOS', 'eos', 1);
INSERT INTO dcim_device (id, name, site_id, platform_id, role_id, status, primary_ip4, credential_id,
  ssh_port, comments) VALUES
  (1, 'sw1', 1, 1, NULL, 'active', '192.0.2.1/24', 77, NULL, 'rack 4'),
  (2, 'sw1', 2, NULL, 9, NULL, NULL, NULL, 'x', NULL),
  (3, 'aa', 8, 5, NULL, 'offline', '', NULL, 2222, NULL);
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    with Inventory(settings.dcim_db) as opened:
        yield opened


@pytest.fixture
def v1(tmp_path: Path) -> Iterator[Inventory]:
    path = tmp_path / "dcim.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(V1)
    with Inventory(path) as opened:
        yield opened


def named(inventory: Inventory, name: str) -> Device:
    device = inventory.get(name)
    assert device is not None
    return device


def test_an_old_file_with_nulls_and_dangling_references_is_read_by_column_name(v1: Inventory) -> None:
    dangling, berlin, aachen = v1.devices()[0], v1.get("sw1", "Berlin"), v1.get("SW1", "a")
    assert [(device.site_name, device.name) for device in v1.devices()] == [
        ("", "aa"),
        ("Aachen", "sw1"),
        ("Berlin", "sw1"),
    ]
    assert berlin is not None
    assert aachen is not None
    assert (berlin.host, berlin.port, berlin.credential_id) == ("192.0.2.1", 22, 77)
    assert (berlin.device_type, berlin.manufacturer, berlin.paging_disable) == (
        "arista_eos",
        "Arista",
        "terminal length 0",
    )
    assert (aachen.host, aachen.port, aachen.platform, aachen.role, aachen.status) == (None, 0, "", "", "")
    assert (dangling.site_id, dangling.site, dangling.port) == (8, "", 2222)


def test_an_old_file_can_be_written(v1: Inventory) -> None:
    v1.touch_collected([1], datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    v1.edit(1, {"platform": "huawei_vrp"})
    v1.set_credential(1, 5, result="success")
    device = v1.by_id(1)
    assert device is not None
    assert (device.comments, device.manufacturer, device.credential_id) == ("rack 4", "Huawei", 5)
    local = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).astimezone()
    assert device.last_collected_at == f"{local:%Y-%m-%d %H:%M:%S}"


def test_a_name_at_several_sites_asks_for_the_site(v1: Inventory) -> None:
    with pytest.raises(UsageError, match=r"several sites: a, b\. Name the site too: sw1@a"):
        v1.get("sw1")
    assert v1.get("nobody") is None


def test_counts_follow_the_devices(inventory: Inventory) -> None:
    first = inventory.add({"name": "sw1", "site": "lab", "platform": "arista_eos", "role": "leaf"})
    inventory.add({"name": "sw2", "site": "lab", "platform": "arista_eos"})
    counts = [
        {row.slug: row.devices for row in rows if row.devices}
        for rows in (inventory.sites(), inventory.platforms(), inventory.roles(), inventory.manufacturers())
    ]
    assert counts == [{"lab": 2}, {"arista_eos": 2}, {"leaf": 1}, {"arista": 2}]
    inventory.remove(first)
    assert [row.devices for row in inventory.sites()] == [1]
    with pytest.raises(UsageError, match="does not exist"):
        inventory.remove(first)


def test_an_edit_changes_only_what_it_names(inventory: Inventory) -> None:
    number = inventory.add(
        {"name": "sw1", "site": "lab", "comments": "rack 4", "primary_ip4": "192.0.2.1", "role": "leaf"}
    )
    inventory.edit(number, {"status": "Offline", "role": ""})
    device = named(inventory, "sw1")
    assert (device.status, device.role_id, device.comments, device.host) == (
        "offline",
        None,
        "rack 4",
        "192.0.2.1",
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"name": "", "site": "lab"}, "name: must not be empty"),
        ({"name": "sw2"}, "site: must not be empty"),
        ({"name": "sw1", "site": "lab"}, "name: sw1 exists at this site already"),
        ({"name": "sw2", "site": "lab", "ssh_port": 70000}, "ssh_port: '70000' is not a port"),
        ({"name": "sw2", "site": "lab", "ssh_port": "²"}, "ssh_port"),
        ({"name": "sw2", "site": "lab", "primary_ip4": "::1"}, "primary_ip4: '::1' is not an IPv4"),
        ({"name": "sw2", "site": "lab", "primary_ip6": "192.0.2.1"}, "primary_ip6"),
        ({"name": "sw\x1b[2J", "site": "lab"}, "name: holds a control character"),
        ({"name": "x" * 300, "site": "lab"}, "name: too long"),
        ({"name": "sw2", "site": "lab", "colour": "red"}, "colour: no such field"),
    ],
)
def test_bad_values_are_refused_by_name(inventory: Inventory, values: dict[str, object], reason: str) -> None:
    inventory.add({"name": "sw1", "site": "lab"})
    with pytest.raises(UsageError, match=reason):
        inventory.add(values)
    assert len(inventory.devices()) == 1
