"""One session computes at a time, and none ever holds up the others by waiting."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from pathlib import Path

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
    assert TURNS._lock.acquire(timeout=WAIT)
    TURNS._lock.release()


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
        assert turns._own.turn
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
        assert not turns._own.turn
        turns.rest()
        turns.back()
        turns.wait_for_turn()
    free.set()
    thread.join(WAIT)
    with turns.session():
        assert turns._own.turn


def test_threads_without_turns_are_left_alone() -> None:
    turns = Turns()
    with turns.resting():
        turns.back()
        assert not turns._own.turn
    assert turns._lock.acquire(blocking=False)


def test_waiting_for_a_person_or_a_pause_is_no_computing() -> None:
    def has_turn() -> bool:
        return TURNS._own.turn

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
    assert not TURNS._own.turn


def test_a_crowd_takes_turns_and_callbacks_may_wait_for_each_other(tmp_path: Path) -> None:
    """Callbacks that need several sessions to go on would never return if one held up the others."""
    together = threading.Barrier(CROWD, timeout=WAIT)
    turns: list[bool] = []
    results: list[ExecutionResult] = []

    def reply(terminal: Terminal) -> None:
        terminal.write("10.0.0.1\r\n")

    def on_phase(target: Target, phase: str) -> None:
        turns.append(TURNS._own.turn)
        if phase == "command":
            together.wait()

    with Device(cli("r1#", {"show arp": reply})) as device:
        known_hosts = KnownHosts(tmp_path / "known_hosts")
        known_hosts.add([device.scanned])
        targets = [
            Target(f"r{n}", "127.0.0.1", CREDENTIALS, ("show arp",), port=device.port, key=n, timeout=WAIT)
            for n in range(CROWD)
        ]
        pool = SSHExecutorPool(
            options=ExecutorOptions(known_hosts=known_hosts.path, transport="fast"), max_workers=CROWD
        )
        pool.run(targets, on_phase=on_phase, on_result=lambda _, result: results.append(result))
    assert [result.error for result in results] == [None] * CROWD
    assert not any(turns)


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
