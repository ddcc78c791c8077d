"""One session computes at a time, and none ever holds up the others by waiting."""

from __future__ import annotations

import resource
import select
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.ssh_device import CREDENTIALS, WAIT, Device, Terminal, cli
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.ssh import turns as turns_module
from vctui.ssh.lifeline import Deadline, Lifeline, clock_stopped
from vctui.ssh.limits import workers_within_limits
from vctui.ssh.turns import CROWD, TURNS, Turns


@pytest.fixture(autouse=True)
def free_for_all() -> Iterator[None]:
    """Whatever happens, nobody is left with the turn."""
    yield
    assert not TURNS._is_taken
    assert not TURNS._queue
    assert TURNS._usher is None


def test_one_at_a_time() -> None:
    turns, lock = Turns(), threading.Lock()
    busy = most = 0

    def work() -> None:
        nonlocal busy, most
        with turns.session():
            for _ in range(50):
                with lock:
                    busy += 1
                    most = max(most, busy)
                with lock:
                    busy -= 1
                turns.rest()
                turns.back()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert most == 1


def test_who_waits_gives_up_the_turn() -> None:
    turns = Turns()
    waits, others_turn = threading.Event(), threading.Event()

    def wait() -> None:
        with turns.session(), turns.resting():
            waits.set()
            assert others_turn.wait(WAIT)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waits.wait(WAIT)
    with turns.session():
        assert turns.has_turn
    others_turn.set()
    thread.join(WAIT)


def test_a_session_that_waits_unforeseen_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its turn; the others go on without one, and nothing is released twice."""
    monkeypatch.setattr(turns_module, "_PATIENCE", 0.01)
    turns = Turns()
    stuck, free = threading.Event(), threading.Event()

    def sit() -> None:
        with turns.session():
            stuck.set()
            assert free.wait(WAIT)

    thread = threading.Thread(target=sit)
    thread.start()
    assert stuck.wait(WAIT)
    with turns.session():
        assert not turns.has_turn
        turns.rest()
        turns.back()
        turns.wait_for_turn()
    free.set()
    thread.join(WAIT)
    with turns.session():
        assert turns.has_turn


def test_threads_without_turns_are_left_alone() -> None:
    turns = Turns()
    with turns.resting():
        turns.back()
        assert not turns.has_turn
    assert not turns._is_taken


def test_waiting_for_a_person_or_a_pause_is_no_computing() -> None:
    def has_turn() -> bool:
        return TURNS.has_turn

    with TURNS.session():
        with clock_stopped(Deadline(1)):
            assert not has_turn()
        assert has_turn()
        line = Lifeline()
        line.tie(lambda: None)
        line.cut()
        line.pause(WAIT)
        assert has_turn()


def test_a_turn_is_given_back_when_a_session_fails() -> None:
    with pytest.raises(ZeroDivisionError), TURNS.session():
        raise ZeroDivisionError
    assert not TURNS.has_turn


def crowd_of(device: Device, tmp_path: Path, **callbacks: Any) -> list[ExecutionResult]:
    """As many sessions as make a crowd, all at one device."""
    results: list[ExecutionResult] = []
    collect = callbacks.pop("on_result", lambda result: None)

    def on_result(target: Target, result: ExecutionResult) -> None:
        collect(result)
        results.append(result)

    known_hosts = KnownHosts(tmp_path / "known_hosts")
    known_hosts.add([device.scanned])
    targets = [
        Target(f"r{n}", "127.0.0.1", CREDENTIALS, ("show arp",), port=device.port, key=n, timeout=WAIT)
        for n in range(CROWD)
    ]
    options = ExecutorOptions(known_hosts=known_hosts.path, transport="fast")
    SSHExecutorPool(options=options, max_workers=CROWD).run(targets, on_result=on_result, **callbacks)
    return results


def answer(terminal: Terminal) -> None:
    terminal.write("10.0.0.1\r\n")


@pytest.mark.parametrize("epoll", [True, False], ids=["with an usher", "without"])
def test_a_crowd_takes_turns_and_callbacks_may_wait_for_each_other(
    epoll: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callbacks that need several sessions to go on would never return if one held up the others."""
    if not epoll:
        monkeypatch.delattr(select, "epoll")
    together = threading.Barrier(CROWD, timeout=WAIT)
    turns: list[bool] = []

    def on_result(result: ExecutionResult) -> None:
        turns.append(TURNS.has_turn)
        together.wait()

    with Device(cli("r1#", {"show arp": answer})) as device:
        results = crowd_of(device, tmp_path, on_result=on_result)
    assert [result.error for result in results] == [None] * CROWD
    assert turns == [False] * CROWD


