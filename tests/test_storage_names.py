"""File names from hostile names."""

from __future__ import annotations

import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vctui.errors import StorageError, UsageError
from vctui.records import Device
from vctui.storage import (
    distinct_names,
    folder_problem,
    pattern_problem,
    render_filename,
    safe_name,
    save_capture,
)
from vctui.storage.names import MAX_NAME_BYTES

WHEN = datetime(2026, 11, 23, 18, 5, 9, tzinfo=UTC)
SEEDS = [
    "..", ".", "", "../../../etc/cron.d/x", "/etc/passwd", "a/b", "a\\b", "sw\0x", "sw\nx", "-rf",
    "~root", "~", ".hidden", " lead", "trail ", "trail.", "x" * 300, "ü" * 200, "\ufb01le", "file",
    "FILE", "File", "\u202ecod", "a\u200bb", "caf\u00e9", "cafe\u0301", "\ud800", "con", "a*b", "a?b",
    'a"b', "a|b", "a<b>", "%2e%2e%2f", "${HOME}", "`id`", ".vctui-1-000000000000.tmp", "sw1.txt",
    "\x1b[2J", "a\u2028b", "..\u2215..", "\uff0e\uff0e\uff0f", "a\tb", "C:\\x",
]  # fmt: skip


def hostile_names() -> list[str]:
    """500 names, none twice."""
    names = list(SEEDS)
    for number in range(1000):
        seed = SEEDS[number % len(SEEDS)]
        names.append(
            (f"{seed}{number}", f"{number}/{seed}", f"{seed}/../{number}", f"../{seed}{number}")[number % 4]
        )
    return list(dict.fromkeys(names))[:500]


def render(name: str, pattern: str = "{device_name}.txt", number: int = 1) -> str:
    return render_filename(pattern, device_name=name, device_id=number, timestamp=WHEN, capture_type="arp")


def device(number: int, name: str, site: str = "lab") -> Device:
    return Device(id=number, name=name, site=site)


def test_an_ordinary_name_is_kept() -> None:
    for name in ("sw1", "core-1.lab.example.com", "zürich 2", "r1@site", "RP0:sw", "a_b", "10.0.0.1"):
        assert render(name) == f"{name}.txt"


def test_500_hostile_names_stay_inside_and_apart(tmp_path: Path) -> None:
    base = tmp_path / "base"
    names = hostile_names()
    assert len(names) == 500
    for number, name in enumerate(names):
        saved = save_capture(
            base, ["arp", render(name)], str(number).encode(), versions=tmp_path / "versions"
        )
        assert saved.version is None, f"{name!r} shares a file"
        assert saved.path.resolve().parent == (base / "arp").resolve()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "user"]
    contents = {path.read_text() for path in (base / "arp").iterdir()}
    assert contents == {str(number) for number in range(500)}
    for path in (base / "arp").iterdir():
        assert len(os.fsencode(path.name)) <= 255
        assert path.name.isprintable()
        assert not path.name.startswith((".", "-", "~"))


def test_hostile_devices_get_names_apart_even_where_case_does_not_count() -> None:
    names = hostile_names()
    devices = [device(number, name) for number, name in enumerate(names)]
    found = distinct_names(devices)
    assert len({name.casefold() for name in found.values()}) == len(devices)
    assert all(safe_name(name) == name for name in found.values())
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in found.values())


def test_one_name_at_several_sites_names_the_site() -> None:
    devices = [
        device(1, "sw1", "a"),
        device(2, "sw1", "b"),
        device(3, "sw2"),
        device(4, "SW1@b"),
        device(5, "SW1", "b"),
    ]
    found = distinct_names(devices)
    assert found[1] == "sw1@a"
    assert found[3] == "sw2"
    assert len({name.casefold() for name in found.values()}) == 5
    assert distinct_names(devices) == found


def test_the_four_tokens() -> None:
    pattern = "{capture_type}-{device_name}-{device_id}-{timestamp}.log"
    assert render("sw1", pattern, 7) == "arp-sw1-7-20261123_180509.log"


@pytest.mark.parametrize(
    "pattern",
    [
        "{x.__class__}{device_name}",
        "{device_name.__class__}",
        "{device_name[0]}",
        "{device_name!r:>2000000000}",
        "{device_name:>2000000000}",
        "{}{device_name}",
        "{0}{device_name}",
        "{unknown}{device_name}",
        "{device_name",
        "device_name}{device_id}",
        "{{device_name}}",
        "../{device_name}",
        "/{device_name}",
        "sub/{device_name}",
        "{device_name}\0",
        "{device_name}\n.txt",
        "same.txt",
        "{timestamp}.txt",
        "",
        "-{device_name}",
        ".{device_name}",
        "{device_name}{device_id}",
        "{device_name}" + "x" * 300,
    ],
)
def test_any_other_pattern_is_refused_without_formatting_it(pattern: str) -> None:
    tracemalloc.start()
    try:
        assert pattern_problem(pattern)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    with pytest.raises(UsageError, match="filename_pattern"):
        render("sw1", pattern)


def test_long_names_are_cut_and_stay_apart() -> None:
    pattern = "{device_name}-" + "y" * 150 + ".txt"
    first, second = render("x" * 150 + "1", pattern), render("x" * 150 + "2", pattern)
    assert first != second
    assert first.endswith(".txt")
    assert max(len(first), len(second)) <= MAX_NAME_BYTES


def test_an_output_directory_is_a_relative_folder() -> None:
    for folder in ("arp", "lab/interface-status", "./arp", "arp/", "a//b"):
        assert folder_problem(folder) is None
    for folder in ("", ".", "/arp", "~/arp", "..", "a/../b", "a\0b", "a\nb", "a/\ud800"):
        assert folder_problem(folder)


@pytest.mark.parametrize(
    "parts",
    ["../x", "a/../x", "/x", "a//b", "a/.", "", "a\0b", ["a/b"], [".."], [], [".vctui-1-0123456789ab.tmp"]],
)
def test_a_path_that_would_leave_the_base_is_refused(tmp_path: Path, parts: str | list[str]) -> None:
    with pytest.raises(StorageError):
        save_capture(tmp_path / "base", parts, b"x", versions=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["user"]
