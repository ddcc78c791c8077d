"""What a visit needs of the program when it takes place in another process: a call that waits for the answer.

The known hosts, the guard of the logins and the desk for questions stay where they are; the other process has
stand-ins for them with the methods that sessions use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from vctui.errors import DeviceError, HostKeyRefused, StorageError, VctuiError
from vctui.questions import Desk, Question
from vctui.records import SSHCredentials
from vctui.ssh.hostkey_index import HostKeyEntry
from vctui.ssh.hostkeys import KnownHosts, ScannedKey
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import LoginGuard, LoginOutcome, Target

Call = Callable[..., Any]
"""`call(name, *arguments)` has the program do something, and returns what it returns."""


def described(error: Exception) -> tuple[Any, ...]:
    """An error as plain data."""
    if isinstance(error, DeviceError):
        return ("device", error.kind, error.message, error.next_step, error.passing)
    if isinstance(error, HostKeyRefused | StorageError):
        kind = "refused" if isinstance(error, HostKeyRefused) else "storage"
        return (kind, error.message, error.next_step)
    return ("device", "internal", type(error).__name__, None, None)


def raised(description: tuple[Any, ...]) -> Exception:
    """The error behind plain data."""
    kind, *rest = description
    if kind == "device":
        name, message, next_step, passing = rest
        return DeviceError(name, message, next_step, passing=passing)
    errors: dict[str, type[VctuiError]] = {"refused": HostKeyRefused, "storage": StorageError}
    return errors[kind](*rest)


class Services:
    """The program's side: answers the calls of one visit, in the thread that waits for it."""

    def __init__(
        self,
        target: Target,
        line: Lifeline,
        known_hosts: KnownHosts,
        desk: Desk,
        guard: LoginGuard | None,
    ) -> None:
        self._target = target
        self._line = line
        self._known_hosts = known_hosts
        self._desk = desk
        self._guard = guard
        self._admitted = False

    def answer(self, name: str, arguments: Sequence[Any]) -> tuple[bool, Any]:
        """Whether it went well, and what it returned or raised."""
        try:
            return True, getattr(self, f"do_{name}")(*arguments)
        except Exception as error:  # noqa: BLE001 - it is raised again where the session is
            return False, described(error)

    @property
    def entries(self) -> tuple[HostKeyEntry, ...]:
        """What is known of the host before the visit."""
        return tuple(self._known_hosts.lookup(self._target.host, self._target.port))

    def do_add(self, keys: list[ScannedKey]) -> int:
        return self._known_hosts.add(keys)

    def do_ask(self, question: Question, device: str, seconds: float) -> str | None:
        return self._desk.ask(question, device, seconds=seconds, tie=self._line.tie)

    def do_forget(self, key: str) -> None:
        self._desk.forget(key)

    def do_approach(self, seconds: float) -> None:
        if self._guard is not None:
            self._guard.approach(self._target, self._line, Deadline(seconds))

    def do_admit(self, seconds: float) -> SSHCredentials | None:
        if self._guard is None:
            return None
        instead = self._guard.admit(self._target, self._line, Deadline(seconds))
        self._admitted = True
        return instead

    def do_report(self, outcome: LoginOutcome) -> None:
        if self._guard is not None and self._admitted:
            self._admitted = False
            self._guard.report(self._target, outcome)

    def close(self) -> None:
        """The visit is over: what it never came to report is reported."""
        self.do_report("unknown")


class RemoteKnownHosts(KnownHosts):
    """What the program knows of one host, for the session that visits it."""

    def __init__(self, path: Path, entries: Sequence[HostKeyEntry], call: Call) -> None:
        super().__init__(path)
        self._entries = list(entries)
        self._call = call

    def lookup(self, host: str, port: int = 22) -> list[HostKeyEntry]:
        return self._entries

    def add(self, keys: Iterable[ScannedKey]) -> int:
        added: int = self._call("add", list(keys))
        return added


class RemoteGuard:
    """The guard of the logins; the program knows the target, its lifeline and its deadline."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        self._call("approach", deadline.remaining())

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        login: SSHCredentials | None = self._call("admit", deadline.remaining())
        return login

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        self._call("report", outcome)


class RemoteDesk(Desk):
    """The desk where questions are asked."""

    def __init__(self, call: Call, *, attended: bool) -> None:
        super().__init__()
        self._call = call
        self._attended = attended

    @property
    def is_attended(self) -> bool:
        return self._attended

    def ask(self, question: Question, device: str, *, seconds: float, tie: Any) -> str | None:
        answer: str | None = self._call("ask", question, device, seconds)
        return answer

    def forget(self, key: str) -> None:
        self._call("forget", key)
