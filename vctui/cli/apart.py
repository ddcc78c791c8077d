"""Parsing beside the main thread, where the engine leaves it to a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def run_apart(work: Callable[[], T]) -> T:
    """What `work` returns or raises, called in another thread. Ctrl+c does not wait for it.

    In the main thread the engine parses in place, where a template that bursts would end the program.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits
            done.set_exception(error)

    threading.Thread(target=run, name="vctui-apart", daemon=True).start()
    return done.result()
