"""The headless run and the screens collect from FRR's vtysh behind OpenSSH."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path

import pytest

from screens.app import VctuiApp
from screens.context import Context
from screens.preview import PreviewScreen
from screens.summary import SummaryScreen
from tests.fixtures.openssh import FRR_INTERFACES, RealServer
from vctui.config import Settings, load_settings
from vctui.events import DeviceFinished, Event
from vctui.jobs import JobRunner, JobSource, Prober
from vctui.records import SSHCredentials
from vctui.storage import Inventory, init_home
from vctui.vault import CredentialResolver

pytestmark = pytest.mark.real
MASTER = "a master password"
COMMANDS = ("show version", "show ip route", "show interface brief", "show running-config")


def home_with_frr(tmp_path: Path, server: RealServer, *, key: bool = False) -> Settings:
    """A home whose only device is the FRR behind OpenSSH, with a job for each command."""
    settings = load_settings(tmp_path / "home")
    init_home(settings)
    csv = tmp_path / "frr.csv"
    csv.write_text(
        "name,primary_ip4,platform,site,role,status,ssh_port\n"
        f"frr-1,{server.host},frr,lab,router,active,{server.port}\n"
    )
    with Inventory(settings.dcim_db) as inventory:
        inventory.import_csv(csv, strict=True)
    settings.known_hosts.write_text(server.known_hosts_line + "\n")
    for n, command in enumerate(COMMANDS):
        job = {
            "version": "2.0",
            "job_id": 900 + n,
            "capture_type": command.removeprefix("show ").replace(" ", "-"),
            "commands": {"command": command},
            "validation": {"use_tfsm": False},
            "execution": {"timeout": 20},
        }
        (settings.jobs_dir / f"{command.replace(' ', '-')}.json").write_text(json.dumps(job))
    vault = CredentialResolver(settings).vault
    vault.init(MASTER)
    if key:
        vault.add("frr", server.username, private_key=server.private_key, default=True)
    else:
        vault.add("frr", server.username, password=server.password, default=True)
    return settings


def collect(settings: Settings, command: str) -> tuple[DeviceFinished, str]:
    events: list[Event] = []
    with CredentialResolver(settings) as resolver:
        resolver.unlock_vault(MASTER)
        runner = JobRunner(resolver, settings=settings, sink=events.append, cancel=threading.Event())
        job = JobSource(settings).resolve(command.replace(" ", "-"))
        result = runner.run_plan(runner.plan(job))
    assert result.error is None
    [finished] = [event for event in events if isinstance(event, DeviceFinished)]
    assert finished.status == "ok", finished
    assert finished.path is not None
    return finished, Path(finished.path).read_text()


@pytest.mark.parametrize("key", [False, True], ids=["password", "key"])
def test_the_whole_running_config_comes_through_the_pager(tmp_path: Path, frr: RealServer, key: bool) -> None:
    settings = home_with_frr(tmp_path, frr, key=key)
    _, text = collect(settings, "show running-config")
    lines = text.splitlines()
    assert lines[0] == "Building configuration..."
    assert lines[-1] == "end"
    described = [line for line in lines if line.startswith(" description uplink to")]
    assert described == [
        f" description uplink to {frr.hostname}# port {n}" for n in range(1, FRR_INTERFACES + 1)
    ]
    assert "--More--" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("command", "expected"),
    [("show version", "FRRouting"), ("show ip route", "Codes:"), ("show interface brief", "Interface")],
)
def test_each_command_is_clean(tmp_path: Path, frr: RealServer, command: str, expected: str) -> None:
    _, text = collect(home_with_frr(tmp_path, frr), command)
    assert expected in text
    assert command not in text.splitlines()[0]
    assert not text.rstrip("\n").endswith("#")


def test_a_wrong_password_and_an_unknown_key_are_named(tmp_path: Path, frr: RealServer) -> None:
    settings = home_with_frr(tmp_path, frr)
    job = JobSource(settings).resolve("show-version")

    def kinds(login: SSHCredentials) -> set[str]:
        runner = JobRunner(login, settings=settings)
        return runner.run_plan(runner.plan(job)).error_kinds

    wrong = SSHCredentials(frr.username, password="not it")
    assert kinds(wrong) == {"auth_failed"}
    settings.known_hosts.write_text("")
    assert kinds(dataclasses.replace(wrong, password=frr.password)) == {"host_key_unknown"}


def test_a_command_that_frr_does_not_know_is_rejected(tmp_path: Path, frr: RealServer) -> None:
    settings = home_with_frr(tmp_path, frr)
    file = settings.jobs_dir / "show-version.json"
    file.write_text(file.read_text().replace("show version", "show nonsense"))
    runner = JobRunner(SSHCredentials(frr.username, password=frr.password), settings=settings)
    result = runner.run(file)
    assert (result.status, result.error_kinds) == ("failed", {"command_rejected"})
    assert not any(settings.collections_dir.rglob("*.txt"))


async def test_the_screens_collect_from_it_from_unlocking_to_the_output(
    tmp_path: Path, frr: RealServer
) -> None:
    settings = home_with_frr(tmp_path, frr)
    app = VctuiApp(Context(settings, CredentialResolver(settings)), unlocked=False)
    async with app.run_test(size=(80, 24)) as pilot:

        async def press(*keys: str) -> None:
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await pilot.pause()

        await app.workers.wait_for_complete()
        await pilot.pause()
        await press(*("space" if char == " " else char for char in MASTER), "enter")
        await press(*"show-run")
        await press("enter")
        assert isinstance(app.screen, PreviewScreen)
        await press("enter")
        assert isinstance(app.screen, SummaryScreen)
    lines = (settings.collections_dir / "running-config" / "frr-1.txt").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("Building configuration...", "end")


def test_frr_is_recognised(tmp_path: Path, frr: RealServer) -> None:
    settings = home_with_frr(tmp_path, frr)
    with CredentialResolver(settings) as resolver:
        resolver.unlock_vault(MASTER)
        prober = Prober(resolver, settings)
        with Inventory(settings.dcim_db) as inventory:
            finished = prober.probe(prober.plan_devices(inventory.devices()))
    (probed,) = prober.found
    assert (probed.news.platform, probed.news.confidence) == ("frr", "certain"), probed.news
    assert finished.exit_code == 0
    assert not probed.differs
