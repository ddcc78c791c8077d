"""The way into a host, be it a device or a jump host: its key is checked, then there is one login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from vctui.config import HostKeyPolicy
from vctui.errors import DeviceError, HostKeyRefused, StorageError
from vctui.questions import HEADLESS, Desk
from vctui.ssh.admission import Admission
from vctui.ssh.asking import Asking
from vctui.ssh.auth import Login
from vctui.ssh.connect import presented_key
from vctui.ssh.held import Held
from vctui.ssh.hostkeys import KeyCheck, KnownHosts, ScannedKey
from vctui.ssh.keys import KeyRing
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import ExecutorOptions, LoginGuard, Target
from vctui.ssh.transport import Transport
from vctui.ssh.turns import TURNS
from vctui.text import safe_line


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the sessions of one run share."""

    options: ExecutorOptions
    known_hosts: KnownHosts
    keys: KeyRing
    held: Held
    desk: Desk = HEADLESS
    guard: LoginGuard | None = None


def check_host_key(
    transport: Transport, host: str, port: int, known_hosts: KnownHosts, policy: HostKeyPolicy
) -> None:
    """Return when the key is trusted, or may be from now on. Raises DeviceError otherwise."""
    key = presented_key(transport, host, port)
    check = known_hosts.check(key.host, key.port, key.key_type, key.blob, key.certificate)
    if check.status == "ok":
        return
    if check.status == "unknown" and policy == "accept-new":
        try:
            with TURNS.resting():
                known_hosts.add([key])
        except HostKeyRefused as error:
            raise DeviceError("host_key_changed", error.message) from error
        except StorageError as error:
            raise DeviceError("save_failed", error.message, error.next_step) from error
        return
    raise host_key_error(known_hosts, key, check)


def host_key_error(known_hosts: KnownHosts, key: ScannedKey, check: KeyCheck) -> DeviceError:
    """Why a presented key is refused, with both fingerprints and the line of the file."""
    presented = f"{key.key_type} {key.fingerprint}"
    if check.certificate:
        presented += safe_line(f"; its certificate does not count: {check.certificate}", 200)
    if check.status == "unknown":
        return DeviceError("host_key_unknown", f"the host key is not known: {presented}")
    places = ", ".join(
        f"{e.key_type} {e.fingerprint} ({known_hosts.path}:{e.line})" for e in check.entries[:3]
    )
    if check.status == "revoked":
        return DeviceError(
            "host_key_changed",
            f"the host key is revoked: {places}",
            "Replace the device's host key",
        )
    return DeviceError(
        "host_key_changed",
        safe_line(f"the host key has changed: {places} is known, {presented} came", 900),
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """Who logs in where, and what that hangs on. `about` names what has its own questions, as a jump host."""

    target: Target
    shared: Surroundings
    lifeline: Lifeline
    deadline: Deadline
    """Of the whole visit; the time that a person or the guard takes is not counted."""
    about: str = ""

    def asking(self, *deadlines: Deadline) -> Asking:
        """The desk, for a wait that ends at these deadlines too."""
        return Asking(
            self.shared.desk,
            self.target.device,
            self.lifeline,
            (self.deadline, *deadlines),
            about=self.about,
        )

    def key(self) -> paramiko.PKey | None:
        """The key to log in with, if the credential has one. Raises DeviceError."""
        return self.shared.keys.key(self.target.credentials, self.asking())

    def admission(self, *, renews: bool = False) -> Admission:
        """The way past the guard; see Admission."""
        return Admission(self.shared.guard, self.target, self.lifeline, self.deadline, renews=renews)

    def log_in(
        self,
        transport: Transport,
        key: paramiko.PKey | None,
        seconds: float,
        is_broken: Callable[[], bool] = lambda: False,
        *,
        admission: Admission | None = None,
    ) -> Login:
        """Log in once, when the guard lets it; what is said by `is_broken` is that the way there is lost.

        Raises DeviceError of kind auth_failed, auth_timeout, disconnected or breaker_open; GrownOld if the
        admission is one that renews.
        """
        if admission is None:
            with self.admission() as own:
                return self.log_in(transport, key, seconds, is_broken, admission=own)
        deadline = Deadline(seconds)
        login = Login(
            transport, deadline, lambda: admission.login(transport, deadline), self.asking(deadline)
        )
        try:
            login.run(self.target.credentials, key)
        except DeviceError as error:
            error.passing = error.passing and not admission.is_given  # a secret was sent: never again
            raise
        finally:
            admission.outcome = "unknown" if is_broken() else login.outcome
        return login
