"""Whatever fails, in whatever screen: no variable is printed or written, and the program ends with 1."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

import screens
from screens.app import VctuiApp
from tests.fixtures.small_home import make_context, make_home
from vctui.cli.ending import guarded
from vctui.config import Settings

Crash = Callable[[Screen[Any]], str]


def every_screen() -> list[type[Screen[Any]]]:
    """Every screen class of the program."""
    found: list[type[Screen[Any]]] = []
    for module in pkgutil.walk_packages(screens.__path__, "screens."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Screen) and value.__module__ == module.name:
                found.append(value)
    return sorted(found, key=lambda one: one.__qualname__)


def canary() -> str:
    return "-".join(["canary", "variable"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_home(tmp_path)


@pytest.fixture
def crash(
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Crash:
    """Run the program on a screen that fails, as the command line does; all that it said and wrote."""

    def run_on(screen: Screen[Any]) -> str:
        caplog.set_level(logging.DEBUG)
        app = VctuiApp(make_context(settings), unlocked=True)
        monkeypatch.setattr(app, "_open_jobs", lambda: app.push_screen(screen))

        def run(args: argparse.Namespace) -> int:
            asyncio.run(app.run_async(headless=True))
            if app.failure is not None:
                raise app.failure
            return app.return_code or 0

        code = guarded(run, argparse.Namespace(home=str(settings.home)))
        captured = capfd.readouterr()
        assert code == 1
        assert "internal error" in captured.err
        written = (settings.home / "logs" / "vctui-crash.log").read_text()
        return captured.out + captured.err + written + caplog.text

    return run_on


@pytest.mark.parametrize("kind", every_screen(), ids=lambda kind: kind.__name__)
def test_no_screen_shows_its_variables(kind: type[Screen[Any]], crash: Crash) -> None:
    def start(self: Screen[Any]) -> None:
        Screen.__init__(self)

    def compose(self: Screen[Any]) -> ComposeResult:
        secret = canary()
        yield Static("")
        raise ValueError(f"not expected: {len(secret)}")

    nothing = {"CSS_PATH": None, "on_mount": lambda self: None, "on_unmount": lambda self: None}
    parts = {"__init__": start, "compose": compose, "on_screen_resume": lambda self: None, **nothing}
    failing = cast(Any, type(f"Failing{kind.__name__}", (kind,), parts))()
    said = crash(failing)
    assert "not expected: 15" in said
    assert canary() not in said


class Failing(Screen[None]):
    """Fails in one of the ways that there are."""

    class Told(Message):
        """Something to handle."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    def on_mount(self) -> None:
        secret = canary()
        match self._how:
            case "mount":
                self._fail(secret)
            case "timer":
                self.set_timer(0.01, self._fail)
            case "interval":
                self.set_interval(0.01, self._fail)
            case "message":
                self.post_message(self.Told())
            case "later":
                self.call_later(self._fail)
            case "after refresh":
                self.call_after_refresh(self._fail)
            case "worker":
                self.run_worker(self._work())
            case "thread":
                self.run_worker(self._fail, thread=True)
            case "from a thread":
                self.run_worker(lambda: self.app.call_from_thread(self._fail), thread=True)
            case "action":
                self.call_later(self.run_action, "fail")

    def on_failing_told(self) -> None:
        self._fail()

    async def _work(self) -> None:
        self._fail()

    async def action_fail(self) -> None:
        self._fail()

    def render(self) -> Any:
        if self._how == "render":
            self._fail()
        return super().render()

    def _fail(self, secret: str = "") -> None:
        secret = secret or canary()
        holder = {"password": secret, "list": [secret]}
        raise ValueError(f"not expected: {len(holder['password'])}")


@pytest.mark.parametrize(
    "how",
    [
        *("mount", "timer", "interval", "message", "later", "after refresh"),
        *("worker", "thread", "from a thread", "action", "render"),
    ],
)
def test_no_way_to_fail_shows_variables(how: str, crash: Crash) -> None:
    said = crash(Failing(how))
    assert "not expected: 15" in said
    assert canary() not in said


def test_a_command_that_fails_shows_no_variables(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    from vctui.mask import MASK

    def run(args: argparse.Namespace) -> int:
        secret = canary()
        with MASK.hiding(["in-the-message"]):
            try:
                raise ValueError(f"not expected: {len(secret)}")
            except ValueError as error:
                raise RuntimeError("in-the-message") from error

    assert guarded(run, argparse.Namespace(home=str(settings.home))) == 1
    captured = capfd.readouterr()
    written = (settings.home / "logs" / "vctui-crash.log").read_text()
    assert "not expected: 15" in written
    assert canary() not in captured.out + captured.err + written
