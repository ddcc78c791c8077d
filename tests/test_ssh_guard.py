"""The guard of a login: asked after the host key and before any secret, told once what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.fixtures.ssh_device import CREDENTIALS, Device, Rules, cli
from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh import (
    ExecutionResult,
    ExecutorOptions,
    KnownHosts,
    LoginOutcome,
    SSHExecutorPool,
    Target,
    admission,
)
from vctui.ssh.lifeline import Deadline, Lifeline

ARP = "10.0.0.1\r\n"
WRONG = replace(CREDENTIALS, password="wrong")


@dataclass
class Guard:
    """Lets in, with the login given; notes what it is told and what the device had seen by then."""

    device: Device
    instead: SSHCredentials | None = None
    refuse: bool = False
    approached: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    told: list[LoginOutcome] = field(default_factory=list)

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        self.approached.append(self.device.connections)

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        self.seen.append(self.device.counts.total)
        if self.refuse:
            raise DeviceError("breaker_open", "not now")
        return self.instead

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        self.told.append(outcome)


def collect(
    tmp_path: Path,
    device: Device,
    guard: Guard,
    credentials: SSHCredentials = CREDENTIALS,
    *,
    trusted: bool = True,
) -> ExecutionResult:
    known = KnownHosts(tmp_path / "known_hosts")
    if trusted:
        known.add([device.scanned])
    results: list[ExecutionResult] = []
    options = ExecutorOptions(known_hosts=known.path, auth_timeout=5.0)
    target = Target("r1", "127.0.0.1", credentials, ("show arp",), device.port, "cisco_ios", timeout=5.0)
    SSHExecutorPool(options=options).run([target], on_result=lambda _, r: results.append(r), guard=guard)
    return results[0]


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_a_good_login(tmp_path: Path, method: str) -> None:
    with Device(cli("r1#", {"show arp": ARP}), Rules(methods=method)) as device:
        guard = Guard(device)
        assert collect(tmp_path, device, guard).success
    assert (guard.approached, guard.seen, guard.told) == ([0], [0], ["accepted"])


def test_a_login_that_is_refused(tmp_path: Path) -> None:
    with Device() as device:
        guard = Guard(device)
        assert collect(tmp_path, device, guard, WRONG).error_kind == "auth_failed"
    assert (guard.seen, guard.told, device.counts.total) == ([0], ["refused"], 1)


def test_a_login_that_the_guard_forbids(tmp_path: Path) -> None:
    with Device() as device:
        guard = Guard(device, refuse=True)
        assert collect(tmp_path, device, guard).error_kind == "breaker_open"
    assert (guard.told, device.counts.total) == ([], 0)


def test_the_guard_may_give_another_login(tmp_path: Path) -> None:
    with Device(cli("r1#", {"show arp": ARP})) as device:
        guard = Guard(device, instead=CREDENTIALS)
        assert collect(tmp_path, device, guard, WRONG).success
    assert guard.told == ["accepted"]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (Rules(methods="publickey"), []),
        (Rules(methods="keyboard-interactive", questions=(("Token: ", True),)), ["unknown"]),
    ],
    ids=["nothing to offer", "asks for something else"],
)
def test_what_says_nothing_of_the_credential(tmp_path: Path, rules: Rules, told: list[LoginOutcome]) -> None:
    with Device(rules=rules) as device:
        guard = Guard(device)
        assert collect(tmp_path, device, guard).error_kind == "auth_failed"
    assert (guard.told, device.counts.total) == (told, 0)


def test_a_host_that_is_not_trusted_is_no_matter_for_the_guard(tmp_path: Path) -> None:
    with Device() as device:
        guard = Guard(device)
        assert collect(tmp_path, device, guard, trusted=False).error_kind == "host_key_unknown"
    assert (guard.seen, guard.told) == ([], [])


@dataclass
class Dawdler(Guard):
    """Lets in when the device has hung up."""

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        super().admit(target, lifeline, deadline)
        self.device.hang_up()
        return None


@pytest.mark.parametrize("fresh", [10.0, 0.0], ids=["the device hung up", "it may be about to"])
def test_a_connection_that_waited_too_long_is_made_anew_before_the_secret_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: float
) -> None:
    monkeypatch.setattr(admission, "FRESH", fresh)
    with Device(cli("r1#", {"show arp": ARP})) as device:
        guard = Dawdler(device) if fresh else Guard(device)
        result = collect(tmp_path, device, guard)
        assert result.success, result.error
    assert (guard.seen, guard.told) == ([0], ["accepted"])
    assert (device.connections, device.counts.total) == (2, 1)
