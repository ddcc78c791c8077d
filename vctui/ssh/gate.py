"""The pace of a run where the pool asks for it: before a device begins, and before its secret is sent."""

from __future__ import annotations

from collections.abc import Hashable

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import LoginGuard, LoginOutcome, Pace, Target
from vctui.ssh.retries import Try
from vctui.ssh.waiting import Waiting


class PaceGate:
    """Lets targets through to the workers at their pace."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def lane(self, item: Try) -> Hashable:
        """Targets under the same limits go in their order."""
        return self._pace.lane(item.target)

    def wait(self, item: Try) -> float:
        """See `Pace.wait`."""
        return self._pace.wait(item.target)


class PacedGuard:
    """A guard that lets a login in at its pace, once the run's own guard has let it in."""

    def __init__(self, pace: Pace, guard: LoginGuard | None, waiting: Waiting[Try]) -> None:
        self._pace = pace
        self._guard = guard
        self._waiting = waiting

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        """See LoginGuard."""
        if self._guard is not None:
            self._guard.approach(target, lifeline, deadline)

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        """The pace comes last: those who waited for one device's outcome must not all log in at once."""
        login = self._guard.admit(target, lifeline, deadline) if self._guard is not None else None
        self._pace.admit(target, lifeline)
        if lifeline.is_cut:
            self.report(target, "unknown")
            raise DeviceError("cancelled", "the run was cancelled")
        return login

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        """Make room for the next one."""
        if self._guard is not None:
            self._guard.report(target, outcome)
        self.left(target)

    def left(self, target: Target) -> None:
        """Make room, also when it never came to a login."""
        self._pace.left(target)
        self._waiting.look_again()
