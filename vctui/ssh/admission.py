"""A device's way past the guard of the logins: asked before a secret is sent, told what came of it."""

from __future__ import annotations

import select
import socket
import threading
import time

from vctui.records import SSHCredentials
from vctui.ssh.connect import lost
from vctui.ssh.lifeline import Deadline, Lifeline, clock_stopped
from vctui.ssh.model import LoginGuard, LoginOutcome, Target
from vctui.ssh.transport import Transport
from vctui.ssh.turns import TURNS

FRESH = 10.0
"""Seconds that a connection may have waited to be admitted; devices hang up on those who dawdle."""


_DIGEST = 0.05
"""Seconds for the connection to take in what has come: a farewell, perhaps."""


class GrownOld(Exception):
    """The login may go ahead, but on a new connection: this one has waited too long."""


class Admission:
    """One login at one host. Use it with `with`: the guard is told at the end how it went.

    The guard's time is not the host's: deadlines stand still meanwhile. `renews` says that whoever logs in
    makes a new connection at GrownOld.
    """

    def __init__(
        self, guard: LoginGuard | None, target: Target, line: Lifeline, deadline: Deadline, *, renews: bool
    ) -> None:
        self._guard = guard
        self._target = target
        self._line = line
        self._deadline = deadline
        self._renews = renews
        self._admitted: SSHCredentials | None = None
        self.outcome: LoginOutcome = "unknown"

    def __enter__(self) -> Admission:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._guard is not None and self._admitted is not None:
            with TURNS.resting():
                self._guard.report(self._target, self.outcome)

    @property
    def is_given(self) -> bool:
        """Whether a secret may have been sent."""
        return self._admitted is not None

    def approach(self) -> None:
        """Before anything is connected to. Raises DeviceError."""
        if self._guard is not None:
            with clock_stopped(self._deadline):
                self._guard.approach(self._target, self._line, self._deadline)

    def login(self, transport: Transport, deadline: Deadline) -> SSHCredentials:
        """The login to use, now that its secret is about to be sent. Raises DeviceError, GrownOld."""
        if self._admitted is not None:
            return self._admitted
        if self._guard is None:
            self._admitted = self._target.credentials
            return self._admitted
        started = time.monotonic()
        with clock_stopped(deadline, self._deadline):
            instead = self._guard.admit(self._target, self._line, self._deadline)
        self._admitted = instead or self._target.credentials
        # A connection that has ended meanwhile would make the login look refused.
        ended = _has_ended(transport)
        if self._renews and (ended or time.monotonic() - started > FRESH):
            raise GrownOld
        if ended:
            raise lost(transport)
        return self._admitted


def _has_ended(transport: Transport) -> bool:
    sock = transport.sock
    if isinstance(sock, socket.socket):
        try:
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            if poll.poll(0):
                if not sock.recv(1, socket.MSG_PEEK):
                    return True
                transport.wait_for(threading.Event(), _DIGEST)
        except (OSError, ValueError):  # closed on this side already
            return True
    return not transport.is_active()
