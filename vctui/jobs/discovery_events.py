"""What a credential discovery says while it goes on; `to_dict` is a line of `vctui creds discover --json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vctui.errors import worst_exit
from vctui.events import Event, Phase

Answer = Literal["accepted", "refused", "unclear", "unreachable", "unusable", "postponed", "cancelled"]
DeviceAnswer = Literal["works", "refused", "unclear", "unreachable", "postponed", "cancelled"]


@dataclass(frozen=True, slots=True)
class LoginTested(Event):
    """One login was tried, or could not be: `result` accepted and refused speak of the credential."""

    event: ClassVar[str] = "login_tested"

    device: str
    host: str
    credential: str
    result: Answer
    error_kind: str | None
    error: str | None
    next_step: str | None
    duration_ms: float
    at: str


@dataclass(frozen=True, slots=True)
class LoginPhase(Event):
    """A device is at this phase of its login."""

    event: ClassVar[str] = "login_phase"

    device: str
    host: str
    credential: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class DeviceSettled(Event):
    """All that there is to find out about a device now."""

    event: ClassVar[str] = "device_settled"

    device: str
    host: str
    result: DeviceAnswer
    credential: str | None
    """The one that works."""
    saved: bool
    """Whether the device was given it."""
    note: str
    """What else is to be known: why it was not saved, or why nothing was found out."""


@dataclass(frozen=True, slots=True)
class DiscoveryFinished(Event):
    """The end of a discovery: how many devices ended how."""

    event: ClassVar[str] = "discovery_finished"

    total: int
    attempts: int
    """Logins for which a secret was sent."""
    duration_ms: float
    works: int = 0
    refused: int = 0
    unclear: int = 0
    unreachable: int = 0
    postponed: int = 0
    cancelled: int = 0
    error_kinds: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """As of a run: a refused host key, a stopped credential, then all or some devices without one."""
        codes = []
        if {"host_key_unknown", "host_key_changed"} & set(self.error_kinds):
            codes.append(5)
        if self.postponed:
            codes.append(6)
        if self.cancelled:
            codes.append(130)
        if self.works < self.total or not self.total:
            codes.append(3 if self.works else 4)
        return worst_exit(codes)
