"""Devices behind jump hosts: shared connections, each hop trusted and logged in to, limits and losses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paramiko.common import (
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_FAILED_RESOURCE_SHORTAGE,
)

from tests.fixtures.jump_host import JumpHost
from tests.fixtures.person import Person
from tests.fixtures.ssh_device import (
    CREDENTIALS,
    PASSWORD,
    USER,
    Asked,
    Device,
    Plain,
    Rules,
    Terminal,
    cli,
    closed_port,
    host_key,
    silent,
)
from vctui.questions import HEADLESS, Desk
from vctui.records import SSHCredentials
from vctui.ssh import ExecutionResult, ExecutorOptions, Hop, JumpStatus, KnownHosts, SSHExecutorPool, Target
from vctui.ssh.turns import CROWD, TURNS

ARP = {"show arp": "10.0.0.1\r\n"}
THERE = SSHCredentials(USER, name="there", password=PASSWORD)
WAIT = 10.0


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that a run starts outlives it. No test waits long for a second attempt."""
    monkeypatch.setattr("vctui.ssh.jump._BACKOFF", 0.002)
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not left, left


class Run:
    """Collects through jump hosts, and keeps what was said of them."""

    def __init__(self, folder: Path) -> None:
        self.known = KnownHosts(folder / "known_hosts")
        self.status: list[JumpStatus] = []
        self.results: dict[str, ExecutionResult] = {}

    def trust(self, *devices: Device) -> None:
        self.known.add([device.scanned for device in devices])

    def __call__(
        self,
        targets: list[Target],
        *,
        workers: int = 12,
        desk: Desk = HEADLESS,
        on_result: Callable[[Target], None] = lambda target: None,
        cancel: threading.Event | None = None,
        **options: Any,
    ) -> list[ExecutionResult]:
        def collect(target: Target, result: ExecutionResult) -> None:
            self.results[target.device] = result
            on_result(target)

        pool = SSHExecutorPool(
            options=ExecutorOptions(known_hosts=self.known.path, **options), max_workers=workers
        )
        pool.run(targets, on_result=collect, desk=desk, on_jump=self.status.append, cancel=cancel)
        return [self.results[target.device] for target in targets]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def hop(jump: Device, name: str = "ams-1", **values: Any) -> Hop:
    return replace(Hop(name, "127.0.0.1", THERE, jump.port), **values)


def target(device: Device | int, *path: Hop, name: str = "r1", timeout: float = 5.0) -> Target:
    port = device if isinstance(device, int) else device.port
    return Target(
        name, "127.0.0.1", CREDENTIALS, ("show arp",), port, "cisco_ios", timeout=timeout, jump=path
    )


def test_a_device_behind_a_jump_host(run: Run) -> None:
    with JumpHost() as jump, Device(cli("r1#", ARP)) as device:
        run.trust(jump, device)
        (result,) = run([target(device, hop(jump))])
        assert result.success, result.error
        assert result.output == "10.0.0.1\n" or "10.0.0.1" in result.output
        assert jump.asked == [("127.0.0.1", device.port)]
        assert device.connections == 1
    assert run.status[-1] == JumpStatus("ams-1", 1, 0)
    assert JumpStatus("ams-1", 1, 1) in run.status


def test_two_hops_each_with_its_own_login(run: Run) -> None:
    near_login = SSHCredentials(USER, name="near", password=PASSWORD)
    with (
        JumpHost() as near,
        JumpHost(Rules(key=host_key("second"), methods="keyboard-interactive")) as far,
        Device(cli("r1#", ARP), Rules(key=host_key("third"))) as device,
    ):
        run.trust(near, far, device)
        path = (hop(near, "near", credentials=near_login), hop(far, "far"))
        (result,) = run([target(device, *path)])
        assert result.success, result.error
        assert near.asked == [("127.0.0.1", far.port)]
        assert far.asked == [("127.0.0.1", device.port)]
    assert (near.counts.password, far.counts.interactive, device.counts.password) == (1, 1, 1)


def test_many_devices_share_a_few_connections(run: Run) -> None:
    with JumpHost() as jump, Device(cli("r1#", ARP)) as device:
        run.trust(jump, device)
        targets = [target(device, hop(jump, transports=3), name=f"r{n}") for n in range(60)]
        results = run(targets, workers=60)
        assert [result.error for result in results if not result.success] == []
        assert 1 <= jump.connections <= 3
        assert jump.counts.total == jump.connections
        assert len(jump.asked) == 60
    assert max(status.transports for status in run.status) == jump.connections
    assert all(status.channels <= 60 for status in run.status)
    assert run.status[-1].channels == 0


