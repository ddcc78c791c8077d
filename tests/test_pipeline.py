"""A stage that gathers: items are handled together, and none waits where waiting helps nobody."""

from __future__ import annotations

import queue
import threading

from vctui.jobs.pipeline import Stage

AGES = 3600.0
"""Seconds that no test waits: whatever is handled was not waited for."""


def test_as_many_as_may_be_handled_together_do_not_wait_for_more() -> None:
    handled: queue.Queue[list[int]] = queue.Queue()
    stage: Stage[int] = Stage("gathering", handled.put, most=3, gather=AGES)
    for number in range(6):
        stage.put(number)
    assert handled.get(timeout=30) == [0, 1, 2]
    assert handled.get(timeout=30) == [3, 4, 5]
    stage.close()


def test_a_closed_stage_waits_for_nobody() -> None:
    handled: queue.Queue[list[int]] = queue.Queue()
    stage: Stage[int] = Stage("gathering", handled.put, most=3, gather=AGES)
    stage.put(0)
    stage.put(1)
    stage.close()
    assert sorted(number for some in list(handled.queue) for number in some) == [0, 1]


def test_who_finds_no_room_is_not_kept_waiting_for_more() -> None:
    handled: queue.Queue[list[int]] = queue.Queue()
    stage: Stage[int] = Stage(
        "gathering", handled.put, most=30, gather=AGES, weigh=lambda item: 60, heaviest=100
    )
    stage.put(0)
    threading.Thread(target=stage.put, args=(1,), daemon=True).start()
    assert handled.get(timeout=30) == [0]
