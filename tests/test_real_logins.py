"""OpenSSH counts the logins of a discovery, and of a run whose credential is wrong; the demo's fleet."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.logins import Home, address, make_home
from tests.fixtures.openssh import SSHD, _free_port, _keygen, _require
from vctui.demo import DemoHome
from vctui.demo.faults import Fault
from vctui.events import Event
from vctui.jobs import DeviceSettled, Discovery, DiscoveryOptions, DiscoverySettings, plan_discovery
from vctui.records import DeviceFilter
from vctui.storage import Inventory

pytestmark = pytest.mark.real
HOW = DiscoverySettings(pause=0.001, rate=1000, timeout=20.0)
LOGIN = re.compile(r"(Accepted|Failed) (password|publickey) for ")


class CountingServer:
    """An OpenSSH server for the user of the tests, who has one key; it logs every attempt."""

    def __init__(self, folder: Path) -> None:
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.port = _free_port()
        self.logins: Counter[str] = Counter()
        kind, blob, *_ = _keygen(folder / "host_key").split()
        self._key = f"{kind} {blob}"
        (folder / "authorized_keys").write_text(_keygen(folder / "right") + "\n")
        _keygen(folder / "wrong")
        self.right, self.wrong = ((folder / name).read_text() for name in ("right", "wrong"))
        config = folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 0.0.0.0\nHostKey {folder / 'host_key'}\nPidFile none\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin yes\nLogLevel VERBOSE\nMaxStartups 100\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        assert SSHD is not None
        self._daemon = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._listening.wait(20)

    def known_hosts_line(self, host: str) -> str:
        """Its key, for one of its addresses."""
        return f"[{host}]:{self.port} {self._key}\n"

    def _read(self) -> None:
        assert self._daemon.stderr is not None
        for line in self._daemon.stderr:
            if "Server listening" in line:
                self._listening.set()
            if match := LOGIN.match(line):
                self.logins[f"{match[1]} {match[2]}"] += 1

    def stop(self) -> None:
        """End it; everything that it logged has been counted then."""
        self._daemon.terminate()
        self._daemon.wait()
        self._reader.join(20)
        assert self._daemon.stderr is not None
        self._daemon.stderr.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CountingServer]:
    _require(SSHD, "openssh-server")
    if os.geteuid() != 0:
        pytest.skip("needs root for an OpenSSH server that lets somebody log in")
    server = CountingServer(tmp_path)
    yield server
    server.stop()


def home_of(tmp_path: Path, server: CountingServer, devices: int) -> Home:
    home = make_home(tmp_path)
    first = home.add_port(server.port, devices, credential="")
    lines = [server.known_hosts_line(address(n)) for n in range(first, first + devices)]
    home.settings.known_hosts.write_text("".join(lines))
    return home


def test_openssh_counts_one_login_for_each_pair(tmp_path: Path, server: CountingServer) -> None:
    home = home_of(tmp_path, server, 6)
    vault = home.resolver.vault
    vault.add("a-password", server.user, password="not-the-password")
    vault.add("b-wrong-key", server.user, private_key=server.wrong)
    vault.add("c-right-key", server.user, private_key=server.right)
    plan = plan_discovery(home.settings, home.resolver.credentials(), DiscoveryOptions(DeviceFilter()))
    finished = Discovery(home.settings, home.resolver, HOW).run(plan)
    server.stop()
    # The two that nobody accepts are stopped after two refusals each.
    assert server.logins == {"Failed password": 2, "Failed publickey": 2, "Accepted publickey": 6}
    assert (finished.works, finished.attempts, finished.exit_code) == (6, 10, 0)


@pytest.mark.parametrize("kind", ["password", "publickey"])
def test_openssh_counts_two_logins_with_a_wrong_credential(
    tmp_path: Path, server: CountingServer, kind: str
) -> None:
    home = home_of(tmp_path, server, 40)
    password, key = ("no", None) if kind == "password" else (None, server.wrong)
    home.resolver.vault.add("lab", server.user, password=password, private_key=key, default=True)
    assert home.run().exit_code == 6
    server.stop()
    assert server.logins == {f"Failed {kind}": 2}


def test_the_fleet_of_the_demo_is_found_out() -> None:
    """Every device that lets anybody in is given `demo`, also those whose inventory names a wrong login."""
    with DemoHome() as home:
        events: list[Event] = []
        infos = home.resolver.credentials()
        options = DiscoveryOptions(DeviceFilter(status="any"), force=True)
        plan = plan_discovery(home.settings, infos, options)
        how = replace(HOW, timeout=6.0, replace=True, workers=12)
        Discovery(home.settings, home.resolver, how, sink=events.append).run(plan)
        found = {event.device: event for event in events if isinstance(event, DeviceSettled)}
        closed = {Fault.CLOSED_PORT, Fault.NOT_SSH, Fault.CHANGED_KEY}
        for name, fault in home.faults.items():
            if name in found:
                wanted = "unreachable" if fault in closed else "works"
                assert found[name].result == wanted, (name, fault)
        demo = next(info.id for info in infos if info.name == "demo")
        with Inventory(home.settings.dcim_db) as inventory:
            given = {device.name for device in inventory.devices() if device.credential_id == demo}
        assert given == {name for name, event in found.items() if event.result == "works"}
        assert any(home.faults[name] is Fault.WRONG_PASSWORD for name in given)