def test_who_tells_of_a_jump_host_holds_up_no_other_session(run: Run) -> None:
    """In a crowd sessions take turns; one that held its turn here would make the others wait for a lock."""
    held: list[bool] = []
    with JumpHost() as jump, Device(cli("r1#", ARP)) as device:
        run.trust(jump, device)
        pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=run.known.path), max_workers=CROWD)
        pool.run(
            [target(device, hop(jump), name=f"r{n}") for n in range(CROWD)],
            on_result=lambda target, result: None,
            on_jump=lambda status: held.append(TURNS.has_turn),
        )
    assert set(held) == {False}
    assert len(held) > CROWD


def test_a_caller_that_breaks_while_it_is_told_costs_no_device(run: Run) -> None:
    def broken(status: JumpStatus) -> None:
        raise ZeroDivisionError

    results: list[ExecutionResult] = []
    with JumpHost() as jump, Device(cli("r1#", ARP)) as device:
        run.trust(jump, device)
        pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=run.known.path))
        pool.run(
            [target(device, hop(jump))], on_result=lambda _, result: results.append(result), on_jump=broken
        )
    assert results[0].success


def test_no_more_channels_than_configured(run: Run) -> None:
    with JumpHost() as jump, Device(cli("r1#", ARP)) as device:
        run.trust(jump, device)
        path = hop(jump, max_channels=3, transports=1)
        targets = [target(device, path, name=f"r{n}") for n in range(20)]
        assert all(result.success for result in run(targets, workers=20))
        assert jump.most <= 3
    assert max(status.channels for status in run.status) == 3


@pytest.mark.parametrize("transports", [1, 3])
def test_a_jump_host_that_opens_only_so_many(run: Run, transports: int) -> None:
    """Who is refused for want of room waits for a channel to close."""
    with JumpHost(limit=4) as jump, Device(cli("r1#", ARP)) as device:
        run.trust(jump, device)
        targets = [target(device, hop(jump, transports=transports), name=f"r{n}") for n in range(24)]
        results = run(targets, workers=24)
        assert [result.error for result in results if not result.success] == []
        assert jump.most == 4
        assert len(jump.asked) >= 24


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (OPEN_FAILED_CONNECT_FAILED, "unreachable"),
        (OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, "jump_failed"),
        (OPEN_FAILED_RESOURCE_SHORTAGE, "jump_failed"),
    ],
)
def test_a_channel_that_does_not_open(run: Run, code: int, kind: str) -> None:
    with JumpHost(decide=lambda destination: code) as jump, Device() as device:
        run.trust(jump, device)
        (result,) = run([target(device, hop(jump))])
        assert result.error_kind == kind, result.error
        assert "jump host ams-1" in str(result.error)
        assert device.connections == 0


def test_one_forbidden_device_does_not_harm_the_others(run: Run) -> None:
    with JumpHost() as jump, Device(cli("r1#", ARP)) as device, closed_port() as closed:
        run.trust(jump, device)
        targets = [target(device, hop(jump), name=f"r{n}") for n in range(8)]
        results = run([*targets, target(closed, hop(jump), name="gone")])
    assert [result.success for result in results] == [True] * 8 + [False]
    assert results[-1].error_kind == "unreachable"


# Trust and logins


@pytest.mark.parametrize("policy", ["ask", "strict"])
def test_nothing_goes_through_a_jump_host_that_is_not_trusted(run: Run, policy: str) -> None:
    with JumpHost() as jump, Device() as device:
        run.trust(device)
        targets = [target(device, hop(jump), name=f"r{n}") for n in range(6)]
        results = run(targets, host_keys=policy)
        assert {result.error_kind for result in results} == {"jump_failed"}
        assert jump.scanned.fingerprint in str(results[0].error)
        assert "vctui hosts trust ams-1" in str(results[0].next_step)
        assert (jump.counts.total, jump.asked, device.connections) == (0, [], 0)
        assert jump.connections == 1, "it is not asked again in this run"


def test_a_jump_host_whose_key_has_changed(run: Run) -> None:
    with JumpHost() as jump, Device(None, Rules(key=host_key("third"))) as device:
        run.known.add([replace(jump.scanned, blob=host_key("second").asbytes()), device.scanned])
        (result,) = run([target(device, hop(jump))], host_keys="accept-new")
        assert result.error_kind == "jump_failed"
        assert "has changed" in str(result.error)
        assert (jump.counts.total, device.connections) == (0, 0)


def test_first_contact_with_both(run: Run) -> None:
    with JumpHost() as jump, Device(cli("r1#", ARP), Rules(key=host_key("second"))) as device:
        (result,) = run([target(device, hop(jump))], host_keys="accept-new")
        assert result.success, result.error
        assert run.known.is_known("127.0.0.1", jump.port)
        assert run.known.is_known("127.0.0.1", device.port)


