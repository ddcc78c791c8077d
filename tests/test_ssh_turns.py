"""One session computes at a time, and none ever holds up the others by waiting."""

from __future__ import annotations

import errno
import os
import resource
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.fixtures.ssh_device import CREDENTIALS, WAIT, Device, Terminal, cli
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.ssh import cores as cores_module
from vctui.ssh import turns as turns_module
from vctui.ssh.cores import SharedCore, near_core
from vctui.ssh.lifeline import Deadline, Lifeline, clock_stopped
from vctui.ssh.limits import workers_within_limits
from vctui.ssh.pump import VARIABLE
from vctui.ssh.turns import CROWD, TURNS, Turns
from vctui.ssh.watch import Watch
from vctui.ssh.wire import is_ready, wire

linux_only = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="there is no such thing here")


@pytest.fixture(autouse=True)
def free_for_all() -> Iterator[None]:
    """Whatever happens, nobody is left with the turn."""
    yield
    assert TURNS._holder is None
    assert not TURNS._queue
    assert TURNS._watch is None


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

    run_threads([work] * 8)
    assert most == 1


def run_threads(works: Iterable[Callable[[], None]], meanwhile: Callable[[], None] = lambda: None) -> None:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    meanwhile()
    for thread in threads:
        thread.join(WAIT)
    assert not any(thread.is_alive() for thread in threads)


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
    """Its turn is taken away; it goes on without, and gives up what it does not have."""
    monkeypatch.setattr(turns_module, "_PATIENCE", 0.01)
    turns = Turns()
    with stuck_session(turns) as had_turn:
        with turns.session():
            assert has_turn(turns)
            turns.rest()
            assert not has_turn(turns)
            turns.back()
        with turns.alone():
            assert has_turn(turns)
        assert not has_turn(turns)
    assert had_turn == [False]
    with turns.session():
        assert turns.has_turn


def has_turn(turns: Turns) -> bool:
    return turns.has_turn


@contextmanager
def stuck_session(turns: Turns) -> Iterator[list[bool]]:
    """A session that keeps its turn while the block runs; tells whether it still had it in the end."""
    stuck, free = threading.Event(), threading.Event()
    had: list[bool] = []

    def sit() -> None:
        with turns.session():
            stuck.set()
            assert free.wait(WAIT)
            had.append(turns.has_turn)

    thread = threading.Thread(target=sit)
    thread.start()
    assert stuck.wait(WAIT)
    try:
        yield had
    finally:
        free.set()
        thread.join(WAIT)


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "not watched"])
def test_many_that_wait_unforeseen_are_passed_ever_faster(watched: bool) -> None:
    """All get through although none ever gives up the turn; one after the other they would not in time."""
    turns, sessions = Turns(), int(1.5 * WAIT / turns_module._PATIENCE)
    together = threading.Barrier(sessions, timeout=WAIT)
    through: list[int] = []

    def work() -> None:
        with turns.session():
            through.append(together.wait())

    with turns.crowd() if watched else nullcontext():
        run_threads([work] * sessions)
    assert len(through) == sessions
    assert turns._holder is None


def test_threads_without_turns_are_left_alone() -> None:
    turns = Turns()
    with turns.resting():
        turns.back()
        assert not turns.has_turn
    assert turns._holder is None


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


@pytest.mark.parametrize("epoll", [True, False], ids=["watched", "each for itself"])
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


def test_the_turn_comes_with_the_bytes() -> None:
    turns = Turns()
    left, right = socket.socketpair()
    with left, right, turns.crowd(), turns.session():
        watch = turns.watch
        assert watch is not None
        assert not turns.wait(watch, left.fileno(), 0.01)
        assert turns.has_turn
        right.sendall(b"x")
        for _ in range(3):  # it is asked anew each time
            assert turns.wait(watch, left.fileno(), WAIT)
            assert turns.has_turn
        left.recv(1)
        right.shutdown(socket.SHUT_WR)
        assert turns.wait(watch, left.fileno(), WAIT)
    assert turns._watch is None


def test_whoever_has_bytes_passes_a_session_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "_PATIENCE", 0.01)
    turns = Turns()
    left, right = socket.socketpair()
    with left, right, turns.crowd():
        begun, through = threading.Event(), threading.Event()

        def work() -> None:
            with turns.session():
                begun.set()
                assert turns.watch is not None
                if turns.wait(turns.watch, left.fileno(), WAIT) and turns.has_turn:
                    through.set()

        def send() -> None:
            assert begun.wait(WAIT)
            with stuck_session(turns):  # which gets its turn when the other sleeps
                right.sendall(b"x")
                assert through.wait(WAIT)

        run_threads([work], send)


