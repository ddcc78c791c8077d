"""Trying a device again: when that may help, and after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from vctui.ssh.lifeline import Deadline
from vctui.ssh.model import ExecutionResult, ExecutorOptions, Target

_LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended: with which target, and what became of the others that it was for."""

    target: Target
    result: ExecutionResult
    alike: tuple[Target, ...] = ()
    """Those that failed as it did."""
    left: tuple[Target, ...] = ()
    """Those that need another session."""
    release: Callable[[], None] = lambda: None
    """Gives back the room that the outputs took, once they are handed on."""

    def results(self, tried: Try) -> Iterator[tuple[Target, ExecutionResult]]:
        """What is to be said of each target; the time is that of all attempts."""
        result = self.result
        if result.attempts > 1:
            result = replace(result, duration_ms=(time.monotonic() - tried.started) * 1000)
        for target in (self.target, *self.alike):
            mine = {"device": target.device, "key": target.key, "extra_data": target.extra_data}
            whose = (result.device, result.key, result.extra_data)
            yield target, result if whose == tuple(mine.values()) else replace(result, **mine)
            if result.recording:
                result = replace(result, recording="")


@dataclass(frozen=True, slots=True)
class Try:
    """A target with the deadline that bounds all of its attempts; it begins with the first of them."""

    target: Target
    deadline: Deadline | None = None
    started: float = 0.0
    after: float = 0.0
    """Seconds to wait before it."""

    def begun(self) -> Try:
        """The same, with the clock running."""
        if self.deadline is not None:
            return self
        return Try(self.target, Deadline(self.target.limit), time.monotonic())

    @property
    def tries(self) -> Iterator[Target]:
        """The targets that are tried, each with the number of the attempt."""
        for target in (self.target, *self.target.also):
            yield replace(target, attempt=self.target.attempt)


def next_try(tried: Try, ended: Ended, options: ExecutorOptions) -> Try | None:
    """The next attempt; None when this result is the last one.

    The waits grow and are drawn by chance, so that devices which failed together do not all come back
    together. A wait that the device's time limit does not leave is not begun.
    """
    number = tried.target.attempt
    if not ended.result.passing or number > options.retries or tried.deadline is None:
        return None
    seconds = min(_LONGEST, options.retry_wait * 2 ** (number - 1)) * random.uniform(0.5, 1.5)  # noqa: S311
    if seconds >= tried.deadline.remaining():
        return None
    return replace(tried, target=replace(tried.target, attempt=number + 1), after=seconds)
