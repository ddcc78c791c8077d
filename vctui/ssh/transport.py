"""paramiko's transport as it is used here: which algorithms it offers, and errors told apart by type."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import paramiko
from paramiko.kex_curve25519 import KexCurve25519
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

_QUIET_LOG = "vctui.ssh.paramiko"
IDENT_LINES = 50
IDENT_BYTES = 16 * 1024
"""What may come before a server identifies itself."""
NO_IDENT = "no identification in its first lines"
_EXTENSION = re.compile(r"ext-info-|kex-strict-")
_IDENT = re.compile(r"SSH-(?P<version>\d{1,3}\.\d{1,3})-")

# Elliptic curves first: finite-field Diffie-Hellman costs a hundred times more. Only names that the installed
# paramiko knows are offered.
KEX = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "mlkem768x25519-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
)
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
LEGACY_KEX = (
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group1-sha1",
)
LEGACY_CIPHERS = ("aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc")
LEGACY_MACS = ("hmac-sha1",)
LEGACY_KEY_TYPES = ("ssh-rsa",)
LEGACY = frozenset(LEGACY_KEX + LEGACY_CIPHERS + LEGACY_MACS + LEGACY_KEY_TYPES)
_LISTS = (
    ("key exchange", "preferred_kex", ("kex_algo_list",)),
    ("host key", "preferred_keys", ("server_key_algo_list",)),
    ("cipher", "preferred_ciphers", ("client_encrypt_algo_list", "server_encrypt_algo_list")),
    ("MAC", "preferred_macs", ("client_mac_algo_list", "server_mac_algo_list")),
)
"""What has to be agreed upon, and under which names paramiko keeps both sides' lists."""
_TABLES = ("_kex_info", "_cipher_info", "_mac_info", "_key_info")

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

    _active_check_timeout = 5.0
    """Seconds after which its thread looks whether it has been closed; closing wakes it anyway."""
    _packetizer_class: ClassVar[type[Packetizer]] = _Packetizer
    _kex_info: ClassVar[dict[str, Any]] = {
        **vars(paramiko.Transport)["_kex_info"],
        "curve25519-sha256": KexCurve25519,
    }

    def __init__(
        self, sock: Any, *, known: Sequence[str] = (), legacy: bool = False, debug: bool = False
    ) -> None:
        super().__init__(sock, packetizer_class=self._packetizer_class)
        self.disconnect_reason = ""
        self._server_lists: dict[str, list[str]] = {}
        self.identified = threading.Event()
        """Set when the server has identified itself, and when it no longer will."""
        self._preferred_kex = self._offer("_kex_info", KEX, LEGACY_KEX * legacy)
        self._preferred_ciphers = self._offer("_cipher_info", CIPHERS, LEGACY_CIPHERS * legacy)
        self._preferred_macs = self._offer("_mac_info", MACS, LEGACY_MACS * legacy)
        key_types = self._offer("_key_info", KEY_TYPES, LEGACY_KEY_TYPES * legacy)
        self._preferred_pubkeys = key_types
        self._preferred_keys = tuple(sorted(key_types, key=lambda name: _family(name) not in known))
        if not debug:
            self.set_log_channel(_QUIET_LOG)

    def _offer(self, table: str, names: tuple[str, ...], legacy: tuple[str, ...]) -> tuple[str, ...]:
        available = getattr(self, table)
        return tuple(name for name in names + legacy if name in available)

    @property
    def heard(self) -> bool:
        """True when the server has sent anything at all."""
        return isinstance(self.packetizer, _Packetizer) and self.packetizer.before_ssh > 0

    def wait_for(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the connection has brought what sets the event; False when it took too long.

        Whoever waits for an answer of the server waits here, never on the event itself.
        """
        return event.wait(seconds)

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
        for kind, ours, theirs in _LISTS:
            for each in theirs:
                names = [name for name in self._server_lists.get(each, ()) if not _EXTENSION.match(name)]
                if not set(getattr(self, ours)).intersection(names):
                    return kind, tuple(names)
        return "algorithm", ()

    @property
    def known_algorithms(self) -> set[str]:
        """All that the installed paramiko has, whether it is offered here or not."""
        return {name for table in _TABLES for name in getattr(self, table)}

    @property
    def preferred_keys(self) -> Sequence[str]:
        """Plain keys only: certificates of hosts are not checked here."""
        return self._preferred_keys

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


def _family(key_type: str) -> str:
    """The key type that known_hosts names, of a signature algorithm."""
    return "ssh-rsa" if key_type.startswith("rsa-") else key_type
