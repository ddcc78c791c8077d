"""Which template belongs to a platform and a command: the index of ntc-templates, read by its own rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vctui.validation.templates import Template, ntc_folder

_SUFFIXES = ("_ssh", "_telnet", "_serial")
_NTC_PLATFORMS = {
    "arista": "arista_eos",
    "aruba_aoss": "hp_procurve",
    "aruba_osswitch": "hp_procurve",
    "cisco_ios_xe": "cisco_ios",
    "cisco_ios_xr": "cisco_xr",
    "cisco_iosxe": "cisco_ios",
    "cisco_iosxr": "cisco_xr",
    "cisco_nexus": "cisco_nxos",
    "cisco_wlc": "cisco_wlc_ssh",
    "cisco_xe": "cisco_ios",
    "dell_dnos6": "dell_powerconnect",
    "dell_dnos9": "dell_force10",
    "dell_os6": "dell_powerconnect",
    "dell_os9": "dell_force10",
    "extreme": "extreme_exos",
    "extreme_ers": "avaya_ers",
    "extreme_slx": "extreme_slxos",
    "extreme_vsp": "avaya_vsp",
    "fortigate": "fortinet",
    "fortios": "fortinet",
    "huawei": "huawei_vrp",
    "huawei_olt": "huawei_smartax",
    "huawei_vrpv8": "huawei_vrp",
    "juniper": "juniper_junos",
    "junos": "juniper_junos",
    "nokia_sros": "alcatel_sros",
    "panos": "paloalto_panos",
    "ruckus_icx": "ruckus_fastiron",
    "ubiquiti_edge": "ubiquiti_edgeswitch",
    "vyos": "vyatta_vyos",
    "watchguard_fireware": "watchguard_firebox",
    "zte_zxros": "zte_zxros",
}
"""netmiko's device types whose templates go by another platform's name."""

_ABBREVIATION = re.compile(r"\[\[(.+?)\]\]")
_NO_PAGER = re.compile(r"\s*\|\s*no-?more\s*$")


def ntc_platform(device_type: str) -> str:
    """`cisco_xe` → `cisco_ios`, `huawei` → `huawei_vrp`; a name the templates use is returned as it is."""
    name = re.sub(r"[-\s]+", "_", device_type.strip().lower())
    if name in _NTC_PLATFORMS:
        return _NTC_PLATFORMS[name]
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name != "cisco_wlc_ssh":
            bare = name.removesuffix(suffix)
            return _NTC_PLATFORMS.get(bare, bare)
    return name


def normal_command(command: str) -> str:
    """One space between words, and without the pipe that only turns a pager off."""
    return " ".join(_NO_PAGER.sub("", command.strip()).split())


def expand(pattern: str) -> str:
    """`sh[[ow]]` → `sh(?:o(?:w)?)?`: every length of the word from the fixed part on."""

    def completion(match: re.Match[str]) -> str:
        letters = match.group(1)
        return "".join(f"(?:{re.escape(letter)}" for letter in letters) + ")?" * len(letters)

    return _ABBREVIATION.sub(completion, pattern)


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One line of an index: which platforms and commands its templates (more than one: merged) are for.

    Its patterns are compiled when they are first asked for: nobody has devices of every kind.
    """

    templates: tuple[str, ...]
    platform: str
    command: str

    def is_for(self, platform: str, command: str) -> bool:
        """Whether both fit; never where a pattern is none."""
        return _matches(_pattern(self.platform), platform) and _matches(
            _command_pattern(self.command), command
        )


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:
        return None


@cache
def _command_pattern(text: str) -> re.Pattern[str] | None:
    return _pattern(expand(text))


def _matches(pattern: re.Pattern[str] | None, text: str) -> bool:
    return pattern is not None and pattern.match(text) is not None


def read_index(text: str) -> tuple[IndexRow, ...]:
    """The rows of an index file's text, in order."""
    rows: list[IndexRow] = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",", 3)]
        if line.startswith("#") or len(fields) < 4 or fields[0] == "Template":
            continue
        names = tuple(name.removesuffix(".textfsm") for name in fields[0].split(":"))
        rows.append(IndexRow(names, fields[2], fields[3]))
    return tuple(rows)


@cache
def ntc_index(folder: Path | None = None) -> tuple[IndexRow, ...]:
    """The index of the installed ntc-templates."""
    return read_index(((folder or ntc_folder()) / "index").read_text(encoding="utf-8"))


_PLAIN = re.compile(r"\w+")
_FIRST_WORDS = re.compile(r"(.+?)_(?:show|display|get|list|print|ping|traceroute|dir)(?:_|$)")


def plain_platforms(rows: Iterable[IndexRow]) -> tuple[str, ...]:
    """The platforms that the rows name without a pattern, the longest first."""
    found = {row.platform for row in rows if _PLAIN.fullmatch(row.platform)}
    return tuple(sorted(found, key=lambda name: (-len(name), name)))


def platform_of(template: str, known: Iterable[str]) -> str:
    """The platform in a template's name: one that is known, else what stands before the command's verb."""
    name = template.lower()
    for platform in known:
        if name.startswith(f"{platform}_"):
            return platform
    verb = _FIRST_WORDS.match(name)
    return verb[1] if verb else "_".join(name.split("_")[:2])


def merged_rows(rows: Iterable[IndexRow]) -> Mapping[str, tuple[str, ...]]:
    """First template → all templates, for the rows that merge several."""
    merged: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if len(row.templates) > 1:
            merged.setdefault(row.templates[0].lower(), tuple(name.lower() for name in row.templates))
    return merged


def find_template(
    platform: str, command: str, templates: Mapping[str, tuple[Template, ...]], rows: Iterable[IndexRow]
) -> str | None:
    """The name of the template for this command, `a:b` where several are merged; None if there is none.

    A template of the user's own for this platform and command, abbreviated or not, comes first (one that
    the index merges stays merged), then the index's first hit, then one that only the name connects.
    """
    typed = normal_command(command)
    if not typed or not platform.strip():
        return None
    given, known = re.sub(r"[-\s]+", "_", platform.strip().lower()), ntc_platform(platform)
    row = _hit(known, typed, rows)
    commands = [typed]
    if row is not None and row.templates[0].lower().startswith(f"{known}_"):
        commands.append(row.templates[0][len(known) + 1 :].replace("_", " "))
    names = [f"{name}_{text.replace(' ', '_')}".lower() for text in commands for name in (given, known)]
    own = next(filter(None, (_declared(given, text, templates) for text in commands)), None) or next(
        (t.name for name in names for t in templates.get(name, ()) if t.is_own), None
    )
    merged = tuple(name.lower() for name in row.templates) if row is not None else ()
    if own and own.lower() not in merged:
        return own
    if merged and all(name in templates for name in merged):
        return ":".join(templates[name][0].name for name in merged)
    return own or next((templates[name][0].name for name in names[:2] if name in templates), None)


def _hit(platform: str, command: str, rows: Iterable[IndexRow]) -> IndexRow | None:
    """The first row for a command, as it is typed or else in small letters."""
    for spelling in dict.fromkeys((command, command.lower())):
        for row in rows:
            if row.is_for(platform, spelling):
                return row
    return None


def _declared(platform: str, command: str, templates: Mapping[str, tuple[Template, ...]]) -> str | None:
    wanted = {platform, ntc_platform(platform)}
    for found in templates.values():
        for template in found:
            if (
                template.command
                and normal_command(template.command).lower() == command.lower()
                and template.platform.lower().replace("-", "_") in wanted
            ):
                return template.name
    return None
