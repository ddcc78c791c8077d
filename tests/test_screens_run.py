"""The run screen and its summary, with the engine faked at its seam: a callable that says events."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from screens import calm
from screens.bench import BenchScreen
from screens.calm import TurnSelector, quick_turns
from screens.captures import CapturesScreen
from screens.context import Context
from screens.device import DeviceScreen
from screens.hostkeys import HostKeysScreen
from screens.preview import PreviewScreen
from screens.revalidate import RevalidateScreen
from screens.run import RunScreen
from screens.run_model import MAX_LOG, RunModel, duration, size_text
from screens.run_view import CancelQuestion
from screens.summary import SummaryScreen
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.lines import Lines
from screens.widgets.rows import Rows
from tests.fixtures.screens import (
    HOSTILE,
    Stage,
    assert_harmless,
    is_on,
    make_context,
    make_finished,
    make_item,
    make_plan,
    row_texts,
    shown,
    text_of,
    until,
)
from vctui.demo import DemoHome
from vctui.demo.launch import KEY_TYPE
from vctui.errors import LockedError
from vctui.events import DeviceFinished, DevicePhase, Event, JumpState, RunStarted, Sink
from vctui.jobs import JobResult, JobSource, Plan, PlanItem, PlannedHop
from vctui.ssh import KnownHosts


class FakeRunner:
    """Runs in the screen's worker thread as the real one does, a step whenever the test says so."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.ended = threading.Event()
        self._steps: list[Callable[[Sink, JobResult], None] | None] = []
        self._wake = threading.Condition()
        self._taken = 0

    def __call__(self, plan: Plan, sink: Sink, cancel: threading.Event) -> JobResult:
        result = JobResult("database:7", "arp", total_devices=len(plan.items), history_id=1)
        gives_up = time.monotonic() + 30
        while True:
            with self._wake:
                while len(self._steps) <= self._taken and not cancel.is_set():
                    assert time.monotonic() < gives_up, "the test left its run alone"
                    self._wake.wait(0.01)
                step = self._steps[self._taken] if self._taken < len(self._steps) else None
            if cancel.is_set():
                self.cancelled.set()
            if step is None:
                break
            step(sink, result)
            with self._wake:
                self._taken += 1
                self._wake.notify_all()
        result.conclude(1500.0)
        self.ended.set()
        return result

    def do(self, step: Callable[[Sink, JobResult], None]) -> None:
        """Run one step in the worker and return when it is done."""
        with self._wake:
            self._steps.append(step)
            self._wake.notify_all()
            assert self._wake.wait_for(lambda: self._taken == len(self._steps), timeout=10)

    def say(self, *events: Event) -> None:
        def step(sink: Sink, result: JobResult) -> None:
            for event in events:
                if isinstance(event, DeviceFinished):
                    result.add(event)
                sink(event)

        self.do(step)

    def end(self) -> None:
        with self._wake:
            self._steps.append(None)
            self._wake.notify_all()


def phase(item: PlanItem, name: Any = "command") -> DevicePhase:
    return DevicePhase(1, item.device.name, item.host, name)


def done(item: PlanItem, status: Any = "ok", kind: str | None = None, **more: Any) -> DeviceFinished:
    return make_finished(item.device.name, item.host, status, kind, **more)


async def settle(pilot: Pilot[None]) -> None:
    """Let posted messages arrive and paint at once, as the timer would."""
    await pilot.pause()
    for screen in pilot.app.screen_stack:
        if isinstance(screen, RunScreen):
            screen.paint()
    await pilot.pause()


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


def stage(tmp_path: Path, items: Sequence[PlanItem], runner: FakeRunner) -> Stage:
    return Stage(RunScreen(make_context(tmp_path), make_plan(items), runner=runner))