STEPS = st.lists(st.sampled_from(["bytes", "nothing", "rest", "end"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, phases=[Phase.generate])  # a failure takes its time: no shrinking
@given(plans=st.lists(STEPS, min_size=2, max_size=12), seed=st.integers())
def test_nobody_sleeps_through_and_nobody_computes_beside(plans: list[list[str]], seed: int) -> None:
    """Whoever sends, shuts down or gives up in whatever order, each wait ends, and with the turn.

    Patience never comes to its end here, so that nothing but the calls themselves can wake anybody.
    """
    turns = Turns()
    pairs = [socket.socketpair() for _ in plans]
    computing: list[int] = []

    def session(number: int) -> None:
        sock = pairs[number][0]

        def check() -> None:
            assert turns.has_turn
            computing.append(number)
            assert computing == [number]
            computing.pop()

        with turns.session():
            for step in plans[number]:
                check()
                if step == "rest":
                    with turns.resting():
                        pass
                    continue
                patience = 0.001 if step == "nothing" else WAIT
                assert turns.watch is not None
                came = turns.wait(turns.watch, sock.fileno(), patience)
                check()
                if came:
                    sock.recv(1)
                assert came or step == "nothing"
            check()

    def send() -> None:
        """Bytes for each wait in its order, but across the sessions in any."""
        sends = [(number, step) for number, steps in enumerate(plans) for step in steps if step == "bytes"]
        Random(seed).shuffle(sends)  # noqa: S311 - no secret
        for number, _ in sends:
            pairs[number][1].send(b"x")
        for _, other in pairs:
            other.shutdown(socket.SHUT_WR)

    failed: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            session(number)
        except BaseException as error:
            failed.append(error)
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns_module, "_PATIENCE", 10 * WAIT)
        with turns.crowd():
            run_threads([partial(guarded, number) for number in range(len(plans))], send)
    assert not failed
    assert turns._holder is None
    assert not turns._queue
    for pair in pairs:
        for sock in pair:
            sock.close()


def test_bytes_that_nobody_looked_for_in_time_are_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many are ready, nobody looks: a deadline may pass although bytes have come."""
    left, right = socket.socketpair()
    with left, right, TURNS.crowd(), TURNS.session():
        assert TURNS.watch is not None
        monkeypatch.setattr(TURNS.watch, "look", list)
        right.sendall(b"x")
        line = wire(left)
        assert line.read(0.01) == b"x"
        assert line.read(0.01) is None
        assert is_ready(left, select.POLLOUT, 0.01)
        assert not is_ready(left, select.POLLIN, 0.01)


def test_crowds_that_end_at_the_same_time_close_the_watch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file would by then be somebody else's."""
    turns, closed = Turns(), list[Any]()
    monkeypatch.setattr(Watch, "close", lambda watch: closed.append(watch))
    first, second = turns.crowd(), turns.crowd()
    first.__enter__()
    second.__enter__()
    watch = turns._watch
    assert watch is not None
    rest = [second]

    class Mutex:
        def __enter__(self) -> None:
            pass

        def __exit__(self, *error: object) -> None:
            if rest:
                rest.pop().__exit__(None, None, None)

    monkeypatch.setattr(turns, "_mutex", Mutex())
    first.__exit__(None, None, None)
    assert closed == [watch]
    assert turns._watch is None
    monkeypatch.undo()
    watch.close()


def test_where_nothing_can_be_watched_each_waits_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    left, right = socket.socketpair()
    with monkeypatch.context() as patch:
        patch.setattr(turns_module, "Watch", fail)
        with left, right, TURNS.crowd(), TURNS.session():
            assert TURNS.watch is None
            right.sendall(b"x")
            assert wire(left).read(WAIT) == b"x"
    with TURNS.crowd(), TURNS.session():
        assert (TURNS.watch is not None) == hasattr(select, "epoll")


@linux_only
def test_sessions_of_a_crowd_interrupt_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    """They share a core, wherever they may run, and each begins when another one stops."""
    kinds: list[int] = []
    cores: list[frozenset[int]] = []
    own = os.sched_getaffinity(0)

    def look(result: ExecutionResult) -> None:
        kinds.append(os.sched_getscheduler(0))
        cores.append(frozenset(os.sched_getaffinity(0)))

    with Device(cli("r1#", {"show arp": answer})) as device:
        crowd_of(device, tmp_path, on_result=look)
    assert set(kinds) == {os.SCHED_BATCH}
    assert [len(shared) for shared in set(cores)] == [1]
    assert cores[0] <= own
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    assert os.sched_getaffinity(0) == own


@linux_only
@pytest.mark.parametrize("text", [None, "", "1 (a) b) R 1 2"])
def test_sessions_run_anywhere_where_the_core_is_not_known(
    text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_text(path: Path, **options: Any) -> str:
        if text is None:
            raise FileNotFoundError(path)
        return text

    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {0, 1})
    assert near_core() is not None
    monkeypatch.setattr(Path, "read_text", read_text)
    assert near_core() is None
    monkeypatch.undo()
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {0})
    assert near_core() is None


@linux_only
def test_sessions_leave_a_core_that_something_else_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0, "used": 0.0}
    read = SimpleNamespace(monotonic=lambda: clock["now"], process_time=lambda: clock["used"])
    monkeypatch.setattr(cores_module, "time", read)
    own = os.sched_getaffinity(0)
    core = SharedCore(min(own))
    seen: list[set[int]] = []

    def pass_on(share: float, *, busy: bool = True) -> None:
        clock["now"] += 0.1
        clock["used"] += 0.1 * share
        core.look_after(busy)

    def work() -> None:
        with core.stay():
            for share, busy in [(0.5, True)] * 4 + [(1.0, True)] + [(0.1, False)] * 9 + [(0.5, True)] * 4:
                pass_on(share, busy=busy)
            seen.append(os.sched_getaffinity(0))
            pass_on(0.5)
            seen.append(os.sched_getaffinity(0))
        with core.stay():
            seen.append(os.sched_getaffinity(0))

    run_threads([work])
    assert seen == [{min(own)}, own, own]


def test_it_is_told_whether_somebody_has_the_turn_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "_PATIENCE", 0.01)
    turns = Turns()
    told = {True: threading.Event(), False: threading.Event()}
    with turns.crowd(lambda busy: told[busy].set()):
        assert told[False].wait(WAIT)
        assert not told[True].is_set()
        with stuck_session(turns):
            assert told[True].wait(WAIT)
    assert not turns._lookers


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
