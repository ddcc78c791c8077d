"""What the run screen knows: the rows, the counts and the clock of one run, changed by events only."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from screens.widgets.rows import Cells, RowStyle
from vctui.events import (
    BreakerOpened,
    DeviceFinished,
    DevicePhase,
    DeviceStatus,
    Event,
    JumpState,
    PasswordKept,
    RunStarted,
)

State = Literal["waiting", "running", "ok", "skipped", "failed", "cancelled"]
Show = Literal["all", "running", "failed"]
SHOWS: tuple[Show, ...] = ("all", "running", "failed")
STYLES: dict[State, RowStyle] = {
    "waiting": "dim",
    "running": "running",
    "ok": "ok",
    "skipped": "skipped",
    "failed": "failed",
    "cancelled": "skipped",
}
PHASE_WORDS = {
    "host_key": "host key",
    "prompt": "waiting for prompt",
    "command": "running commands",
    "retrying": "waiting",
}
MAX_LOG = 2000


@dataclass(slots=True)
class DeviceRow:
    """One device of the run. `started` is on the model's clock."""

    name: str
    host: str
    state: State = "waiting"
    phase: str = ""
    started: float | None = None
    finished: DeviceFinished | None = None


class RunModel:
    """The state of a run. `apply` takes its events in order; nothing here knows a widget."""

    def __init__(
        self, devices: Iterable[tuple[str, str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rows = [DeviceRow(name, host) for name, host in devices]
        self.counts: Counter[State] = Counter({"waiting": len(self.rows)})
        self.run_id: int | None = None
        self.jumps: dict[str, JumpState] = {}
        """The newest that was said of each jump host."""
        self.log: list[str] = []
        """The newest lines; the older half goes when it is twice MAX_LOG."""
        self.logged = 0
        """How many lines there were in all."""
        self.log_width = 0
        """The cells of the longest line there was, about."""
        self._index = {(row.name, row.host): index for index, row in enumerate(self.rows)}
        self._clock = clock
        self._started = clock()
        self._ended: float | None = None
        self._dirty: set[int] = set()

    @property
    def total(self) -> int:
        return len(self.rows)

    @property
    def done(self) -> int:
        return self.total - self.counts["waiting"] - self.counts["running"]

    @property
    def elapsed(self) -> float:
        """Seconds since the start, until the end."""
        return (self._clock() if self._ended is None else self._ended) - self._started

    @property
    def rate(self) -> float:
        """Devices finished per second."""
        return self.done / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds to the end at this rate; None while nothing says."""
        return (self.total - self.done) / self.rate if self.rate else None

    @property
    def finished(self) -> list[DeviceFinished]:
        """What is known of the devices that are done, in the plan's order."""
        return [row.finished for row in self.rows if row.finished is not None]

    def end(self) -> None:
        """Stop the clock."""
        if self._ended is None:
            self._ended = self._clock()

    def apply(self, event: Event) -> None:
        """Take in one event; an event of a device that is not in the plan changes nothing."""
        if isinstance(event, RunStarted):
            self.run_id = event.run
            self._say(f"run {event.run}: {event.job}, {event.total} devices")
        elif isinstance(event, DevicePhase):
            row = self._row(event.device, event.host)
            if row is not None and row.finished is None:
                if row.started is None:
                    row.started = self._clock()
                self._enter(row, "running")
                row.phase = PHASE_WORDS.get(event.phase, event.phase)
                if event.attempt > 1:
                    row.phase += f", attempt {event.attempt}"
                self._say(f"{event.device}: {row.phase}")
        elif isinstance(event, BreakerOpened):
            self._say(f"credential {event.credential} is not tried any more: {event.reason}")
        elif isinstance(event, PasswordKept):
            what = f"not saved: {event.error}" if event.error else "saved in the vault"
            self._say(f"credential {event.credential}: the password is {what}")
        elif isinstance(event, JumpState):
            self._jump(event)
        elif isinstance(event, DeviceFinished):
            row = self._row(event.device, event.host)
            if row is not None and row.finished is None:
                row.finished = event
                self._enter(row, event.status)
                self._say(f"{event.device}: {outcome_line(event)}")

    def _jump(self, event: JumpState) -> None:
        before = self.jumps.get(event.jump)
        self.jumps[event.jump] = event
        if event.error and (before is None or before.error != event.error):
            self._say(event.error)
        elif before is None or before.transports != event.transports:
            self._say(f"jump host {event.jump}: {event.transports} connections")

    def take_dirty(self) -> set[int]:
        """The rows that changed since the last call."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    def in_order(self, show: Show, text: str) -> Sequence[int]:
        """The rows to show, in the plan's order: of one kind, with `text` in the name."""
        text = text.casefold()
        if show == "all" and not text:
            return range(self.total)
        states: tuple[State, ...] = ("running",) if show == "running" else ("failed", "skipped", "cancelled")
        return [
            index
            for index, row in enumerate(self.rows)
            if (show == "all" or row.state in states) and (not text or text in row.name.casefold())
        ]

    def seconds(self, row: DeviceRow) -> float | None:
        """How long the device took, or has taken so far."""
        if row.finished is not None:
            return row.finished.duration_ms / 1000
        return None if row.started is None else self._clock() - row.started

    def cells(self, index: int) -> Cells:
        """Device, address, state, what is being done or came out, time."""
        row = self.rows[index]
        seconds = self.seconds(row)
        if row.finished is not None:
            text, shown = outcome(row.finished), "" if seconds is None else f"{seconds:.1f} s"
        else:
            text, shown = row.phase, "" if seconds is None else f"{int(seconds)} s"
        return (row.name, row.host, row.state, text, shown), STYLES[row.state]

    def _row(self, device: str, host: str) -> DeviceRow | None:
        index = self._index.get((device, host))
        if index is None:
            return None
        self._dirty.add(index)
        return self.rows[index]

    def _enter(self, row: DeviceRow, state: State | DeviceStatus) -> None:
        self.counts[row.state] -= 1
        self.counts[state] += 1
        row.state = state

    def _say(self, line: str) -> None:
        text = f"{duration(self.elapsed):>7}  {line}"
        self.log.append(text)
        self.logged += 1
        self.log_width = max(self.log_width, len(text))
        if len(self.log) > 2 * MAX_LOG:
            del self.log[:-MAX_LOG]


def outcome(event: DeviceFinished) -> str:
    """What came of a device, as short as a cell."""
    if event.status == "ok":
        parts = []
        if event.records is not None and event.template is not None:
            parts.append("1 record" if event.records == 1 else f"{event.records} records")
        if event.size is not None:
            parts.append(size_text(event.size))
        return ", ".join(parts)
    return ": ".join(text for text in (event.error_kind, event.error) if text)


def outcome_line(event: DeviceFinished) -> str:
    """State word and outcome, for the log."""
    text = outcome(event)
    return f"{event.status}, {text}" if event.status == "ok" and text else f"{event.status} {text}".rstrip()


def size_text(size: int) -> str:
    """3121 → `3.0 KiB`."""
    if size < 1024:
        return f"{size} bytes"
    return f"{size / 1024:.1f} KiB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MiB"


def duration(seconds: float) -> str:
    """65 → `1:05`; 3665 → `1:01:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
