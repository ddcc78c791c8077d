"""What a run says while it runs. The command line prints these, the screen posts them as messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

Phase = Literal[
    "connecting", "host_key", "authenticating", "prompt", "command", "retrying", "validating", "saving"
]
"""`retrying`: this attempt failed in a way that can pass by itself, and the next one waits for its time."""
DeviceStatus = Literal["ok", "skipped", "failed", "cancelled"]
Verdict = Literal["complete", "suspect", "failed"]
RunStatus = Literal["running", "success", "partial", "failed", "cancelled", "interrupted"]

_USUAL = {"attempt": 1, "attempts": 1, "reasons": ()}


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; `to_dict` is the JSON line of `vctui run --json`."""

    event: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Its fields; without reasons where nothing is to be said, and without the first attempt's number."""
        told: dict[str, Any] = {"event": self.event}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in _USUAL or _USUAL[field.name] != value:
                told[field.name] = value
        return told


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    event: ClassVar[str] = "run_started"

    run: int
    job: str
    job_file: str
    total: int
    at: str


@dataclass(frozen=True, slots=True)
class DevicePhase(Event):
    event: ClassVar[str] = "device_phase"

    run: int
    device: str
    host: str
    phase: Phase
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class DeviceFinished(Event):
    """One device is done and, when it is `ok`, its capture and rows are on disk."""

    event: ClassVar[str] = "device_finished"

    run: int
    device: str
    host: str
    status: DeviceStatus
    verdict: Verdict
    error_kind: str | None = None
    error: str | None = None
    next_step: str | None = None
    duration_ms: float = 0.0
    credential: str | None = None
    path: str | None = None
    size: int | None = None
    sha256: str | None = None
    template: str | None = None
    score: float | None = None
    records: int | None = None
    attempts: int = 1
    reasons: tuple[str, ...] = ()
    """What stands behind the verdict, where there is more to say than that it is complete."""


@dataclass(frozen=True, slots=True)
class BreakerOpened(Event):
    """A credential was refused too often: until then (UTC) no device is tried with it."""

    event: ClassVar[str] = "breaker_opened"

    run: int
    credential: str
    reason: str
    devices: tuple[str, ...]
    """Those that refused it, the last one last."""
    until: str


@dataclass(frozen=True, slots=True)
class PasswordKept(Event):
    """A password that was typed during the run works, and is in the vault now; or `error` says why not."""

    event: ClassVar[str] = "password_kept"

    run: int
    credential: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class JumpState(Event):
    """How a jump host is used at this moment: said whenever that changes."""

    event: ClassVar[str] = "jump_state"

    run: int
    jump: str
    transports: int
    """Connections to it."""
    channels: int
    """Devices that are reached through it."""
    error: str | None = None
    """Why there is no connection; None while there is one, and before the first."""


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The end of a run: the fields of `JobResult`, and the status."""

    event: ClassVar[str] = "run_finished"

    run: int
    status: RunStatus
    job_file: str
    job_id: str
    success_count: int
    failed_count: int
    skipped_count: int
    cancelled_count: int
    total_devices: int
    duration_ms: float
    error: str | None
    saved_files: tuple[tuple[str, str, int, float | None], ...] = ()
    validation_failures: tuple[tuple[str, str, float, str], ...] = ()
    history_id: int | None = None


Sink = Callable[[Event], None]
"""Where events go. Called from worker threads: it should be quick and not raise."""

_log = logging.getLogger(__name__)


def discard(event: Event) -> None:
    """A sink for callers that do not listen."""


def careful(sink: Sink) -> Sink:
    """The same sink, but what it raises is logged: a face that broke must not cost a run its devices."""

    def say(event: Event) -> None:
        try:
            sink(event)
        except Exception:  # noqa: BLE001 - see above
            _log.exception("event %s could not be shown", event.event)

    return say
