"""One error tree. Each leaf carries the exit code of the command line and the user's next step.

    VctuiError                      1
    ├── UsageError                  2   wrong arguments, unknown job, malformed file
    │   └── JobError                2   a job that cannot be read: source, key, reason
    ├── NoDevicesError              4   the filter matches nobody
    ├── HostKeyRefused              5
    ├── HomeError                  10   no home folder, not initialised, unreadable
    ├── LockedError                11   another run holds the job
    ├── VaultError                 12
    │   ├── WrongPassword
    │   ├── VaultLocked
    │   └── CredentialNotFound
    ├── DataError                  13   a database or file is damaged or is something else
    └── StorageError               14   cannot write: disk full, read-only, no permission

Failures of one device are data, not exceptions that leave the pool: see `DeviceError`, which the SSH room
raises inside a session and turns into an `ExecutionResult`.
"""

from __future__ import annotations

from typing import ClassVar


class VctuiError(Exception):
    """Something the user can be told in one line: what is wrong, and what to do (`next_step`)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}. {self.next_step}" if self.next_step else self.message


class UsageError(VctuiError):
    exit_code = 2


class JobError(UsageError):
    """A job that cannot be used: `source` is its file or `database:<id>`, `key` the field at fault."""

    def __init__(self, source: str, key: str | None, reason: str, next_step: str | None = None) -> None:
        super().__init__(f"{source}: {key}: {reason}" if key else f"{source}: {reason}", next_step)
        self.source = source
        self.key = key
        self.reason = reason


class NoDevicesError(VctuiError):
    exit_code = 4


class HostKeyRefused(VctuiError):
    exit_code = 5


class HomeError(VctuiError):
    exit_code = 10


class LockedError(VctuiError):
    exit_code = 11


class VaultError(VctuiError):
    exit_code = 12


class WrongPassword(VaultError):
    pass


class VaultLocked(VaultError):
    pass


class CredentialNotFound(VaultError):
    pass


class DataError(VctuiError):
    exit_code = 13


class StorageError(VctuiError):
    exit_code = 14


NEXT_STEPS: dict[str, str] = {
    "dns_failure": "Check the device's address in the inventory, or the resolver of this host",
    "connection_refused": "Check that SSH is enabled on the device and that the port is right",
    "connection_timeout": "Check the route and the access lists between this host and the device",
    "unreachable": "Check the route to the device from this host",
    "not_ssh": "Something else answers on this port; check the address and the port",
    "kex_mismatch": "The device offers only refused algorithms; for old gear: pip install 'vctui[legacy]'",
    "host_key_unknown": "Compare the fingerprint, then trust it: vctui hosts trust DEVICE",
    "host_key_changed": "Find out why the key changed; after a replacement: vctui hosts replace DEVICE "
    "--fingerprint SHA256:...",
    "auth_failed": "Check the credential; it is not tried again in this run",
    "auth_timeout": "The device did not answer the login in time; its AAA server may be down",
    "enable_failed": "Check the enable secret of the credential",
    "jump_failed": "Check the jump host and its credential",
    "channel_refused": "The device refused a shell; its session limit may be reached",
    "prompt_not_found": "Log in by hand and look at the prompt; the platform may be wrong",
    "command_timeout": "Raise the job's timeout if the device is slow",
    "command_rejected": "Check the command for this platform",
    "disconnected": "The device closed the session; look at its log and session limits",
    "output_limit": "The output is larger than the limit; narrow the command",
    "incomplete": "The output's end was not seen; run the device again",
    "validation_failed": "Open the device to see the output and the templates that were tried",
    "save_failed": "Check the free space and the permissions of the collections folder",
    "breaker_open": "The credential failed on other devices; check it before trying again",
    "cancelled": "Run it again with --retry-failed",
    "internal": "This is a bug in vctui; please report it with the log",
}
"""error_kind of a device → what to do about it, in one line."""


PASSING = frozenset(
    {"connection_refused", "connection_timeout", "unreachable", "disconnected", "channel_refused"}
)
"""Kinds of failure that can pass by themselves: never what came of a login or of a host key."""


class DeviceError(Exception):
    """Why one device failed: raised within a session, carried as data from there on.

    `kind` is a key of NEXT_STEPS (the contract's `error_kind`); `message` is one line, safe to show.
    `passing` says whether trying again later may help; by default the kind decides.
    """

    def __init__(
        self, kind: str, message: str, next_step: str | None = None, *, passing: bool | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.next_step = next_step if next_step is not None else NEXT_STEPS[kind]
        self.passing = kind in PASSING if passing is None else passing

    def again(self) -> DeviceError:
        """The same for another device: an exception that is raised twice keeps the frames of both."""
        return DeviceError(self.kind, self.message, self.next_step, passing=self.passing)


def worst_exit(codes: list[int]) -> int:
    """The exit code that wins: a signal, then an error, then partial (3) or total (4) failure, then 0."""

    def rank(code: int) -> tuple[int, int]:
        if code >= 128:
            return (3, code)
        if code == 0:
            return (0, 0)
        return (1, code) if code in (3, 4) else (2, code)

    return max(codes, key=rank, default=0)
