"""Finding credentials on the screen: choosing, watching, saving; the engine faked at its seam, and real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from textual.binding import Binding
from textual.widgets import Input

from screens.coverage import CoverageScreen
from screens.discovery import DiscoveryScreen
from screens.discovery_engine import Wanted
from screens.finding import FindingScreen
from screens.finding_model import Found
from screens.jobs import JobsScreen
from screens.unlock import UnlockScreen
from screens.widgets.confirm import ConfirmScreen
from tests.fixtures.logins import Home, login_only, make_home
from tests.fixtures.screens import (
    HOSTILE,
    Stage,
    assert_harmless,
    is_on,
    make_context,
    row_texts,
    shown,
    text_of,
    until,
)
from tests.fixtures.ssh_device import PASSWORD, Device, Rules
from vctui.errors import StorageError
from vctui.events import Sink
from vctui.jobs import (
    Candidate,
    CredentialStatus,
    DeviceSettled,
    DiscoveryFinished,
    DiscoveryPlan,
    LeftOut,
    LoginPhase,
    LoginTested,
    PlanItem,
)
from vctui.records import CredentialInfo
from vctui.records import Device as Row
from vctui.storage import Inventory, LoginState

INFOS = tuple(
    CredentialInfo(number, name, f"u-{name}", number == 1, True, False, False)
    for number, name in enumerate("ab", 1)
)


@dataclass
class FakeFinder:
    """Three devices and two credentials; a search that says what the test wants it to say."""

    name: str = "sw"
    wanted: list[Wanted] = field(default_factory=list)
    saved: list[list[str]] = field(default_factory=list)
    options: dict[str, bool] = field(default_factory=dict)
    broken: bool = False
    begun: threading.Event = field(default_factory=threading.Event)
    end: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    say: Sink = field(default=lambda event: None)

    def credentials(self) -> Sequence[CredentialStatus]:
        return [CredentialStatus(info, LoginState(), "one") for info in INFOS]

    def plan(self, wanted: Wanted) -> DiscoveryPlan:
        self.wanted.append(wanted)
        chosen = tuple(info for info in INFOS if info.name in wanted.credentials)
        rows = [Row(n, f"{self.name}{n}", primary_ip4=f"192.0.2.{n}") for n in range(3)]
        fit = [row for row in rows if wanted.text in row.name]
        out = tuple(LeftOut(row, "does not fit") for row in rows if row not in fit)
        return DiscoveryPlan(tuple(Candidate(row, chosen) for row in fit) if chosen else (), out)

    def items(self, plan: DiscoveryPlan) -> Sequence[PlanItem]:
        return ()

    def run(
        self, plan: DiscoveryPlan, sink: Sink, cancel: threading.Event, *, save: bool, force: bool
    ) -> DiscoveryFinished:
        self.options = {"save": save, "force": force}
        self.say = sink
        self.begun.set()
        while not self.end.wait(0.01):
            if cancel.is_set():
                self.cancelled.set()
                break
        if self.broken:
            raise StorageError("the disk is full", "Free some space")
        return DiscoveryFinished(len(plan.candidates), 1, 1.0)

    def save(self, found: Sequence[Found], *, force: bool) -> int:
        if self.broken:
            raise StorageError("the disk is full")
        self.saved.append([row.candidate.device.name for row in found])
        return len(found)

    def tested(self, n: int, credential: str, result: Any, kind: str | None = None) -> None:
        step = None if result == "accepted" else "Do something about it"
        error = None if result == "accepted" else "no"
        self.say(
            LoginTested(f"{self.name}{n}", f"192.0.2.{n}", credential, result, kind, error, step, 9.0, "now")
        )

    def settled(self, n: int, result: Any, credential: str | None = None, *, saved: bool = True) -> None:
        self.say(DeviceSettled(f"{self.name}{n}", f"192.0.2.{n}", result, credential, saved, ""))


@pytest.fixture
def finder() -> Iterator[FakeFinder]:
    finder = FakeFinder()
    yield finder
    finder.end.set()


def screen_of(tmp_path: Path, finder: FakeFinder, *, unlocked: bool = True) -> DiscoveryScreen:
    context = make_context(tmp_path, unlocked=unlocked)
    return DiscoveryScreen(context, finder=lambda context: finder)


def said(app: Stage) -> str:
    """All notifications on show."""
    return "\n".join(note.message for note in app._notifications)


def planned(app: Stage, text: str) -> Callable[[], bool]:
    return lambda: text in text_of(app, "#head")


async def test_choosing_credentials_and_devices(tmp_path: Path, finder: FakeFinder) -> None:
    app = Stage(screen_of(tmp_path, finder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "3 devices, at most 6 logins; 0 left out"))
        assert [line.split()[:4] for line in row_texts(app, "#credentials")] == [
            ["[x]", "a", "u-a", "one"],
            ["[x]", "b", "u-b", "one"],
        ]
        assert row_texts(app, "#devices")[0].split() == ["sw0", "192.0.2.0", "a,", "b"]
        await pilot.press("down", "space")
        await until(pilot, planned(app, "3 devices, at most 3 logins"))
        assert row_texts(app, "#credentials")[1].startswith("[ ]")
        await pilot.press("slash", "1")
        await until(pilot, planned(app, "1 device, at most 1 logins; 2 left out"))
        await pilot.press("enter", "o")
        assert [line.split()[0] for line in row_texts(app, "#left")] == ["sw0", "sw2"]
        await pilot.press("f", "h")
        await until(pilot, lambda: finder.wanted[-1].force and finder.wanted[-1].skip_configured)
        assert "Ask again: yes" in text_of(app, "#options")
        await pilot.press("s")
        assert "Save: when I say so" in text_of(app, "#options")


async def test_a_search_is_watched_to_its_end(tmp_path: Path, finder: FakeFinder) -> None:
    app = Stage(screen_of(tmp_path, finder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "at most 6"))
        await pilot.press("enter")
        await until(pilot, finder.begun.is_set)
        assert finder.options == {"save": True, "force": False}
        finder.say(LoginPhase("sw0", "192.0.2.0", "a", "authenticating"))
        await until(pilot, lambda: "running" in shown(app))
        finder.tested(0, "a", "refused", "auth_failed")
        finder.tested(0, "b", "accepted")
        finder.settled(0, "works", "b")
        finder.tested(1, "a", "postponed", "breaker_open")
        finder.settled(1, "postponed")
        finder.tested(2, "a", "unreachable", "unreachable")
        finder.settled(2, "unreachable")
        await until(pilot, planned(app, "3/3 done  works 1  unreachable 1  postponed 1  logins 2"))
        lines = [line.split() for line in row_texts(app, "#devices")]
        assert lines[0] == ["sw0", "192.0.2.0", "works", "b", "saved"]
        assert text_of(app, "#detail").startswith("sw0: a refused, b accepted")
        await pilot.press("down")
        below = text_of(app, "#detail").splitlines()
        assert below[0] == "sw1: a postponed"
        assert below[1].startswith("breaker_open: ")
        assert below[2] == "Do something about it"
        finder.end.set()
        await until(pilot, lambda: text_of(app, "#options") == "Done")
        await pilot.press("escape")
        await until(pilot, lambda: not is_on(app, FindingScreen))


async def test_what_works_is_saved_when_it_is_asked_for(tmp_path: Path, finder: FakeFinder) -> None:
    app = Stage(screen_of(tmp_path, finder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "at most 6"))
        await pilot.press("s", "enter")
        await until(pilot, finder.begun.is_set)
        assert finder.options["save"] is False
        finder.tested(0, "a", "accepted")
        finder.settled(0, "works", "a", saved=False)
        await pilot.press("s")
        finder.end.set()
        await until(pilot, lambda: "s saves what works" in text_of(app, "#options"))
        assert finder.saved == [], "not while it goes on"
        finder.broken = True
        await pilot.press("s")
        await until(pilot, lambda: "the disk is full" in said(app))
        finder.broken = False
        await pilot.press("s")
        await until(pilot, lambda: finder.saved == [["sw0"]])
        await until(pilot, lambda: "1 device was given its credential" in said(app))


async def test_cancelling_and_leaving_end_the_search(tmp_path: Path, finder: FakeFinder) -> None:
    app = Stage(screen_of(tmp_path, finder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "at most 6"))
        await pilot.press("enter")
        await until(pilot, finder.begun.is_set)
        await pilot.press("escape")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, FindingScreen))
        assert not finder.cancelled.is_set()
        await pilot.press("escape")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, finder.cancelled.is_set)


async def test_a_search_that_cannot_go_on_says_why(tmp_path: Path, finder: FakeFinder) -> None:
    app = Stage(screen_of(tmp_path, finder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "at most 6"))
        await pilot.press("enter")
        await until(pilot, finder.begun.is_set)
        finder.broken = True
        await pilot.press("c")
        await until(pilot, lambda: "the disk is full. Free some space" in shown(app))


async def test_a_locked_vault_is_asked_for_first(tmp_path: Path, finder: FakeFinder) -> None:
    app = Stage(screen_of(tmp_path, finder, unlocked=False))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "at most 6"))
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, UnlockScreen))
        assert not finder.begun.is_set()


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_are_shown_as_text(tmp_path: Path, finder: FakeFinder, text: str) -> None:
    finder.name = text
    app = Stage(screen_of(tmp_path, finder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "at most 6"))
        assert_harmless(app)
        await pilot.press("enter")
        await until(pilot, finder.begun.is_set)
        finder.say(LoginTested(f"{text}0", "192.0.2.0", text, "refused", text, text, text, 1.0, "now"))
        finder.settled(0, "refused")
        await until(pilot, planned(app, "1/3 done"))
        assert_harmless(app)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path)
    home.add_credential("lab", PASSWORD)
    return home


async def test_a_real_search_from_the_keys_of_the_job_picker(home: Home) -> None:
    """New host keys are asked about first; what works is saved."""
    with Device(login_only, Rules(), "0.0.0.0") as device:
        first = home.add_port(device.port, 2, credential="")
        context = make_context(home.settings.home)
        context.settings, context.resolver = home.settings, home.resolver
        app = Stage(JobsScreen(context))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "1 job" in shown(app))
            await pilot.press("f6")
            await until(pilot, lambda: is_on(app, CoverageScreen) and "fra-000" in shown(app))
            await pilot.press("escape", "f7")
            await until(pilot, lambda: is_on(app, DiscoveryScreen) and "at most 2 logins" in shown(app))
            await pilot.press("enter")
            await until(pilot, lambda: "2 new host keys" in shown(app))
            assert device.counts.total == 0
            await pilot.press("t")
            await until(pilot, lambda: is_on(app, FindingScreen) and "works 2" in shown(app))
            await until(pilot, lambda: text_of(app, "#options") == "Done")
    assert (device.counts.total, first) == (2, 0)
    with Inventory(home.settings.dcim_db) as inventory:
        assert {row.credential_id for row in inventory.devices()} == {home.id_of("lab")}


@pytest.mark.parametrize("screen", [DiscoveryScreen, FindingScreen, CoverageScreen])
def test_every_key_is_explained_and_the_footer_has_room(screen: Any) -> None:
    bindings = [cast(Binding, binding) for binding in screen.BINDINGS]
    assert all(binding.description and binding.id and binding.tooltip for binding in bindings)
    # Enter, help and quit take three of six places.
    assert sum(binding.show for binding in bindings) <= 3
    assert screen.HELP


async def test_a_letter_that_is_typed_acts_on_nothing(tmp_path: Path, finder: FakeFinder) -> None:
    app = Stage(screen_of(tmp_path, finder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, planned(app, "at most 6"))
        await pilot.press("slash", *"sfho")
        assert app.screen.query_one("#text", Input).value == "sfho"
        assert "Save: as found" in text_of(app, "#options")
