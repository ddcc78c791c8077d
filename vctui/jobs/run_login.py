"""One credential in a run: its circuit, the places where it is tried, and what a person decides about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from vctui.jobs.circuit import Circuit
from vctui.jobs.ledgers import OwnLedger
from vctui.jobs.places import PlaceGate
from vctui.jobs.stopped import why
from vctui.questions import Question
from vctui.records import SSHCredentials
from vctui.ssh import LoginOutcome
from vctui.storage import LoginState
from vctui.text import safe_line

RETYPE = "Type the password again, for this run"
RETYPE_AND_KEEP = "Type it again, and save it in the vault"
LEAVE_OUT = "Leave out its devices"
ABORT = "Stop the run"
PLACE_LIMIT = 3
"""Refusals in a row at one place, after which a credential is not tried there."""


@dataclass(slots=True)
class RunLogin:
    """The breaker holds its lock around every call."""

    name: str
    circuit: Circuit
    gates: dict[str, PlaceGate]
    """Of the places where it is tried."""
    instead: SSHCredentials | None = None
    """The login with a password that was typed during the run."""
    to_keep: SSHCredentials | None = None
    """What is to be saved once it is accepted."""
    told: set[object] = field(default_factory=set)
    """What was said of it already."""
    question: Question | None = None
    """The one that was asked last."""
    _place: str = ""
    """The place that it offered to leave out."""
    _typed: int = 0
    _failing: list[str] = field(default_factory=list)
    """The places of its failures in a row in this run."""
    _left_out: set[str] = field(default_factory=set)
    """Places where it is not tried any more."""
    _given_up: bool = False

    def is_out(self, place: str) -> bool:
        """Whether a person left its devices out, or those of this place."""
        return self._given_up or place in self._left_out

    def gate(self, place: str) -> PlaceGate | None:
        """The gate of a place; None where nothing is known of the place."""
        return self.gates.setdefault(place, PlaceGate(PLACE_LIMIT)) if place else None

    def count(self, outcome: LoginOutcome, place: str, places: Collection[str]) -> int:
        """Take in how a login ended; the failures in a row, if all are at this place and there are others."""
        if outcome == "accepted":
            self._failing.clear()
        elif outcome != "unknown":
            self._failing.append(place)
        alone = set(self._failing) == {place} and self._has_others(place, places)
        return len(self._failing) if alone else 0

    def ask(
        self, state: LoginState, credentials: SSHCredentials, places: Collection[str], *, can_keep: bool
    ) -> Question:
        """What to do: the same question for all devices, each time that the credential stops."""
        key = f"breaker:{self.name}:{state.open_until}"
        if self.question is None or self.question.key != key:
            self._place = self._place_at_fault(places)
            offered = {
                RETYPE: credentials.password,
                RETYPE_AND_KEEP: credentials.password and credentials.id and can_keep,
                f"Leave out {safe_line(self._place, 60)}": self._place,
                LEAVE_OUT: True,
                ABORT: True,
            }
            self.question = Question(
                "breaker",
                key,
                f"what to do about credential {self.name!r}",
                f"{why(state)}. It is not tried on any device until you decide.",
                choices=tuple(choice for choice, can_be in offered.items() if can_be),
            )
        return self.question

    def ask_password(self, credentials: SSHCredentials) -> Question:
        """For the password itself; another question each time that it is typed."""
        user = safe_line(credentials.username, 60)
        title = f"the password of {user!r} (credential {self.name!r})"
        return Question(
            "password", f"password:{self.name}:{self._typed}", title, "It goes to one device first."
        )

    def retype(self, credentials: SSHCredentials, password: str, *, keep: bool) -> None:
        """Go on with another password; as after the twenty minutes, one device decides."""
        self._typed += 1
        self.instead = replace(credentials, password=password)
        self.gates.clear()
        self.to_keep = self.instead if keep else None
        self.circuit = Circuit(OwnLedger(LoginState(open_until=datetime.now(UTC))))

    def leave_out_place(self) -> None:
        """Go on everywhere but at the place that the question named."""
        self._left_out.add(self._place)
        self.circuit.try_again()

    def give_up(self) -> None:
        """Do not try it any more in this run."""
        self._given_up = True

    def _place_at_fault(self, places: Collection[str]) -> str:
        """The only place that failed of late, when there are others."""
        if len(set(self._failing)) != 1:
            return ""
        place = self._failing[0]
        return place if self._has_others(place, places) else ""

    def _has_others(self, place: str, places: Collection[str]) -> bool:
        return bool(place) and any(other not in (place, *self._left_out) for other in places)