async def test_shows_phases_states_and_totals_while_it_runs(tmp_path: Path, runner: FakeRunner) -> None:
    items = [make_item(n) for n in range(1, 5)]
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        runner.say(RunStarted(1, "arp", "database:7", 4, "2026-01-01T00:00:00+00:00"))
        runner.say(phase(items[0], "authenticating"), phase(items[1], "host_key"), done(items[2], size=3121))
        runner.say(done(items[3], "failed", "auth_failed", error="the device refused the password"))
        await settle(pilot)
        rows = row_texts(app, "#devices")
        assert rows[0].split()[:4] == ["sw1", "192.0.2.1", "running", "authenticating"]
        assert "host key" in rows[1]
        assert rows[2].split() == ["sw3", "192.0.2.3", "ok", "3.0", "KiB", "0.4", "s"]
        assert "failed    auth_failed: the device" in rows[3]
        assert text_of(app, "#totals") == "2/4 done  ok 1  failed 1  running 2"
        assert " 50%" in text_of(app, "#bar")
        log = row_texts(app, "#log")
        assert log[0].endswith("run 1: arp, 4 devices")
        assert log[-1].endswith("sw4: failed auth_failed: the device refused the password")
        runner.end()


async def test_jump_hosts_have_a_line_of_their_own(tmp_path: Path, runner: FakeRunner) -> None:
    hop = PlannedHop("ams-1", "192.0.2.99", 22, "lab", 1, True)
    app = stage(tmp_path, [replace(make_item(n), jump=(hop,)) for n in range(1, 4)], runner)
    async with app.run_test(size=(80, 24)) as pilot:
        runner.say(JumpState(1, "ams-1", 1, 0), JumpState(1, "ams-1", 2, 37))
        await settle(pilot)
        assert text_of(app, "#jumps") == "jump ams-1: 2 transports, 37 channels"
        runner.say(JumpState(1, "ams-1", 0, 0, "jump host ams-1: it refuses [/the login]"))
        runner.say(JumpState(1, "rtm-1", 1, 1))
        await settle(pilot)
        assert text_of(app, "#jumps") == "jump ams-1: failed  ·  jump rtm-1: 1 transport, 1 channel"
        assert "it refuses [/the login]" in shown(app)


async def test_without_jump_hosts_there_is_no_such_line(tmp_path: Path, runner: FakeRunner) -> None:
    app = stage(tmp_path, [make_item(1)], runner)
    async with app.run_test(size=(80, 24)):
        assert not app.screen.query_one("#jumps").display


async def test_narrows_to_running_failed_and_names(tmp_path: Path, runner: FakeRunner) -> None:
    items = [make_item(n) for n in range(1, 31)]
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        runner.say(phase(items[4]), done(items[7], "failed", "auth_failed"), done(items[8], "skipped"))
        await settle(pilot)
        await pilot.press("f")
        assert [row.split()[0] for row in row_texts(app, "#devices")] == ["sw5"]
        assert "showing running only" in text_of(app, "#bar")
        runner.say(done(items[4]), phase(items[5]))
        await settle(pilot)
        assert [row.split()[0] for row in row_texts(app, "#devices")] == ["sw6"]
        await pilot.press("f")
        assert [row.split()[0] for row in row_texts(app, "#devices")] == ["sw8", "sw9"]
        await pilot.press("f", "slash", *"sw2", "enter")
        assert [row.split()[0] for row in row_texts(app, "#devices")] == [
            "sw2",
            *(f"sw{n}" for n in range(20, 30)),
        ]
        assert app.screen.focused is app.screen.query_one("#devices")
        await pilot.press("slash", "backspace", "backspace", "backspace", "escape")
        assert not app.screen.query_one("#name", Input).display
        assert len(row_texts(app, "#devices")) >= 12
        runner.end()


async def test_the_cursor_stays_on_its_device(tmp_path: Path, runner: FakeRunner) -> None:
    items = [make_item(n) for n in range(1, 11)]
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        runner.say(*(phase(item) for item in items))
        await settle(pilot)
        await pilot.press("f", *["down"] * 5)
        rows = app.screen.query_one("#devices", Rows)
        assert rows.picked == 5
        runner.say(done(items[0]), done(items[3]))
        await settle(pilot)
        assert rows.picked == 5
        runner.say(done(items[5]))
        await settle(pilot)
        assert rows.picked == 6
        runner.end()


