"""Several targets in one session: one login, and a result for each as if it had been alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.fixtures.ssh_device import CREDENTIALS, Device, Terminal, cli
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target

REPLIES = {"show arp": "10.0.0.1\r\n", "show clock": "12:00\r\n", "show users": "root\r\n"}


def target(device: Device, key: int, command: str, **values: object) -> Target:
    made = {"timeout": 5.0, "device_type": "cisco_ios", "paging_disable": ""} | values
    return Target(f"job{key}", "127.0.0.1", CREDENTIALS, (command,), device.port, key=key, **made)  # type: ignore[arg-type]


def visit(*targets: Target) -> Target:
    return replace(targets[0], also=targets[1:])


class Pool:
    """One run, and what it said of each target."""

    def __init__(self, tmp_path: Path, device: Device, *, trusted: bool = True, retries: int = 0) -> None:
        known = KnownHosts(tmp_path / "known_hosts")
        if trusted:
            known.add([device.scanned])
        self.options = ExecutorOptions(known_hosts=known.path, retries=retries, retry_wait=0.01)
        self.results: list[ExecutionResult] = []
        self.phases: dict[int, list[str]] = {}
        self.on_result: Callable[[ExecutionResult], None] = lambda result: None
        self.cancel = threading.Event()

    def run(self, *targets: Target) -> list[ExecutionResult]:
        def on_phase(target: Target, phase: str) -> None:
            self.phases.setdefault(target.key, []).append(phase)

        def on_result(target: Target, result: ExecutionResult) -> None:
            assert (target.key, target.device) == (result.key, result.device)
            self.results.append(result)
            self.on_result(result)

        pool = SSHExecutorPool(options=self.options)
        pool.run(targets, on_phase=on_phase, on_result=on_result, cancel=self.cancel)
        assert len({result.key for result in self.results}) == len(self.results), "one result for each"
        return self.results

    @property
    def kinds(self) -> list[str | None]:
        return [result.error_kind for result in self.results]


def three(device: Device, second: str = "show clock") -> Target:
    return visit(target(device, 0, "show arp"), target(device, 1, second), target(device, 2, "show users"))


def test_one_login_and_a_result_for_each(tmp_path: Path) -> None:
    with Device(cli("r1#", REPLIES)) as device:
        pool = Pool(tmp_path, device)
        results = pool.run(three(device))
    assert (device.connections, device.counts.total) == (1, 1)
    assert [(r.key, r.success) for r in results] == [(0, True), (1, True), (2, True)]
    assert [[o.command for o in r.outputs] for r in results] == [["show arp"], ["show clock"], ["show users"]]
    assert "12:00" in results[1].output
    assert "10.0.0.1" not in results[1].output
    way_in = ["connecting", "host_key", "authenticating", "prompt"]
    assert pool.phases == {key: [*way_in, "command"] for key in range(3)}


def test_what_one_is_refused_does_not_fail_the_others(tmp_path: Path) -> None:
    with Device(cli("r1#", REPLIES)) as device:
        pool = Pool(tmp_path, device)
        results = pool.run(three(device, second="show nonsense"))
    assert pool.kinds == [None, "command_rejected", None]
    assert "Invalid input" in results[1].partial
    assert "root" in results[2].output
    assert device.counts.total == 1


def test_a_lost_session_costs_only_the_one_that_lost_it(tmp_path: Path) -> None:
    def leave(terminal: Terminal) -> None:
        terminal.write("12:0")
        terminal.hang_up()

    with Device(cli("r1#", {**REPLIES, "show clock": leave})) as device:
        pool = Pool(tmp_path, device)
        results = pool.run(three(device))
    assert pool.kinds == [None, "disconnected", None]
    assert "12:0" in results[1].partial
    assert (device.connections, device.counts.total) == (2, 2)


def test_a_silent_command_costs_only_its_own(tmp_path: Path) -> None:
    def silent(terminal: Terminal) -> None:
        terminal.read_key()

    with Device(cli("r1#", {**REPLIES, "show clock": silent})) as device:
        first, second, third = (target(device, n, c) for n, c in enumerate(REPLIES))
        pool = Pool(tmp_path, device)
        pool.run(visit(first, replace(second, timeout=0.5), third))
    assert pool.kinds == [None, "command_timeout", None]
    assert device.counts.total == 2


def test_a_refused_login_is_tried_once_for_all(tmp_path: Path) -> None:
    with Device(cli("r1#", REPLIES)) as device:
        pool = Pool(tmp_path, device, retries=3)
        wrong = replace(CREDENTIALS, password="wrong")
        pool.run(replace(three(device), credentials=wrong))
    assert pool.kinds == ["auth_failed"] * 3
    assert sorted(result.key for result in pool.results) == [0, 1, 2]
    assert (device.connections, device.counts.total) == (1, 1)


def test_an_unknown_host_is_unknown_to_all(tmp_path: Path) -> None:
    with Device(cli("r1#", REPLIES)) as device:
        pool = Pool(tmp_path, device, trusted=False)
        pool.run(three(device))
    assert pool.kinds == ["host_key_unknown"] * 3
    assert (device.connections, device.counts.total) == (1, 0)


def test_they_are_tried_again_together(tmp_path: Path) -> None:
    class Shy(Device):
        def serve(self, sock: socket.socket) -> None:
            if self.connections > 1:
                super().serve(sock)

    with Shy(cli("r1#", REPLIES)) as device:
        pool = Pool(tmp_path, device, retries=1)
        results = pool.run(three(device))
    assert [(r.success, r.attempts) for r in results] == [(True, 2)] * 3
    assert device.counts.total == 1
    assert all(phases.count("retrying") == 1 for phases in pool.phases.values())


def test_a_command_that_cannot_be_sent_is_the_fault_of_its_own(tmp_path: Path) -> None:
    with Device(cli("r1#", REPLIES)) as device:
        first, second = target(device, 0, "show arp\nreload"), target(device, 1, "show clock")
        pool = Pool(tmp_path, device)
        pool.run(visit(first, second))
        assert [line for line in device.lines if line] == ["show clock"]
    assert pool.kinds == ["command_rejected", None]
    assert device.counts.total == 1


def test_paging_is_turned_off_once_in_each_way_that_is_asked_for(tmp_path: Path) -> None:
    paging = {"terminal length 0": "", "terminal width 511": ""}
    with Device(cli("r1#", {**REPLIES, **paging})) as device:
        pool = Pool(tmp_path, device)
        pool.run(
            visit(
                target(device, 0, "show arp", paging_disable="terminal length 0"),
                target(device, 1, "show clock", paging_disable="terminal length 0,terminal width 511"),
                target(device, 2, "show users", paging_disable=None),
            )
        )
        sent = [line for line in device.lines if line]
    assert sent == ["terminal length 0", "show arp", "terminal width 511", "show clock", "show users"]


def test_cancelling_gives_each_its_result(tmp_path: Path) -> None:
    def silent(terminal: Terminal) -> None:
        terminal.read_key()

    with Device(cli("r1#", {**REPLIES, "show clock": silent})) as device:
        pool = Pool(tmp_path, device)
        pool.on_result = lambda result: pool.cancel.set() if result.key == 0 else None
        pool.run(three(device))
    assert pool.kinds == [None, "cancelled", "cancelled"]
    assert device.counts.total == 1
