"""Items for workers: each handed out once, in turn, at its time."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from queue import Queue

import pytest

from vctui.ssh.waiting import Waiting


class Places:
    """A gate with so many places for each first letter."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.busy: dict[str, int] = {}

    def lane(self, item: str) -> Hashable:
        return item[0]

    def wait(self, item: str) -> float:
        if self.busy.get(item[0], 0) >= self.places:
            return 1000.0
        self.busy[item[0]] = self.busy.get(item[0], 0) + 1
        return 0.0


def drain(waiting: Waiting[str]) -> list[str]:
    taken = []
    while (item := waiting.take()) is not None:
        taken.append(item)
        waiting.finish()
    return taken


def test_without_a_gate_they_come_in_their_order() -> None:
    waiting = Waiting(["a", "b", "c"])
    assert len(waiting) == 3
    assert drain(waiting) == ["a", "b", "c"]


def test_lanes_take_turns() -> None:
    assert drain(Waiting(["a1", "a2", "a3", "b1", "c1"], Places(9))) == ["a1", "b1", "c1", "a2", "a3"]


def test_a_full_lane_does_not_hold_up_another() -> None:
    gate = Places(1)
    waiting = Waiting(["a1", "a2", "b1"], gate)
    assert [waiting.take(), waiting.take()] == ["a1", "b1"]
    got: list[str | None] = []
    other = threading.Thread(target=lambda: got.append(waiting.take()))
    other.start()
    gate.busy["a"] = 0
    waiting.look_again()
    other.join(10)
    assert got == ["a2"]


def test_what_is_sent_back_comes_again() -> None:
    waiting = Waiting(["a", "b"])
    assert waiting.take() == "a"
    waiting.send_back("a2", 0.01)
    waiting.finish()
    assert drain(waiting) == ["b", "a2"]


def test_a_worker_waits_for_what_may_come_back() -> None:
    waiting = Waiting(["a"])
    assert waiting.take() == "a"
    got: list[str | None] = []
    others = [threading.Thread(target=lambda: got.extend(drain(waiting))) for _ in range(5)]
    for other in others:
        other.start()
    waiting.send_back("a2", 0)
    waiting.finish()
    for other in others:
        other.join(10)
        assert not other.is_alive()
    assert got == ["a2"]


def test_the_earliest_is_looked_after_whoever_waits() -> None:
    # Two workers sleep, one until far away; what is due soon must wake one of them.
    waiting = Waiting(["a", "b"])
    assert [waiting.take(), waiting.take()] == ["a", "b"]
    waiting.send_back("far", 1000)
    got: Queue[str | None] = Queue()
    sleepers = [threading.Thread(target=lambda: got.put(waiting.take())) for _ in range(3)]
    for sleeper in sleepers:
        sleeper.start()
    waiting.send_back("soon", 0.05)
    waiting.send_back("sooner", 0.02)
    assert [got.get(timeout=10), got.get(timeout=10)] == ["sooner", "soon"]
    waiting.release()
    assert got.get(timeout=10) == "far"
    for sleeper in sleepers:
        sleeper.join(10)


def test_release_hands_out_everything_at_once() -> None:
    waiting = Waiting(["a1", "a2", "b1"], Places(0))
    waiting.release()
    assert drain(waiting) == ["a1", "b1", "a2"]


def test_at_the_end_workers_leave_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(["a"])
    woken: list[int] = []
    notify = waiting._changed.notify

    def wake(count: int = 1) -> None:
        woken.append(count)
        notify(count)

    monkeypatch.setattr(waiting._changed, "notify", wake)
    assert waiting.take() == "a"
    ends: Queue[str | None] = Queue()
    others = [threading.Thread(target=lambda: ends.put(waiting.take()), daemon=True) for _ in range(50)]
    for other in others:
        other.start()
    waiting.finish()
    assert [ends.get(timeout=10) for _ in others] == [None] * 50
    assert set(woken) == {1}
