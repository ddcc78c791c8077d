"""`vctui devices probe`: what a device is asked, what is made of it, and what is written down."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest

from tests.fixtures.ssh_device import CREDENTIALS, PASSWORD, USER, Device, Reply, Terminal, cli, silent
from vctui.cli.main import main
from vctui.config import Settings, load_settings
from vctui.demo.recording import load_recording
from vctui.jobs import DeviceProbed, Prober, save_platforms
from vctui.ssh import (
    Evidence,
    ExecutionResult,
    ExecutorOptions,
    KnownHosts,
    SSHExecutorPool,
    Target,
    load_platforms,
    recognise,
)
from vctui.ssh.identify import MOST_COMMANDS, next_command
from vctui.storage import Inventory, init_home
from vctui.vault import Vault

PLATFORMS = load_platforms().distinct()
IOS = (
    "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.2(4)E8\r\nr1 uptime is 1 day\r\n"
)
VRP = "Huawei Versatile Routing Platform Software\r\nVRP (R) software, Version 8.180\r\n"
UNKNOWN = "% Unknown command\r\n"


def look(device: Device, tmp_path: Path, **target: Any) -> ExecutionResult:
    """Probe one device that is trusted."""
    known_hosts = KnownHosts(tmp_path / "known_hosts")
    known_hosts.add([device.scanned])
    results: list[ExecutionResult] = []
    values: dict[str, Any] = {"credentials": CREDENTIALS, "timeout": 5.0, "probe": True, **target}
    SSHExecutorPool(options=ExecutorOptions(known_hosts=known_hosts.path)).run(
        [Target("r1", "127.0.0.1", commands=(), port=device.port, **values)],
        on_result=lambda target, result: results.append(result),
    )
    (result,) = results
    return result


def named(result: ExecutionResult) -> tuple[str | None, str]:
    assert result.evidence is not None
    found = recognise(result.evidence, PLATFORMS)
    return (found.platform.name if found.platform else None), found.confidence


@pytest.mark.parametrize(
    ("prompt", "replies", "platform", "asked"),
    [
        ("r1#", {"show version": IOS}, "cisco_ios", ["show version"]),
        ("r1>", {"show version": IOS}, "cisco_ios", ["show version"]),
        ("<core-1>", {"display version": VRP}, "huawei_vrp", ["display version"]),
        (
            "admin@fw1>",
            {"show version": "", "show system info": "hostname: fw1\r\nsw-version: 10.1.6\r\n"},
            "paloalto_panos",
            ["show version", "show system info"],
        ),
        (
            "[admin@mk1] > ",
            {"/system resource print": "  uptime: 1d\r\n  board-name: RB4011\r\n  platform: MikroTik\r\n"},
            "mikrotik_routeros",
            ["/system resource print"],
        ),
        (
            "user@host:~$ ",
            {"uname -a": "Linux host 6.1.0-18-amd64 #1 SMP x86_64 GNU/Linux\r\n"},
            "linux",
            ["uname -a"],
        ),
    ],
)
def test_a_device_is_asked_what_tells_most(
    prompt: str, replies: Mapping[str, Reply], platform: str, asked: list[str], tmp_path: Path
) -> None:
    with Device(cli(prompt, replies, error=UNKNOWN)) as device:
        result = look(device, tmp_path)
        assert result.success
        assert named(result) == (platform, "certain")
        assert result.outputs == ()
    assert [line for line in device.lines if line.strip()] == asked
    assert device.counts.total == 1


def test_an_answer_on_several_pages(tmp_path: Path) -> None:
    def paged(terminal: Terminal) -> None:
        terminal.write("one line\r\n --More-- ")
        assert terminal.read_key() == " "
        terminal.write("\r          \r" + IOS)

    with Device(cli("r1#", {"show version": paged})) as device:
        assert named(look(device, tmp_path)) == ("cisco_ios", "certain")


def test_what_is_not_known_is_asked_no_more_than_a_few_questions(tmp_path: Path) -> None:
    with Device(cli("odd!>", error=UNKNOWN)) as device:
        result = look(device, tmp_path)
    assert result.success
    assert named(result) == (None, "unknown")
    asked = [line for line in device.lines if line.strip()]
    assert len(asked) == len(set(asked)) == MOST_COMMANDS
    assert result.evidence is not None
    assert (result.evidence.prompt, result.evidence.outputs) == ("odd!>", ())


def test_a_server_that_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paramiko.Transport, "_CLIENT_ID", "ROSSSH")
    with Device(cli("[admin@mk1] > ", error="bad command name x\r\n")) as device:
        result = look(device, tmp_path)
    assert result.evidence is not None
    assert result.evidence.ident == "SSH-2.0-ROSSSH"
    assert named(result) == ("mikrotik_routeros", "likely")


def test_a_device_that_falls_silent_has_still_shown_something(tmp_path: Path) -> None:
    with Device(cli("(Cisco Controller) >", {"show sysinfo": silent}, error="Incorrect usage\r\n")) as device:
        result = look(device, tmp_path, timeout=1.0)
    assert (result.success, result.error_kind) == (False, "command_timeout")
    assert named(result) == ("cisco_wlc", "possible")


def test_what_is_asked_is_known_to_read() -> None:
    for platform in PLATFORMS:
        command = platform.identify.command
        assert platform.name == "generic" or platform.is_reading(command), platform.name
        assert command.isprintable()


@pytest.mark.parametrize(
    ("evidence", "command"),
    [
        (Evidence(), "show version"),
        (Evidence(prompt="r1#"), "show version"),
        (Evidence(prompt="<core-1>"), "display version"),
        (Evidence(prompt="FGT60F #"), "get system status"),
        (Evidence(prompt="bird>"), "show status"),
        (Evidence(ident="SSH-2.0-HUAWEI-1.5"), "display version"),
        (Evidence(ident="SSH-2.0-NetScreen"), "get system"),
    ],
)
def test_the_first_question(evidence: Evidence, command: str) -> None:
    assert next_command(evidence, PLATFORMS, []) == command
    assert next_command(evidence, PLATFORMS, [command]) != command
    assert next_command(evidence, PLATFORMS, ["a", "b", "c"]) is None


def test_what_neighbours_say_counts_for_less_than_nothing() -> None:
    text = "Cisco IOS Software, IOS-XE Software\nCisco Nexus Operating System (NX-OS) Software"
    found = recognise(Evidence(outputs=(("show version", text),)), PLATFORMS)
    assert found.confidence != "certain"


# the command


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a vault that has one login."""
    folder = tmp_path_factory.mktemp("probe") / "home"
    settings = load_settings(folder, {})
    init_home(settings)
    vault = Vault(settings.collector_db)
    vault.init("correct horse")
    vault.add("lab", USER, password=PASSWORD, default=True)
    vault.lock()
    return folder


