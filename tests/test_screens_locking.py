"""The vault locks itself in time, and lets go of everything; the program comes back where it was."""

from __future__ import annotations

import gc
import os
import signal
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

from screens.app import VctuiApp
from screens.autolock import AutoLock
from screens.clipboard import SECONDS
from screens.context import Context, Throttle
from screens.jobs import JobsScreen
from screens.preview import PreviewScreen
from screens.unlock import UnlockScreen
from screens.widgets.secret import KeyInput, SecretInput
from tests.fixtures.reach import holders
from tests.fixtures.screens import is_on, until
from tests.fixtures.small_home import add_job, make_home
from tests.fixtures.vault import FAST
from vctui.config import Settings
from vctui.errors import VaultLocked
from vctui.jobs import JobRunner, JobSource
from vctui.storage import Audit
from vctui.vault import CredentialResolver, Vault, open_vault

MASTER = "LOCKED-" + "master"
SECRET = "LOCKED-" + "secret"


class Clocks:
    """The time of a computer, which may sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0

    def make(self, settings: Settings) -> AutoLock:
        return AutoLock(
            idle=settings.lock_after,
            absolute=settings.lock_at_latest,
            clock=lambda: self.now + self.slept,
            waking=lambda: self.now,
        )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = make_home(tmp_path)
    vault = Vault(settings.collector_db, kdf=FAST)
    vault.init(MASTER)
    vault.add("lab", "admin", password=SECRET, default=True)
    add_job(settings, "arp")
    return settings


def context_of(settings: Settings) -> Context:
    resolver = CredentialResolver(settings)
    resolver.vault = Vault(settings.collector_db, kdf=FAST, audit=Audit(settings.home))
    resolver.unlock_vault("".join(["LOCKED", "-master"]))
    return Context(settings, resolver, Throttle())


def app_of(context: Context, clocks: Clocks) -> VctuiApp:
    app = VctuiApp(context, unlocked=True)
    app.autolock = clocks.make(context.settings)
    return app


def is_locked(context: Context) -> bool:
    return not context.resolver.is_unlocked


def state_of(app: VctuiApp) -> str:
    return app.screen.state if isinstance(app.screen, UnlockScreen) else ""


async def enter(pilot: Pilot[Any], text: str) -> None:
    box = pilot.app.screen.query_one("#password", SecretInput)
    box.value = text
    await pilot.press("enter")
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def test_it_is_time_after_idling_after_the_longest_time_and_after_sleep() -> None:
    clocks = Clocks()
    lock = AutoLock(
        idle=600, absolute=28_800, clock=lambda: clocks.now + clocks.slept, waking=lambda: clocks.now
    )
    assert lock.due() is None
    clocks.now += 10_000
    assert lock.due() is None, "there is nothing to lock"
    lock.start()
    clocks.now += 599
    assert lock.due() is None
    clocks.now += 1
    assert lock.due() == "idle"
    lock.touch()
    assert lock.due() is None
    for _ in range(60):
        clocks.now += 500
        lock.touch()
    assert lock.due() == "absolute"
    lock.start()
    clocks.slept += 0.5
    assert lock.due() is None, "two clocks are never read at one instant"
    clocks.slept += 2
    assert lock.due() == "suspend"
    lock.stop()
    assert lock.due() is None


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux has it")
def test_time_in_sleep_counts_on_the_clock_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = [0.0]
    monkeypatch.setattr(
        time, "clock_gettime", lambda clock: slept[0] + 100.0 * (clock == time.CLOCK_BOOTTIME)
    )
    lock = AutoLock(idle=600, absolute=28_800, waking=lambda: 100.0)
    lock.start()
    assert lock.due() is None
    slept[0] = 3.0
    assert lock.due() == "suspend"


def test_the_settings_have_bounds(tmp_path: Path) -> None:
    from vctui.config import load_settings
    from vctui.errors import UsageError

    (tmp_path / "config.yaml").write_text("vault: {lock_after: 60, lock_at_latest: 3600}\n")
    settings = load_settings(tmp_path, {})
    assert (settings.lock_after, settings.lock_at_latest) == (60, 3600)
    assert load_settings(tmp_path / "none", {}).lock_after == 600
    assert load_settings(tmp_path / "none", {}).lock_at_latest == 28_800
    for bad in ("lock_after: 59", "lock_after: 7201", "lock_at_latest: 1e9", "lock_after: never"):
        (tmp_path / "config.yaml").write_text(f"vault: {{{bad}}}\n")
        with pytest.raises(UsageError, match="lock_a"):
            load_settings(tmp_path, {})


@pytest.mark.parametrize("how", ["idle", "absolute", "suspend"])
async def test_the_program_goes_behind_the_unlock_screen_and_comes_back(how: str, settings: Settings) -> None:
    clocks, context = Clocks(), context_of(settings)
    app = app_of(context, clocks)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, JobsScreen) and bool(app.screen._lines))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PreviewScreen) and app.screen.plan is not None)
        before: Screen[Any] = app.screen
        await pilot.press("slash", *"core")
        if how == "suspend":
            clocks.slept += 60
        else:
            clocks.now += 600 if how == "idle" else 28_800
        if how == "absolute":
            app.autolock.touch()
        app.look_at_clock()
        await pilot.pause()
        assert is_locked(context)
        await until(pilot, lambda: state_of(app) == "password")
        assert "The vault is locked" in str(app.screen.query_one("#why", Static).content)
        await enter(pilot, MASTER)
        assert not is_locked(context)
        assert app.screen == before
        assert before.query_one("#name", Input).value == "core"
        app.look_at_clock()
        await pilot.pause()
        assert app.screen == before, "a new time begins"
    reasons = [e["reason"] for e in Audit(settings.home).entries() if e["kind"] == "vault_locked"]
    assert len(reasons) == 1


async def test_keys_keep_it_open(settings: Settings) -> None:
    clocks = Clocks()
    app = app_of(context_of(settings), clocks)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        for _ in range(3):
            clocks.now += 500
            await pilot.press("down")
            app.look_at_clock()
        assert app._scope.resolver.is_unlocked


async def test_the_clock_is_looked_at_twice_a_second(settings: Settings) -> None:
    clocks = Clocks()
    app = app_of(context_of(settings), clocks)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        clocks.now += 600
        await until(pilot, lambda: state_of(app) == "password")
    from screens.locking import LOOK

    assert LOOK * 2 <= 2, "begun and noticed within two seconds"


async def test_nothing_holds_the_key_or_a_secret_once_it_is_locked(settings: Settings) -> None:
    clocks = Clocks()
    context = context_of(settings)
    app = app_of(context, clocks)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        key = context.resolver.vault.require_scheme().key
        # What a run does with its credentials, and what is typed while the vault is open.
        runner = JobRunner(context.resolver, settings=settings)
        plan = runner.plan(JobSource(settings).resolve("arp"))
        assert plan.items
        assert context.resolver.get_ssh_credentials().password == SECRET
        await app.mount(SecretInput("", id="typed"), KeyInput(id="pasted"))
        app.screen.query_one("#typed", SecretInput).value = "".join(["LOCKED", "-secret"])
        app.screen.query_one("#pasted").post_message(Paste("".join(["-----BEGIN ", "LOCKED", "-secret"])))
        await pilot.pause()
        whole = bytes(bytearray(key))
        assert holders(whole, skip=(whole,)), "the walk finds the key while it is there"
        del key
        app.lock_vault("the test says so")
        await pilot.pause()
        await pilot.pause()
        names = ["".join(["LOCKED", part]) for part in ("-master", "-secret")]
        own = (globals(), names, test_nothing_holds_the_key_or_a_secret_once_it_is_locked.__code__)
        assert holders(whole, *names, skip=own) == []
        with pytest.raises(VaultLocked):
            runner.run_plan(plan)


async def test_what_only_a_cycle_holds_goes_with_the_lock(settings: Settings) -> None:
    class Holder:
        me: Holder

    app = app_of(context_of(settings), Clocks())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        gc.disable()
        try:
            holder = Holder()
            holder.me = holder
            left = weakref.ref(holder)
            del holder
            assert left() is not None
            app.drop_secrets("the test says so")
            assert left() is None
        finally:
            gc.enable()


@pytest.fixture
def hang_up() -> Iterator[None]:
    """Whoever runs the tests may have the signal ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_up")
