"""Questions of a run's workers, answered by keyboard on the run's screen."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from screens.question import QuestionScreen
from screens.run import RunScreen
from screens.summary import SummaryScreen
from screens.widgets.confirm import ConfirmScreen
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
from vctui.events import Sink
from vctui.jobs import JobResult, Plan
from vctui.mask import MASK
from vctui.questions import Question
from vctui.ssh.lifeline import Lifelines

TOKEN = Question("second_factor", "jump:ams", "token of jump ams", "PASSCODE: ", once=True)
SECRET = Question("enable_secret", "enable:lab", "enable secret of lab", "Enable secret: ")
CHOICE = Question("breaker", "b", "what to do about lab", "3 refusals", choices=("retype", "skip", "abort"))
WAIT = 20.0


class Run:
    """A run whose devices ask what the test lets them ask, each in a thread; cancelling cuts their lines."""

    def __init__(self, tmp_path: Path, devices: int = 4) -> None:
        self.items = [make_item(number) for number in range(1, devices + 1)]
        self.end = threading.Event()
        self.begun = threading.Event()
        self._pool = ThreadPoolExecutor(32)
        self._lines = Lifelines()
        self._sink: Sink = lambda event: None
        self._result = JobResult("database:7", "arp", total_devices=devices, history_id=1)
        self.screen = RunScreen(make_context(tmp_path), make_plan(self.items), runner=self._run)

    def _run(self, plan: Plan, sink: Sink, cancel: threading.Event) -> JobResult:
        self._sink = sink
        self.begun.set()
        while not self.end.wait(0.01) and not cancel.is_set():
            pass
        self._lines.cut_all()
        self._pool.shutdown()
        self._result.conclude(1000.0)
        return self._result

    def ask(self, question: Question, device: str = "sw1") -> Future[str | None]:
        line = self._lines.open()
        return self._pool.submit(self.screen.desk.ask, question, device, seconds=WAIT, tie=line.tie)

    def finish(self, number: int) -> None:
        item = self.items[number - 1]
        event = make_finished(item.device.name, item.host)
        self._result.add(event)
        self._sink(event)


@asynccontextmanager
async def running(run: Run) -> AsyncIterator[tuple[Stage, Pilot[None]]]:
    app = Stage(run.screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, run.begun.is_set)
        try:
            yield app, pilot
        finally:
            run.end.set()


def asking(app: Stage, text: str) -> Callable[[], bool]:
    return lambda: is_on(app, QuestionScreen) and text in shown(app)


async def test_one_answer_serves_all_devices_that_wait(tmp_path: Path) -> None:
    run = Run(tmp_path, 12)
    async with running(run) as (app, pilot):
        answers = [run.ask(SECRET, f"sw{number}") for number in range(1, 13)]
        await until(pilot, asking(app, "12 devices wait for: enable secret of lab"))
        for number in range(1, 13):
            assert f"sw{number}" in text_of(app, "#devices")
        await pilot.press(*"0pen", "enter")
        await until(pilot, lambda: app.screen is run.screen)
        assert [answer.result(WAIT) for answer in answers] == ["0pen"] * 12


async def test_the_answer_is_not_on_the_screen_while_it_is_typed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        run.ask(SECRET)
        await until(pilot, asking(app, "enable secret"))
        await pilot.press(*"c4n4ry")
        assert "c4n4ry" not in shown(app)
        assert app.screen.query_one("#hidden", Input).value == "c4n4ry"


async def test_the_run_goes_on_painting_behind(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        run.ask(SECRET, "sw4")
        await until(pilot, asking(app, "enable secret"))
        run.finish(1)
        await until(pilot, lambda: "1/4 done" in shown(app))
        assert is_on(app, QuestionScreen)


async def test_each_one_time_code_serves_one_device(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        first = run.ask(TOKEN, "sw1")
        await until(pilot, asking(app, "1 device waits"))
        second = run.ask(TOKEN, "sw2")
        await until(pilot, asking(app, "2 devices wait"))
        await pilot.press(*"111", "enter")
        assert first.result(WAIT) == "111"
        assert not second.done()
        assert "1 device waits" in shown(app)
        await pilot.press("enter")
        assert not second.done(), "an empty answer is none"
        await pilot.press(*"222", "enter")
        assert second.result(WAIT) == "222"


async def test_declined_devices_do_without(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        answers = [run.ask(SECRET, "sw1"), run.ask(SECRET, "sw2")]
        await until(pilot, asking(app, "2 devices wait"))
        await pilot.press("x", "ctrl+d")
        assert [answer.result(WAIT) for answer in answers] == [None, None]
        await until(pilot, lambda: app.screen is run.screen)


async def test_several_questions_queue_and_what_was_typed_stays_with_its_question(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        token, secret = run.ask(TOKEN, "sw1"), run.ask(SECRET, "sw2")
        await until(pilot, asking(app, "of 2)"))
        asked = {run.screen.desk.open()[0].question: token}
        first = next(iter(asked))
        await pilot.press(*"abc", "tab")
        assert [box.value for box in app.screen.query(Input)] == ["", ""]
        other = next(q for q in (TOKEN, SECRET) if q != first)
        assert other.title in text_of(app, "#who")
        await pilot.press(*"two", "enter")
        assert (secret if other is SECRET else token).result(WAIT) == "two"
        assert first.title in text_of(app, "#who")
        await pilot.press(*"one", "enter")
        assert (token if other is SECRET else secret).result(WAIT) == "one"


@pytest.mark.parametrize("keys", [("down", "enter"), ("2",)])
async def test_a_choice_by_arrow_or_number(tmp_path: Path, keys: tuple[str, ...]) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        answer = run.ask(CHOICE)
        await until(pilot, asking(app, "what to do about lab"))
        assert row_texts(app, "#choices") == ["1  retype", "2  skip", "3  abort"]
        await pilot.press("9", *keys)
        assert answer.result(WAIT) == "skip"


async def test_the_question_that_follows_an_answer_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    monkeypatch.setattr("screens.question.PATIENCE", 10_000)
    async with running(run) as (app, pilot):
        answer = run.ask(CHOICE)
        await until(pilot, asking(app, "1  retype"))
        await pilot.press("1", "c")
        assert answer.result(WAIT) == "retype"
        await pilot.press("c")
        assert is_on(app, QuestionScreen), "what is typed at once does not ask to cancel the run"
        password = run.ask(replace(SECRET, kind="password", key="p", title="the password of lab"))
        await until(pilot, asking(app, "1 device waits for: the password of lab"))
        await pilot.press(*"anew", "enter")
        assert password.result(WAIT) == "anew"
        monkeypatch.undo()
        await until(pilot, lambda: app.screen is run.screen)
        later = run.ask(TOKEN)
        await until(pilot, asking(app, "token of jump ams"))
        assert not later.done(), "nothing was put off"


async def test_put_off_questions_wait_on_the_run_until_they_are_asked_for(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        answer = run.ask(SECRET)
        await until(pilot, asking(app, "enable secret"))
        await pilot.press("escape")
        await until(pilot, lambda: "a answers" in shown(app))
        assert app.screen is run.screen
        assert not answer.done()
        await pilot.press("a")
        await until(pilot, asking(app, "enable secret"))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is run.screen)
        other = run.ask(TOKEN)
        await until(pilot, asking(app, "of 2)"))
        assert not other.done()


async def test_nothing_opens_over_a_text_that_is_typed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        await pilot.press("slash", "s")
        answer = run.ask(SECRET)
        await until(pilot, lambda: "1 device waits for: enable secret" in shown(app))
        await pilot.press("w")
        assert app.screen is run.screen
        assert run.screen.query_one("#name", Input).value == "sw"
        await pilot.press("enter")
        await until(pilot, asking(app, "enable secret"))
        assert not answer.done()


async def test_cancelling_the_run_closes_its_questions(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        answer = run.ask(SECRET)
        await until(pilot, asking(app, "enable secret"))
        await pilot.press("escape", "c", "c")
        assert answer.result(WAIT) is None
        await until(pilot, lambda: is_on(app, SummaryScreen))


async def test_what_was_typed_is_gone_when_the_run_ends_behind_another_screen(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        answer = run.ask(SECRET)
        await until(pilot, asking(app, "enable secret"))
        await pilot.press(*"0pen", "enter")
        assert answer.result(WAIT) == "0pen"
        await until(pilot, lambda: app.screen is run.screen)
        app.push_screen(ConfirmScreen("As the lock screen does", "It stays over the run."))
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        assert MASK.hide("0pen") == "********"
        run.end.set()
        await until(pilot, lambda: not run.screen.running)
        assert MASK.hide("0pen") == "0pen"
        assert run.screen.desk._settled == {}


async def test_leaving_the_run_closes_its_questions(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with running(run) as (app, pilot):
        answer = run.ask(SECRET)
        await until(pilot, asking(app, "enable secret"))
        await pilot.press("escape", "escape", "y")
        assert answer.result(WAIT) is None
        assert not run.screen.desk.is_attended


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_a_device_says_is_shown_as_text(tmp_path: Path, text: str) -> None:
    run = Run(tmp_path)
    question = Question("second_factor", "k", f"token {text}", f"{text} code:", choices=(f"a {text}",))
    async with running(run) as (app, pilot):
        run.ask(question, text)
        await until(pilot, lambda: is_on(app, QuestionScreen))
        assert_harmless(app)