class Lab:
    """A home whose devices answer."""

    def __init__(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings = settings
        self._capsys = capsys
        self._stack = ExitStack()

    def add(self, name: str, device: Device, *, trusted: bool = True, **values: Any) -> Device:
        self._stack.enter_context(device)
        with Inventory(self.settings.dcim_db) as inventory:
            inventory.add(
                {"name": name, "site": "lab", "primary_ip4": "127.0.0.1", "ssh_port": device.port, **values}
            )
        if trusted:
            KnownHosts(self.settings.known_hosts).add([device.scanned])
        return device

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main(["--home", str(self.settings.home), "devices", *arguments])
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err

    def platforms(self) -> dict[str, tuple[str, str]]:
        with Inventory(self.settings.dcim_db) as inventory:
            return {device.name: (device.device_type, device.manufacturer) for device in inventory.devices()}

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def lab(
    template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lab]:
    import shutil

    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "correct horse")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    shutil.copytree(template, tmp_path / "home")
    (tmp_path / "home").chmod(0o700)
    lab = Lab(load_settings(tmp_path / "home", {}), capsys)
    yield lab
    lab.close()


def ios() -> Device:
    return Device(cli("r1#", {"show version": IOS}))


def odd() -> Device:
    return Device(cli("odd!>", error=UNKNOWN))


def test_probing_by_name_says_what_a_device_is_and_saves_nothing(lab: Lab) -> None:
    lab.add("r1", ios(), platform="mystery")
    code, out, _ = lab.run("probe", "r1")
    assert code == 0
    assert out.startswith("r1 127.0.0.1 cisco_ios certain (show version: Cisco IOS Software")
    assert lab.platforms() == {"r1": ("mystery", "")}


def test_what_is_saved(lab: Lab) -> None:
    lab.add("r1", ios(), platform="mystery")
    lab.add("r2", ios())
    lab.add("r3", ios(), platform="cisco_ios")
    lab.add("r4", odd(), platform="mystery")
    lab.add(
        "r5", Device(cli("r5#", {"show version": f"Cisco IOS XE Software\r\n{IOS}"})), platform="cisco_ios"
    )
    lab.add("r6", ios(), platform="cisco_nxos")
    code, _, err = lab.run("probe", "--unknown", "--save", "-y")
    assert code == 3
    assert lab.platforms() == {
        "r1": ("cisco_ios", "Cisco"),
        "r2": ("cisco_ios", "Cisco"),
        "r3": ("cisco_ios", "Cisco"),
        "r4": ("mystery", ""),
        "r5": ("cisco_ios", "Cisco"),
        "r6": ("cisco_nxos", "Cisco"),
    }
    assert "r2: no platform -> cisco_ios" in err
    assert "2 devices saved" in err
    code, out, err = lab.run("probe", "r3", "r5", "--save", "-y")
    assert (code, "every platform that was recognised" in err) == (0, True)
    assert "r5 127.0.0.1 cisco_xe certain" in out, "an IOS-XE is handled as an IOS is: the name stays"
    assert lab.run("probe", "r6", "--save", "-y")[0] == 0
    assert lab.platforms()["r6"] == ("cisco_ios", "Cisco")