async def test_a_hang_up_locks_at_once(settings: Settings) -> None:
    clocks = Clocks()
    context = context_of(settings)
    app = app_of(context, clocks)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        app.watch_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        await until(pilot, lambda: not context.resolver.is_unlocked)
    assert app.return_code == 129
    kinds = [(e["kind"], e.get("reason")) for e in Audit(settings.home).entries()]
    assert kinds[-1] == ("vault_locked", "SIGHUP")


async def test_five_wrong_passwords_take_the_box_away(settings: Settings) -> None:
    now = [0.0]
    context = context_of(settings)
    context.throttle = Throttle(lambda: now[0])
    context.resolver.lock()
    app = VctuiApp(context, unlocked=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: getattr(app.screen, "state", "") == "password")
        screen = app.screen
        assert isinstance(screen, UnlockScreen)

        def error() -> str:
            return str(screen.query_one("#error", Static).content)

        for pause in (1, 2, 4, 8, 16):
            assert state_of(app) == "password"
            await enter(pilot, "wrong horse")
            assert f"accepted in {pause} s" in error()
            now[0] += pause
        assert state_of(app) == "locked_out"
        assert not screen.query_one("#password").display
        await pilot.press("enter")
        assert state_of(app) == "password"
        await enter(pilot, "wrong horse")
        assert state_of(app) == "locked_out"
        await pilot.press("enter")
        assert state_of(app) == "locked_out"
        assert "Too early; the next attempt is accepted in 30 s" in error()
        now[0] += 30
        await pilot.press("enter")
        await enter(pilot, MASTER)
        assert context.resolver.is_unlocked
    failed = [e for e in Audit(settings.home).entries() if e["kind"] == "vault_unlock_failed"]
    assert len(failed) == 6


