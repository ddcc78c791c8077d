"""The preview: the plan on show, what narrows it, and what is asked before a run starts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input, Static

from screens.context import Context
from screens.hostkeys import HostKeysScreen, Scanned
from screens.plan_view import plan_cells
from screens.planning import named
from screens.preview import PreviewScreen
from screens.question import QuestionScreen
from screens.run_engine import RunOptions
from tests.fixtures.screens import (
    HOSTILE,
    Stage,
    assert_harmless,
    is_on,
    make_context,
    make_item,
    make_job,
    make_plan,
    row_texts,
    shown,
    text_of,
    until,
)
from vctui.config import HostKeyPolicy
from vctui.errors import DeviceError, StorageError, UsageError
from vctui.jobs import Job, KeyHost, LeftOut, Plan, PlanItem, PlannedHop
from vctui.questions import Desk, Question
from vctui.records import Device
from vctui.ssh import ScannedKey


@dataclass
class FakePlans:
    """Plans over a fixed list of items; counts how often it is asked."""

    items: Sequence[PlanItem]
    left_out: Sequence[LeftOut] = ()
    writing: tuple[str, ...] = ()
    error: UsageError | None = None
    asked: list[tuple[int | None, Sequence[str] | None]] = field(default_factory=list)

    @property
    def devices(self) -> list[Device]:
        return [item.device for item in self.items]

    def plan(self, job: Job, *, limit: int | None = None, names: Sequence[str] | None = None) -> Plan:
        self.asked.append((limit, names))
        if self.error is not None:
            raise self.error
        wanted = {item.device.name for item in self.items} if names is None else set(names)
        chosen = [item for item in self.items if item.device.name in wanted][:limit]
        ids = {item.device.id for item in chosen}
        others = [LeftOut(item.device, "narrowed") for item in self.items if item.device.id not in ids]
        return replace(make_plan(chosen, [*self.left_out, *others], job), writing_commands=self.writing)


@dataclass
class Started:
    """What the run screen was given."""

    plan: Plan | None = None
    options: RunOptions | None = None

    @property
    def begun(self) -> bool:
        return self.plan is not None


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Puts an empty screen in the run screen's place."""
    seen = Started()

    class FakeRun(Screen[None]):
        def __init__(self, context: Context, plan: Plan, options: RunOptions) -> None:
            super().__init__()
            seen.plan, seen.options = plan, options

    monkeypatch.setattr("screens.run.RunScreen", FakeRun)
    return seen


def stage(
    home: Path,
    plans: FakePlans,
    *,
    job: Job | None = None,
    unlocked: bool = True,
    host_keys: HostKeyPolicy = "ask",
    names: Sequence[str] | None = None,
) -> Stage:
    context = make_context(home, unlocked=unlocked, host_keys=host_keys)
    return Stage(PreviewScreen(context, job or make_job(), names=names, load=lambda _: plans))


def is_ready(app: Stage) -> bool:
    return isinstance(app.screen, PreviewScreen) and app.screen.is_current_plan


