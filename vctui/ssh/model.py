"""The plain data which enters and leaves the pool: targets in, results out. All of it can be pickled."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from vctui.config import HostKeyPolicy, SSHTransport
from vctui.errors import DeviceError
from vctui.events import Verdict
from vctui.records import SSHCredentials

if TYPE_CHECKING:
    from vctui.ssh.identify import Evidence
    from vctui.ssh.lifeline import Deadline, Lifeline

LoginOutcome = Literal["accepted", "refused", "unanswered", "unknown"]
MIB = 1024 * 1024
NO_DEVICE = -1
"""The `key` of a target that is a jump host, as guards see it."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A jump host on the way to a device, with its own login."""

    name: str
    host: str
    credentials: SSHCredentials
    port: int = 22
    legacy: bool = False
    """Offer it SHA-1 and CBC, as far as the installed paramiko still has them."""
    transports: int = 2
    """Connections to it, at most."""
    max_channels: int = 200
    """Devices behind it at a time, at most."""


@dataclass(frozen=True, slots=True)
class JumpStatus:
    """How a jump host is used at this moment."""

    jump: str
    transports: int
    channels: int
    error: str = ""
    """Why there is no connection to it; empty while there is one, and before the first."""


@dataclass(frozen=True, slots=True)
class Target:
    """One device to collect from. Durations are in seconds."""

    device: str
    host: str
    credentials: SSHCredentials
    commands: tuple[str, ...]
    port: int = 22
    device_type: str = ""
    """netmiko_device_type of the platform; "" means the generic rules."""
    paging_disable: str | None = None
    """What turns paging off, split on ","; None means the platform's rule, "" means send nothing."""
    timeout: float = 60.0
    """The longest silence that is waited out."""
    time_limit: float | None = None
    """Bounds the device in all; None means five times `timeout`."""
    inter_command_delay: float = 0.0
    login_only: bool = False
    """Log in and leave: no shell, no command."""
    jump: tuple[Hop, ...] = ()
    """The hosts through which it is reached, the nearest first."""
    legacy: bool | None = None
    """Offer it SHA-1 and CBC; None means as its platform has it."""
    probe: bool = False
    """Find out what the device is; `commands` are not run."""
    key: int = 0
    """The caller's own index; it comes back in the result."""
    extra_data: Any = None
    also: tuple[Target, ...] = ()
    """What else is to be collected from the device in the same session, each with a result of its own.

    Address, login and platform are those of the first; time limits count from where each begins.
    """
    believe: bool = False
    """Take an output although its end was not seen."""
    attempt: int = 1
    """The pool counts them."""

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """Everything that must not be shown, of the device's login and of those on the way."""
        logins = (self.credentials, *(hop.credentials for hop in self.jump))
        return tuple(secret for login in logins for secret in login.secrets)

    @property
    def limit(self) -> float:
        """Seconds after which the device is given up."""
        return 5 * self.timeout if self.time_limit is None else self.time_limit


def verdict_of(failure: DeviceError) -> Verdict:
    """Suspect is what came to an end, and is not believed all the same."""
    return "suspect" if failure.kind == "incomplete" else "failed"


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """What one command printed, as the terminal showed it: echo, body, prompt; a pager's traces are cut."""

    command: str
    text: str
    prompt: str
    error: str | None = None
    """Why the output is no good; None when it is complete."""
    verdict: Verdict = "complete"
    note: str = ""
    """What is to be said of a complete output."""


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """How one device went. `success` is only ever true of complete output."""

    host: str
    device: str
    success: bool
    verdict: Verdict
    outputs: tuple[CommandOutput, ...]
    duration_ms: float
    error_kind: str | None = None
    error: str | None = None
    next_step: str | None = None
    partial: str = ""
    """What arrived of the command that failed."""
    key: int = 0
    extra_data: Any = None
    prompt: str = ""
    passing: bool = False
    """Whether the failure may be gone when the device is tried again, without another failed login."""
    attempts: int = 1
    evidence: Evidence | None = None
    """What a probe saw, also of a device that failed in the end."""
    recording: str = field(default="", repr=False)
    """The whole session, to be played again, where that is wanted; without its secrets."""

    @property
    def output(self) -> str:
        """The texts of all commands, joined."""
        return "".join(
            output.text if output.text.endswith("\n") else output.text + "\n" for output in self.outputs
        )