async def test_a_copied_secret_is_overwritten_and_kept_nowhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    clocks = Clocks()
    context = context_of(settings)
    app = app_of(context, clocks)

    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        assert context.clipboard.copy(app, SECRET)
        assert written == ["\x1b]52;c;TE9DS0VELXNlY3JldA==\a"]
        assert app.clipboard == ""
        timer = context.clipboard._timer
        assert timer is not None
        assert SECONDS <= 30
        context.clipboard.clear(app)
        assert written[1:] == ["\x1b]52;c;IA==\a"]
        context.clipboard.clear(app)
        assert len(written) == 2, "nothing of ours is there any more"
        context.clipboard.copy(app, SECRET)
        app.lock_vault("the test says so")
        assert written[-1] == "\x1b]52;c;IA==\a"
        await until(pilot, lambda: state_of(app) == "password")


async def test_once_locked_only_the_password_opens_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", MASTER)
    context = context_of(settings)
    app = app_of(context, Clocks())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_on(app, JobsScreen))
        app.lock_vault("the test says so")
        await until(pilot, lambda: state_of(app) == "password")
        await pilot.press("escape")
        await until(pilot, lambda: is_on(app, JobsScreen))
        await app.push_screen(UnlockScreen(context))
        await until(pilot, lambda: state_of(app) == "password")
        await enter(pilot, MASTER)
        context.resolver.lock()
        await app.push_screen(UnlockScreen(context))
        await until(pilot, lambda: not is_locked(context))


def test_open_vault_notes_what_is_done(settings: Settings) -> None:
    open_vault(settings).set_default("lab")
    assert [entry["kind"] for entry in Audit(settings.home).entries()] == ["credential_default"]
