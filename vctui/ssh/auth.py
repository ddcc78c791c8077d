"""One login attempt per device: the server is asked first what it takes, so that none is made in vain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_INFO_RESPONSE, cMSG_USERAUTH_REQUEST
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from vctui.errors import DeviceError
from vctui.hostnames import is_user
from vctui.records import SSHCredentials
from vctui.ssh.answers import Answers, Round, must_change_password
from vctui.ssh.asking import Asking
from vctui.ssh.connect import lost
from vctui.ssh.fields import string
from vctui.ssh.lifeline import Deadline
from vctui.ssh.model import LoginOutcome
from vctui.ssh.transport import Transport
from vctui.text import safe_line

_MAX_BANNER = 16 * 1024
_MAX_FIELDS = 64
_SERVICE_REQUEST = cMSG_SERVICE_REQUEST + string(b"ssh-userauth")
_CONNECTION = string(b"ssh-connection")
_NO_NEW_PASSWORD = b"\0"


class _Handler(AuthHandler):
    """Asks for the service once, although several requests follow, which saves a round trip for each.

    Where the connection joins messages, the first request does not even wait for that answer: a server reads
    both in their order. It only notes what the server says. The session answers: it may have to wait for a
    person.
    """

    _asked = False
    allowed: tuple[str, ...] | None = None
    """What the server takes next, after it refused a request or accepted a part."""
    partial = False
    request: Round | None = None
    """What a keyboard-interactive login asks."""
    wants_new_password = False
    said = b""
    """The banners, one after another."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self._joins = transport.joins_messages

    def _request_auth(self) -> None:
        if not self._asked:
            self._asked = True
            self._send(_SERVICE_REQUEST)
            if not self._joins:
                return
        self._send_request()

    def _send_request(self) -> None:
        method = self.auth_method
        if method in ("none", "password"):
            user = string((self.username or "").encode())
            request = cMSG_USERAUTH_REQUEST + user + _CONNECTION + string(method.encode())
            if method == "password":
                request += _NO_NEW_PASSWORD + string((self.password or "").encode())
            self._send(request)
        else:
            super()._parse_service_accept(Message(string(b"ssh-userauth")))  # type: ignore[misc]

    def _send(self, payload: bytes) -> None:
        self.transport._send_message(Message(payload))  # type: ignore[attr-defined]

    def _finalize_pubkey_algorithm(self, key_type: str) -> str:
        """A server that itself signs with SHA-1 takes no other signature; one attempt has to be enough."""
        transport: Any = self.transport
        if key_type == "ssh-rsa" == transport.host_key_type and key_type in transport.preferred_pubkeys:
            transport._agreed_pubkey_algorithm = key_type
            return key_type
        algorithm: str = super()._finalize_pubkey_algorithm(key_type)  # type: ignore[misc]
        return algorithm

    def _parse_service_accept(self, m: Message) -> None:
        if not self._joins:
            super()._parse_service_accept(m)  # type: ignore[misc]

    def _parse_userauth_failure(self, m: Message) -> None:
        self.allowed = tuple(m.get_list())
        self.partial = m.get_boolean()
        self.authenticated = False
        self._tell()

    def _tell(self) -> None:
        if self.auth_event is not None:
            self.auth_event.set()

    def _parse_userauth_banner(self, m: Message) -> None:
        self.said = (self.said + m.get_string())[:_MAX_BANNER]

    def _parse_userauth_info_request(self, m: Message) -> None:
        if self.auth_method == "password":  # the same message number, with another meaning
            self.wants_new_password = True
        elif self.auth_method == "keyboard-interactive":
            title, instructions, _ = _string(m), _string(m), m.get_string()
            fields = tuple((_string(m), m.get_boolean()) for _ in range(min(m.get_int(), _MAX_FIELDS)))
            self.request = Round(title, instructions, fields)
        else:
            raise SSHException("a question that belongs to no login")
        self._tell()

    def answer(self, answers: list[str], event: Any) -> None:
        """Send what a keyboard-interactive login asked for."""
        self.request = None
        self.auth_event = event
        message = Message()
        message.add_byte(cMSG_USERAUTH_INFO_RESPONSE)
        message.add_int(len(answers))
        for text in answers:
            message.add_string(text)
        with self.transport.lock:
            self.transport._send_message(message)  # type: ignore[attr-defined]


def _never(title: str, instructions: str, fields: list[tuple[str, bool]]) -> list[str]:
    """paramiko wants somebody to ask; the handler above does not."""
    return []


def _string(m: Message) -> str:
    return m.get_string().decode("utf-8", "replace")


