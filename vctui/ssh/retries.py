"""Trying a device again: when that may help, and after how long."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace

from vctui.ssh.lifeline import Deadline
from vctui.ssh.model import ExecutionResult, ExecutorOptions, Target

_LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Try:
    """A target with the deadline that bounds all of its attempts; it begins with the first of them."""

    target: Target
    deadline: Deadline | None = None
    started: float = 0.0

    def begun(self) -> Try:
        """The same, with the clock running."""
        if self.deadline is not None:
            return self
        return Try(self.target, Deadline(self.target.limit), time.monotonic())

    def whole(self, result: ExecutionResult) -> ExecutionResult:
        """The last result, with the time that all attempts took."""
        if result.attempts == 1:
            return result
        return replace(result, duration_ms=(time.monotonic() - self.started) * 1000)


def next_try(tried: Try, result: ExecutionResult, options: ExecutorOptions) -> tuple[Try, float] | None:
    """The next attempt and the seconds to wait before it; None when this result is the last one.

    The waits grow and are drawn by chance, so that devices which failed together do not all come back
    together. A wait that the device's time limit does not leave is not begun.
    """
    number = tried.target.attempt
    if not result.passing or number > options.retries or tried.deadline is None:
        return None
    seconds = min(_LONGEST, options.retry_wait * 2 ** (number - 1)) * random.uniform(0.5, 1.5)  # noqa: S311
    if seconds >= tried.deadline.remaining():
        return None
    return replace(tried, target=replace(tried.target, attempt=number + 1)), seconds
