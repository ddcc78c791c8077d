"""The sample data: what an import takes, what the templates parse, which addresses it uses."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest
import yaml
from ntc_templates.parse import parse_output

import vctui.sample
from vctui.demo.devices import read_inventory, sample_fleet
from vctui.demo.faults import Fault
from vctui.demo.recording import load_recordings
from vctui.demo.vocabulary import fill
from vctui.errors import DataError
from vctui.sample import sample_data_dir

SAMPLE = sample_data_dir()
OUTPUTS = sorted((SAMPLE / "transcripts").glob("*/*.txt"))
FIELDS = {"hostname": "dev-1", "mgmt_ip": "192.0.2.9", "serial": "SN42", "username": "demo"}
WITHOUT_TEMPLATE = {
    "show running-config",
    "show configuration",
    "show route",
    "show interfaces terse",
    "display current-configuration",
    "display ip routing-table",
}
"""Commands for which ntc-templates has nothing (on IOS-XR it has `show route`)."""
DOCUMENTATION = [IPv4Network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def command_of(output: Path) -> str:
    # IOS-XR calls it "interfaces"; the index of ntc-templates knows the shortened word only.
    return output.stem.replace("_", " ").replace("show interfaces brief", "show interface brief")


def has_template(output: Path) -> bool:
    return command_of(output) not in WITHOUT_TEMPLATE or (output.parent.name, output.stem) == (
        "cisco_xr",
        "show_route",
    )


@pytest.mark.parametrize(
    "output",
    [o for o in OUTPUTS if has_template(o)],
    ids=lambda output: f"{output.parent.name}-{output.stem}",
)
def test_output_parses_with_its_ntc_template(output: Path) -> None:
    text = fill(output.read_text(encoding="utf-8"), FIELDS)
    records = parse_output(platform=output.parent.name, command=command_of(output), data=text)
    assert records
    if output.stem.endswith("version"):
        assert len(records) == 1
    elif "device" not in output.stem:
        # A table that is parsed: about a record for each of its lines, not one for the lot.
        assert len(records) >= 4
    if "{serial}" in output.read_text(encoding="utf-8") and "display" not in output.stem:
        assert any("SN42" in str(record.values()) for record in records)


def test_every_platform_answers_what_the_screens_show_first() -> None:
    platforms = load_recordings(SAMPLE / "transcripts")
    assert set(platforms) == {
        "cisco_ios",
        "cisco_nxos",
        "cisco_xr",
        "arista_eos",
        "juniper_junos",
        "huawei_vrp",
    }
    for name, transcript in platforms.items():
        version = "display version" if name == "huawei_vrp" else "show version"
        neighbours = "display lldp neighbor" if name == "huawei_vrp" else "show lldp neighbors"
        assert transcript.vocabulary.resolve(version).action == "output"
        assert transcript.vocabulary.resolve(neighbours).action == "output"
        assert transcript.page_length == 24


@pytest.mark.parametrize("file", sorted(SAMPLE.rglob("*.*")), ids=lambda file: str(file.relative_to(SAMPLE)))
def test_addresses_are_those_for_documentation(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for found in re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text):
        address = IPv4Address(found)
        if address in IPv4Network("127.0.0.0/8") or _is_mask_or_area(address):
            continue
        assert any(address in net for net in DOCUMENTATION), found
    for found in re.findall(r"\b[0-9a-f]{1,4}:[0-9a-f:]*::[0-9a-f]*\b", text):
        assert IPv6Address(found) in IPv6Network("2001:db8::/32"), found


def _is_mask_or_area(address: IPv4Address) -> bool:
    value = int(address)
    inverted = value ^ 0xFFFFFFFF
    return value < 256 or inverted & (inverted + 1) == 0 or value & (value + 1) == 0


def test_inventory_has_the_sites_platforms_and_roles_promised() -> None:
    rows = read_inventory(SAMPLE)
    assert len(rows) >= 24
    assert len({row["platform"] for row in rows}) >= 6
    assert len({row["site"] for row in rows}) >= 3
    assert len({row["role"] for row in rows}) >= 5
    for column in ("name", "primary_ip4", "serial_number", "asset_tag"):
        assert len({row[column] for row in rows}) == len(rows)


def test_the_sample_fleet_has_one_device_of_every_fault() -> None:
    faults = [device.sim.fault for device in sample_fleet(SAMPLE, "p", "e")]
    assert {fault for fault in faults if faults.count(fault) == 1} == set(Fault) - {Fault.NONE}
    named = yaml.safe_load((SAMPLE / "faults.yaml").read_text(encoding="utf-8"))
    known = {row["name"] for row in read_inventory(SAMPLE)}
    assert set(named["faults"]) | set(named["user_mode"]) <= known


def test_jobs_are_version_two_and_ask_what_the_transcripts_know() -> None:
    files = sorted((SAMPLE / "jobs").glob("*.json"))
    assert len(files) >= 8
    numbers = set()
    transcripts = load_recordings(SAMPLE / "transcripts")
    for file in files:
        job = json.loads(file.read_text(encoding="utf-8"))
        assert job["version"] == "2.0"
        numbers.add(job["job_id"])
        for command in job["commands"]["command"].split(","):
            assert any(
                t.vocabulary.resolve(command).action in ("output", "enable") for t in transcripts.values()
            )
    assert len(numbers) == len(files)


def test_sample_data_is_found_in_a_checkout_and_in_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (sample_data_dir() / "transcripts" / "cisco_ios" / "device.yaml").is_file()
    package = tmp_path / "site-packages" / "vctui"
    package.mkdir(parents=True)
    monkeypatch.setattr(vctui.sample, "__file__", str(package / "sample.py"))
    with pytest.raises(DataError, match="sample data is missing"):
        sample_data_dir()
    beside = package.parent / "sample_data"
    beside.mkdir()
    (beside / "inventory.csv").touch()
    assert sample_data_dir() == beside
    inside = package / "sample_data"
    inside.mkdir()
    (inside / "inventory.csv").touch()
    assert sample_data_dir() == inside
