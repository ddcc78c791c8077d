"""The demo: simulated devices on loopback SSH and a throw-away home that collects from them.

Names are loaded when first used: the fleet's own process needs none of the rooms that `DemoHome` composes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vctui.demo.devices import SimDevice
    from vctui.demo.faults import Expected, Fault, check_outcomes
    from vctui.demo.home import DemoHome, demo_jobs
    from vctui.demo.launch import Fleet, FleetHost
    from vctui.demo.replay import ReplayHome

__all__ = [
    "DemoHome",
    "Expected",
    "Fault",
    "Fleet",
    "FleetHost",
    "ReplayHome",
    "SimDevice",
    "check_outcomes",
    "demo_jobs",
]
_HOMES = {
    "DemoHome": "home",
    "Expected": "faults",
    "Fault": "faults",
    "Fleet": "launch",
    "FleetHost": "launch",
    "ReplayHome": "replay",
    "SimDevice": "devices",
    "check_outcomes": "faults",
    "demo_jobs": "home",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
