"""One device of a run: its output read a line at a time, its records, its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import screens.device_data
from screens.device import DeviceScreen
from screens.device_data import FileLines, Kept, load_kept
from screens.widgets.lines import MAX_CELLS, Lines
from screens.widgets.records import RecordTable
from screens.widgets.rows import fit
from tests.fixtures.screens import (
    HOSTILE,
    Stage,
    assert_harmless,
    make_context,
    make_finished,
    row_texts,
    shown,
    text_of,
    until,
)
from vctui.config import load_settings
from vctui.events import DeviceFinished
from vctui.storage import DeviceRecord, History, init_home


def stage(tmp_path: Path, finished: DeviceFinished, kept: Kept) -> Stage:
    return Stage(DeviceScreen(make_context(tmp_path), 1, finished, load=lambda *_: kept))


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "sw1.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def records(count: int) -> list[Mapping[str, Any]]:
    return [
        {"INTERFACE": f"Ethernet{n}", "ADDRESS": f"192.0.2.{n}", "VLANS": ["1", "2"]} for n in range(count)
    ]


def ok(path: Path) -> DeviceFinished:
    return make_finished(
        "sw1", "192.0.2.1", path=str(path), size=3121, sha256="ab" * 32, template="t1", score=87.2, records=3
    )


async def test_an_ok_device_opens_on_its_output(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f"line {n}\n" for n in range(100)))
    app = stage(tmp_path, ok(path), Kept(FileLines(path), str(path), records=records(3)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "100 lines" in text_of(app, "#sections"))
        assert " ".join(text_of(app, "#sections").split()) == "1 Output (100 lines) 2 Records (3) 3 Details"
        assert row_texts(app, "#output")[:2] == ["line 0", "line 1"]
        await pilot.press("end")
        await pilot.pause()
        assert row_texts(app, "#output")[-1] == "line 99"
        await pilot.press("2")
        await pilot.pause()
        assert row_texts(app, "#records")[0].split() == ["Ethernet0", "192.0.2.0", "1,", "2"]
        await pilot.press("right")
        await pilot.pause()
        assert row_texts(app, "#records")[0].split() == ["192.0.2.0", "1,", "2"]
        await pilot.press("left", "left")
        await pilot.pause()
        assert row_texts(app, "#records")[1].startswith("Ethernet1")
        await pilot.press("3")
        await pilot.pause()
        facts = text_of(app, "#facts")
        for fact in ("t1", "87.2 of 100", "3.0 KiB", "ab" * 32, str(path)):
            assert fact in facts
        await pilot.press("1", "escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1


async def test_a_failed_device_opens_on_its_error(tmp_path: Path) -> None:
    path = written(tmp_path, "sw1#show ip arp\nhalf a tab")
    finished = make_finished(
        "sw1",
        "192.0.2.1",
        "failed",
        "command_timeout",
        error="nothing for 60 s",
        next_step="Raise the timeout",
    )
    kept = Kept(FileLines(path), str(path), partial=True, notes=("records are damaged",))
    app = stage(tmp_path, finished, kept)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "partial" in text_of(app, "#sections"))
        facts = text_of(app, "#facts")
        assert facts.startswith("command_timeout: nothing for 60 s\nWhat to do: Raise the timeout\n")
        assert "Partial output" in facts
        assert "Note: records are damaged" in facts
        assert app.screen.query_one("#details").has_focus
        await pilot.press("1")
        await pilot.pause()
        assert row_texts(app, "#output") == ["sw1#show ip arp", "half a tab"]
        await pilot.press("2")
        await pilot.pause()
        assert row_texts(app, "#records") == ["Nothing was parsed from the output"]


async def test_the_file_is_closed_with_the_screen(tmp_path: Path) -> None:
    path = written(tmp_path, "line\n")
    lines = FileLines(path)
    app = stage(tmp_path, ok(path), Kept(lines, str(path)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "1 lines" in text_of(app, "#sections"))
        assert lines[0] == "line"
        await pilot.press("escape")
        await pilot.pause()
    assert lines[0] == ""


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_output_records_and_errors_are_shown_literally(tmp_path: Path, hostile: str) -> None:
    text = "\n".join(HOSTILE) + "\n"
    path = written(tmp_path, text.encode() + b"\xff\xfe\x00 \x9b31m\r\n" + b"\ttab\r\n")
    found: Sequence[Mapping[str, Any]] = [{name: name} for name in HOSTILE]
    told = dict.fromkeys(("error", "next_step", "credential", "template", "path"), hostile)
    finished = make_finished(hostile, hostile, "failed", hostile, **told)
    app = stage(tmp_path, finished, Kept(FileLines(path), hostile, records=found, notes=(hostile,)))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "lines" in text_of(app, "#sections"))
        for key in ("3", "1", "2", "right", "right"):
            await pilot.press(key)
            await pilot.pause()
            assert_harmless(app)
        await pilot.press("1")
        await pilot.pause()
        assert "[/oops]" in shown(app)
        assert "[b]bold[/b]" in shown(app)
        assert "        tab" in shown(app)


async def test_a_big_file_is_read_where_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, b"".join(b"line %d\n" % n for n in range(200_000)))
    lines = FileLines(path)
    asked: list[int] = []
    get = FileLines.__getitem__

    def counted(self: FileLines, index: int) -> str:
        asked.append(index)
        return get(self, index)

    monkeypatch.setattr(FileLines, "__getitem__", counted)
    app = stage(tmp_path, ok(path), Kept(lines, str(path)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "200000 lines" in text_of(app, "#sections"))
        await pilot.press("end")
        await pilot.pause()
        assert row_texts(app, "#output")[-1] == "line 199999"
        assert len(set(asked)) <= 3 * 24


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\n", ["a", "b"]),
        (b"\xc3\xa4\n\xff\n", ["ä", "\ufffd"]),
    ],
)
def test_file_lines(tmp_path: Path, data: bytes, expected: list[str]) -> None:
    lines = FileLines(written(tmp_path, data))
    assert [lines[index] for index in range(len(lines))] == expected
    lines.close()
    lines.close()


def test_file_lines_across_chunks_and_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens.device_data, "CHUNK", 7)
    monkeypatch.setattr(screens.device_data, "MAX_LINES", 5)
    lines = FileLines(written(tmp_path, b"one\ntwo\nthree\nfour\nfive\nsix\nseven\n"))
    assert [lines[index] for index in range(len(lines))] == ["one", "two", "three", "four", "five"]
    assert lines.width == 5
    lines.close()
    long = FileLines(written(tmp_path, b"x" * 100_000))
    assert len(long[0]) == screens.device_data.MAX_LINE_BYTES
    long.close()


async def test_long_lines_are_reached_sideways_and_cut(tmp_path: Path) -> None:
    path = written(tmp_path, "0123456789" * 2000 + "\n")
    app = stage(tmp_path, ok(path), Kept(FileLines(path), str(path)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "1 lines" in text_of(app, "#sections"))
        output = app.screen.query_one("#output", Lines)
        assert output.virtual_size.width == MAX_CELLS
        output.scroll_to(x=MAX_CELLS, animate=False)
        await pilot.pause()
        assert row_texts(app, "#output")[0].endswith("…")


def test_a_link_or_a_folder_is_not_read(tmp_path: Path) -> None:
    target = written(tmp_path, "secret")
    link = tmp_path / "link"
    link.symlink_to(target)
    for path in (link, tmp_path, tmp_path / "missing"):
        kept = load_kept(make_context(tmp_path), None, replace(ok(target), path=str(path)))
        assert kept.lines is None
        assert str(path) in kept.notes[0]


def test_reads_records_and_partial_outputs_from_the_history(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = load_settings(home)
    init_home(settings, defaults=False)
    partial = written(tmp_path, "half\n")
    with History(settings.collector_db) as history:
        run = history.start_run(job_id="arp", job_file="database:7", job_name="ARP", total=2)
        good = DeviceRecord(1, "sw1", "192.0.2.1", "ok", "complete")
        history.record_device(run, good, records=records(2))
        bad = DeviceRecord(2, "sw2", "192.0.2.2", "failed", "failed", partial_path=str(partial))
        history.record_device(run, bad)
    context = make_context(home)
    kept = load_kept(context, run, make_finished("sw1", "192.0.2.1"))
    assert [record["INTERFACE"] for record in kept.records] == ["Ethernet0", "Ethernet1"]
    assert not kept.partial
    kept = load_kept(context, run, make_finished("sw2", "192.0.2.2", "failed"))
    assert kept.partial
    assert kept.lines is not None
    assert kept.lines[0] == "half"
    kept.lines.close()
    nobody = load_kept(context, run, make_finished("sw3", "192.0.2.3"))
    assert nobody == Kept()


def test_record_columns_give_way_from_the_right() -> None:
    table = RecordTable([{"A": "x" * 60, "B": 1, "C": None}, {"D": ["p", "q"]}])
    columns = table.columns()
    assert [column.title for column in columns] == ["A", "B", "C", "D"]
    assert fit(columns, 45)[0] == 32
    assert fit(columns, 45)[-1] == 0
    assert table.cells(1)[0] == ["", "", "", "p, q"]
    assert [table.shift(1) for _ in range(4)] == [True, True, True, False]
    assert table.cells(1)[0] == ["p, q"]
