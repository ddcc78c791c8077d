"""Memory stays bounded when many devices send without end, and who sends little does not pay for it."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from queue import Queue

import pytest

from tests.fixtures.ssh_device import CREDENTIALS, Device, Terminal, cli
from vctui.jobs.pipeline import Stage
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.ssh.held import Buffer, Held

KIB = 1024
BLOCK = b"%SYS-5-CONFIG_I: Configured from console by admin on vty0 (192.0.2.1)\r\n" * 400


def flood(terminal: Terminal) -> None:
    while True:
        terminal.write(BLOCK)


def small(terminal: Terminal) -> None:
    terminal.write(BLOCK)


def collect(
    tmp_path: Path, commands: list[str], *, max_held: int, max_output: int = 1024 * KIB
) -> list[ExecutionResult]:
    """What comes of one device for each command, all at once."""
    results: list[ExecutionResult] = []
    known = KnownHosts(tmp_path / "known_hosts")
    script = cli("r1#", {"show flood": flood, "show log": small})
    with ExitStack() as stack:
        devices = [stack.enter_context(Device(script)) for _ in commands]
        known.add([device.scanned for device in devices])
        targets = [
            Target(f"r{n}", "127.0.0.1", CREDENTIALS, tuple(c.split(",")), d.port, "cisco_ios", timeout=20.0)
            for n, (c, d) in enumerate(zip(commands, devices, strict=True))
        ]
        options = ExecutorOptions(known_hosts=known.path, max_held=max_held, max_output=max_output)
        pool = SSHExecutorPool(options=options, max_workers=len(targets))
        pool.run(targets, on_result=lambda _, result: results.append(result))
    return sorted(results, key=lambda result: result.device)


def test_floods_end_and_leave_the_others_alone(tmp_path: Path) -> None:
    commands = ["show flood"] * 6 + ["show log,show log,show log"] * 3
    results = collect(tmp_path, commands, max_output=600 * KIB, max_held=1500 * KIB)
    kinds = Counter(result.error_kind for result in results)
    assert kinds == {"output_limit": 6, None: 3}, [result.error for result in results]
    assert {result.error for result in results[:6]} <= {
        "the device sends more than 1 MiB",
        "the outputs of all devices are too large together",
    }
    assert all(result.output.count("CONFIG_I") == 1200 for result in results[6:])
    assert all(0 < len(result.partial) <= 1024 * KIB for result in results[:6])


def test_commands_of_one_device_count_together(tmp_path: Path) -> None:
    [result] = collect(tmp_path, [",".join(["show log"] * 40)], max_held=300 * KIB)
    assert result.error_kind == "output_limit"
    assert 5 <= len(result.outputs) < 40


def test_room_comes_back_when_the_results_are_handed_on(tmp_path: Path) -> None:
    results = collect(tmp_path, ["show log"] * 12, max_held=100 * KIB)
    assert all(result.success for result in results)


def test_who_waits_gets_the_room_that_comes() -> None:
    held = Held(100)
    assert held.wait_for("a", 90, 0, 0.0, lambda: False)
    got: Queue[bool] = Queue()
    thread = threading.Thread(target=lambda: got.put(held.wait_for("b", 50, 0, 20.0, lambda: False)))
    thread.start()
    held.give_back(90)
    assert got.get(timeout=20) is True
    thread.join(20)


def test_the_largest_of_those_that_wait_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(100)
    assert held.wait_for("a", 60, 0, 0.0, lambda: False)
    assert held.wait_for("b", 40, 0, 0.0, lambda: False)
    waits = threading.Event()
    got: list[bool] = []
    looks: list[threading.Thread] = []

    def is_over() -> bool:
        waits.set()
        return False

    def ask() -> None:
        got.append(held.wait_for("a", 10, 60, 20.0, is_over))
        held.give_back(60)

    def look() -> bool:
        """Before each wait of the smaller one: first it decides who has to go, then the larger one does."""
        looks.append(larger if looks else threading.current_thread())
        return False

    larger = threading.Thread(target=ask)
    monkeypatch.setattr(held, "_is_stuck", lambda now: looks[-1:] == [threading.current_thread()])
    larger.start()
    assert waits.wait(20)
    assert held.wait_for("b", 10, 40, 20.0, look), "nobody makes room, and it is not the largest"
    larger.join(20)
    assert got == [False]


def test_a_wait_ends_with_its_session() -> None:
    held = Held(10)
    assert held.wait_for("a", 10, 0, 0.0, lambda: False)
    assert not held.wait_for("b", 1, 0, 1000.0, lambda: True)


def test_a_buffer_gives_back_what_it_got() -> None:
    buffer = Buffer()
    for text in ("plain\n", "Zürich ✓\n", "\ud800\n"):
        buffer.append(text)
    assert buffer.text() == "plain\nZürich ✓\n\ud800\n"
    assert buffer.cut(6, 8) == "Zü"
    end = buffer.end
    assert buffer.drop(6) == end - 6
    assert buffer.cut(6, 8) == "Zü", "places stay what they are"
    assert buffer.drop(end) == 0
    assert (buffer.text(), buffer.end) == ("", end)


def test_a_stage_takes_no_more_than_it_can_carry() -> None:
    going, came = threading.Event(), Queue[int]()
    done: list[int] = []

    def handle(items: list[int]) -> None:
        came.put(items[0])
        going.wait(20)
        done.extend(items)

    stage = Stage("test", handle, weigh=lambda item: item, heaviest=100)
    stage.put(500)  # one that is too heavy by itself is carried alone
    assert came.get(timeout=20) == 500
    stage.put(60)
    waits = threading.Thread(target=lambda: stage.put(50))
    waits.start()
    waits.join(0.1)
    assert waits.is_alive()
    going.set()
    waits.join(20)
    stage.close()
    assert done == [500, 60, 50]


def test_a_stage_hands_on_together_what_waits_together() -> None:
    going, came = threading.Event(), threading.Event()
    handled: list[list[int]] = []

    def handle(items: list[int]) -> None:
        handled.append(list(items))
        came.set()
        going.wait(20)

    stage = Stage("test", handle, most=3)
    stage.put(0)
    assert came.wait(20)
    for number in range(1, 6):
        stage.put(number)
    going.set()
    stage.close()
    assert handled == [[0], [1, 2, 3], [4, 5]]