def test_silence_is_noticed_in_a_crowd(tmp_path: Path) -> None:
    """Each wait ends in time, whether bytes come or not."""

    def nothing(terminal: Terminal) -> None:
        terminal.read_key()

    known_hosts = KnownHosts(tmp_path / "known_hosts")
    results: list[ExecutionResult] = []
    with Device(cli("r1#", {"show arp": answer, "show mac": nothing})) as device:
        known_hosts.add([device.scanned])
        targets = [
            Target(f"r{n}", "127.0.0.1", CREDENTIALS, (command,), port=device.port, key=n, timeout=1.0)
            for n, command in enumerate(["show arp", "show mac"] * (CROWD // 2))
        ]
        options = ExecutorOptions(known_hosts=known_hosts.path, transport="fast")
        pool = SSHExecutorPool(options=options, max_workers=CROWD)
        pool.run(targets, on_result=lambda _, result: results.append(result))
    kinds = Counter(result.error_kind for result in results)
    assert kinds == {None: CROWD // 2, "command_timeout": CROWD // 2}


def test_an_usher_brings_the_turn_with_the_bytes() -> None:
    turns = Turns()
    left, right = socket.socketpair()
    with left, right, turns.crowd(), turns.session():
        usher = turns.usher
        assert usher is not None
        assert not usher.wait(left.fileno(), 0.01)
        assert turns.has_turn
        right.sendall(b"x")
        for _ in range(3):  # it is asked anew each time
            assert usher.wait(left.fileno(), WAIT)
            assert turns.has_turn
        left.recv(1)
        right.shutdown(socket.SHUT_WR)
        assert usher.wait(left.fileno(), WAIT)
    assert turns._usher is None


def test_who_was_called_too_late_goes_on_without_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "_PATIENCE", 0.01)
    turns = Turns()
    stuck, free = threading.Event(), threading.Event()

    def sit() -> None:
        with turns.session():
            stuck.set()
            assert free.wait(WAIT)

    left, right = socket.socketpair()
    with left, right, turns.crowd():
        thread = threading.Thread(target=sit)
        thread.start()
        assert stuck.wait(WAIT)
        with turns.session():
            usher = turns.usher
            assert usher is not None
            right.sendall(b"x")
            assert usher.wait(left.fileno(), WAIT)
            assert not turns.has_turn
        free.set()
        thread.join(WAIT)
    assert not turns._is_taken


@pytest.fixture
def file_limit(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The limit of open files as the code sees and sets it."""
    limits = [(256, 1000)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, limit: limits.append(limit))
    return limits


def test_the_limit_of_open_files_is_raised(file_limit: list[tuple[int, int]]) -> None:
    assert workers_within_limits(12) == 12
    assert file_limit == [(256, 1000)]
    assert workers_within_limits(100) == 100
    assert file_limit[-1] == (500, 1000)
    assert workers_within_limits(1000) == (1000 - 200) // 3
    assert file_limit[-1] == (1000, 1000)


def test_a_limit_that_cannot_be_raised(
    file_limit: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(which: int, limit: tuple[int, int]) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert workers_within_limits(1000) == (256 - 200) // 3
    file_limit.append((100, 100))
    assert workers_within_limits(1000) == 1
    file_limit.append((resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert workers_within_limits(1000) == 1000
