"""Raising the rights of a session: enable, and what other systems call it."""

from __future__ import annotations

import re

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.arrival import find_prompt
from vctui.ssh.dialogue import Dialogue
from vctui.ssh.learner import Learned
from vctui.ssh.rules import MAX_LINE, Platform, Privilege
from vctui.ssh.shell import Shell

_HIDDEN = "********"
_SECRET = re.compile(r"(?i).{0,60}\bpass ?(word|code|phrase)\b.{0,20}:\s*")
"""How most systems ask, whatever AAA servers put around it."""


def raise_rights(
    shell: Shell, platform: Platform, dialogue: Dialogue, login: SSHCredentials | None, secret: str | None
) -> tuple[str, Learned | None]:
    """Take the next step up. Raises DeviceError: enable_failed.

    Returns the text of the reply and, where the step leads to another prompt than before, that prompt.
    """
    rule = platform.step_up(shell.prompt.text)
    if rule is None:
        raise DeviceError("enable_failed", "this platform has no enable step")
    shell.forget()
    typed = dialogue.type_command(rule.command)
    answers = _Answers(shell, rule, login, secret)
    shell.watch()
    shell.send_line(rule.command)
    while True:
        tail = shell.tail
        if dialogue.current is typed and not shell.has_more() and not answers.takes(tail):
            if dialogue.at_prompt(tail):
                break
            if platform.looks_like_prompt(tail) and not platform.step_up(tail.rstrip()):
                # Another prompt than before, as of a command line in place of a shell: it is learned anew.
                text = shell.text()
                return _hide(text, secret), find_prompt(shell, platform, None)
        finished = shell.receive(shell.wait_time())
        if finished is None:
            shell.check_patience("enable_failed", "the enable step did not end")
            continue
        dialogue.take(finished, shell.drawn(more=bool(dialogue.due)))
        answers.give(shell.tail, again=bool(finished))
    if shell.tail.rstrip().endswith(rule.unprivileged):
        raise DeviceError("enable_failed", "the device does not give enable rights")
    shell.prompt.change(shell.tail)
    return _hide(shell.text(), secret), None


def _hide(text: str, secret: str | None) -> str:
    """The reply without the secret, which some devices echo."""
    return text.replace(secret, _HIDDEN) if secret else text


class _Answers:
    """Name and secret, each given once."""

    def __init__(
        self, shell: Shell, rule: Privilege, login: SSHCredentials | None, secret: str | None
    ) -> None:
        self._shell = shell
        self._rule = rule
        self._login = login
        self._secret = secret
        self._asked = self._named = False
        self._answered = False
        """The question in the unfinished line has its answer already."""

    def takes(self, tail: str) -> bool:
        """True when the unfinished line asks for the secret or for a name."""
        return len(tail) <= MAX_LINE and (self._asks_secret(tail) or self._asks_name(tail))

    def _asks_secret(self, tail: str) -> bool:
        return bool(self._rule.password.fullmatch(tail) or _SECRET.fullmatch(tail))

    def _asks_name(self, tail: str) -> bool:
        return self._rule.username is not None and self._rule.username.fullmatch(tail) is not None

    def give(self, tail: str, *, again: bool) -> None:
        """Answer the unfinished line; `again`: it is another one than the last time."""
        self._answered &= not again
        if self._answered or not self.takes(tail):
            return
        self._answered = True
        if self._asks_secret(tail):
            if self._asked or not self._secret:
                reason = "refuses the enable secret" if self._asked else "asks for an enable secret"
                raise DeviceError("enable_failed", f"the device {reason}")
            self._asked = True
            self._shell.send_line(self._secret, shown="{secret}")
        elif self._named or self._login is None:
            raise DeviceError("enable_failed", "the device asks for a user name again and again")
        else:
            self._named = True
            self._shell.send_line(self._login.username, shown="{username}")
