"""What a keyboard-interactive login asks, and who answers: the credential its password, a person the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.asking import CONFIRMATION, Asking
from vctui.text import safe_line

_USER = re.compile(r"\s*(user ?name|user|login|account)\s*:?\s*", re.IGNORECASE)
_PASSWORD = re.compile(r"pass ?(word|wd)|kennwort|mot de passe|contrase|senha|\bpwd\b", re.IGNORECASE)
_CODE = re.compile(
    r"one[- ]?time|\botp\b|token|pass ?code|verification|\bcode\b|\bpin\b|challenge|response|factor|[2m]fa\b"
    r"|duo|authenticator|yubi|securid|\bsms\b",
    re.IGNORECASE,
)
_NEW_PASSWORD = re.compile(
    r"(new|retype|repeat|confirm|change|current\)?)\s+(\w+\s+){0,2}pass ?word"
    r"|password.*(expired|must be changed)",
    re.IGNORECASE,
)
_NAMES = re.compile(r"\S+@\S+")
"""`(operator@r1)`: who logs in where says nothing of what is asked."""
_OPTION = re.compile(r"\s*(\d{1,2})[.):]\s+(\S.*)")
_TYPED = "Type a code"
_MAX_FIELDS = 16
_MAX_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Round:
    """One request of the server: what it says, and its fields with whether an answer may be shown."""

    title: str
    instructions: str
    fields: tuple[tuple[str, bool], ...]


class Answers:
    """Answers the requests of one login. Raises DeviceError of kind auth_failed where nobody can.

    The password is given once: a server that asks for it again has refused it.
    """

    def __init__(self, credentials: SSHCredentials, asking: Asking) -> None:
        self._credentials = credentials
        self._asking = asking
        self._password = credentials.password
        self._asked_for_password: str | None = None
        self._rounds = 0

    def to(self, request: Round) -> list[str] | None:
        """One answer for each field; None when it asks for the password again: it has refused it."""
        self._rounds += 1
        if self._rounds > _MAX_ROUNDS or len(request.fields) > _MAX_FIELDS:
            raise DeviceError("auth_failed", "the device asks without end")
        if any(prompt == self._asked_for_password for prompt, _ in request.fields):
            return None
        return [self._answer(request, prompt, shown) for prompt, shown in request.fields]

    def _answer(self, request: Round, prompt: str, shown: bool) -> str:
        said = f"{request.title}\n{request.instructions}\n{prompt}"
        if not shown and _NEW_PASSWORD.search(said):
            raise must_change_password()
        if shown and _USER.fullmatch(prompt):
            return self._credentials.username
        options = _options(said)
        if not shown and not options and self._password is not None and _is_for_password(said, prompt):
            password, self._password = self._password, None
            self._asked_for_password = prompt
            return password
        return self._ask(said, prompt, options, hidden=not shown)

    def _ask(self, said: str, prompt: str, options: tuple[tuple[str, str], ...], *, hidden: bool) -> str:
        asking, credentials = self._asking, self._credentials
        wanted = safe_line(" ".join(prompt.split()) or "a code", 200)
        answer: str | None = None
        typed = not options
        if options:
            texts = {f"{number}. {safe_line(text, 60)}": number for number, text in options}
            choice = asking.choice(credentials, wanted, (*texts, _TYPED))
            answer = texts.get(choice or "")
            typed = choice == _TYPED
        if typed:
            answer = asking.code(credentials, safe_line(" ".join(said.split())[-300:], 300), hidden=hidden)
        if answer is None:
            raise _unanswered(wanted, attended=asking.is_attended)
        asking.extend(CONFIRMATION)
        return answer


def must_change_password() -> DeviceError:
    """The error for a device that lets nobody in before the password is changed."""
    return DeviceError(
        "auth_failed",
        "the password has expired: the device asks for a new one",
        "Log in by hand, change it, and store the new one: vctui vault edit NAME",
    )


def _unanswered(wanted: str, *, attended: bool) -> DeviceError:
    if attended:
        return DeviceError(
            "auth_failed",
            f"the device asks for more than a password, and nobody answered: {wanted}",
            "Run it again and answer, or use a credential that logs in with a password or a key alone",
        )
    return DeviceError(
        "auth_failed",
        f"the device asks for more than a password: {wanted}",
        "A run in the full-screen program (vctui) asks for it; or use a credential that logs in with a "
        "password or a key alone",
    )


def _is_for_password(said: str, prompt: str) -> bool:
    """Whether a hidden field wants the password; in an unknown language it does, unless a code is named."""
    if _CODE.search(_NAMES.sub("", prompt)):
        return False
    return _PASSWORD.search(prompt) is not None or _CODE.search(_NAMES.sub("", said)) is None


def _options(text: str) -> tuple[tuple[str, str], ...]:
    """The numbered ways that a menu offers, when there are at least two."""
    found = [match for line in text.splitlines() if (match := _OPTION.fullmatch(line.rstrip()))]
    numbers = [match[1] for match in found]
    if len(found) < 2 or numbers != [str(n) for n in range(1, len(found) + 1)]:
        return ()
    return tuple((match[1], match[2]) for match in found)
