"""Which replaced captures are worth a version: not those that differ only in what differs at each look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.captures import CaptureHome
from vctui.config import load_settings
from vctui.jobs import CaptureShelf
from vctui.ssh import differ_only_in, get_platform
from vctui.storage import History, verify_captures, versions_of

SAME = [
    (
        "cisco_ios",
        "show version",
        "Cisco IOS Software\nr1 uptime is 3 days\nSystem image file is x\n",
        "Cisco IOS Software\nr1 uptime is 4 days, 1 minute\nSystem image file is x\n",
    ),
    (
        "cisco_xe",
        "sh run",
        (
            "Building configuration...\n\nCurrent configuration : 4100 bytes\n!\n"
            "! Last configuration change at 10:00:00 UTC Mon Nov 23 2026 by admin\nhostname r1\nend\n"
        ),
        (
            "Building configuration...\n\nCurrent configuration : 4101 bytes\n!\n"
            "! Last configuration change at 11:30:00 UTC Tue Nov 24 2026 by admin\nhostname r1\nend\n"
        ),
    ),
    (
        "cisco_ios",
        "show ip arp",
        "Internet  192.0.2.1        5   0200.5e00.5301  ARPA   Vlan10\n",
        "Internet  192.0.2.1      124   0200.5e00.5301  ARPA   Vlan10\n",
    ),
    (
        "cisco_ios",
        "show ip route vrf red",
        "O    192.0.2.0/24 [110/2] via 198.51.100.1, 00:01:02, Vlan1\n",
        "O    192.0.2.0/24 [110/2] via 198.51.100.1, 3d02h, Vlan1\n",
    ),
    (
        "cisco_nxos",
        "show running-config",
        "!Command: show running-config\n!Time: Mon Nov 23 10:00:00 2026\nhostname n1\n",
        "!Command: show running-config\n!Time: Tue Nov 24 10:00:00 2026\nhostname n1\n",
    ),
    (
        "cisco_xr",
        "show interfaces description",
        "Mon Nov 23 10:00:00.123 UTC\nLo0  up  up\n",
        "Tue Nov 24 11:00:00.456 UTC\nLo0  up  up\n",
    ),
    (
        "arista_eos",
        "show ip arp",
        "192.0.2.1   0:01:02  0200.5e00.5301  Vlan10\n",
        "192.0.2.1   N/A  0200.5e00.5301  Vlan10\n",
    ),
    (
        "juniper_junos",
        "show configuration | display set",
        "## Last commit: 2026-11-23 10:00:00 UTC by admin\nset system host-name r1\n",
        "## Last commit: 2026-11-24 10:00:00 UTC by admin\nset system host-name r1\n",
    ),
    (
        "juniper_junos",
        "show route",
        "192.0.2.0/24  *[BGP/170] 00:01:02, localpref 100\n",
        "192.0.2.0/24  *[BGP/170] 2w3d 04:05:06, localpref 100\n",
    ),
    (
        "fortinet",
        "show full-configuration",
        "#conf_file_ver=123\nconfig user local\n    set passwd ENC AAAA\nend\n",
        "#conf_file_ver=456\nconfig user local\n    set passwd ENC BBBB\nend\n",
    ),
    (
        "mikrotik_routeros",
        "/export",
        "# 2026-11-23 10:00:00 by RouterOS 7.12\n/ip address\n",
        "# 2026-11-24 10:00:00 by RouterOS 7.12\n/ip address\n",
    ),
    (
        "huawei_vrp",
        "display version",
        "HUAWEI CE6850 uptime is 1 day\nSlot 1\n",
        "HUAWEI CE6850 uptime is 2 days\nSlot 1\n",
    ),
    (
        "nokia_sros",
        "admin display-config",
        "# Generated MON NOV 23 10:00:00 2026 UTC\nexit all\n# Finished MON NOV 23 10:00:01 2026 UTC\n",
        "# Generated TUE NOV 24 10:00:00 2026 UTC\nexit all\n# Finished TUE NOV 24 10:00:01 2026 UTC\n",
    ),
    (
        "frr",
        "show ip bgp summary",
        "192.0.2.1       4      65001       100       101        0    0    0 01:02:03            5\n",
        "192.0.2.1       4      65001       120       121        0    0    0 01:22:03            5\n",
    ),
]
"""(platform, command, output, output at another time)"""


@pytest.mark.parametrize(("platform", "command", "one", "other"), SAME)
def test_what_differs_at_each_look_is_no_change(platform: str, command: str, one: str, other: str) -> None:
    rules = get_platform(platform)
    patterns = rules.volatile_lines(command)
    assert one != other
    assert differ_only_in(one, other, patterns)
    assert not differ_only_in(one, other.replace("1", "7", 1) + "one more line\n", patterns)
    if platform not in ("cisco_xr", "mikrotik_routeros"):  # these date every output
        assert not differ_only_in(one, other, rules.volatile_lines("another command"))


@pytest.mark.parametrize(
    ("platform", "command", "one", "other"),
    [
        ("cisco_ios", "show ip arp", "Internet  192.0.2.1  5  0200.5e00.5301  ARPA   Vlan10", "02"),
        ("cisco_ios", "show run", "hostname r1\nend", "hostname"),
        ("fortinet", "show", "set ip 192.0.2.1", "192"),
        ("juniper_junos", "show configuration", "set system host-name r1", "r1"),
    ],
)
def test_a_real_change_is_one(platform: str, command: str, one: str, other: str) -> None:
    patterns = get_platform(platform).volatile_lines(command)
    assert not differ_only_in(one, one.replace(other, "x", 1), patterns)
    assert not differ_only_in(one, f"{one}\n{one}", patterns)


def test_lines_that_change_places_are_a_change() -> None:
    patterns = get_platform("cisco_ios").volatile_lines("show version")
    assert not differ_only_in("a\nr1 uptime is 1 day\nb", "b\nr1 uptime is 1 day\na", patterns)
    assert differ_only_in("a\nr1 uptime is 1 day\nb", "a\nb\nr1 uptime is 1 day", patterns)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[CaptureHome]:
    home = CaptureHome(tmp_path)
    yield home
    home.close()


def table(age: str, *macs: str) -> str:
    rows = (f"192.0.2.{n}       {age}  0200.5e00.53{mac}  Vlan10\n" for n, mac in enumerate(macs, start=1))
    return "Address         Age (sec)  Hardware Addr   Interface\n" + "".join(rows)


def versions(home: CaptureHome) -> list[str]:
    return [path.read_text() for path in versions_of(home.settings.home / "versions", "arp/lab-sw1.txt")]


def test_a_capture_that_only_aged_replaces_the_last_one(home: CaptureHome) -> None:
    first, _ = home.run({"lab-sw1": table("0:01:02", "01", "02")})
    second, _ = home.run({"lab-sw1": table("0:07:42", "01", "02")})
    path = home.settings.collections_dir / "arp" / "lab-sw1.txt"
    assert path.read_text() == table("0:07:42", "01", "02")
    assert versions(home) == []
    third, _ = home.run({"lab-sw1": table("0:08:00", "01", "99")})
    assert versions(home) == [table("0:07:42", "01", "02")]
    with History(home.settings.collector_db) as history:
        shelf = CaptureShelf(home.settings, history)
        texts = {
            run: [shelf.text(capture) for capture in shelf.find(run=run, latest=False)]
            for run in (first, second, third)
        }
        assert verify_captures(history, home.settings.collections_dir) == (1, [])
    assert texts == {
        first: [table("0:07:42", "01", "02")],
        second: [table("0:07:42", "01", "02")],
        third: [table("0:08:00", "01", "99")],
    }


def test_all_versions_are_kept_where_that_is_asked_for(home: CaptureHome) -> None:
    config = home.settings.config_file
    config.write_text(f"{config.read_text()}\nversions: all\n")
    assert load_settings(home.settings.home, {}).versions == "all"
    home.settings = replace(home.settings, versions="all")
    home.run({"lab-sw1": table("0:01:02", "01")})
    home.run({"lab-sw1": table("0:07:42", "01")})
    assert versions(home) == [table("0:01:02", "01")]


def test_a_command_without_volatile_lines_keeps_each_version(home: CaptureHome) -> None:
    for age in ("0:01:02", "0:07:42"):
        home.run({"lab-sw1": table(age, "01")}, commands=("show vlan",), use_textfsm=0)
    assert len(versions(home)) == 1
