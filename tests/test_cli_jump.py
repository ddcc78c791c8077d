"""The command line with devices behind jump hosts: trusting, the dry run, the run, what it says and keeps."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.jump_host import JumpHost
from tests.fixtures.ssh_device import PASSWORD, USER, Device, Rules, cli, host_key
from tests.test_cli_run import Done, Home
from vctui.ssh import KnownHosts
from vctui.storage import Audit, Inventory
from vctui.vault import Vault

MASTER = "correct horse battery"
ARP = {"show arp": "10.0.0.1\r\n10.0.0.2\r\n"}


class Site:
    """Two jump hosts, one behind the other, and two devices behind them; a home that knows them."""

    def __init__(self, home: Home, near: JumpHost, far: JumpHost, devices: list[Device]) -> None:
        self.home = home
        self.near, self.far, self.devices = near, far, devices
        self._before = self._logins()

    def run(self, *arguments: str) -> Done:
        return self.home.run(*arguments)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def _logins(self) -> list[int]:
        return [host.counts.total for host in (self.near, self.far, *self.devices)]

    @property
    def logins(self) -> list[int]:
        """How often somebody logged in to each of them in this test."""
        return [now - before for now, before in zip(self._logins(), self._before, strict=True)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = Home(tmp_path_factory.mktemp("site") / "home")
    with (
        JumpHost(Rules(key=host_key("near"))) as near,
        JumpHost(Rules(key=host_key("far"))) as far,
        Device(cli("r1#", ARP), Rules(key=host_key("r1"))) as one,
        Device(cli("r2#", ARP), Rules(key=host_key("r2"))) as two,
    ):
        assert home.run("init").returncode == 0
        (home.path / "config.yaml").write_text(
            f"""jump_hosts:
  near: {{host: 127.0.0.1, port: {near.port}, credential: gate}}
  far: {{host: 127.0.0.1, port: {far.port}, via: near, for: {{sites: ams}}}}
"""
        )
        for name, port in (("r1", one.port), ("r2", two.port)):
            more = ("--ip", "127.0.0.1", "--port", str(port), "--platform", "cisco_ios", "--site", "ams")
            assert home.run("devices", "add", name, *more).returncode == 0
        vault = Vault(home.path / "collector.db")
        vault.init(MASTER)
        vault.add("lab", USER, password=PASSWORD, default=True)
        vault.add("gate", USER, password=PASSWORD)
        job = {
            "version": "2.0",
            "job_id": 7,
            "capture_type": "arp",
            "commands": {"command": "show arp", "output_directory": "arp"},
            "validation": {"use_tfsm": False},
            "execution": {"timeout": 10},
        }
        (home.path / "jobs" / "arp.json").write_text(json.dumps(job))
        yield Site(home, near, far, [one, two])


@pytest.fixture
def site(prepared: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The same in a copy of the home."""
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", MASTER)
    shutil.copytree(prepared.home.path, tmp_path / "home")
    return Site(Home(tmp_path / "home"), prepared.near, prepared.far, prepared.devices)


def test_from_first_trust_to_the_captures(site: Site) -> None:
    """Nothing is logged in to before it is trusted; the nearest host comes first."""
    scanned = site.json("hosts", "scan", "--job", "arp")
    assert [(host["device"], host["status"]) for host in scanned] == [
        ("near", "unknown"),
        ("far", "jump_failed"),
        ("r1", "jump_failed"),
        ("r2", "jump_failed"),
    ]
    assert site.logins == [0, 0, 0, 0]

    refused = site.run("run", "--job", "arp", "--json")
    assert {event.get("error_kind") for event in events(refused, "device_finished")} == {"jump_failed"}
    assert site.logins == [0, 0, 0, 0]

    trusted = site.run("hosts", "trust", "--job", "arp", "-y")
    assert trusted.returncode == 0, trusted
    for host in (site.near, site.far, *site.devices):
        assert host.scanned.fingerprint in trusted.stdout
    assert site.logins[2:] == [0, 0], "a scan logs in to no device"
    listed = site.json("hosts", "list", "--job", "arp")
    assert {(host["device"], host["via"], host["status"]) for host in listed} == {
        ("near", None, "trusted"),
        ("far", "near", "trusted"),
        ("r1", "near > far", "trusted"),
        ("r2", "near > far", "trusted"),
    }

    dry = site.run("run", "--job", "arp", "--dry-run")
    assert "near > far" in dry.stdout
    assert f"jump host near: 127.0.0.1:{site.near.port}, gate, host key known" in dry.stdout
    (plan,) = json.loads(site.run("run", "--job", "arp", "--dry-run", "--json").stdout)
    assert [device["jump"] for device in plan["devices"]] == [["near", "far"]] * 2
    assert [hop["credential"] for hop in plan["jump_hosts"]] == ["gate", "lab"]

    done = site.run("run", "--job", "arp", "--json")
    assert done.returncode == 0, done
    states = events(done, "jump_state")
    assert {state["jump"] for state in states} == {"near", "far"}
    assert {"run", "jump", "transports", "channels", "error", "event"} == set(states[0])
    assert max(state["channels"] for state in states if state["jump"] == "far") in (1, 2)
    assert "10.0.0.2" in (site.home.path / "collections" / "arp" / "r1.txt").read_text()

    entries = [json.loads(line) for line in Audit(site.home.path).path.read_text().splitlines()]
    assert [e["fingerprint"] for e in entries if e["kind"] == "host_key_trusted"] == [
        host.scanned.fingerprint for host in (site.near, site.far, *site.devices)
    ]
    used = [entry for entry in entries if entry["kind"] == "credential_used" and entry["name"] == "gate"]
    assert used[-1]["devices"] == ["jump host near"]


