"""Signals during a run: the first asks it to stop and clean up, the second ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR = "\x1b[?25h"

_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class StopSignals:
    """A context in which SIGINT, SIGTERM and SIGHUP set `cancel`; a signal ignored before stays ignored."""

    def __init__(self, cancel: threading.Event, lock: Callable[[], object] = lambda: None) -> None:
        """`lock` is called at the first signal: it must not wait for anything."""
        self._cancel = cancel
        self._lock = lock
        self._before: dict[signal.Signals, _Handler] = {}
        self.received: signal.Signals | None = None

    @property
    def exit_code(self) -> int | None:
        """128 and the signal's number, or None when none came."""
        return None if self.received is None else 128 + self.received

    def __enter__(self) -> StopSignals:
        for number in WATCHED:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:  # nohup
                self._before[number] = before
                signal.signal(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the signals back to who had them."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _received(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
            self._cancel.set()
            self._lock()
            _say(b"vctui: stopping, the sessions are being closed; once more to end at once\n")
            return
        if sys.stderr.isatty():
            _say(SHOW_CURSOR.encode("ascii"))
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _say(text: bytes) -> None:
    # From a handler the stream may be in use: a write of its own, at the lowest level. After SIGHUP the
    # terminal is gone, and an exception from here would come up anywhere in the main thread.
    with contextlib.suppress(OSError):
        os.write(2, text)
