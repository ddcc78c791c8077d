"""paramiko's transport as it is used here: which algorithms it offers, and errors told apart by type."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, cast

import paramiko
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from vctui.ssh.algorithms import KEX_ENGINES, make_offer
from vctui.ssh.fields import shell_requests

_QUIET_LOG = "vctui.ssh.paramiko"
IDENT_LINES = 50
IDENT_BYTES = 16 * 1024
"""What may come before a server identifies itself."""
NO_IDENT = "no identification in its first lines"
_IDENT = re.compile(r"SSH-(?P<version>\d{1,3}\.\d{1,3})-")

logging.getLogger(_QUIET_LOG).propagate = False
logging.getLogger(_QUIET_LOG).addHandler(logging.NullHandler())


class NotSSH(SSHException):
    """What answers is not an SSH server."""


class OldSSH(SSHException):
    """The server only speaks protocol version 1."""


class IdentTimeout(SSHException):
    """The server did not identify itself in time."""


class ClosedBeforeIdent(SSHException):
    """The server closed the connection before it said anything."""


class ShellChannel(Protocol):
    """A shell at the other end; as a socket has it, and paramiko's Channel."""

    def settimeout(self, timeout: float | None, /) -> None:
        """How long one `recv` or `sendall` may take."""

    def sendall(self, s: bytes, /) -> None:
        """Raises TimeoutError, OSError or SSHException."""

    def recv(self, nbytes: int, /) -> bytes:
        """What has come, at once; b"" at the end. Raises TimeoutError, OSError or SSHException."""

    def recv_ready(self) -> bool:
        """True when there is something to be read."""

    def close(self) -> None:
        """Tell the other side that it is over."""


class _Packetizer(Packetizer):
    """Without a timer thread per connection: the session keeps its own deadlines. Bounded before SSH."""

    before_ssh = 0

    def start_handshake(self, timeout: float) -> None:
        """No timer: see the class."""

    def _read_timeout(self, timeout: float) -> bytes:
        data: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self.before_ssh += len(data)
        if self.before_ssh > IDENT_BYTES:
            raise NotSSH(NO_IDENT)
        return data


class Transport(paramiko.Transport):
    """One SSH connection over a socket that is connected already, with a thread of paramiko's that reads it.

    `known` are host key types that are negotiated first; `legacy` adds what only old devices need.
    """

    _active_check_timeout: ClassVar[float | None] = 5.0
    """Seconds after which its thread looks whether it has been closed; closing wakes it anyway."""
    joins_messages: ClassVar[bool] = False
    """Whether what is sent leaves together with what follows, once somebody waits for an answer."""
    _kex_info: ClassVar[dict[str, Any]] = KEX_ENGINES

    def __init__(
        self, sock: Any, *, known: Sequence[str] = (), legacy: bool = False, debug: bool = False
    ) -> None:
        self._begin(sock)
        self.disconnect_reason = ""
        self._server_lists: dict[str, list[str]] = {}
        self.identified = self.make_event()
        """Set when the server has identified itself, and when it no longer will."""
        self.offer = make_offer(tuple(known), legacy)
        if not debug:
            self._be_quiet()

    def _begin(self, sock: Any) -> None:
        """What paramiko does for a new connection."""
        super().__init__(sock, packetizer_class=_Packetizer)

    def _be_quiet(self) -> None:
        self.set_log_channel(_QUIET_LOG)

    @property
    def heard(self) -> bool:
        """True when the server has sent anything at all."""
        return isinstance(self.packetizer, _Packetizer) and self.packetizer.before_ssh > 0

    def make_event(self) -> Any:
        """An event for `wait_for`, and for paramiko, which wants a threading.Event."""
        return threading.Event()

    @property
    def is_agreed(self) -> bool:
        """True when the host key is known, and signed the key exchange: the login may be asked for."""
        return self.initial_kex_done and self.is_active()

    def wait_for(self, event: Any, seconds: float) -> bool:
        """Wait until the connection has set the event, which it has made; False when it took too long.

        Whoever waits for an answer of the server waits here, never on the event itself.
        """
        return bool(event.wait(seconds))

    def open_shell(self, columns: int, rows: int, timeout: float) -> ShellChannel:
        """A shell on a terminal of that size. Raises SSHException, EOFError or OSError.

        Terminal and shell are asked for together: a refusal closes the channel, and waiting would cost two
        round trips.
        """
        channel: Any = self.open_session(timeout=timeout)
        channel.set_combine_stderr(True)
        for request in shell_requests(channel.remote_chanid, columns, rows):
            self._send_user_message(Message(request))  # type: ignore[attr-defined]
        return cast("ShellChannel", channel)

    def flush(self) -> None:
        """Send what has not been sent yet; there is nothing where each message is sent at once."""

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.identified.set()

    def _really_parse_kex_init(self, m: Message, ignore_first_byte: bool = False) -> dict[str, list[str]]:
        parsed: dict[str, list[str]] = super()._really_parse_kex_init(m, ignore_first_byte)  # type: ignore[misc]
        if not ignore_first_byte:
            self._server_lists = parsed
        return parsed

    def unmatched(self) -> tuple[str, tuple[str, ...]]:
        """What the two sides have nothing in common for, and what the server has of it."""
        return self.offer.unmatched(self._server_lists)

    # paramiko filters its lists at each look, and adds certificates of hosts, which are not checked here

    @property
    def preferred_kex(self) -> Sequence[str]:
        return self.offer.kex

    @property
    def preferred_keys(self) -> Sequence[str]:
        return self.offer.keys

    @property
    def preferred_ciphers(self) -> Sequence[str]:
        return self.offer.ciphers

    @property
    def preferred_macs(self) -> Sequence[str]:
        return self.offer.macs

    @property
    def preferred_pubkeys(self) -> Sequence[str]:
        return self.offer.pubkeys

    def _check_banner(self) -> None:
        for _ in range(IDENT_LINES):
            try:
                line = self.packetizer.readline(self.banner_timeout)
            except TimeoutError as error:
                raise IdentTimeout from error
            except EOFError as error:
                raise (NotSSH("it closes the connection") if self.heard else ClosedBeforeIdent()) from error
            except UnicodeDecodeError as error:
                raise NotSSH("it sends binary data") from error
            if self._is_ident(line):
                return
        raise NotSSH(NO_IDENT)

    def _is_ident(self, line: str) -> bool:
        """Take in the server's identification; False when the line is something else. Raises OldSSH."""
        found = _IDENT.match(line)
        if not found:
            return False
        self.remote_version = line
        if found["version"] not in ("2.0", "1.99"):
            raise OldSSH(found["version"])
        self.identified.set()
        return True

    def _parse_disconnect(self, m: Message) -> None:
        m.get_int()
        self.disconnect_reason = m.get_string().decode("utf-8", "replace")
