"""Selection: who is chosen, who is left out, and why."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vctui.errors import UsageError
from vctui.jobs.selection import compile_pattern, select
from vctui.records import Device, DeviceFilter

CISCO = Device(
    id=1,
    name="core-1",
    primary_ip4="192.0.2.1/24",
    site_id=1,
    site="ams",
    site_name="Amsterdam",
    platform_id=1,
    platform="cisco_ios",
    platform_name="Cisco IOS",
    device_type="cisco_ios",
    manufacturer="Cisco",
    role_id=1,
    role="core",
    role_name="Core",
)
NEXUS = dataclasses.replace(
    CISCO,
    id=2,
    name="leaf-2",
    platform_id=2,
    platform="cisco_nxos",
    platform_name="Cisco NX-OS",
    device_type="cisco_nxos",
    role_id=2,
    role="leaf",
    role_name="Leaf",
)
ARISTA = dataclasses.replace(
    CISCO,
    id=3,
    name="CORE-3",
    site_id=2,
    site="lon",
    site_name="London",
    platform_id=3,
    platform="arista_eos",
    platform_name="Arista EOS",
    device_type="arista_eos",
    manufacturer="Arista Networks",
)
PLANNED = dataclasses.replace(CISCO, id=4, name="core-4", status="planned")
BARE = Device(id=5, name="mystery", primary_ip6="2001:db8::5/64")
PORTLESS = dataclasses.replace(CISCO, id=7, name="core-7", port=0)
HOMELESS = dataclasses.replace(CISCO, id=6, name="core-6", primary_ip4=" ")
ALL = (CISCO, NEXUS, ARISTA, PLANNED, BARE, HOMELESS, PORTLESS)


def names(filter: DeviceFilter, **options: object) -> list[str]:
    return [device.name for device in select(ALL, filter, **options).chosen]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (DeviceFilter(), ["core-1", "leaf-2", "CORE-3", "mystery"]),
        (DeviceFilter(vendor="CISCO"), ["core-1", "leaf-2"]),
        (DeviceFilter(vendor="arista"), ["CORE-3"]),
        (DeviceFilter(platform="cisco_nxos"), ["leaf-2"]),
        (DeviceFilter(platform="Cisco NX-OS"), ["leaf-2"]),
        (DeviceFilter(platform_id=3), ["CORE-3"]),
        (DeviceFilter(site="london"), ["CORE-3"]),
        (DeviceFilter(site_id=1, role="CORE"), ["core-1"]),
        (DeviceFilter(name_pattern="^core-[0-9]$"), ["core-1", "CORE-3"]),
        (DeviceFilter(status="planned"), ["core-4"]),
        (DeviceFilter(status="any", vendor="cisco"), ["core-1", "leaf-2", "core-4"]),
        (DeviceFilter(device_types=("cisco_ios", "cisco_xe")), ["core-1", "mystery"]),
        (DeviceFilter(device_types=("Cisco-IOS",)), ["core-1", "mystery"]),
    ],
)
def test_each_filter_chooses_its_devices(filter: DeviceFilter, expected: list[str]) -> None:
    assert names(filter) == expected


def test_everybody_left_out_has_a_reason() -> None:
    selection = select(ALL, DeviceFilter(vendor="cisco", name_pattern="core"), limit=1)
    assert [d.name for d in selection.chosen] == ["core-1"]
    assert {entry.device.name: entry.reason for entry in selection.left_out} == {
        "leaf-2": "name does not match core",
        "CORE-3": "vendor Arista Networks, not cisco",
        "core-4": "status planned, not active",
        "mystery": "vendor unknown, not cisco",
        "core-6": "no address",
        "core-7": "no valid SSH port",
    }


def test_limit_keeps_the_first_and_says_so() -> None:
    selection = select(ALL, DeviceFilter(), limit=2)
    assert [d.name for d in selection.chosen] == ["core-1", "leaf-2"]
    assert "over the limit of 2" in {entry.reason for entry in selection.left_out}


def test_named_devices_and_a_name_nobody_bears() -> None:
    assert names(DeviceFilter(), names=["core-3", "LEAF-2"]) == ["leaf-2", "CORE-3"]
    with pytest.raises(UsageError, match="no such device in the inventory: core-9"):
        names(DeviceFilter(), names=["core-1", "core-9"])


def test_addresses_lose_their_prefix_and_ipv6_is_second() -> None:
    assert CISCO.host == "192.0.2.1"
    assert BARE.host == "2001:db8::5"
    assert HOMELESS.host is None


def test_a_bad_pattern_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match="name pattern '\\(core' is not a regular expression: missing"):
        names(DeviceFilter(name_pattern="(core"))


@pytest.mark.parametrize("pattern", ["^(a+)+$", r"^(\w+\s?)*$", "(x+x+)+y"])
def test_patterns_that_explode_elsewhere_are_linear_here(pattern: str) -> None:
    matches = compile_pattern(pattern)
    assert [matches("a" * 5000 + "!") for _ in range(200)] == [matches("a" * 5000 + "!")] * 200


@given(st.text(max_size=20), st.integers(0, 7))
def test_chosen_and_left_out_are_a_partition(vendor: str, limit: int) -> None:
    selection = select(ALL, DeviceFilter(vendor=vendor), limit=limit)
    ids = [d.id for d in selection.chosen] + [entry.device.id for entry in selection.left_out]
    assert sorted(ids) == [d.id for d in ALL]
    assert len(selection.chosen) <= limit


@pytest.mark.parametrize(
    ("slug", "fits"), [("cisco-ios-xe", True), ("cisco_nexus", False), ("homemade", True)]
)
def test_without_a_device_type_the_slug_tells_what_a_device_is(slug: str, fits: bool) -> None:
    device = dataclasses.replace(CISCO, device_type="", platform=slug)
    assert device.kind == slug
    selection = select([device], DeviceFilter(device_types=("cisco_ios", "cisco_xe")))
    assert bool(selection.chosen) is fits
