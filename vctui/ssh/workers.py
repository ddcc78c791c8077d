"""Threads that work through a list of items, and stop at once when the run is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from vctui.ssh.lifeline import Lifelines
from vctui.ssh.turns import TURNS
from vctui.ssh.waiting import Waiting

Item = TypeVar("Item")
_CANCEL_CHECK = 0.25
"""Seconds between two looks at the caller's event, which cannot be waited for together with a thread."""


def work_through(
    items: Iterable[Item] | Waiting[Item],
    do: Callable[[Item], None],
    *,
    workers: int,
    name: str,
    lifelines: Lifelines,
    cancel: threading.Event | None,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Call `do`, which must not raise, once for each item, in at most `workers` threads; wait for all of it.

    Each thread does so within a context of its own, `around`. Items of a `Waiting` may come back. After
    `cancel` the items that are left are still handed to `do`, with every lifeline cut.
    """
    waiting = items if isinstance(items, Waiting) else Waiting(items)

    def drain() -> None:
        while (item := waiting.take()) is not None:
            try:
                do(item)
            finally:
                waiting.finish()

    def work() -> None:
        with around():
            drain()

    threads: list[threading.Thread] = []
    try:
        for number in range(1, min(max(1, workers), len(waiting)) + 1):
            thread = threading.Thread(target=work, name=f"{name}-{number}", daemon=True)
            try:
                with TURNS.alone():  # with many at once, those that have begun go on first
                    thread.start()
            except RuntimeError:  # the system gives no more threads
                break
            threads.append(thread)
        if not threads:
            drain()
        _wait(threads, lifelines, waiting, cancel)
    except BaseException:
        lifelines.cut_all()
        waiting.release()
        for thread in threads:
            thread.join(5.0)
        raise


def _wait(
    threads: list[threading.Thread],
    lifelines: Lifelines,
    waiting: Waiting[Item],
    cancel: threading.Event | None,
) -> None:
    for thread in threads:
        while thread.is_alive():
            if cancel is not None and cancel.is_set() and not lifelines.is_cut:
                lifelines.cut_all()
                waiting.release()
            thread.join(None if cancel is None or lifelines.is_cut else _CANCEL_CHECK)