async def test_paints_only_what_changed_and_is_in_view(
    tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [make_item(n) for n in range(1, 10_001)]
    asked: list[int] = []
    cells = RunModel.cells

    def counted(self: RunModel, index: int) -> Any:
        asked.append(index)
        return cells(self, index)

    monkeypatch.setattr(RunModel, "cells", counted)
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert max(asked) < 24
        asked.clear()
        runner.say(*(done(item) for item in items[5000:]))
        await settle(pilot)
        assert asked == []
        runner.say(done(items[3]), done(items[4]))
        await settle(pilot)
        assert sorted(asked) == [3, 4]
        assert text_of(app, "#totals").startswith("5002/10000 done")
        runner.end()


async def test_a_finished_device_opens_while_others_run(tmp_path: Path, runner: FakeRunner) -> None:
    items = [make_item(n) for n in range(1, 4)]
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        runner.say(done(items[1], "failed", "auth_failed", error="refused"))
        await settle(pilot)
        await pilot.press("enter")
        assert is_on(app, RunScreen)
        await pilot.press("down", "enter")
        await until(pilot, lambda: is_on(app, DeviceScreen))
        assert "auth_failed: refused" in shown(app)
        runner.say(done(items[0]), done(items[2]))
        runner.end()
        assert runner.ended.wait(10)
        await pilot.pause()
        assert is_on(app, DeviceScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert is_on(app, SummaryScreen)


async def test_cancel_asks_first_and_is_real(tmp_path: Path, runner: FakeRunner) -> None:
    items = [make_item(n) for n in range(1, 4)]
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        runner.say(done(items[0]), phase(items[1]))
        await settle(pilot)
        await pilot.press("c")
        await pilot.pause()
        assert is_on(app, CancelQuestion)
        assert "1 of 3 devices are done" in shown(app)
        await pilot.press("n")
        await pilot.pause()
        assert not runner.cancelled.is_set()
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("c")
        await until(pilot, lambda: is_on(app, SummaryScreen))
        assert runner.cancelled.is_set()


async def test_leaving_asks_and_stops_the_run(tmp_path: Path, runner: FakeRunner) -> None:
    app = stage(tmp_path, [make_item(1)], runner)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape")
        await pilot.pause()
        assert is_on(app, ConfirmScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert is_on(app, RunScreen)
        assert isinstance(app.screen, RunScreen)
        assert app.screen.quit_question()
        await pilot.press("q")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert runner.cancelled.wait(10)


async def test_ending_the_program_stops_the_run(tmp_path: Path, runner: FakeRunner) -> None:
    app = stage(tmp_path, [make_item(1)], runner)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.exit()
    assert runner.cancelled.wait(10)


def test_threads_take_short_turns_while_the_screen_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[float] = []

    def select(self: object, timeout: float | None = None) -> list[Any]:
        waiting.append(sys.getswitchinterval())
        return []

    monkeypatch.setattr("selectors.DefaultSelector.select", select)
    usual = calm.WHILE_WORKING
    sys.setswitchinterval(usual)
    selector = TurnSelector()
    try:
        selector.select(0)
        with quick_turns():
            with quick_turns():
                pass
            selector.select(0)
            assert sys.getswitchinterval() == pytest.approx(calm.WHILE_WORKING)
        selector.select(0)
    finally:
        selector.close()
    assert waiting == pytest.approx([usual, calm.WHILE_WAITING, usual])
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_the_screens_loop_is_the_calm_one() -> None:
    seen: list[object] = []

    async def look() -> None:
        seen.append(asyncio.get_running_loop()._selector)  # type: ignore[attr-defined]

    calm.run_calmly(look())
    assert isinstance(seen[0], TurnSelector)


async def test_a_run_that_cannot_begin_says_why(tmp_path: Path) -> None:
    def refuse(plan: Plan, sink: Sink, cancel: threading.Event) -> JobResult:
        raise LockedError("another run holds job [arp]", "Wait for it")

    app = Stage(RunScreen(make_context(tmp_path), make_plan([make_item(1)]), runner=refuse))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "Could not run: another run holds job [arp]. Wait for it" in shown(app)
        assert is_on(app, RunScreen)
        assert isinstance(app.screen, RunScreen)
        assert app.screen.quit_question() is None
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1


async def test_a_bug_in_the_runner_is_not_swallowed(tmp_path: Path) -> None:
    def broken(plan: Plan, sink: Sink, cancel: threading.Event) -> JobResult:
        raise ZeroDivisionError

    app = Stage(RunScreen(make_context(tmp_path), make_plan([make_item(1)]), runner=broken))
    with pytest.raises(ZeroDivisionError):
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause(0.2)


async def test_the_summary_groups_failures_with_their_next_step(tmp_path: Path, runner: FakeRunner) -> None:
    items = [make_item(n) for n in range(1, 8)]
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        step = "Check the credential"
        runner.say(
            done(items[0], size=100, path="/x", records=3, template="t"),
            done(items[1], "failed", "command_timeout", error="no prompt"),
            done(items[2], "failed", "auth_failed", error="refused", next_step=step),
            done(items[3], "skipped", "validation_failed", error="score 0"),
            done(items[4], "failed", "auth_failed", error="refused", next_step=step),
            done(items[5], "cancelled", "cancelled"),
            done(items[6], size=100, path="/y"),
        )
        runner.end()
        await until(pilot, lambda: is_on(app, SummaryScreen))
        head = text_of(app, "#head")
        assert "cancelled in 0:01: ok 2 of 7  failed 3  skipped 1  cancelled 1" in head
        assert "2 files saved, 200 bytes; run 1 in the history" in head
        names = [row.split("  ")[0].strip() for row in row_texts(app, "#groups")]
        assert names == [
            "▾ auth_failed (2)",
            "sw3",
            "sw5",
            "▾ command_timeout (1)",
            "sw2",
            "▾ validation_failed (1)",
            "sw4",
            "▾ cancelled (1)",
            "sw6",
            "▸ ok (2)",
        ]
        assert step in text_of(app, "#detail")
        await pilot.press("end", "enter")
        assert row_texts(app, "#groups")[-1].startswith("sw7")
        await pilot.press("home", "enter")
        assert "▸ auth_failed (2)" in row_texts(app, "#groups")[0]
        await pilot.press("r")
        await pilot.pause()
        assert is_on(app, PreviewScreen)
        assert isinstance(app.screen, PreviewScreen)
        assert app.screen.names == ["sw2", "sw3", "sw5", "sw6"]


async def test_hostile_names_and_errors_are_shown_literally(tmp_path: Path, runner: FakeRunner) -> None:
    items = [make_item(n, name) for n, name in enumerate(HOSTILE, 1)]
    app = stage(tmp_path, items, runner)
    async with app.run_test(size=(80, 24)) as pilot:
        runner.say(*(phase(item, text) for item, text in zip(items, HOSTILE, strict=True)))
        await settle(pilot)
        assert_harmless(app)
        runner.say(*(done(i, "failed", "auth_failed", error=e) for i, e in zip(items, HOSTILE, strict=True)))
        await settle(pilot)
        assert_harmless(app)
        assert "[/oops]" in row_texts(app, "#devices")[0]
        assert "[Foo(a=True)]: failed auth_failed: [Foo(a=True)]" in "\n".join(row_texts(app, "#log"))
        runner.end()
        await until(pilot, lambda: is_on(app, SummaryScreen))
        assert_harmless(app)
        for _ in range(len(HOSTILE)):
            await pilot.press("down")
            assert_harmless(app)
        assert "[b]bold[/b]" in shown(app)


async def test_the_log_grows_to_the_whole_screen(tmp_path: Path, runner: FakeRunner) -> None:
    app = stage(tmp_path, [make_item(1)], runner)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("l")
        log = app.screen.query_one("#log", Lines)
        await pilot.pause()
        assert log.has_focus
        assert log.size.height > 15
        await pilot.press("l")
        assert app.screen.query_one("#devices").has_focus
        runner.end()


def test_the_model_keeps_a_bounded_log() -> None:
    model = RunModel([("a", "h")], clock=lambda: 0.0)
    for _ in range(3 * MAX_LOG):
        model.apply(DevicePhase(1, "a", "h", "command"))
    assert MAX_LOG <= len(model.log) <= 2 * MAX_LOG
    assert model.logged == 3 * MAX_LOG


def test_the_model_ignores_what_it_does_not_know() -> None:
    model = RunModel([("a", "h")], clock=lambda: 0.0)
    model.apply(DevicePhase(1, "b", "h", "command"))
    model.apply(make_finished("a", "h"))
    model.apply(DevicePhase(1, "a", "h", "saving"))
    model.apply(make_finished("a", "h", "failed"))
    assert model.done == 1
    assert model.counts["ok"] == 1
    assert model.rows[0].state == "ok"


def test_rate_and_time_left() -> None:
    now = 0.0
    model = RunModel([(f"d{n}", "h") for n in range(10)], clock=lambda: now)
    at_first = model.remaining
    assert at_first is None
    now = 10.0
    for n in range(5):
        model.apply(make_finished(f"d{n}", "h"))
    assert model.rate == 0.5
    assert model.remaining == 10.0
    model.end()
    now = 99.0
    assert model.elapsed == 10.0


def test_words_for_time_and_size() -> None:
    assert [duration(seconds) for seconds in (0, 65.9, 3665)] == ["0:00", "1:05", "1:01:05"]
    assert [size_text(size) for size in (12, 3121, 5 * 1024 * 1024)] == ["12 bytes", "3.0 KiB", "5.0 MiB"]


async def test_a_real_run_asks_about_keys_collects_and_is_cancelled() -> None:
    """Real SSH, real vault and store: the keys of new hosts, then a cancel while one device is silent."""
    with DemoHome() as home:
        home.settings.known_hosts.unlink()
        job = JobSource(home.settings).resolve("multi-version-101")
        silent = {name for name, wanted in home.expected.items() if wanted.error_kind == "command_timeout"}
        app = Stage(PreviewScreen(Context(home.settings, home.resolver), job))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "new host keys" in shown(app))
            await pilot.press("enter")
            await until(pilot, lambda: "trust what is shown here?" in shown(app))
            await pilot.press("t")
            await until(pilot, lambda: is_on(app, RunScreen))
            run = app.screen
            assert isinstance(run, RunScreen)
            done = {row.name for row in run.model.rows} - silent
            await until(pilot, lambda: run.model.done >= len(done) - 2)
            await pilot.press("c", "c")
            await until(pilot, lambda: is_on(app, SummaryScreen))
            found = {event.device: event for event in run.model.finished}
            assert {found[name].status for name in silent if name in found} == {"cancelled"}
            assert sum(event.status == "ok" for event in found.values()) >= 5
            assert len(found) == run.model.total
        trusted = KnownHosts(home.settings.known_hosts)
        hosts = {name: home.fleet.hosts[name] for name in found}
        unknown = {
            name
            for name, host in hosts.items()
            if trusted.check(host.host, host.port, KEY_TYPE, host.key).status != "ok"
        }
        assert {home.expected[name].error_kind for name in unknown} == {"connection_refused", "not_ssh"}


@pytest.mark.parametrize(
    "screen",
    [
        *(PreviewScreen, HostKeysScreen, RunScreen, DeviceScreen, SummaryScreen),
        *(CapturesScreen, BenchScreen, RevalidateScreen),
    ],
)
def test_every_key_is_explained_and_the_footer_has_room(screen: type[Screen[Any]]) -> None:
    bindings = [binding for binding in screen.BINDINGS if isinstance(binding, Binding)]
    assert len(bindings) == len(screen.BINDINGS)
    assert all(binding.description and binding.id for binding in bindings)
    assert all(binding.tooltip for binding in bindings if binding.show)
    # Enter, help and quit take three of six places.
    assert sum(binding.show for binding in bindings) + (screen is not DeviceScreen) <= 4
    assert screen.HELP
