"""The unlock screen: keys at hand, the password, waiting after a wrong one, making vault and home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.context import Context, Throttle
from screens.strength import caps_hint, judge
from screens.unlock import UnlockScreen
from tests.fixtures.screens import until
from tests.fixtures.vault import FAST
from vctui.config import load_settings
from vctui.storage import init_home
from vctui.vault import CredentialResolver, Vault

PASSWORD = "correct horse"


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Host(App[None]):
    """Opens the screen and keeps its answer."""

    def __init__(self, context: Context, *, ask: bool = False) -> None:
        super().__init__()
        self.context = context
        self.ask = ask
        self.answers: list[bool | None] = []

    def on_mount(self) -> None:
        self.push_screen(UnlockScreen(self.context, ask=self.ask), self.answers.append)


def make_context(tmp_path: Path, *, home: bool = True, password: str | None = PASSWORD) -> Context:
    settings = load_settings(tmp_path / "home", {})
    if home:
        init_home(settings, defaults=False)
    resolver = CredentialResolver(settings)
    resolver.vault = Vault(settings.collector_db, kdf=FAST)
    if home and password is not None:
        resolver.vault.init(password)
        resolver.lock()
    return Context(settings, resolver, Throttle(Clock()))


@asynccontextmanager
async def opened(context: Context, *, ask: bool = False) -> AsyncIterator[tuple[Host, Pilot[None]]]:
    app = Host(context, ask=ask)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        yield app, pilot


async def settle(pilot: Pilot[None]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def enter(pilot: Pilot[None], text: str) -> None:
    focused = pilot.app.focused
    assert isinstance(focused, Input)
    focused.value = text
    await pilot.press("enter")
    await settle(pilot)


def shown(app: App[None], selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def screen_of(app: App[None]) -> UnlockScreen:
    assert isinstance(app.screen, UnlockScreen)
    return app.screen


async def test_password_unlocks(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    async with opened(context) as (app, pilot):
        assert screen_of(app).state == "password"
        await pilot.press(*"correct", "space", *"horse")
        assert isinstance(app.focused, Input)
        assert app.focused.value == PASSWORD
        assert app.focused.password
        await pilot.press("enter")
        await settle(pilot)
        assert app.answers == [True]
    assert context.resolver.is_unlocked


async def test_wrong_password_is_said_at_the_field_and_cleared(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    async with opened(context) as (app, pilot):
        await enter(pilot, "wrong horse")
        assert "Wrong master password" in shown(app, "#error")
        assert isinstance(app.focused, Input)
        assert app.focused.value == ""
        assert not app.answers
    assert not context.resolver.is_unlocked


async def test_attempts_wait_longer_and_longer(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    clock = context.throttle.clock
    assert isinstance(clock, Clock)
    async with opened(context) as (app, pilot):
        for pause in (1, 2):
            await enter(pilot, "wrong horse")
            assert f"in {pause} s" in shown(app, "#error")
            clock.now += pause - 0.5
            await enter(pilot, PASSWORD)
            assert "Too early; the next attempt is accepted in 1 s" in shown(app, "#error")
            assert not context.resolver.is_unlocked
            clock.now += 0.5
        assert isinstance(app.focused, Input)
        assert app.focused.value == PASSWORD, "what was typed too early need not be typed again"
        await until(pilot, lambda: "is accepted now" in shown(app, "#error"))
        await pilot.press("enter")
        await settle(pilot)
        assert app.answers == [True]
    assert context.throttle.wait() == 0
    assert context.throttle.wrong == 0


def test_pauses_grow_to_half_a_minute() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    pauses = []
    for _ in range(7):
        throttle.failed()
        pauses.append(throttle.wait())
        clock.now = throttle.until
        assert throttle.wait() == 0
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


async def test_waiting_survives_a_new_screen(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    async with opened(context) as (_, pilot):
        await enter(pilot, "wrong horse")
    async with opened(context) as (app, pilot):
        await enter(pilot, PASSWORD)
        assert "Too early; the next attempt is accepted in 1 s" in shown(app, "#error")


async def test_environment_unlocks_without_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", PASSWORD)
    context = make_context(tmp_path)
    async with opened(context) as (app, _):
        assert app.answers == [True]
        assert any("VCOLLECTOR_VAULT_PASS" in note.message for note in app._notifications)
    assert context.resolver.is_unlocked


async def test_wrong_environment_asks_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "not this one")
    context = make_context(tmp_path)
    async with opened(context) as (app, pilot):
        assert screen_of(app).state == "password"
        assert "does not open the vault" in shown(app, "#error")
        await enter(pilot, PASSWORD)
        assert app.answers == [True]


async def test_asking_ignores_keys_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", PASSWORD)
    context = make_context(tmp_path)
    async with opened(context, ask=True) as (app, _):
        assert screen_of(app).state == "password"
    assert not context.resolver.is_unlocked


async def test_escape_goes_on_locked(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    async with opened(context) as (app, pilot):
        await pilot.press("escape")
        await pilot.pause()
        assert app.answers == [False]
    assert not context.resolver.is_unlocked


async def test_empty_password_is_no_attempt(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    async with opened(context) as (_, pilot):
        await pilot.press("enter")
        await settle(pilot)
    assert context.throttle.wrong == 0


async def test_password_cannot_be_copied(tmp_path: Path) -> None:
    async with opened(make_context(tmp_path)) as (app, pilot):
        await pilot.press(*"secret", "ctrl+shift+a", "ctrl+c", "ctrl+x")
        await pilot.pause()
        assert app.clipboard == ""


async def test_new_vault_is_made_with_the_password_typed_twice(tmp_path: Path) -> None:
    context = make_context(tmp_path, password=None)
    async with opened(context) as (app, pilot):
        assert screen_of(app).state == "create"
        await enter(pilot, "long enough")
        await enter(pilot, "long enoug")
        assert "not the same" in shown(app, "#error")
        assert [box.value for box in app.screen.query(Input)] == ["", ""]
        await enter(pilot, "short")
        await enter(pilot, "short")
        assert "at least 8 characters" in shown(app, "#error")
        assert not context.resolver.is_initialized
        await enter(pilot, "long enough")
        await enter(pilot, "long enough")
        assert app.answers == [True]
    context.resolver.lock()
    assert context.resolver.unlock_vault("long enough")


async def test_absent_home_is_offered_and_made(tmp_path: Path) -> None:
    context = make_context(tmp_path, home=False)
    async with opened(context) as (app, pilot):
        assert screen_of(app).state == "init"
        await pilot.press("y")
        await settle(pilot)
        assert screen_of(app).state == "create"
        assert context.settings.collector_db.is_file()
        await pilot.press("escape")
        await pilot.pause()
        assert app.answers == [False]


async def test_refusing_a_home_ends_with_its_code(tmp_path: Path) -> None:
    context = make_context(tmp_path, home=False)
    async with opened(context) as (app, pilot):
        await pilot.press("n")
        await pilot.pause()
        assert app.return_code == 10
    assert not context.settings.home.exists()


async def test_damaged_database_is_said_and_left_alone(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    context.settings.collector_db.write_bytes(b"this is no database, but long enough to be looked at " * 40)
    async with opened(context) as (app, pilot):
        assert screen_of(app).state == "broken"
        assert "collector.db" in shown(app, "#error")
        await pilot.press("escape")
        await pilot.pause()
        assert app.return_code == 10


async def test_the_password_is_in_no_worker_description(tmp_path: Path) -> None:
    described: list[str] = []
    async with opened(make_context(tmp_path)) as (app, pilot):
        assert isinstance(app.focused, Input)
        app.focused.value = "canary-password"
        await pilot.press("enter")
        described += [repr(worker) for worker in app.workers]
        await settle(pilot)
    assert not any("canary" in text for text in described)


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("password1", "very weak"),
        ("Sommer2026!", "weak"),
        ("correct horse", "weak"),
        ("correct horse battery staple", "strong"),
        ("x" * 5000, "very weak"),
    ],
)
def test_the_meter_says_what_a_password_is_worth(password: str, word: str) -> None:
    said = judge(password)
    assert said.partition(":")[0].lstrip("■□ ") == word
    assert "a thief of the file guesses it in" in said
    assert password not in said
    assert judge("") == ""


async def test_strength_is_shown_while_a_new_password_is_typed(tmp_path: Path) -> None:
    context = make_context(tmp_path, password=None)
    async with opened(context) as (app, pilot):
        assert screen_of(app).state == "create"
        assert isinstance(app.focused, Input)
        app.focused.value = "password1"
        await pilot.pause()
        assert "very weak" in shown(app, "#strength")
        app.focused.value = "correct horse battery staple"
        await pilot.pause()
        assert "strong" in shown(app, "#strength")


async def test_capitals_are_asked_about(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    async with opened(context) as (app, pilot):
        await pilot.press(*"CORRECT")
        assert "Caps Lock" in shown(app, "#error")
        await pilot.press("h")
        assert shown(app, "#error") == ""


def test_only_a_console_tells_of_caps_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert caps_hint("Correct") == caps_hint("AB") == caps_hint("12!") == ""

    def leds(descriptor: int, request: int, buffer: bytes) -> bytes:
        return b"\x04"

    monkeypatch.setattr("screens.strength.fcntl.ioctl", leds)
    monkeypatch.setattr("screens.strength.sys.platform", "linux")
    assert caps_hint("correct") == "Caps Lock is on"
