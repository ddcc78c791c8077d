"""What can be wrong with a simulated device, and what a correct client must report for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from vctui.events import DeviceFinished, DeviceStatus


class Fault(StrEnum):
    """One defect, built into a device of the fleet."""

    NONE = "none"
    SLOW = "slow"
    """Thinks long and sends in small pieces, but is healthy."""
    WRONG_PASSWORD = "wrong_password"
    """The inventory names a credential the device does not accept."""
    REJECTS = "rejects"
    """Answers every reading command with the platform's own error text."""
    UNPARSEABLE = "unparseable"
    """Answers with text no template knows."""
    DROPS = "drops"
    """Closes the connection in the middle of the output."""
    SILENT = "silent"
    """Takes the command and never answers."""
    NO_PROMPT = "no_prompt"
    """Lets the user in and never shows a prompt."""
    CLOSED_PORT = "closed_port"
    NOT_SSH = "not_ssh"
    """Another service answers on the port."""
    CHANGED_KEY = "changed_key"
    """Its host key is not the one in known_hosts."""
    ENABLE_REFUSED = "enable_refused"
    """Stays in user mode whatever the secret; the demo's credential has one, so that every job asks."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome a fault leads to; `error_kind` None means success."""

    status: DeviceStatus
    error_kind: str | None = None
    later: str | None = None
    """The error_kind it leads to once it was seen a few times."""

    def fits(self, status: str, error_kind: str | None) -> bool:
        """Whether a device may be reported so."""
        return status == self.status and (
            error_kind == self.error_kind or (self.later is not None and error_kind == self.later)
        )


OK = Expected("ok")
OUTCOMES: Mapping[Fault, Expected] = {
    Fault.NONE: OK,
    Fault.SLOW: OK,
    Fault.WRONG_PASSWORD: Expected("failed", "auth_failed", later="breaker_open"),
    Fault.REJECTS: Expected("failed", "command_rejected"),
    Fault.UNPARSEABLE: Expected("skipped", "validation_failed"),
    Fault.DROPS: Expected("failed", "disconnected"),
    Fault.SILENT: Expected("failed", "command_timeout"),
    Fault.NO_PROMPT: Expected("failed", "prompt_not_found"),
    Fault.CLOSED_PORT: Expected("failed", "connection_refused"),
    Fault.NOT_SSH: Expected("failed", "not_ssh"),
    Fault.CHANGED_KEY: Expected("failed", "host_key_changed"),
    Fault.ENABLE_REFUSED: Expected("failed", "enable_failed"),
}


def outcome(fault: Fault, *, validates: bool = True) -> Expected:
    """What a device with this fault must end as, in a job that validates its output or takes it as it is."""
    return OK if fault is Fault.UNPARSEABLE and not validates else OUTCOMES[fault]


_LARGE_FLEET = (
    Fault.WRONG_PASSWORD,
    Fault.REJECTS,
    Fault.DROPS,
    Fault.UNPARSEABLE,
    Fault.CLOSED_PORT,
    Fault.SLOW,
    Fault.SILENT,
    Fault.CHANGED_KEY,
    Fault.NOT_SSH,
    Fault.NO_PROMPT,
)
_WAITED_OUT = frozenset({Fault.SILENT, Fault.NO_PROMPT})
MAX_WAITED_OUT = 3
"""Devices of each kind that cost a whole timeout: more of them would only make the demo long."""
FAULT_EVERY = 15
"""Shares no factor with the 26 samples, so that the faults wander over all platforms."""


def spread_faults(count: int) -> list[Fault]:
    """Faults of a generated fleet: one device in fifteen, every kind in turn, always the same ones."""
    faults = [Fault.NONE] * count
    used = dict.fromkeys(_LARGE_FLEET, 0)
    kinds = 0
    for index in range(FAULT_EVERY // 2, count, FAULT_EVERY):
        fault = _LARGE_FLEET[kinds % len(_LARGE_FLEET)]
        while fault in _WAITED_OUT and used[fault] >= MAX_WAITED_OUT:
            kinds += 1
            fault = _LARGE_FLEET[kinds % len(_LARGE_FLEET)]
        kinds += 1
        used[fault] += 1
        faults[index] = fault
    return faults


def check_outcomes(expected: Mapping[str, Expected], finished: Iterable[DeviceFinished]) -> list[str]:
    """The differences between the faults built in and the outcomes reported, one line each; [] is right.

    `finished` may hold a device several times, once for each job that collected from it.
    """
    differences: list[str] = []
    seen: set[str] = set()
    for event in finished:
        seen.add(event.device)
        reported = _words(event.status, event.error_kind)
        wanted = expected.get(event.device)
        if wanted is None:
            differences.append(f"{event.device}: reported {reported}, but is no device of this job")
        elif not wanted.fits(event.status, event.error_kind):
            wish = _words(wanted.status, wanted.error_kind)
            differences.append(f"{event.device}: expected {wish}, reported {reported}")
    differences += [f"{name}: no outcome was reported" for name in expected if name not in seen]
    return differences


def _words(status: str, error_kind: str | None) -> str:
    return f"{status} ({error_kind})" if error_kind else status