def events(done: Done, kind: str) -> list[dict[str, Any]]:
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return [event for event in said if event["event"] == kind]


STARTS = (
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
)
started: list[str] | None = None


def note_start(event: str, args: object) -> None:
    if started is not None and event in STARTS:
        started.append(event)


sys.addaudithook(note_start)


def test_no_process_is_started_on_the_way(site: Site, tmp_path: Path) -> None:
    """Neither a shell nor a client, and nothing that stands in an OpenSSH configuration."""
    global started
    touched = tmp_path / "touched"
    config = site.home.path / "ssh_config"
    config.write_text(f"Match exec 'touch {touched}'\n  ProxyJump x\nHost r2\n  ProxyJump far\n")
    config.chmod(0o600)
    text = (site.home.path / "config.yaml").read_text().replace(", for: {sites: ams}", "")
    (site.home.path / "config.yaml").write_text(f"{text}ssh_config: ssh_config\n")
    assert site.run("devices", "edit", "r1", "--jump", "far").returncode == 0
    started = []
    try:
        trusted = site.run("hosts", "trust", "--all", "-y")
        done = site.run("run", "--job", "arp", "--json")
    finally:
        seen, started = started, None
    assert (trusted.returncode, done.returncode) == (0, 0), (trusted, done)
    assert seen == []
    assert not touched.exists()


def test_first_contact_in_a_run_is_in_the_audit_trail(site: Site) -> None:
    done = site.run("run", "--job", "arp", "--host-keys", "accept-new")
    assert done.returncode == 0, done
    assert Audit(site.home.path).path.read_text().count('"host_key_trusted"') == 4


def test_a_device_may_go_another_way(site: Site) -> None:
    assert site.run("devices", "edit", "r1", "--jump", "none").returncode == 0
    wrong = site.run("devices", "edit", "r2", "--jump", "nowhere")
    assert wrong.returncode == 2
    assert "none, near, far" in wrong.stderr
    assert site.json("devices", "show", "r1")["jump"] == "none"
    assert site.run("hosts", "trust", "--all", "-y").returncode == 0
    before = len(site.far.asked)
    done = site.run("run", "--job", "arp", "--json")
    assert done.returncode == 0
    assert site.far.asked[before:] == [("127.0.0.1", site.devices[1].port)]


def test_credentials_are_found_out_behind_jump_hosts(site: Site) -> None:
    """The login at the jump host is none of those that are counted."""
    assert site.run("hosts", "trust", "--all", "-y").returncode == 0
    assert site.run("creds", "test", "r1", "--json").returncode == 0
    found = site.run("creds", "discover", "--force", "-y", "--json")
    assert found.returncode == 0, found
    settled = events(found, "device_settled")
    assert {(row["device"], row["credential"]) for row in settled} == {("r1", "lab"), ("r2", "lab")}
    (site.home.path / "config.yaml").write_text("jump_hosts: {}\n")
    with Inventory(site.home.path / "dcim.db") as inventory:
        device = inventory.get("r2")
        assert device is not None
        inventory.edit(device.id, {"jump": "gone"})
    lost = site.run("creds", "discover", "--force", "-y", "--devices", "r2", "--json")
    (row,) = events(lost, "device_settled")
    assert row["result"] == "unreachable"
    assert "gone is not in config.yaml" in row["note"]


def test_replacing_the_key_of_a_jump_host_and_of_what_is_behind_it(site: Site) -> None:
    assert site.run("hosts", "trust", "--all", "-y").returncode == 0
    known = KnownHosts(site.home.path / "known_hosts")
    for name, host in (("near", site.near), ("r2", site.devices[1])):
        old = host_key("before")
        key = host.scanned
        known.path.write_text(known.path.read_text().replace(key.base64, old.get_base64()))
        changed = site.run("hosts", "scan", name)
        assert changed.returncode == 5
        wrong = site.run("hosts", "replace", name, "--fingerprint", f"SHA256:{'A' * 43}")
        assert wrong.returncode == 5
        assert site.run("hosts", "replace", name, "--fingerprint", key.fingerprint).returncode == 0
        assert site.run("hosts", "scan", name).returncode == 0
    entries = [json.loads(line) for line in Audit(site.home.path).path.read_text().splitlines()]
    replaced = [entry for entry in entries if entry["kind"] == "host_key_replaced"]
    assert [len(entry["old"]) for entry in replaced] == [1, 1]


def test_trusting_with_json_and_without_a_terminal(site: Site) -> None:
    asked = site.run("hosts", "trust", "near")
    assert asked.returncode == 2
    assert site.near.scanned.fingerprint in asked.stdout
    (near,) = site.json("hosts", "trust", "near", "-y")
    assert (near["status"], near["trusted"]) == ("unknown", True)
    (near,) = site.json("hosts", "scan", "near")
    assert near["status"] == "ok"


def test_a_home_without_a_vault_still_scans_what_needs_no_jump_host(site: Site, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    assert other.run("init").returncode == 0
    more = ("--ip", "127.0.0.1", "--port", str(site.devices[0].port), "--site", "x")
    assert other.run("devices", "add", "r1", *more).returncode == 0
    assert other.run("hosts", "trust", "r1", "-y").returncode == 0
