"""The logins of one credential at one place: an AAA domain, or a site.

A credential that is good at one place may be refused at another, where each refusal counts towards a lockout
although successes elsewhere keep its circuit closed. So each place has a gate of its own.
"""

from __future__ import annotations

import threading

from vctui.jobs.circuit import check_wait
from vctui.jobs.pacing import domains_of
from vctui.jobs.plan import PlanItem
from vctui.politeness import Politeness
from vctui.ssh import Deadline, Lifeline, LoginOutcome


def place_of(politeness: Politeness, item: PlanItem) -> str:
    """Where a device asks who may log in: its AAA domain where one is configured, else its site."""
    domains = domains_of(politeness, item)
    if domains:
        return f"AAA domain {domains[0]}"
    return f"site {item.device.site}" if item.device.site else ""


class PlaceGate:
    """Shut after so many refusals in a row.

    Until the first success, and after a refusal, no more logins are under way than that would take. With
    `strict` that holds at all times, for where a refusal is no surprise.
    """

    def __init__(self, limit: int, *, strict: bool = False, shut: bool = False) -> None:
        self._limit = limit
        self._strict = strict
        self._changed = threading.Condition()
        self._in_flight = 0
        self._proven = False
        self._refused = limit if shut else 0

    @property
    def is_shut(self) -> bool:
        """Whether it was refused too often here."""
        return self._refused >= self._limit

    def _has_room(self) -> bool:
        free = self._proven and not self._refused and not self._strict
        return free or self._refused + self._in_flight < self._limit

    def enter(self, line: Lifeline, deadline: Deadline) -> bool:
        """Wait for room; False when the gate is shut. Raises DeviceError."""
        line.tie(self._wake)
        with self._changed:
            while not self.is_shut and not self._has_room():
                check_wait(line, deadline)
                self._changed.wait(deadline.remaining())
            check_wait(line, deadline)
            if self.is_shut:
                return False
            self._in_flight += 1
            return True

    def leave(self, outcome: LoginOutcome) -> bool:
        """Make room again; True when this shut the gate."""
        with self._changed:
            was_shut = self.is_shut
            self._in_flight -= 1
            if outcome == "accepted":
                self._proven, self._refused = True, 0
            elif outcome in ("refused", "unanswered"):
                self._refused += 1
            self._changed.notify_all()
            return self.is_shut and not was_shut

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
