"""The devices of a demo fleet: the sample inventory with its faults, or as many as asked, patterned on it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

from vctui.demo.faults import Fault, spread_faults
from vctui.errors import DataError, UsageError

MAX_DEVICES = 10_000
PREFERRED_PORT = 2022
_FIRST_LOOPBACK = IPv4Address("127.20.0.1")
_FIRST_GENERATED = IPv4Address("198.18.0.1")
"""Management addresses of generated devices: the range set aside for benchmarks (RFC 2544)."""


@dataclass(frozen=True, slots=True)
class SimDevice:
    """One simulated device, as the fleet's process is told of it."""

    name: str
    recording: str
    """The file that it plays."""
    host: str
    """The loopback address it should listen on; the fleet says where it really does."""
    port: int = PREFERRED_PORT
    username: str = "demo"
    password: str = field(default="demo", repr=False)
    enable_secret: str = field(default="demo", repr=False)
    mgmt_ip: str = "192.0.2.1"
    serial: str = ""
    fault: Fault = Fault.NONE
    user_mode: bool = False
    """The login lands below the enable mode."""
    think: float | None = None
    """Seconds before an answer; None: what the platform says."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SimDevice:
        return cls(**{**values, "fault": Fault(values.get("fault", Fault.NONE))})


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """A simulated device together with its inventory row."""

    sim: SimDevice
    row: Mapping[str, str]
    """Columns of `vctui devices import`."""
    credential: str = ""
    """The one that the inventory names for it, if any."""


def sample_fleet(sample_data: Path, password: str, enable_secret: str) -> list[DemoDevice]:
    """The devices of sample_data/inventory.csv with the faults of sample_data/faults.yaml."""
    rows = read_inventory(sample_data)
    behaviour = _read_behaviour(sample_data)
    faults = {str(name): Fault(kind) for name, kind in behaviour["faults"].items()}
    user_mode = {str(name) for name in behaviour["user_mode"]}
    return [
        _device(
            row, index, behaviour, password, enable_secret, faults.get(row["name"], Fault.NONE), user_mode
        )
        for index, row in enumerate(rows)
    ]


def generated_fleet(sample_data: Path, count: int, password: str, enable_secret: str) -> list[DemoDevice]:
    """`count` devices in the sample inventory's mix of platforms, sites and roles, some with a fault."""
    if not 1 <= count <= MAX_DEVICES:
        raise UsageError(f"a demo fleet has 1 to {MAX_DEVICES} devices, not {count}")
    samples = read_inventory(sample_data)
    behaviour = _read_behaviour(sample_data)
    devices: list[DemoDevice] = []
    for index, fault in enumerate(spread_faults(count)):
        sample = samples[index % len(samples)]
        name = f"{sample['name'].rsplit('-', 1)[0]}-{index + 1:04d}"
        row = dict(
            sample,
            name=name,
            primary_ip4=str(_FIRST_GENERATED + index),
            serial_number=_serial(name),
            asset_tag="",
            description="simulated",
        )
        devices.append(_device(row, index, behaviour, password, enable_secret, fault, frozenset()))
    return devices


def read_inventory(sample_data: Path) -> list[dict[str, str]]:
    """The rows of sample_data/inventory.csv."""
    with (sample_data / "inventory.csv").open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def _read_behaviour(sample_data: Path) -> Mapping[str, Any]:
    file = sample_data / "faults.yaml"
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or not {"transcripts", "faults", "user_mode"} <= values.keys():
        raise DataError(f"{file}: must hold transcripts, faults and user_mode", "Install vctui again")
    folder = sample_data / "transcripts"
    recordings = {slug: str(folder / name / "device.yaml") for slug, name in values["transcripts"].items()}
    return {**values, "recordings": recordings}


def _device(
    row: Mapping[str, str],
    index: int,
    behaviour: Mapping[str, Any],
    password: str,
    enable_secret: str,
    fault: Fault,
    user_mode: set[str] | frozenset[str],
) -> DemoDevice:
    sim = SimDevice(
        name=row["name"],
        recording=behaviour["recordings"][row["platform"]],
        host=str(loopback(index)),
        password=password,
        enable_secret=enable_secret,
        mgmt_ip=row["primary_ip4"],
        serial=row["serial_number"],
        fault=fault,
        user_mode=row["name"] in user_mode or fault is Fault.ENABLE_REFUSED,
    )
    return DemoDevice(sim, row)


def loopback(index: int) -> IPv4Address:
    """127.20.0.1 and on, leaving out .0 and .255, which look like networks and broadcasts."""
    third, fourth = divmod(index, 254)
    return _FIRST_LOOPBACK + third * 256 + fourth


def _serial(name: str) -> str:
    return "DEM" + hashlib.sha256(name.encode()).hexdigest()[:8].upper()
