"""The template bench by keyboard: candidates, a draft that is tried and saved, captures parsed again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Input, TextArea

from screens import specimens
from screens.bench import BenchScreen
from screens.bench_ask import Asker
from screens.captures import CapturesScreen
from screens.device import DeviceScreen
from screens.export import ExportScreen
from screens.jobs import JobsScreen
from screens.revalidate import RevalidateScreen
from screens.summary import SummaryScreen
from screens.template_editor import TemplateEditor
from screens.widgets.ask_text import AskText
from screens.widgets.confirm import ConfirmScreen
from tests.fixtures.captures import ARP_TEMPLATE, CaptureHome, arp
from tests.fixtures.screens import (
    HOSTILE,
    Stage,
    assert_harmless,
    is_on,
    make_plan,
    row_texts,
    shown,
    text_of,
    until,
)
from tests.fixtures.small_home import make_context
from vctui.jobs import JobResult, Specimen
from vctui.storage import History, TemplateRow
from vctui.validation import Bench, Report

RUNAWAY = "Value WORDS ((\\w+\\s?)+)\n\nStart\n  ^${WORDS}:(?=x) -> Record\n"
BAIT = "word " * 12 + "word" * 12 + "!\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[CaptureHome]:
    with closing(CaptureHome(tmp_path)) as made:
        yield made


def bench(home: CaptureHome, *found: Specimen) -> Stage:
    return Stage(BenchScreen(make_context(home.settings), found))


def of_capture(home: CaptureHome, device: str = "lab-sw1") -> list[Specimen]:
    # Not by its place: the devices of a run are saved in the order in which they were validated.
    with History(home.settings.collector_db) as history:
        [record] = history.captures(device=device)
    return specimens.of_capture(home.settings, record)


def editor(app: App[Any]) -> TemplateEditor:
    return app.screen.query_one(TemplateEditor)


def told(app: App[Any]) -> str:
    return text_of(app, "TemplateEditor Static")


def ready(app: App[Any]) -> bool:
    return is_on(app, BenchScreen) and "searching" not in text_of(app, "#verdict")


async def test_candidates_records_and_output_of_a_capture(home: CaptureHome) -> None:
    home.run({"lab-sw1": arp(1, 2, 3)})
    app = bench(home, *of_capture(home))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "valid" in text_of(app, "#verdict"))
        assert text_of(app, "#verdict").startswith("lab-sw1 show ip arp  valid  arista_eos_show_ip_arp  ")
        assert app.screen.query_one("#filter", Input).value == "arista_eos_show_ip_arp"
        assert row_texts(app, "#candidates")[0].split()[1:4] == ["arista_eos_show_ip_arp", "✓", "3"]
        assert "explained 0." in text_of(app, "#parts")
        await pilot.press("2")
        await pilot.pause()
        assert row_texts(app, "#records")[2].split() == ["192.0.2.3", "0200.5e00.5303", "Vlan10"]
        await pilot.press("4")
        await pilot.pause()
        assert row_texts(app, "#output")[0].startswith("Address")
        await pilot.press("1", "w", "w", "w")
        await until(pilot, lambda: ready(app))
        assert app.screen.query_one("#filter", Input).value == ""
        await pilot.press("slash", *"version", "enter")
        await until(pilot, lambda: "not valid" in text_of(app, "#verdict"))
        await pilot.press("escape")
        await until(pilot, lambda: not is_on(app, BenchScreen))


async def test_a_template_is_changed_tried_saved_and_captures_are_parsed_again(home: CaptureHome) -> None:
    home.run({"lab-sw1": arp(1, 2), "lab-sw2": arp(3)})
    app = bench(home, *of_capture(home))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: editor(app).draft is not None)
        text = app.screen.query_one(TextArea)
        assert text.text == ARP_TEMPLATE
        assert text.has_focus
        await pilot.press(*"x")
        await until(pilot, lambda: "line 1: " in told(app))
        await pilot.press("down", "f8")
        await until(pilot, lambda: text.cursor_location[0] == 0)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert is_on(app, BenchScreen)
        text.text = ARP_TEMPLATE.replace("MAC", "HARDWARE")
        await until(pilot, lambda: told(app).startswith("valid 2 records"))
        await pilot.press("escape")
        await pilot.pause()
        assert "hardware" in shown(app)
        assert "2 Records (draft: 2)" in text_of(app, "#sections")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: is_on(app, AskText))
        await pilot.press(*"/..", "enter")
        await pilot.pause()
        assert "no name for a template" in text_of(app, "#note")
        await pilot.press("backspace", "backspace", "backspace", "enter")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: is_on(app, RevalidateScreen))
        await until(pilot, lambda: text_of(app, "#head").startswith("2 parsed, 2 would change, 0 not valid"))
        assert "+hardware -mac" in shown(app)
        assert text_of(app, "#detail").startswith("arista_eos_show_ip_arp +hardware -mac")
        await pilot.press("enter")
        with History(home.settings.collector_db) as history:
            assert "mac" in history.records(1, "lab-sw1")[0]
        await pilot.press("w")
        await until(pilot, lambda: text_of(app, "#head") == "2 parsed, 2 changed, 0 not valid")
        await pilot.press("escape")
        await until(pilot, lambda: ready(app) and not editor(app).changed)
    assert {row.cli_command: row.textfsm_content for row in home.store.rows()}[
        "arista_eos_show_ip_arp"
    ] == ARP_TEMPLATE.replace("MAC", "HARDWARE")
    with History(home.settings.collector_db) as history:
        assert history.records(1, "lab-sw1")[0]["hardware"] == "0200.5e00.5301"


async def test_a_new_template_begins_with_the_name_of_the_command_and_is_not_lost_by_accident(
    home: CaptureHome,
) -> None:
    run, [finished] = home.run(
        {"lab-sw1": "in-use 170093\nleft-over 40004\n"}, "counts", ("show counts | include x",)
    )
    assert finished.status == "skipped"
    app = bench(home, *specimens.of_device(home.settings, run, finished))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "not valid" in text_of(app, "#verdict"))
        await pilot.press("n")
        await until(pilot, lambda: told(app).startswith("valid 2 records"))
        draft = editor(app).draft
        assert draft is not None
        assert draft.name == "arista_eos_show_counts"
        await pilot.press("escape", "escape")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, BenchScreen))
        assert isinstance(app.screen, BenchScreen)
        assert app.screen.quit_question() is not None
        await pilot.press("escape")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: not is_on(app, BenchScreen) and not is_on(app, ConfirmScreen))


async def test_a_template_that_hangs_leaves_the_screen_alive_and_ends_with_it(home: CaptureHome) -> None:
    home.store.upsert_many([TemplateRow("arista_eos_show_words", RUNAWAY)], replace_own=True)
    app = bench(home, Specimen("words", BAIT, "arista_eos_show_words", "show words"))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = app.screen
        assert isinstance(screen, BenchScreen)
        await until(pilot, lambda: screen._candidates._asker.pid is not None)
        await pilot.press("4")
        await pilot.pause()
        assert BAIT.startswith(row_texts(app, "#output")[0])
        await pilot.press("1", "n")
        await until(pilot, lambda: editor(app)._asker.pid is not None)
        pid = editor(app)._asker.pid
        await pilot.press(*" x")
        await until(pilot, lambda: editor(app)._asker.pid not in (pid, None))
        await pilot.press("escape", "escape", "y")
        await until(pilot, lambda: not is_on(app, BenchScreen) and not is_on(app, ConfirmScreen))
        await until(pilot, lambda: screen._candidates._asker.pid is None)


def test_a_question_whose_thread_is_late_does_not_end_a_newer_one(home: CaptureHome) -> None:
    asker = Asker(home.settings)
    late, newer = asker.begin(), asker.begin()

    def question(bench: Bench) -> Report:
        assert asker.ask(late, lambda other: other.rank(arp(1))) is None
        return bench.rank(arp(1), "arista_eos_show_ip_arp")

    answer = asker.ask(newer, question)
    assert isinstance(answer, Report)
    assert answer.verdict.is_valid


async def test_the_other_outputs_of_a_file_are_a_key_away(home: CaptureHome) -> None:
    home.run(
        {"lab-sw1": ("Software image version: 4.30.1F\n", arp(1))}, "both", ("show version", "show ip arp")
    )
    app = bench(home, *of_capture(home))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "arista_eos_show_version" in text_of(app, "#verdict"))
        await pilot.press("o")
        await until(pilot, lambda: "arista_eos_show_ip_arp" in text_of(app, "#verdict"))


async def test_from_the_jobs_to_a_capture_an_export_and_a_file(home: CaptureHome, tmp_path: Path) -> None:
    home.run({"lab-sw1": arp(1, 2), "lab-sw2": arp(3, interface="=1+1")})
    app = Stage(JobsScreen(make_context(home.settings)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "arp" in shown(app))
        await pilot.press("f3")
        await until(pilot, lambda: is_on(app, CapturesScreen) and "2 of 2" in text_of(app, "#count"))
        await pilot.press(*"sw2", "enter")
        await until(pilot, lambda: ready(app))
        assert text_of(app, "#verdict").startswith("lab-sw2 show ip arp")
        await pilot.press("escape")
        await until(pilot, lambda: is_on(app, CapturesScreen))
        await pilot.press("escape", "f3")
        await until(pilot, lambda: is_on(app, ExportScreen))
        target = tmp_path / "out" / "all.json"
        app.screen.query_one(Input).value = str(target)
        await pilot.press("f2", "enter")
        await until(pilot, lambda: is_on(app, CapturesScreen))
        with (tmp_path / "out" / "all.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert sorted((row["_device"], row["interface"]) for row in rows) == [
            ("lab-sw1", "Vlan10"),
            ("lab-sw1", "Vlan10"),
            ("lab-sw2", "'=1+1"),
        ]
        await pilot.press("f4")
        await until(pilot, lambda: is_on(app, RevalidateScreen) and "2 parsed, 0 would" in shown(app))
        await pilot.press("escape", "ctrl+o")
        await until(pilot, lambda: is_on(app, AskText))
        some = tmp_path / "some.txt"
        some.write_bytes(b"\x1b]0;x\x07" + arp(9).encode())
        app.screen.query_one(Input).value = str(some)
        await pilot.press("enter")
        await until(pilot, lambda: ready(app))
        assert text_of(app, "#verdict").startswith("some.txt  valid  arista_eos_show_ip_arp")
        await pilot.press("e")
        await pilot.pause()
        assert is_on(app, BenchScreen)


async def test_from_the_summary_and_the_device_of_a_run(home: CaptureHome, tmp_path: Path) -> None:
    run, finished = home.run({"lab-sw1": arp(1, 2), "lab-sw2": "% Invalid input\n"})
    context = make_context(home.settings)
    result = JobResult(job_file="f", job_id="j", total_devices=2, history_id=run, status="partial")
    app = Stage(SummaryScreen(context, make_plan([]), result, finished))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "t")
        await until(pilot, lambda: ready(app))
        assert text_of(app, "#verdict").startswith("lab-sw2 show ip arp  not valid  the device refused")
        await pilot.press("escape", "e")
        await until(pilot, lambda: is_on(app, ExportScreen))
        target = tmp_path / "one.json"
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, SummaryScreen))
        document = json.loads(target.read_text())
        assert (document["device"], document["record_count"]) == ("lab-sw1", 2)
        assert (document["template"], document["run"]) == ("arista_eos_show_ip_arp", run)
        ok = next(event for event in finished if event.status == "ok")
        app.push_screen(DeviceScreen(context, run, ok))
        await until(pilot, lambda: is_on(app, DeviceScreen))
        await pilot.press("t")
        await until(pilot, lambda: ready(app))
        await pilot.press("e")
        await until(pilot, lambda: is_on(app, ExportScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await pilot.pause()
        assert "is there" in text_of(app, "#told")
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, BenchScreen))


async def test_nothing_of_an_output_or_a_template_acts_on_the_terminal(home: CaptureHome) -> None:
    title, text = "".join(HOSTILE), "\n".join(HOSTILE)
    app = bench(home, Specimen(title, f"{text}\n{text}\n", None, title, "x"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("n")
        await until(pilot, lambda: editor(app).draft is not None)
        rules = "".join(f"  ^{one}\n  ^{one} -> {one}\n" for one in HOSTILE)
        app.screen.query_one(TextArea).text = f"Value A (.*)\n\nStart\n{rules}  ^${{A}} -> Record\n"
        await until(pilot, lambda: bool(told(app)) and "trying" not in told(app))
        assert_harmless(app)
        for key in "24":
            await pilot.press("escape", key)
            await pilot.pause()
            if is_on(app, ConfirmScreen):
                await pilot.press("n")
                await pilot.pause()
            assert_harmless(app)