class Login:
    """The login of one connection whose host key has been accepted.

    `admit` is called once, right before the first secret is sent; it gives the login to use. `outcome` is
    what the device said of it.
    """

    def __init__(
        self,
        transport: Transport,
        deadline: Deadline,
        admit: Callable[[], SSHCredentials],
        asking: Asking,
    ) -> None:
        self._transport = transport
        self._deadline = deadline
        self._admit = admit
        self._asking = asking
        self._handler = _Handler(transport)
        self._sent_secret = False
        self.outcome: LoginOutcome = "unknown"

    @property
    def has_asked(self) -> bool:
        """Whether a person had to answer something."""
        return self._asking.has_asked

    @property
    def banner(self) -> str:
        """What the device says before the login, in one line that is safe to show."""
        if not self._handler.said:
            return ""
        return safe_line(" ".join(self._handler.said.decode("utf-8", "replace").split()), 400)

    def run(self, credentials: SSHCredentials, key: paramiko.PKey | None) -> None:
        """Log in with the one method that fits; the next factor only when the server asks for it.

        Raises DeviceError of kind auth_failed, auth_timeout or disconnected.
        """
        if not is_user(credentials.username):
            raise DeviceError(
                "auth_failed",
                f"{safe_line(credentials.username, 60)!r} is no user name",
                "Correct the credential: vctui vault edit NAME -u USER",
            )
        self._transport.auth_handler = self._handler
        try:
            self._run(credentials, key)
        except (EOFError, OSError, SSHException) as error:  # while sending
            raise (self._failed() if self._sent_secret else lost(self._transport)) from error

    def _run(self, credentials: SSHCredentials, key: paramiko.PKey | None) -> None:
        event = self._transport.make_event()
        self._handler.auth_none(credentials.username, event)
        allowed = self._answer(event)
        tried: set[str] = set()
        while allowed is not None:
            method = self._choose(allowed, tried, credentials, key)
            if method is None:
                raise self._refused(allowed)
            if not tried:
                credentials = self._admit()
            tried.add(method)
            allowed = self._try(method, credentials, key)
        self.outcome = "accepted"

    def _choose(
        self,
        allowed: tuple[str, ...],
        tried: set[str],
        credentials: SSHCredentials,
        key: paramiko.PKey | None,
    ) -> str | None:
        usable = {
            "publickey": key is not None,
            "password": credentials.password is not None,
            "keyboard-interactive": credentials.password is not None or self._asking.is_attended,
        }
        return next((m for m, can in usable.items() if can and m in allowed and m not in tried), None)

    def _try(
        self, method: str, credentials: SSHCredentials, key: paramiko.PKey | None
    ) -> tuple[str, ...] | None:
        event = self._transport.make_event()
        self._handler.allowed = None
        user = credentials.username
        self._sent_secret = True
        if method == "publickey" and key is not None:
            self._handler.auth_publickey(user, key, event)
        elif method == "password":
            self._handler.auth_password(user, credentials.password or "", event)
        else:
            return self._talk(credentials, event)
        return self._answer(event)

    def _talk(self, credentials: SSHCredentials, event: Any) -> tuple[str, ...] | None:
        """A keyboard-interactive login: questions and answers until the device has decided."""
        answers = Answers(credentials, self._asking)
        self._handler.auth_interactive(credentials.username, _never, event)
        while True:
            allowed = self._answer(event)
            if self._handler.request is None:
                return allowed
            given = answers.to(self._handler.request)
            if given is None:
                raise self._failed()
            event = self._transport.make_event()
            self._handler.answer(given, event)

    def _answer(self, event: Any) -> tuple[str, ...] | None:
        """None when logged in, or asked for more; else the methods which the server takes next."""
        if not self._transport.wait_for(event, self._deadline.remaining()):
            self.outcome = "unanswered" if self._sent_secret else "unknown"
            raise DeviceError("auth_timeout", "the device does not answer the login")
        if self._handler.is_authenticated() or self._handler.request is not None:
            return None
        if self._handler.wants_new_password:
            raise must_change_password()
        cause = self._transport.get_exception()
        if self._handler.allowed is not None and (self._handler.partial or not self._sent_secret):
            return self._handler.allowed
        if not self._transport.is_active() and not self._sent_secret:
            raise lost(self._transport, cause)
        raise self._failed() from cause

    def _failed(self) -> DeviceError:
        self.outcome = "refused"
        reason = safe_line(self._transport.disconnect_reason, 120)
        return DeviceError("auth_failed", "the device refuses the login" + (f": {reason}" if reason else ""))

    def _refused(self, allowed: tuple[str, ...]) -> DeviceError:
        offers = safe_line(", ".join(allowed), 120) or "nothing"
        next_step = "Use a credential with what the device asks for"
        if "keyboard-interactive" in allowed and not self._asking.is_attended:
            next_step = "A run in the full-screen program (vctui) asks for codes and passwords"
        return DeviceError(
            "auth_failed", f"the device offers {offers}, and the credential has nothing for it", next_step
        )