def test_a_device_that_is_not_trusted_gets_no_login(run: Run) -> None:
    with JumpHost() as jump, Device() as device:
        run.trust(jump)
        (result,) = run([target(device, hop(jump))])
        assert result.error_kind == "host_key_unknown"
        assert device.counts.total == 0


def test_a_login_that_a_jump_host_refuses_is_tried_once(run: Run) -> None:
    with JumpHost() as jump, Device() as device:
        run.trust(jump, device)
        wrong = hop(jump, credentials=replace(THERE, password="wrong"))
        results = run([target(device, wrong, name=f"r{n}") for n in range(20)])
        assert {result.error_kind for result in results} == {"jump_failed"}
        assert results[0].error == "jump host ams-1: it refuses the login"
        assert (jump.counts.total, device.connections) == (1, 0)


def test_the_code_of_a_jump_host_is_asked_once_and_the_devices_wait_for_it(run: Run) -> None:
    rounds = (Asked((("Password: ", False),), [PASSWORD]), Asked((("PASSCODE: ", False),), ["123456"]))
    waiting = threading.Event()
    asked: list[tuple[str, ...]] = []

    def look() -> None:
        """Answer when all twelve wait."""
        for question in desk.open():
            if len(question.devices) == 13 and not waiting.is_set():
                waiting.set()
                asked.append(question.devices)
                desk.answer(question.key, "123456")

    desk = Desk(look)
    with (
        JumpHost(Rules(methods="keyboard-interactive", rounds=rounds)) as jump,
        Device(cli("r1#", ARP)) as device,
    ):
        run.trust(jump, device)
        targets = [target(device, hop(jump, transports=4), name=f"r{n}") for n in range(12)]
        results = run(targets, desk=desk)
        assert [result.error for result in results if not result.success] == []
        assert jump.connections == 1, "another connection would ask for another code"
    assert set(asked[0]) == {"jump host ams-1", *(f"r{n}" for n in range(12))}


def test_nobody_knows_the_code_of_a_jump_host(run: Run) -> None:
    rounds = (Asked((("PASSCODE: ", False),), ["123456"]),)
    with JumpHost(Rules(methods="keyboard-interactive", rounds=rounds)) as jump, Device() as device:
        run.trust(jump, device)
        person = Person(None)
        results = run([target(device, hop(jump), name=f"r{n}") for n in range(6)], desk=person.desk)
        assert {result.error_kind for result in results} == {"jump_failed"}
        assert len(person.asked) == 1


# Reaching it, losing it


def test_a_jump_host_that_cannot_be_reached(run: Run) -> None:
    with Device() as device, closed_port() as closed:
        run.trust(device)
        near = Hop("ams-1", "127.0.0.1", THERE, closed)
        results = run([target(device, near, name=f"r{n}") for n in range(30)], workers=4)
        assert {result.error_kind for result in results} == {"jump_failed"}
        assert "port" in str(results[0].error)
        assert device.connections == 0
    assert run.status[-1].error == results[0].error


def test_a_jump_host_that_needs_old_algorithms(run: Run) -> None:
    """Each kind of host is told where it is allowed them."""
    modern = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
    old = Rules(disabled={"ciphers": [*modern]})
    with JumpHost(old) as jump, Device(cli("r1#", ARP), old) as device:
        run.trust(jump, device)
        behind, direct = run([target(device, hop(jump)), target(device, name="r2")])
        assert behind.next_step == (
            "Allow it old algorithms: legacy: true for ams-1 below jump_hosts in config.yaml"
        )
        assert "vctui devices edit DEVICE --legacy on" in str(direct.next_step)
        (allowed,) = run([replace(target(device, hop(jump, legacy=True), name="r3"), legacy=True)])
        assert allowed.success, allowed.error


def test_a_jump_host_that_turns_connections_away_for_a_while(run: Run) -> None:
    """As OpenSSH does beyond MaxStartups: it closes, or says so in plain text."""

    class Busy(JumpHost):
        def serve(self, sock: Any) -> None:
            if self.connections <= 3:
                sock.sendall(b"Exceeded MaxStartups\r\n" if self.connections == 1 else b"")
                return
            super().serve(sock)

    with Busy() as jump, Device(cli("r1#", ARP)) as device:
        run.trust(jump, device)
        results = run([target(device, hop(jump), name=f"r{n}") for n in range(6)])
        assert [result.error for result in results if not result.success] == []
        assert jump.connections == 4
        assert jump.counts.total == 1