async def test_shows_the_plan_and_who_is_left_out(tmp_path: Path) -> None:
    items = [make_item(1), make_item(2, known=False), make_item(3, credential="")]
    left = [LeftOut(Device(9, "old"), "no address"), LeftOut(Device(8, "off"), "status offline, not active")]
    app = stage(tmp_path, FakePlans(items, left), job=make_job("ARP", "show ip arp", "show version"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        assert text_of(app, "#count") == (
            "3 of 5 devices · 2 left out (o) · 1 new host key · 1 without a credential"
        )
        assert text_of(app, "#commands") == "Runs: show ip arp, show version"
        rows = row_texts(app, "#plan")
        assert rows[0].split() == ["sw1", "192.0.2.1:22", "arista_eos", "lab", "known"]
        assert rows[1].split()[-1] == "new"
        assert rows[2].split()[-2:] == ["none", "known"]
        assert "template arista_eos_show_ip_arp, host key known" in text_of(app, "#detail")
        assert "Saved to /captures/arp/1.txt" in text_of(app, "#detail")
        await pilot.press("down")
        await pilot.pause()
        assert "sw2: arista_eos, template arista_eos_show_ip_arp, host key new" in text_of(app, "#detail")
        await pilot.press("o")
        await pilot.pause()
        assert row_texts(app, "#left")[0].split(maxsplit=1) == ["old", "no address"]
        assert "status offline, not active" in row_texts(app, "#left")[1]
        await pilot.press("o", "escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1


async def test_narrows_by_name_and_number_while_typing(tmp_path: Path) -> None:
    plans = FakePlans([make_item(n) for n in range(1, 31)])
    app = stage(tmp_path, plans)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("slash", *"SW2")
        await until(pilot, lambda: text_of(app, "#count").startswith("11 of 30"))
        assert row_texts(app, "#plan")[1].startswith("sw20")
        await pilot.press("enter", "l", "4")
        await until(pilot, lambda: text_of(app, "#count").startswith("4 of 30"))
        assert plans.asked[-1] == (4, ["sw2", *(f"sw{n}" for n in range(20, 30))])
        assert len(plans.asked) <= 6
        await pilot.press("escape")
        assert app.screen.focused is app.screen.query_one("#plan")
        await pilot.press("slash", "x")
        await until(pilot, lambda: text_of(app, "#count").startswith("0 of 30"))
        assert row_texts(app, "#plan") == ["No device matches"]


async def test_ten_thousand_devices_ask_for_the_rows_in_view_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    cells = plan_cells

    def counted(item: PlanItem) -> Any:
        asked.append(item.device.id)
        return cells(item)

    monkeypatch.setattr("screens.preview.plan_cells", counted)
    app = stage(tmp_path, FakePlans([make_item(n) for n in range(1, 10_001)]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.pause()
        assert 0 < max(asked) <= 24
        asked.clear()
        await pilot.press("slash", "9")
        await until(pilot, lambda: text_of(app, "#count").startswith("3439 of"))
        await pilot.pause()
        assert len(asked) <= 3 * 24


async def test_keeps_to_the_names_it_was_given(tmp_path: Path) -> None:
    app = stage(tmp_path, FakePlans([make_item(n) for n in range(1, 6)]), names=["sw2", "sw4"])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        assert [row.split()[0] for row in row_texts(app, "#plan")] == ["sw2", "sw4"]


def test_names_are_chosen_by_a_part_of_them() -> None:
    devices = [Device(1, "Core-1"), Device(2, "edge-1"), Device(3, "core-2")]
    assert named(devices, "", None) is None
    assert named(devices, "CORE", None) == ["Core-1", "core-2"]
    assert named(devices, "", ["core-1", "edge-1"]) == ["Core-1", "edge-1"]
    assert named(devices, "core", ["core-1", "edge-1"]) == ["Core-1"]


async def test_says_why_there_is_no_plan(tmp_path: Path, started: Started) -> None:
    plans = FakePlans(
        [make_item(1)], error=UsageError("name pattern '[' is not a regular expression", "Edit it")
    )
    app = stage(tmp_path, plans)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "regular expression" in text_of(app, "#count"))
        assert text_of(app, "#count") == "name pattern '[' is not a regular expression"
        assert text_of(app, "#detail") == "Edit it"
        await pilot.press("enter")
        await pilot.pause()
        assert not started.begun


async def test_enter_starts_with_the_options_chosen(tmp_path: Path, started: Started) -> None:
    plans = FakePlans([make_item(1), make_item(2)])
    app = stage(tmp_path, plans)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        assert " ".join(text_of(app, "#options").split()) == "v Validate: yes s Save: yes f Save anyway: no"
        await pilot.press("v", "f", "enter")
        await until(pilot, lambda: started.begun)
        assert started.plan is not None
        assert started.plan.items == tuple(plans.items)
        assert started.options == RunOptions(validate=False, save=True, force_save=True, host_keys="strict")


async def test_commands_that_may_write_need_a_yes(tmp_path: Path, started: Started) -> None:
    app = stage(tmp_path, FakePlans([make_item(1)], writing=("reload",)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        assert "May change devices: reload - press y to allow it" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert not started.begun
        await pilot.press("y", "y", "y", "enter")
        await until(pilot, lambda: started.begun)
        assert started.options is not None
        assert started.options.allow_any_command


@pytest.mark.parametrize("items", [[], [make_item(1, credential="")]])
async def test_does_not_start_without_devices_or_credentials(
    tmp_path: Path, started: Started, items: list[PlanItem]
) -> None:
    app = stage(tmp_path, FakePlans(items))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await pilot.pause()
        assert is_on(app, PreviewScreen)
    assert not started.begun


@pytest.mark.parametrize("opens", [True, False])
async def test_a_locked_vault_is_unlocked_first(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch, opens: bool
) -> None:
    class FakeUnlock(Screen[bool]):
        def __init__(self, context: Context) -> None:
            super().__init__()

        def compose(self) -> ComposeResult:
            yield Static("master password")

    monkeypatch.setattr("screens.unlock.UnlockScreen", FakeUnlock)
    app = stage(tmp_path, FakePlans([make_item(1)]), unlocked=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, FakeUnlock))
        app.screen.dismiss(opens)
        await until(pilot, lambda: not is_on(app, FakeUnlock))
        await pilot.pause()
        assert started.begun is opens


class FakeScan:
    """Answers for some hosts; the rest are silent. Waits for `go` when told to."""

    def __init__(self, silent: Sequence[str] = (), *, waits: bool = False) -> None:
        self.silent = silent
        self.waits = waits
        self.cancelled = threading.Event()

    def __call__(
        self, context: Context, hosts: Sequence[KeyHost], cancel: threading.Event, desk: Desk, on_key: Scanned
    ) -> None:
        for host in hosts:
            if host.host in self.silent:
                on_key(host, DeviceError("connection_refused", "refused [/oops]"))
            else:
                blob = b"key of " + host.host.encode()
                on_key(host, ScannedKey(host.host, host.port, "ssh-ed25519", blob))
        if self.waits and cancel.wait(10):
            self.cancelled.set()


def with_hosts(monkeypatch: pytest.MonkeyPatch, scan: FakeScan, stored: list[ScannedKey]) -> None:
    monkeypatch.setattr("screens.hostkeys.scan_hosts", scan)
    monkeypatch.setattr("screens.hostkeys.store_keys", lambda context, keys: stored.extend(keys))


NEW = [make_item(1), make_item(2, known=False), make_item(3, known=False)]


async def test_new_host_keys_are_asked_about_once(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[ScannedKey] = []
    with_hosts(monkeypatch, FakeScan(silent=["192.0.2.3"]), stored)
    app = stage(tmp_path, FakePlans(NEW))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: "trust what is shown here?" in shown(app))
        assert text_of(app, "#title") == "1 new host key: trust what is shown here? (1 did not answer)"
        first, second = row_texts(app, "#keys")
        assert first.split()[0] == "sw2"
        key = ScannedKey("192.0.2.2", 22, "ssh-ed25519", b"key of 192.0.2.2")
        assert key.fingerprint in first
        assert len(key.fingerprint) == 50
        assert "none: refused [/oops]" in second
        assert text_of(app, "#detail") == "sw2 at 192.0.2.2 port 22: ssh-ed25519"
        assert stored == []
        assert not started.begun
        await pilot.press("t")
        await until(pilot, lambda: started.begun)
        assert stored == [key]
        assert started.plan is not None
        assert len(started.plan.items) == 3


GATE = PlannedHop("gate", "192.0.2.99", 22, "lab", 1, False)


async def test_jump_hosts_are_asked_about_before_what_is_behind_them(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[ScannedKey] = []
    with_hosts(monkeypatch, FakeScan(), stored)
    app = stage(tmp_path, FakePlans([replace(item, jump=(GATE,)) for item in NEW]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        assert "1 jump host · 3 new host keys" in shown(app)
        assert "via gate" in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: "trust what is shown here?" in shown(app))
        assert [row.split()[0] for row in row_texts(app, "#keys")] == ["gate"]
        assert "jump host gate at 192.0.2.99" in text_of(app, "#detail")
        first = app.screen
        await pilot.press("t")
        await until(pilot, lambda: app.screen is not first and "2 new host keys: trust" in shown(app))
        assert [row.split()[0] for row in row_texts(app, "#keys")] == ["sw2", "sw3"]
        await pilot.press("t")
        await until(pilot, lambda: started.begun)
        assert [key.host for key in stored] == ["192.0.2.99", "192.0.2.2", "192.0.2.3"]


async def test_a_jump_host_may_ask_for_a_code_on_the_way(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = Question("second_factor", "code:jump host gate", "Code for jump host gate", "PASSCODE:", once=True)
    answers: list[str | None] = []

    class Asking(FakeScan):
        def __call__(
            self,
            context: Context,
            hosts: Sequence[KeyHost],
            cancel: threading.Event,
            desk: Desk,
            on_key: Scanned,
        ) -> None:
            answers.append(desk.ask(code, "sw2", seconds=10, tie=lambda closer: None))
            super().__call__(context, hosts, cancel, desk, on_key)

    with_hosts(monkeypatch, Asking(), [])
    app = stage(tmp_path, FakePlans(NEW))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, QuestionScreen))
        assert "jump host gate" in shown(app)
        await pilot.press(*"123456", "enter")
        await until(pilot, lambda: "2 new host keys: trust" in shown(app))
        assert answers == ["123456"]


async def test_leaving_out_a_jump_host_leaves_out_what_is_behind_it(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_hosts(monkeypatch, FakeScan(), [])
    behind = replace(make_item(4, known=False), jump=(GATE,))
    app = stage(tmp_path, FakePlans([make_item(1), behind]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, HostKeysScreen))
        await pilot.press("s")
        await until(pilot, lambda: started.begun)
        assert started.plan is not None
        assert [item.device.name for item in started.plan.items] == ["sw1"]


async def test_devices_with_new_keys_can_be_left_out(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[ScannedKey] = []
    with_hosts(monkeypatch, FakeScan(), stored)
    app = stage(tmp_path, FakePlans(NEW))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, HostKeysScreen))
        await pilot.press("s")
        await until(pilot, lambda: started.begun)
        assert started.plan is not None
        assert [item.device.name for item in started.plan.items] == ["sw1"]
        assert stored == []


async def test_cancelling_the_question_ends_the_scan_and_runs_nothing(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = FakeScan(waits=True)
    with_hosts(monkeypatch, scan, [])
    app = stage(tmp_path, FakePlans(NEW))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: "2 of 2" in shown(app))
        await pilot.press("t")
        await pilot.pause()
        assert is_on(app, HostKeysScreen)
        await pilot.press("escape")
        await until(pilot, lambda: is_on(app, PreviewScreen))
        assert scan.cancelled.wait(10)
        assert not started.begun


async def test_keys_that_cannot_be_stored_keep_the_question_open(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(context: Context, keys: Sequence[ScannedKey]) -> None:
        raise StorageError("known_hosts cannot be written", "Free some space")

    monkeypatch.setattr("screens.hostkeys.scan_hosts", FakeScan())
    monkeypatch.setattr("screens.hostkeys.store_keys", full)
    app = stage(tmp_path, FakePlans(NEW))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: "trust what is shown here?" in shown(app))
        await pilot.press("t")
        await until(pilot, lambda: "cannot be written" in shown(app))
        assert is_on(app, HostKeysScreen)
        assert not started.begun


@pytest.mark.parametrize("policy", ["strict", "accept-new"])
async def test_other_policies_do_not_ask(tmp_path: Path, started: Started, policy: HostKeyPolicy) -> None:
    app = stage(tmp_path, FakePlans(NEW), host_keys=policy)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("enter")
        await until(pilot, lambda: started.begun)
        assert started.options is not None
        assert started.options.host_keys is None


async def test_hostile_text_is_shown_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hostile(number: int, text: str) -> PlanItem:
        item = make_item(number, text, known=False, credential=text)
        return replace(
            item, template=text, commands=(text,), note=text, path=Path("/x") / text.replace("/", "_")
        )

    items = [hostile(number, text) for number, text in enumerate(HOSTILE, 1)]
    left = [LeftOut(item.device, item.device.name) for item in items]
    plans = FakePlans(items, left, writing=HOSTILE)
    with_hosts(monkeypatch, FakeScan(silent=["192.0.2.1"]), [])
    app = stage(tmp_path, plans, job=make_job(HOSTILE[0], *HOSTILE))
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: is_ready(app))
        assert_harmless(app)
        assert "[Foo(a=True)]" in shown(app)
        for _ in HOSTILE:
            await pilot.press("down")
            assert_harmless(app)
        await pilot.press("o")
        await pilot.pause()
        assert_harmless(app)
        await pilot.press("y", "enter")
        await until(pilot, lambda: "trust what is shown here?" in shown(app))
        for _ in HOSTILE:
            await pilot.press("down")
            assert_harmless(app)


async def test_the_boxes_hold_their_keys(tmp_path: Path) -> None:
    app = stage(tmp_path, FakePlans([make_item(1)]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("slash", *"lovsfyqj")
        assert app.screen.query_one("#name", Input).value == "lovsfyqj"
        assert "Validate: yes" in text_of(app, "#options")
