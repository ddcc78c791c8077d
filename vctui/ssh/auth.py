"""One login attempt per device: the server is asked first what it takes, so that none is made in vain."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from paramiko.auth_handler import AuthHandler
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.connect import lost
from vctui.ssh.lifeline import Deadline
from vctui.ssh.model import LoginOutcome
from vctui.ssh.transport import Transport
from vctui.text import safe_line


class _AsksForMore(SSHException):
    """A keyboard-interactive login asks for something that a password does not answer."""


class KeyRing:
    """Private keys, decrypted once for all the devices they are for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, str | None], paramiko.PKey] = {}

    def key(self, credentials: SSHCredentials) -> paramiko.PKey | None:
        """The key to sign with, or None without one. Raises DeviceError: nothing has been sent by then."""
        if not credentials.private_key:
            return None
        name = (credentials.private_key, credentials.passphrase)
        with self._lock:
            if name not in self._keys:
                self._keys[name] = _load_key(credentials)
            return self._keys[name]

    def forget(self) -> None:
        with self._lock:
            self._keys.clear()


def _load_key(credentials: SSHCredentials) -> paramiko.PKey:
    text = (credentials.private_key or "").strip().encode() + b"\n"
    passphrase = credentials.passphrase.encode() if credentials.passphrase else None
    of = f"the private key of credential {safe_line(credentials.name or credentials.username, 60)!r}"
    load = (
        serialization.load_ssh_private_key
        if b"BEGIN OPENSSH PRIVATE KEY" in text
        else serialization.load_pem_private_key
    )
    try:
        try:
            key = load(text, passphrase)
        except TypeError:
            if passphrase is None:
                raise DeviceError(
                    "auth_failed", f"{of} needs its passphrase", "Add the passphrase to the credential"
                ) from None
            key = load(text, None)  # a passphrase that is not needed does no harm
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DeviceError(
            "auth_failed", f"{of} cannot be read", "Check the key and its passphrase in the vault"
        ) from error
    kind: type[paramiko.PKey]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        kind = paramiko.Ed25519Key
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        kind = paramiko.ECDSAKey
    elif isinstance(key, rsa.RSAPrivateKey):
        kind = paramiko.RSAKey
    else:
        raise DeviceError("auth_failed", f"{of} is of a kind that is not used", "Use Ed25519, ECDSA or RSA")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return kind.from_private_key(io.StringIO(plain.decode()))


class _Handler(AuthHandler):
    """Asks for the service once, although several requests follow, which saves a round trip for each."""

    _accepted = False
    allowed: tuple[str, ...] | None = None
    """What the server takes next, after it refused a request or accepted a part."""
    partial = False

    def _request_auth(self) -> None:
        if not self._accepted:
            super()._request_auth()  # type: ignore[misc]
            return
        accept = Message()
        accept.add_string("ssh-userauth")
        accept.rewind()
        self._parse_service_accept(accept)

    def _parse_service_accept(self, m: Message) -> None:
        self._accepted = True
        super()._parse_service_accept(m)  # type: ignore[misc]

    def _parse_userauth_failure(self, m: Message) -> None:
        self.allowed = tuple(m.get_list())
        self.partial = m.get_boolean()
        m.rewind()
        super()._parse_userauth_failure(m)  # type: ignore[misc]


class Login:
    """The login of one connection whose host key has been accepted.

    `admit` is called once, right before the first secret is sent; it gives the login to use. `outcome` is
    what the device said of it.
    """

    def __init__(self, transport: Transport, deadline: Deadline, admit: Callable[[], SSHCredentials]) -> None:
        self._transport = transport
        self._deadline = deadline
        self._admit = admit
        self._handler = _Handler(transport)
        self._sent_secret = False
        self.outcome: LoginOutcome = "unknown"

    def run(self, credentials: SSHCredentials, key: paramiko.PKey | None) -> None:
        """Log in with the one method that fits; the next factor only when the server asks for it.

        Raises DeviceError of kind auth_failed, auth_timeout or disconnected.
        """
        self._transport.auth_handler = self._handler
        try:
            self._run(credentials, key)
        except (EOFError, OSError, SSHException) as error:  # while sending
            raise (self._failed() if self._sent_secret else lost(self._transport)) from error

    def _run(self, credentials: SSHCredentials, key: paramiko.PKey | None) -> None:
        event = threading.Event()
        self._handler.auth_none(credentials.username, event)
        allowed = self._answer(event)
        tried: set[str] = set()
        while allowed is not None:
            method = _choose(allowed, tried, credentials, key)
            if method is None:
                raise self._refused(allowed)
            if not tried:
                credentials = self._admit()
            tried.add(method)
            allowed = self._try(method, credentials, key)
        self.outcome = "accepted"

    def _try(
        self, method: str, credentials: SSHCredentials, key: paramiko.PKey | None
    ) -> tuple[str, ...] | None:
        event = threading.Event()
        self._handler.allowed = None
        user, password = credentials.username, credentials.password or ""
        self._sent_secret = True
        if method == "publickey" and key is not None:
            self._handler.auth_publickey(user, key, event)
        elif method == "password":
            self._handler.auth_password(user, password, event)
        else:
            self._handler.auth_interactive(user, _answers(password), event)
        return self._answer(event)

    def _answer(self, event: threading.Event) -> tuple[str, ...] | None:
        """None when logged in, else the methods which the server takes next."""
        if not self._transport.wait_for(event, self._deadline.remaining()):
            raise DeviceError("auth_timeout", "the device does not answer the login")
        if self._handler.is_authenticated():
            return None
        cause = self._transport.get_exception()
        if self._handler.allowed is not None and (self._handler.partial or not self._sent_secret):
            return self._handler.allowed
        if isinstance(cause, _AsksForMore):
            raise DeviceError(
                "auth_failed",
                f"the device asks for more than a password: {safe_line(str(cause), 120)}",
                "Use a credential that logs in with a password or a key alone",
            ) from cause
        if not self._transport.is_active() and not self._sent_secret:
            raise lost(self._transport, cause)
        raise self._failed() from cause

    def _failed(self) -> DeviceError:
        self.outcome = "refused"
        reason = safe_line(self._transport.disconnect_reason, 120)
        return DeviceError("auth_failed", "the device refuses the login" + (f": {reason}" if reason else ""))

    def _refused(self, allowed: tuple[str, ...]) -> DeviceError:
        offers = safe_line(", ".join(allowed), 120) or "nothing"
        return DeviceError(
            "auth_failed",
            f"the device offers {offers}, and the credential has nothing for it",
            "Use a credential with what the device asks for",
        )


def _choose(
    allowed: tuple[str, ...], tried: set[str], credentials: SSHCredentials, key: paramiko.PKey | None
) -> str | None:
    if key is not None and "publickey" in allowed and "publickey" not in tried:
        return "publickey"
    by_password = ("password", "keyboard-interactive")
    if credentials.password is None or tried.intersection(by_password):
        return None
    return next((method for method in by_password if method in allowed), None)


def _answers(password: str) -> Callable[[str, str, list[tuple[str, bool]]], list[str]]:
    """Answer one hidden question with the password, and no other one."""
    given = False

    def answer(title: str, instructions: str, fields: list[tuple[str, bool]]) -> list[str]:
        nonlocal given
        if not fields:
            return []
        question, shown = fields[0]
        if given or len(fields) > 1 or shown:
            raise _AsksForMore(question)
        given = True
        return [password]

    return answer
