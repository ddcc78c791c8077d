"""What is known of a search for credentials that goes on: a row a device, changed by events only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from screens.run_model import PHASE_WORDS
from screens.widgets.rows import Cells, RowStyle

if TYPE_CHECKING:
    from vctui.events import Event
    from vctui.jobs import Answer, Candidate

STYLES: dict[str, RowStyle] = {
    "waiting": "dim",
    "running": "running",
    "works": "ok",
    "refused": "failed",
    "unclear": "skipped",
    "unreachable": "failed",
    "postponed": "skipped",
    "cancelled": "skipped",
}
DONE = tuple(state for state in STYLES if state not in ("waiting", "running"))


@dataclass(slots=True)
class Found:
    """One device of the search."""

    candidate: Candidate
    state: str = "waiting"
    credential: str = ""
    doing: str = ""
    next_step: str = ""
    saved: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    """Credential → what came of it."""


class FindingModel:
    """The devices of a plan in its order. `apply` takes the events; nothing here knows a widget."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.rows = [Found(candidate) for candidate in candidates]
        self.counts: Counter[str] = Counter({"waiting": len(self.rows)})
        self.logins = 0
        self._index = {(r.candidate.device.name, r.candidate.device.host): n for n, r in enumerate(self.rows)}
        self._dirty: set[int] = set()

    @property
    def done(self) -> int:
        """Devices that are settled."""
        return sum(self.counts[state] for state in DONE)

    def apply(self, event: Event) -> None:
        """Take in one event."""
        from vctui.jobs import DeviceSettled, LoginPhase, LoginTested

        if not isinstance(event, LoginPhase | LoginTested | DeviceSettled):
            return
        index = self._index.get((event.device, event.host))
        if index is None:
            return
        row = self.rows[index]
        self._dirty.add(index)
        if isinstance(event, LoginPhase):
            self._enter(row, "running")
            row.credential, row.doing = event.credential, PHASE_WORDS.get(event.phase, event.phase)
        elif isinstance(event, LoginTested):
            row.credential, row.answers[event.credential] = event.credential, event.result
            self.logins += event.result in ("accepted", "refused", "unclear")
            row.doing = ": ".join(text for text in (event.error_kind or event.result, event.error) if text)
            row.next_step = event.next_step or ""
        else:
            self._enter(row, event.result)
            row.saved = event.saved
            if event.result == "works":
                row.credential = event.credential or ""
                row.doing = event.note or ("saved" if event.saved else "not saved")
                row.next_step = ""

    def take_dirty(self) -> set[int]:
        """The rows that changed since the last call."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    def cells(self, row: Found) -> Cells:
        """Device, address, state, credential, what is being done or came out."""
        device = row.candidate.device
        return (device.name, device.host or "", row.state, row.credential, row.doing), STYLES[row.state]

    def _enter(self, row: Found, state: str) -> None:
        self.counts[row.state] -= 1
        self.counts[state] += 1
        row.state = state
