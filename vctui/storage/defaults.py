"""What a new inventory holds, and what vctui knows of platforms that an import names."""

from __future__ import annotations

from dataclasses import dataclass

MANUFACTURERS: tuple[tuple[str, str], ...] = (
    ("Cisco", "cisco"),
    ("Arista", "arista"),
    ("Juniper", "juniper"),
    ("Palo Alto", "palo-alto"),
    ("Fortinet", "fortinet"),
    ("F5", "f5"),
    ("HP", "hp"),
    ("Dell", "dell"),
)
"""(name, slug)"""

ROLES: tuple[tuple[str, str, str], ...] = (
    ("Router", "router", "2196f3"),
    ("Switch", "switch", "4caf50"),
    ("Firewall", "firewall", "f44336"),
    ("Load Balancer", "load-balancer", "9c27b0"),
    ("Wireless Controller", "wireless-controller", "ff9800"),
    ("Access Point", "access-point", "ffc107"),
    ("Spine", "spine", "3f51b5"),
    ("Leaf", "leaf", "009688"),
    ("Core", "core", "673ab7"),
    ("Distribution", "distribution", "00bcd4"),
    ("Access", "access", "8bc34a"),
    ("Edge", "edge", "795548"),
)
"""(name, slug, colour)"""


@dataclass(frozen=True, slots=True)
class PlatformDefault:
    name: str
    slug: str
    manufacturer: str | None
    device_type: str
    paging_disable: str | None


_LENGTH_0 = "terminal length 0"
PLATFORMS: tuple[PlatformDefault, ...] = (
    PlatformDefault("Cisco IOS", "cisco_ios", "Cisco", "cisco_ios", _LENGTH_0),
    PlatformDefault("Cisco IOS-XE", "cisco_ios_xe", "Cisco", "cisco_xe", _LENGTH_0),
    PlatformDefault("Cisco IOS-XR", "cisco_ios_xr", "Cisco", "cisco_xr", _LENGTH_0),
    PlatformDefault("Cisco NX-OS", "cisco_nxos", "Cisco", "cisco_nxos", _LENGTH_0),
    PlatformDefault("Cisco ASA", "cisco_asa", "Cisco", "cisco_asa", "terminal pager 0"),
    PlatformDefault("Arista EOS", "arista_eos", "Arista", "arista_eos", _LENGTH_0),
    PlatformDefault("Juniper Junos", "juniper_junos", "Juniper", "juniper_junos", "set cli screen-length 0"),
    PlatformDefault("Palo Alto PAN-OS", "paloalto_panos", "Palo Alto", "paloalto_panos", "set cli pager off"),
    PlatformDefault(
        "Fortinet FortiOS",
        "fortinet_fortios",
        "Fortinet",
        "fortinet",
        "config system console\nset output standard\nend",
    ),
    PlatformDefault("F5 TMOS", "f5_tmos", "F5", "f5_tmsh", "modify cli preference pager disabled"),
    PlatformDefault("HP ProCurve", "hp_procurve", "HP", "hp_procurve", "no page"),
    PlatformDefault("HP Comware", "hp_comware", "HP", "hp_comware", "screen-length disable"),
    PlatformDefault("Dell OS10", "dell_os10", "Dell", "dell_os10", _LENGTH_0),
)

_KNOWN_PLATFORMS: dict[str, PlatformDefault] = {
    **{platform.slug: platform for platform in PLATFORMS},
    "huawei_vrp": PlatformDefault(
        "Huawei VRP", "huawei_vrp", "Huawei", "huawei_vrp", "screen-length 0 temporary"
    ),
    "frr": PlatformDefault("FRRouting", "frr", "FRRouting", "frr", _LENGTH_0),
    "linux": PlatformDefault("Linux", "linux", "Linux", "linux", None),
}
_MAKERS: dict[str, str] = {
    "paloalto": "Palo Alto",
    "f5": "F5",
    "hp": "HP",
    "hpe": "HPE",
    "nokia": "Nokia",
    "mikrotik": "MikroTik",
}


def platform_for(slug: str, manufacturer: str | None = None) -> PlatformDefault:
    """What to store for a platform slug; a slug nobody knows is its own device type.

    Its first word is then taken for the manufacturer, so that a job's vendor filter finds the device.
    """
    known = _KNOWN_PLATFORMS.get(slug)
    if known is not None:
        maker = manufacturer or known.manufacturer
        return PlatformDefault(known.name, slug, maker, known.device_type, known.paging_disable)
    first, separator, _ = slug.partition("_")
    maker = _MAKERS.get(first, first.capitalize()) if separator else None
    return PlatformDefault(slug, slug, manufacturer or maker, slug, None)
