"""The pool: every target has exactly one result, whatever happens."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.ssh_device import CREDENTIALS, PASSWORD, Device, Plain, Terminal, cli, closed_port, silent
from vctui.errors import StorageError, UsageError
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.ssh import executor as executor_module

ARP = "10.0.0.1\r\n"


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Nothing that the pool starts outlives a run."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not left, left


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path / "known_hosts")


def target(device: Device, key: int = 0, **values: object) -> Target:
    made = {"timeout": 5.0, "device_type": "cisco_ios", "commands": ("show arp",)} | values
    return Target(f"r{key}", "127.0.0.1", CREDENTIALS, port=device.port, key=key, **made)  # type: ignore[arg-type]


def options(known: KnownHosts) -> ExecutorOptions:
    return ExecutorOptions(known_hosts=known.path)


def test_many_targets_and_few_workers(known: KnownHosts) -> None:
    lock = threading.Lock()
    busy, most = 0, 0
    names: set[str] = set()

    def slow(terminal: Terminal) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        terminal.write(ARP)
        with lock:
            busy -= 1

    def on_phase(target: Target, phase: str) -> None:
        names.add(threading.current_thread().name)

    results: list[ExecutionResult] = []
    with Device(cli("r1#", {"show arp": slow})) as device, closed_port() as closed:
        known.add([device.scanned])
        targets = [target(device, n) for n in range(20)]
        targets.append(Target("off", "127.0.0.1", CREDENTIALS, ("show arp",), port=closed, key=20))
        pool = SSHExecutorPool(options=options(known), max_workers=4)
        pool.run(targets, on_phase=on_phase, on_result=lambda _, result: results.append(result))
    assert sorted(result.key for result in results) == list(range(21))
    assert [r.key for r in results if not r.success] == [20]
    assert most <= 4
    assert names <= {f"ssh-{n}" for n in range(1, 5)}


def test_one_stuck_device_does_not_hold_up_the_others(known: KnownHosts) -> None:
    results: list[str] = []
    finished = threading.Event()

    def on_result(target: Target, result: ExecutionResult) -> None:
        results.append(target.device)
        if len(results) == 5:
            finished.set()

    def wait(terminal: Terminal) -> None:
        finished.wait(10)
        terminal.hang_up()

    with Device(wait) as stuck, Device(cli("r1#", {"show arp": ARP})) as device:
        known.add([device.scanned, stuck.scanned])
        targets = [target(stuck, 0), *(target(device, n) for n in range(1, 6))]
        SSHExecutorPool(options=options(known), max_workers=2).run(targets, on_result=on_result)
    assert results[-1] == "r0"


def test_callbacks_that_raise_lose_nothing(known: KnownHosts) -> None:
    seen: list[int] = []

    def on_result(target: Target, result: ExecutionResult) -> None:
        seen.append(target.key)
        raise RuntimeError("a bug of the caller")

    def on_phase(target: Target, phase: str) -> None:
        raise RuntimeError("another one")

    with Device(cli("r1#", {"show arp": ARP})) as device:
        known.add([device.scanned])
        pool = SSHExecutorPool(options=options(known), max_workers=2)
        pool.run([target(device, n) for n in range(4)], on_phase=on_phase, on_result=on_result)
    assert sorted(seen) == [0, 1, 2, 3]


def test_a_bug_in_a_session_is_a_result(known: KnownHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError(PASSWORD)

    results: list[ExecutionResult] = []
    with Device() as device:
        for name in ("vctui.ssh.jump.open_socket", "vctui.ssh.executor.Session"):
            with monkeypatch.context() as patch:
                patch.setattr(name, fail)
                pool = SSHExecutorPool(options=options(known))
                pool.run([target(device)], on_result=lambda _, result: results.append(result))
    assert [result.error_kind for result in results] == ["internal", "internal"]
    assert PASSWORD not in repr(results)


def test_without_threads_the_caller_works(known: KnownHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("ssh-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    results: list[ExecutionResult] = []
    with Device(cli("r1#", {"show arp": ARP})) as device:
        known.add([device.scanned])
        monkeypatch.setattr(threading.Thread, "start", refuse)
        pool = SSHExecutorPool(options=options(known))
        pool.run([target(device)], on_result=lambda _, result: results.append(result))
    assert results[0].success


def test_a_run_without_targets(known: KnownHosts) -> None:
    SSHExecutorPool(options=options(known)).run([], on_result=lambda *_: pytest.fail("no target"))


def test_an_interrupt_ends_the_run(known: KnownHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    results: list[ExecutionResult] = []
    reached = threading.Event()

    def stop(terminal: Terminal) -> None:
        reached.set()
        silent(terminal)

    def interrupt(*args: object) -> None:
        reached.wait(10)
        raise KeyboardInterrupt

    with Device(stop) as device:
        known.add([device.scanned])
        monkeypatch.setattr("vctui.ssh.workers._wait", interrupt)
        pool = SSHExecutorPool(options=options(known), max_workers=1)
        with pytest.raises(KeyboardInterrupt):
            pool.run(
                [target(device, n, timeout=60.0) for n in range(3)],
                on_result=lambda _, result: results.append(result),
            )
    assert [result.error_kind for result in results] == ["cancelled"] * 3


def test_a_run_that_is_cancelled_before_it_starts(known: KnownHosts) -> None:
    cancel = threading.Event()
    cancel.set()
    results: list[ExecutionResult] = []

    def stop(sock: object, device: Device) -> None:
        device.over.wait(10)

    with Plain(stop) as device:
        pool = SSHExecutorPool(options=options(known), max_workers=2)
        targets = [target(device, n, timeout=60.0) for n in range(5)]
        pool.run(targets, on_result=lambda _, result: results.append(result), cancel=cancel)
        device.over.set()
    assert [result.error_kind for result in results] == ["cancelled"] * 5


def test_errors_of_the_caller_come_before_anything_is_sent(known: KnownHosts, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("names: []\n")
    with Device() as device:
        bad = ExecutorOptions(known_hosts=known.path, platforms=tmp_path)
        with pytest.raises(UsageError, match=r"bad\.yaml"):
            SSHExecutorPool(options=bad).run([target(device)], on_result=lambda *_: None)
        unreadable = ExecutorOptions(known_hosts=tmp_path)
        with pytest.raises(StorageError):
            SSHExecutorPool(options=unreadable).run([target(device)], on_result=lambda *_: None)
        assert device.connections == 0


# The script interface


def test_a_batch_comes_back_in_order(known: KnownHosts) -> None:
    progress: list[tuple[int, int, str]] = []
    with Device(cli("a#", {"show arp": ARP})) as one, Device(cli("b#", {"show arp": ARP})) as two:
        known.add([one.scanned, two.scanned])
        pool = SSHExecutorPool(CREDENTIALS, options(known), max_workers=3)
        rows = [(f"127.0.0.1:{device.port}", "terminal length 0,show arp,,", {"n": n})
                for n, device in enumerate([one, two, one, two])]  # fmt: skip
        results = pool.execute_batch(
            rows, lambda done, total, result: progress.append((done, total, result.host))
        )
    assert [result.prompt for result in results] == ["a#", "b#", "a#", "b#"]
    assert [result.extra_data for result in results] == [{"n": n} for n in range(4)]
    assert all(result.success for result in results), results
    assert results[0].output == "a#terminal length 0\na#\na#show arp\n10.0.0.1\na#\n"
    assert [(done, total) for done, total, _ in progress] == [(n, 4) for n in range(1, 5)]


def test_a_batch_needs_credentials() -> None:
    with pytest.raises(UsageError):
        SSHExecutorPool().execute_batch([("192.0.2.1", "show arp", None)])
    assert PASSWORD not in repr(CREDENTIALS)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 22),
        ("192.0.2.1:830", "192.0.2.1", 830),
        ("r1.example.net", "r1.example.net", 22),
        ("2001:db8::1", "2001:db8::1", 22),
        ("[2001:db8::1]:830", "2001:db8::1", 830),
        ("[2001:db8::1]", "2001:db8::1", 22),
    ],
)
def test_addresses_of_a_batch(address: str, host: str, port: int) -> None:
    assert executor_module._split(address) == (host, port)


def test_the_door_opens_without_paramiko() -> None:
    code = "import sys, vctui.ssh; vctui.ssh.get_platform('x'); sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