def test_a_lost_jump_host_is_said_so_and_opened_again(run: Run) -> None:
    """Two devices are in flight when it goes; those after them use a new connection."""
    both = threading.Barrier(2)

    def stop(terminal: Terminal) -> None:
        if both.wait(WAIT) == 0:
            jump.cut()
        silent(terminal)

    slow = {"show arp": stop}
    with JumpHost() as jump, Device(cli("r1#", slow)) as stuck, Device(cli("r1#", ARP)) as device:
        run.trust(jump, stuck, device)
        path = hop(jump, transports=1)
        targets = [target(stuck, path, name=f"s{n}", timeout=60.0) for n in range(2)]
        targets += [target(device, path, name=f"r{n}") for n in range(6)]
        results = run(targets, workers=2)
        assert [result.error_kind for result in results] == ["jump_failed"] * 2 + [None] * 6
        assert "jump host ams-1: the connection was lost" in str(results[0].error)
        assert jump.connections == 2


def test_a_login_that_the_loss_of_a_jump_host_ends_was_not_refused(run: Run) -> None:
    """Otherwise the breaker of the credential would open."""
    told: list[str] = []

    class Guard:
        def approach(self, target: Target, lifeline: object, deadline: object) -> None:
            return None

        def admit(self, target: Target, lifeline: object, deadline: object) -> None:
            return None

        def report(self, target: Target, outcome: str) -> None:
            told.append(f"{target.device}: {outcome}")

    with JumpHost() as jump, Device() as device, pytest.MonkeyPatch.context() as patch:

        def cut(server: Any, username: str, password: str) -> int:
            if server.device is jump:
                return 0
            jump.cut()
            return 2

        patch.setattr("tests.fixtures.ssh_device._Server.check_auth_password", cut)
        run.trust(jump, device)
        results: list[ExecutionResult] = []
        pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=run.known.path))
        pool.run(
            [target(device, hop(jump))],
            on_result=lambda _, result: results.append(result),
            guard=Guard(),
        )
    assert results[0].error_kind == "jump_failed"
    assert told == ["jump host ams-1: accepted", "r1: unknown"]


def test_a_device_that_hangs_up_is_not_the_jump_host(run: Run) -> None:
    with JumpHost() as jump, Device(cli("r1#", {"show arp": Terminal.hang_up})) as device:
        run.trust(jump, device)
        (result,) = run([target(device, hop(jump))])
        assert result.error_kind == "disconnected"


def test_a_far_hop_that_is_lost(run: Run) -> None:
    def stop(terminal: Terminal) -> None:
        far.cut()
        silent(terminal)

    with ExitStack() as stack:
        near, far = (stack.enter_context(JumpHost(Rules(key=host_key(n)))) for n in ("first", "second"))
        device = stack.enter_context(Device(cli("r1#", {"show arp": stop}), Rules(key=host_key("third"))))
        run.trust(near, far, device)
        (result,) = run([target(device, hop(near, "near"), hop(far, "far"), timeout=60.0)])
    assert result.error_kind == "jump_failed"
    assert "jump host far" in str(result.error)


@pytest.mark.parametrize("stuck", ["greeting", "login", "command"])
def test_cancelling_ends_it_wherever_it_is(run: Run, stuck: str) -> None:
    cancel = threading.Event()

    def stop(terminal: Terminal) -> None:
        cancel.set()
        silent(terminal)

    def greet(sock: Any, device: Device) -> None:
        cancel.set()
        while sock.recv(4096):
            pass

    class Stalling(JumpHost):
        def serve(self, sock: Any) -> None:
            cancel.set()
            super().serve(sock)

    jump: Device
    if stuck == "greeting":
        jump = Plain(greet)
    elif stuck == "login":
        jump = Stalling(Rules(stalls_login=True))
    else:
        jump = JumpHost()
    with jump, Device(cli("r1#", {"show arp": stop})) as device:
        run.trust(jump, device)
        targets = [target(device, hop(jump), name=f"r{n}", timeout=60.0) for n in range(5)]
        results = run(
            targets, workers=2, cancel=cancel, connect_timeout=60.0, banner_timeout=60.0, auth_timeout=60.0
        )
        jump.over.set()
    assert {result.error_kind for result in results} == {"cancelled"}


def test_a_channel_that_opens_too_late_is_closed_again(run: Run) -> None:
    """A jump host waits two minutes for a silent device, whose time is up long before."""
    late = threading.Event()

    def decide(destination: tuple[str, int]) -> int:
        if destination[1] == slow.port:
            late.wait(WAIT)
        return 0

    with JumpHost(decide=decide) as jump, Device() as slow, Device(cli("r1#", ARP)) as device:
        run.trust(jump, slow, device)

        def on_result(done: Target) -> None:
            late.set()

        path = hop(jump, transports=1)
        results = run(
            [target(slow, path, name="slow"), target(device, path, name="r1")],
            workers=1,
            connect_timeout=0.3,
            on_result=on_result,
        )
        assert [result.error_kind for result in results] == ["connection_timeout", None], results[1].error
        assert "behind jump host ams-1" in str(results[0].error)
        assert jump.asked[0] == ("127.0.0.1", slow.port)
    assert jump.count() == 0
