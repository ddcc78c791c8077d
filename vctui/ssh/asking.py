"""How a session asks a person: at the run's desk, in its device's name, while its own clock stands still."""

from __future__ import annotations

from collections.abc import Sequence

from vctui.questions import Desk, Question
from vctui.records import SSHCredentials
from vctui.ssh.lifeline import Deadline, Lifeline, clock_stopped
from vctui.text import safe_line

PATIENCE = 300.0
"""Seconds for an answer that no device waits for."""
LOGIN_PATIENCE = 110.0
"""Seconds for an answer in the middle of a login: most servers give it two minutes in all."""
CONFIRMATION = 60.0
"""Seconds more that a server gets after an answer: it may be ringing somebody's telephone."""


class Asking:
    """The desk as one device sees it. `about` names what has its own questions, such as `jump ams-1`."""

    def __init__(
        self,
        desk: Desk,
        device: str,
        lifeline: Lifeline,
        deadlines: Sequence[Deadline] = (),
        *,
        about: str = "",
    ) -> None:
        self._desk = desk
        self._device = device
        self._lifeline = lifeline
        self._deadlines = tuple(deadlines)
        self._about = about
        self.has_asked = False
        """Whether a person has answered anything."""

    @property
    def is_attended(self) -> bool:
        """Whether somebody is there to answer."""
        return self._desk.is_attended

    @property
    def is_cancelled(self) -> bool:
        """Whether the run is."""
        return self._lifeline.is_cut

    def passphrase(self, credentials: SSHCredentials) -> str | None:
        """The passphrase of a credential's key, which is not stored."""
        return self._ask(_passphrase(credentials), PATIENCE)

    def passphrase_was_wrong(self, credentials: SSHCredentials) -> None:
        """Have it asked anew."""
        self._desk.forget(_passphrase(credentials).key)

    def code(self, credentials: SSHCredentials, prompt: str, *, hidden: bool) -> str | None:
        """An answer that is good for one login, such as a one-time code."""
        return self._ask(
            Question(
                kind="second_factor",
                key=code_key(self._about) if self._about else f"code:{self._of(credentials)}:{prompt}",
                title=f"Code for {self._of(credentials)}",
                prompt=prompt,
                hidden=hidden,
                once=True,
            ),
            LOGIN_PATIENCE,
        )

    def choice(self, credentials: SSHCredentials, prompt: str, choices: tuple[str, ...]) -> str | None:
        """One of several ways to go on, chosen once for all devices that offer the same."""
        return self._ask(
            Question(
                kind="second_factor",
                key=f"choice:{self._of(credentials)}:{'|'.join(choices)}",
                title=f"Second factor of {self._of(credentials)}",
                prompt=prompt,
                hidden=False,
                choices=choices,
            ),
            LOGIN_PATIENCE,
        )

    def extend(self, seconds: float) -> None:
        """Give the device more time."""
        for deadline in self._deadlines:
            deadline.extend(seconds)

    def _of(self, credentials: SSHCredentials) -> str:
        return self._about or safe_line(f"credential {credentials.name or credentials.username}", 60)

    def _ask(self, question: Question, seconds: float) -> str | None:
        with clock_stopped(*self._deadlines):
            answer = self._desk.ask(question, self._device, seconds=seconds, tie=self._lifeline.tie)
        self.has_asked |= answer is not None
        return answer


def code_key(about: str) -> str:
    """Under which key the codes for one thing, such as a jump host, are asked."""
    return f"code:{about}"


def _passphrase(credentials: SSHCredentials) -> Question:
    name = safe_line(credentials.name or credentials.username, 60)
    return Question(
        kind="passphrase",
        key=f"passphrase:{name}",
        title=f"Key of credential {name}",
        prompt="Passphrase: ",
    )