def test_saving_asks_first(lab: Lab) -> None:
    device = lab.add("r1", ios())
    code, _, err = lab.run("probe", "r1", "--save")
    assert code == 2
    assert "Add -y" in err
    assert device.connections == 0


def test_events(lab: Lab) -> None:
    lab.add("r1", ios(), platform="mystery")
    lab.add("r4", odd())
    code, out, _ = lab.run("probe", "r1", "r4", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 3
    assert {event["event"] for event in events} == {"device_phase", "device_probed", "probe_finished"}
    probed = {event["device"]: event for event in events if event["event"] == "device_probed"}
    assert probed["r1"] | {"duration_ms": 0} == {
        "event": "device_probed",
        "device": "r1",
        "host": "127.0.0.1",
        "status": "recognised",
        "platform": "cisco_ios",
        "title": "Cisco IOS",
        "confidence": "certain",
        "reasons": [f"show version: {IOS.splitlines()[0]}"],
        "others": [],
        "known_as": "mystery",
        "ssh_server": probed["r1"]["ssh_server"],
        "prompt": "r1#",
        "error_kind": None,
        "error": None,
        "next_step": None,
        "duration_ms": 0,
        "credential": "lab",
    }
    assert probed["r1"]["ssh_server"].startswith("SSH-2.0-paramiko")
    assert (probed["r4"]["status"], probed["r4"]["platform"]) == ("unknown", None)
    assert events[-1] | {"duration_ms": 0} == {
        "event": "probe_finished",
        "total": 2,
        "recognised": 1,
        "unknown": 1,
        "failed": 0,
        "cancelled": 0,
        "duration_ms": 0,
        "error": None,
        "exit_code": 3,
    }
    phases = [
        event["phase"] for event in events if event["event"] == "device_phase" and event["device"] == "r1"
    ]
    assert phases == ["connecting", "host_key", "authenticating", "prompt", "command"]


def test_a_host_that_is_not_trusted_gets_no_password(lab: Lab) -> None:
    device = lab.add("r1", ios(), trusted=False)
    code, out, _ = lab.run("probe", "r1")
    assert code == 5
    assert "host_key_unknown" in out
    assert device.counts.total == 0


def test_a_refused_login_is_tried_once(lab: Lab) -> None:
    vault = Vault(lab.settings.collector_db)
    vault.unlock("correct horse")
    vault.add("wrong", USER, password="not-it")
    device = lab.add("r1", ios())
    code, out, _ = lab.run("probe", "r1", "--credential", "wrong", "--save", "-y")
    assert code in (4, 6)
    assert "auth_failed" in out
    assert device.counts.total == 1
    assert "not-it" not in out


def test_nothing_to_probe(lab: Lab) -> None:
    lab.add("r1", ios(), platform="cisco_ios")
    assert lab.run("probe", "--unknown")[0] == 4
    assert lab.run("probe", "r9")[0] == 2
    assert lab.run("probe")[0] == 2


def test_only_what_is_said_with_confidence_is_saved(lab: Lab) -> None:
    lab.add("r1", Device(cli("(Cisco Controller) >", error="Incorrect usage\r\n")))
    heard: list[Any] = []
    prober = Prober(replace(CREDENTIALS, id=1), lab.settings, sink=heard.append, timeout=5.0)
    with Inventory(lab.settings.dcim_db) as inventory:
        finished = prober.probe(prober.plan_devices(inventory.devices()))
    (news,) = [event for event in heard if isinstance(event, DeviceProbed)]
    assert (news.platform, news.confidence, news.status) == ("cisco_wlc", "possible", "unknown")
    assert finished.exit_code == 4
    assert save_platforms(lab.settings, prober.found) == []


def test_a_probe_is_recorded(lab: Lab, tmp_path: Path) -> None:
    lab.add("sw1", ios())
    code, _, err = lab.run("probe", "sw1", "--record", str(tmp_path / "recordings"))
    assert (code, "1 session recorded" in err) == (0, True)
    recording = load_recording(tmp_path / "recordings" / "sw1.yaml")
    assert list(recording.checks()) == [("show version", IOS.replace("\r", ""), "")]
