"""The full-screen program as a whole: first screen, help, palette, quitting, crashing, signals."""

from __future__ import annotations

import os
import pty
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Footer, Markdown
from textual.widgets._footer import FooterKey

from screens.app import VctuiApp
from screens.context import AsksBeforeQuit
from screens.credential_edit import CredentialEditScreen
from screens.credentials import CredentialsScreen
from screens.ending import QuitQuestion
from screens.job_edit import JobEditScreen
from screens.jobs import JobsScreen
from screens.unlock import UnlockScreen
from screens.widgets.ask import AskScreen
from screens.widgets.commands import KeyCommands
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.help import HelpScreen
from screens.widgets.pick import PickScreen
from tests.fixtures.small_home import add_job, make_context, make_home, settle
from vctui.config import Settings

SCREENS: tuple[type[Screen[Any]], ...] = (
    UnlockScreen,
    JobsScreen,
    JobEditScreen,
    ConfirmScreen,
    HelpScreen,
    PickScreen,
    CredentialsScreen,
    CredentialEditScreen,
    AskScreen,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = make_home(tmp_path)
    add_job(home, "arista-arp-300", vendor="arista")
    return home


async def test_locked_it_asks_first_then_shows_the_jobs(settings: Settings) -> None:
    app = VctuiApp(make_context(settings, unlocked=False), unlocked=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, UnlockScreen)
        await pilot.press(*"correct", "space", *"horse", "enter")
        await settle(pilot)
        assert isinstance(app.screen, JobsScreen)


async def test_unlocked_it_opens_on_the_jobs(settings: Settings) -> None:
    app = VctuiApp(make_context(settings), unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, JobsScreen)


@pytest.mark.parametrize(("wanted", "theme"), [("nord", "nord"), (None, "textual-dark"), (3, "textual-dark")])
async def test_the_theme_is_the_configured_one(settings: Settings, wanted: object, theme: str) -> None:
    context = make_context(replace(settings, ui={} if wanted is None else {"theme": wanted}))
    app = VctuiApp(context, unlocked=True)
    async with app.run_test(size=(80, 24)):
        assert app.theme == theme
        assert bool(app._notifications) == (wanted == 3)


async def test_nothing_is_animated_over_ssh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    app = VctuiApp(make_context(settings), unlocked=True)
    async with app.run_test(size=(80, 24)):
        assert app.animation_level == "none"


async def test_help_explains_the_screen_and_its_keys(settings: Settings) -> None:
    app = VctuiApp(make_context(settings), unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("f1")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        assert any("Jobs" in text.source for text in app.screen.query(Markdown))
        shown = app.export_screenshot()
        assert "Edit" in shown
        await pilot.press("f1")
        await pilot.pause()
        assert isinstance(app.screen, JobsScreen)


async def test_the_palette_finds_a_screens_commands(settings: Settings) -> None:
    app = VctuiApp(make_context(settings), unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        commands = [name for name, _, _ in KeyCommands(app.screen)._commands()]
        assert "Edit (^e)" in commands
        assert "Remove (del)" in commands
        assert "Logins (f2)" in commands
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"new")
        await settle(pilot)
        await pilot.press("enter")
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, JobEditScreen)


async def test_quitting_asks_when_something_would_be_lost(settings: Settings) -> None:
    app = VctuiApp(make_context(settings), unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+n")
        await settle(pilot)
        await pilot.press("x", "ctrl+q")
        await pilot.pause()
        assert isinstance(app.screen, QuitQuestion)
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(app.screen, JobEditScreen)
        assert not app._exit
        await pilot.press("ctrl+q")
        await pilot.pause()
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert app.return_code == 0


async def test_quitting_does_not_ask_otherwise(settings: Settings) -> None:
    app = VctuiApp(make_context(settings), unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert app.return_code == 0


def test_screens_that_ask_are_known_as_such(settings: Settings) -> None:
    assert isinstance(JobEditScreen(make_context(settings), None), AsksBeforeQuit)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_key_has_a_description_and_an_id(screen: type[Screen[Any]]) -> None:
    for binding in screen.BINDINGS:
        assert isinstance(binding, Binding)
        assert binding.description
        assert binding.id


@pytest.mark.parametrize(
    "screen",
    [UnlockScreen, JobsScreen, JobEditScreen, PickScreen, CredentialsScreen, CredentialEditScreen, AskScreen],
)
def test_every_screen_has_help(screen: type[Screen[Any]]) -> None:
    assert screen.HELP


async def test_footers_have_six_keys_at_most_and_fit(settings: Settings) -> None:
    context = make_context(settings)
    app = VctuiApp(context, unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        for screen in (
            *(None, JobEditScreen(context, None), UnlockScreen(context, ask=True)),
            *(CredentialsScreen(context), CredentialEditScreen(context, None)),
        ):
            if screen is not None:
                app.push_screen(screen)
            await settle(pilot)
            await pilot.pause()
            keys = app.screen.query_one(Footer).query(FooterKey)
            assert 0 < len(keys) <= 6
            assert all(key.region.right <= 80 for key in keys)


def test_importing_the_program_imports_no_engine() -> None:
    code = (
        "import sys, screens.app, screens.unlock, screens.jobs\n"
        "print([name for name in ('paramiko', 'peewee', 'keyring', 'cryptography', 'textfsm')"
        " if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


CHILD = """
import argparse, sys, threading
from pathlib import Path
from textual.screen import Screen
from screens.app import open_app
from vctui.cli.ending import guarded
from vctui.config import load_settings
from vctui.vault import CredentialResolver
import screens.unlock

class Failing(Screen[bool]):
    BINDINGS = [("x", "fail", "Fail"), ("w", "work", "Fail in a thread"), ("h", "hang", "Hang")]
    def __init__(self, context, ask=False):
        super().__init__()
    def on_mount(self):
        print("ready", file=sys.__stdout__, flush=True)
    def action_fail(self):
        secret = "canary-" + "password"
        raise ValueError("this was not expected")
    def action_hang(self):
        self.run_worker(threading.Event().wait, thread=True)
        print("hanging", file=sys.__stdout__, flush=True)
    def action_work(self):
        def work():
            secret = "canary-" + "password"
            raise ValueError("this was not expected")
        self.run_worker(work, thread=True)

def run(args):
    settings = load_settings(args.home)
    if args.failing:
        screens.unlock.UnlockScreen = Failing
    with CredentialResolver(settings) as resolver:
        return open_app(settings, resolver)

args = argparse.Namespace(home=sys.argv[1], failing=sys.argv[2] == "failing")
sys.exit(guarded(run, args))
"""
TIMEOUT = 20.0


class Terminal:
    """The program in a terminal of its own."""

    def __init__(self, home: Path, mode: str) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(home), mode],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.output = b""

    def read_until(self, text: bytes) -> None:
        while text not in self.output:
            if not self.read():
                raise AssertionError(f"{text!r} did not come: {self.output[-500:]!r}")

    def read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], TIMEOUT)
        if not ready:
            raise AssertionError(f"nothing more came: {self.output[-500:]!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)

    def end(self) -> int:
        """Everything until the program has ended; its exit code."""
        while self.read():
            pass
        return self.process.wait(TIMEOUT)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(TIMEOUT)
        os.close(self.master)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    settings = make_home(tmp_path)
    make_context(settings)
    return settings.home


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("key", [b"x", b"w"])
def test_a_crash_shows_no_variables(home: Path, terminals: list[Terminal], key: bytes) -> None:
    terminal = Terminal(home, "failing")
    terminals.append(terminal)
    terminal.read_until(b"ready")
    os.write(terminal.master, key)
    assert terminal.end() == 1
    after = terminal.output.rpartition(b"\x1b[?1049l")
    assert after[1], "the terminal was not restored"
    assert b"internal error (ValueError)" in after[2]
    assert b"canary-password" not in terminal.output
    assert b"Traceback" not in terminal.output
    log = home / "logs" / "vctui-crash.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text()
    assert "this was not expected" in text
    assert "canary-password" not in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_in_order(home: Path, terminals: list[Terminal], number: signal.Signals) -> None:
    terminal = Terminal(home, "normal")
    terminals.append(terminal)
    terminal.read_until(b"Enter unlocks")
    terminal.process.send_signal(number)
    assert terminal.end() == 128 + number
    for restored in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"):
        assert restored in terminal.output


def test_a_second_signal_does_not_wait_for_a_thread_that_hangs(home: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(home, "failing")
    terminals.append(terminal)
    terminal.read_until(b"ready")
    os.write(terminal.master, b"h")
    terminal.read_until(b"hanging")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.read_until(b"\x1b[?1049l")
    assert terminal.process.poll() is None
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == -signal.SIGTERM


def test_a_typed_quit_restores_the_terminal(home: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(home, "normal")
    terminals.append(terminal)
    terminal.read_until(b"Enter unlocks")
    os.write(terminal.master, b"\x11")
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.output


def test_an_empty_no_color_is_a_no(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from screens import app as module

    seen: list[bool] = []

    async def run(app: VctuiApp) -> None:
        seen.append("NO_COLOR" in os.environ)

    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setattr(module.VctuiApp, "run_async", run)
    assert module.open_app(settings, make_context(settings).resolver) == 0
    assert seen == [False]