def failed_result(
    target: Target,
    failure: DeviceError,
    outputs: tuple[CommandOutput, ...] = (),
    partial: str = "",
    prompt: str = "",
    duration_ms: float = 0.0,
) -> ExecutionResult:
    """The result of a device that failed; `outputs` are those of the commands before."""
    return ExecutionResult(
        host=target.host,
        device=target.device,
        success=False,
        verdict=verdict_of(failure),
        outputs=outputs,
        duration_ms=duration_ms,
        error_kind=failure.kind,
        error=failure.message,
        next_step=failure.next_step,
        partial=partial,
        key=target.key,
        extra_data=target.extra_data,
        prompt=prompt,
        passing=failure.passing,
        attempts=target.attempt,
    )


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """How the pool behaves. Durations are in seconds, sizes in bytes."""

    timeout: float = 60.0
    """The longest silence, for `execute_batch`; a target brings its own."""
    inter_command_time: float = 0.0
    debug: bool = False
    """Let paramiko log under its own name."""
    record: bool = False
    """Record the sessions. They type one line at a time then."""
    known_hosts: Path | None = None
    """None means the home folder's file."""
    host_keys: HostKeyPolicy = "strict"
    connect_timeout: float = 10.0
    banner_timeout: float = 15.0
    auth_timeout: float = 30.0
    max_output: int = 64 * MIB
    """Of one command."""
    max_held: int = 192 * MIB
    """Of all commands that are running at one time, so that a flood on many devices fits into memory."""
    retries: int = 0
    """How often a device is tried again whose failure can pass by itself, within its time limit."""
    retry_wait: float = 2.0
    """Before the first retry; twice as long before each further one, up to a minute."""
    transport: SSHTransport | None = None
    """None means `fast`; `stock` leaves packets, threads and key exchanges to paramiko.

    VCTUI_SSH_TRANSPORT in the environment overrides it.
    """
    processes: int | None = None
    """How many processes share the sessions, besides this one; None means none for few devices."""
    platforms: Path | None = None
    """A folder of the user's own platform files, which win over the built-in ones."""


class Pace(Protocol):
    """Who decides how fast devices are logged in to, and how many at once. Called from several threads."""

    def lane(self, target: Target) -> Hashable:
        """Devices of one lane fall under the same limits, and begin in their order."""

    def wait(self, target: Target) -> float:
        """0 when this device may begin now, and is counted from here; else seconds to ask again after.

        A device that has to wait holds no worker and has no connection.
        """

    def admit(self, target: Target, lifeline: Lifeline) -> None:
        """Wait until its secret may be sent. Ends early when the lifeline is cut."""

    def left(self, target: Target) -> None:
        """Say that it no longer logs in: it is in, or it failed. Said at least once for each that began."""


@dataclass(frozen=True, slots=True)
class CrewSetup:
    """What a process that shares the sessions of a run is told first."""

    options: ExecutorOptions
    workers: int
    attended: bool
    """Whether somebody is there to answer questions."""
    guarded: bool
    """Whether there is a guard of the logins."""
    known_hosts: Path
    """Only for messages: the file is read and written by the program."""


class LoginGuard(Protocol):
    """Who decides when a login may be tried. Called from the workers' threads."""

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        """Called before the device is connected to: ends as `admit` would when that is known already.

        It may wait for a person, and should not wait for other devices.
        """

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        """Wait until this device may be tried: its host key was accepted, and no secret was sent yet.

        Returns the login to use in place of the target's, or None to use that. Ends early when the lifeline
        is cut or the deadline is over. Raises DeviceError (breaker_open) when it must not be tried.
        """

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        """What came of it, exactly once for each device that was admitted.

        `unanswered`: the secret was sent, and no answer came in time. `unknown` is every end that says
        nothing of the credential.
        """
