"""Trying again: for what can pass by itself, never for a login, and without a worker that waits."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.served_home import Heard, runner, serve_home
from tests.fixtures.small_home import add_job
from tests.fixtures.ssh_device import CREDENTIALS, Device, Rules, Script, Terminal, cli, closed_port
from vctui.config import load_settings
from vctui.errors import UsageError
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.storage import History, Inventory

ARP = "10.0.0.1\r\n"


class Shy(Device):
    """Closes its first connections before it says anything, as a device does whose lines are all taken."""

    def __init__(self, times: int, script: Script | None = None, rules: Rules | None = None) -> None:
        super().__init__(script or cli("r1#", {"show arp": ARP}), rules)
        self._times = times

    def serve(self, sock: socket.socket) -> None:
        if self.connections > self._times:
            super().serve(sock)


class Pool:
    """A pool with retries, and what it said."""

    def __init__(self, tmp_path: Path, *devices: Device, retries: int = 3, wait: float = 0.01) -> None:
        known = KnownHosts(tmp_path / "known_hosts")
        known.add([device.scanned for device in devices])
        self.options = ExecutorOptions(known_hosts=known.path, retries=retries, retry_wait=wait)
        self.phases: list[tuple[str, str, int]] = []
        self.results: list[ExecutionResult] = []
        self.on_retry: Callable[[], None] = lambda: None
        self.cancel = threading.Event()

    def run(self, *targets: Target, workers: int = 4) -> list[ExecutionResult]:
        SSHExecutorPool(options=self.options, max_workers=workers).run(
            targets,
            on_phase=self._on_phase,
            on_result=lambda _, result: self.results.append(result),
            cancel=self.cancel,
        )
        return self.results

    def _on_phase(self, target: Target, phase: str) -> None:
        self.phases.append((target.device, phase, target.attempt))
        if phase == "retrying":
            self.on_retry()


def target(port: int, name: str = "r1", **values: object) -> Target:
    made = {"timeout": 5.0, "device_type": "cisco_ios", "commands": ("show arp",)} | values
    return Target(name, "127.0.0.1", CREDENTIALS, port=port, **made)  # type: ignore[arg-type]


def test_what_passes_by_itself_is_tried_again(tmp_path: Path) -> None:
    with Shy(2) as device:
        pool = Pool(tmp_path, device)
        [result] = pool.run(target(device.port))
    assert result.success
    assert (result.attempts, device.connections, device.counts.total) == (3, 3, 1)
    assert [(phase, n) for _, phase, n in pool.phases][:6] == [
        ("connecting", 1),
        ("host_key", 1),
        ("retrying", 2),
        ("connecting", 2),
        ("host_key", 2),
        ("retrying", 3),
    ]


def test_it_ends_after_so_many_retries(tmp_path: Path) -> None:
    with closed_port() as port:
        pool = Pool(tmp_path, retries=2)
        [result] = pool.run(target(port))
    assert (result.error_kind, result.attempts) == ("connection_refused", 3)
    assert sum(phase == "connecting" for _, phase, _ in pool.phases) == 3


def test_without_retries_there_is_one_attempt(tmp_path: Path) -> None:
    with Shy(1) as device:
        [result] = Pool(tmp_path, device, retries=0).run(target(device.port))
    assert (result.error_kind, result.attempts, device.connections) == ("disconnected", 1, 1)


def leaves(terminal: Terminal) -> None:
    terminal.write("bye\r\n")
    terminal.hang_up()


@pytest.mark.parametrize(
    ("device", "password", "trusted", "kind"),
    [
        (Device(cli("r1#")), "wrong", True, "auth_failed"),
        (Device(cli("r1#")), None, False, "host_key_unknown"),
        (Device(cli("r1#")), None, True, "command_rejected"),
        (Device(leaves), None, True, "disconnected"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_login_is_never_repeated_in_vain(
    tmp_path: Path, device: Device, password: str | None, trusted: bool, kind: str
) -> None:
    with device:
        pool = Pool(tmp_path, *([device] if trusted else []))
        login = replace(CREDENTIALS, password=password or CREDENTIALS.password)
        [result] = pool.run(replace(target(device.port), credentials=login))
    assert (result.error_kind, result.attempts, device.connections) == (kind, 1, 1)
    assert device.counts.total <= 1


def test_a_refused_session_may_pass(tmp_path: Path) -> None:
    with Device(cli("r1#", {"show arp": ARP}), Rules(refuses_channel=True)) as device:
        pool = Pool(tmp_path, device)
        pool.on_retry = lambda: setattr(device.rules, "refuses_channel", False)
        [result] = pool.run(target(device.port))
    assert (result.success, result.attempts) == (True, 2)


def test_a_device_that_waits_holds_no_worker(tmp_path: Path) -> None:
    with Shy(1) as shy, Device(cli("r1#", {"show arp": ARP})) as other:
        pool = Pool(tmp_path, shy, other, wait=0.3)
        results = pool.run(target(shy.port, "shy"), target(other.port, "other"), workers=1)
    assert [result.device for result in results] == ["other", "shy"]
    assert all(result.success for result in results)


def test_the_time_limit_bounds_all_attempts(tmp_path: Path) -> None:
    with Shy(9) as device:
        pool = Pool(tmp_path, device, retries=9, wait=0.4)
        [result] = pool.run(target(device.port, time_limit=2.0))
    assert result.error_kind == "disconnected"
    assert 1 <= result.attempts < 5


def test_cancelling_ends_the_wait(tmp_path: Path) -> None:
    with Shy(9) as device:
        pool = Pool(tmp_path, device, wait=1000)
        pool.on_retry = pool.cancel.set
        [result] = pool.run(target(device.port, time_limit=9000))
    assert result.error_kind == "cancelled"
    assert device.connections == 1


def test_a_run_says_and_keeps_how_often_it_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vctui.ssh.retries.random.uniform", lambda low, high: 0.0)
    heard = Heard()
    with Shy(1) as shy, closed_port() as closed:
        settings = serve_home(
            tmp_path / "home", {"shy": shy}, config="execution: {retries: 1, max_workers: 2}\n"
        )
        table = tmp_path / "more.csv"
        table.write_text(
            "name,primary_ip4,platform,site,role,status,ssh_port\n"
            f"off,127.0.0.1,cisco_ios,lab,switch,active,{closed}\n"
        )
        with Inventory(settings.dcim_db) as inventory:
            inventory.import_csv(table, strict=True)
        add_job(settings, "arp", command="show arp")
        result = runner(settings, heard).run_job(job_slug="arp")
    assert {name: (e.status, e.attempts) for name, e in heard.finished().items()} == {
        "shy": ("ok", 2),
        "off": ("failed", 2),
    }
    assert "retrying 2" in heard.phases("shy")
    assert "connecting 2" in heard.phases("shy")
    assert (heard.finished()["off"].error or "").endswith("; tried 2 times")
    with History(settings.collector_db) as history:
        rows = {row.device: row.attempts for row in history.run_devices(result.history_id or 0)}
    assert rows == {"shy": 2, "off": 2}


def test_history_of_an_earlier_version_is_completed(tmp_path: Path) -> None:
    with Device(cli("r1#", {"show arp": ARP})) as device:
        settings = serve_home(tmp_path / "home", {"r1": device})
        add_job(settings, "arp", command="show arp")
        first = runner(settings, Heard()).run_job(job_slug="arp")
        with closing(sqlite3.connect(settings.collector_db)) as database:
            database.execute("ALTER TABLE vctui_run_devices DROP COLUMN attempts")
        with History(settings.collector_db) as history:
            assert [row.attempts for row in history.run_devices(first.history_id or 0)] == [1]
        second = runner(settings, Heard()).run_job(job_slug="arp")
    with History(settings.collector_db) as history:
        assert [row.attempts for row in history.run_devices(second.history_id or 0)] == [1]


@pytest.mark.parametrize("value", ["-1", "11", "'two'"])
def test_the_number_of_retries_is_checked(tmp_path: Path, value: str) -> None:
    (tmp_path / "config.yaml").write_text(f"execution: {{retries: {value}}}\n")
    with pytest.raises(UsageError, match=r"execution\.retries: must be a number from 0 to 10"):
        load_settings(tmp_path, {})
