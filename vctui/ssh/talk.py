"""What is said on a terminal: finding the prompt, turning paging off, raising rights, running commands."""

from __future__ import annotations

from dataclasses import dataclass

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.prompts import CommandTracker, PromptLearner
from vctui.ssh.rules import MAX_LINE, Gate, Platform
from vctui.ssh.shell import Shell
from vctui.text import safe_line

_MAX_LINES = 50
_MAX_NUDGES = 3
_HIDDEN = "********"


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete output: the terminal's text from the echo to the prompt, and its lines in between."""

    text: str
    body: list[str]


class _EmptyLines:
    """How many empty lines may still be sent: at what looks like a prompt, and into a silence."""

    def __init__(self) -> None:
        self._sent = 0
        self._nudges = 0

    def may_send(self) -> bool:
        self._sent += 1
        return self._sent <= _MAX_LINES

    def may_nudge(self) -> bool:
        return self._nudges < _MAX_NUDGES

    def nudge(self) -> None:
        self._nudges += 1


class Talk:
    """The conversation with one device. Raises DeviceError; the shell keeps what arrived by then."""

    def __init__(self, shell: Shell, platform: Platform, login: SSHCredentials | None = None) -> None:
        self._shell = shell
        self._platform = platform
        self._login = login
        self._gates: list[Gate] = []

    def find_prompt(self) -> None:
        """Wait for the first prompt and learn it. Raises DeviceError: prompt_not_found, disconnected."""
        shell, learner = self._shell, PromptLearner(self._platform)
        lines = _EmptyLines()
        answered = True
        while True:
            tail = shell.tail
            if not shell.has_more() and not self._pass_gate(tail):
                prompt = learner.learned(tail) if learner.is_candidate(tail, any_shape=True) else None
                if prompt is not None:
                    shell.prompt = prompt
                    return
                if answered and learner.is_candidate(tail) and lines.may_send():
                    answered = False
                    self._ask(learner)
            finished = shell.receive(shell.wait_time(quiet=lines.may_nudge()))
            if finished is None:
                shell.check_patience("prompt_not_found", "no prompt came")
                if shell.is_quiet() and lines.may_nudge() and self._may_ask(learner):
                    lines.nudge()
                    self._ask(learner)
                continue
            shell.answer_pager()
            answered |= bool(finished)
            learner.take(finished)

    def _pass_gate(self, tail: str) -> bool:
        """Answer what some devices ask between login and prompt, each question once."""
        gate = self._platform.gate(tail)
        if gate is None:
            return False
        if gate in self._gates:
            if gate.answer:
                raise DeviceError("auth_failed", "the device refuses the login that it asks for in its shell")
            return False
        self._gates.append(gate)
        if gate.answer and self._login is not None:
            text = self._login.username if gate.answer == "username" else self._login.password or ""
            self._shell.send_line(text)
        else:
            self._shell.send(gate.send.replace("\n", self._platform.newline))
        self._shell.drop_tail()
        return True

    def _ask(self, learner: PromptLearner) -> None:
        learner.asked = True
        self._shell.send_line()

    def _may_ask(self, learner: PromptLearner) -> bool:
        """In silence: at an empty line, some devices wait for a key; a question is not ours to answer."""
        tail = self._shell.tail
        return not tail.strip() or learner.is_candidate(tail, any_shape=True)

    def command(self, command: str, *, confirm: bool = True) -> Reply:
        """Run one command and wait until its output is complete.

        Without `confirm` the first prompt is believed, which saves a round trip where nothing is kept.
        Raises DeviceError: command_timeout, disconnected, output_limit.
        """
        shell, tracker = self._shell, CommandTracker(self._shell.prompt, self._platform)
        lines = _EmptyLines()
        shell.begin()
        shell.send_line(command)
        while True:
            finished = shell.receive(shell.wait_time(quiet=lines.may_nudge()))
            if finished is None:
                shell.check_patience("command_timeout", "the output did not end")
                if not shell.is_quiet():
                    continue
                if tracker.settle(shell.tail):
                    return self._reply(tracker)
                if lines.may_nudge() and tracker.has_lost_prompt(shell.tail):
                    lines.nudge()
                    self._send_empty(tracker)
                continue
            tracker.take(finished)
            tail = shell.tail
            if not tracker.at_prompt(tail):
                shell.answer_pager()
            elif not shell.has_more():
                if tracker.is_complete(tail) or not confirm:
                    return self._reply(tracker)
                if tracker.wants_line(tail) and lines.may_send():
                    self._send_empty(tracker)

    def _send_empty(self, tracker: CommandTracker) -> None:
        tracker.sent += 1
        self._shell.send_line()

    def _reply(self, tracker: CommandTracker) -> Reply:
        shell = self._shell
        end, prompt = tracker.end(shell.tail)
        shell.prompt.change(prompt)
        lines = shell.text()[tracker.start : end].split("\n")[:-1]
        while len(lines) > 1 and lines[-1].strip() and tracker.is_context(lines[-1]):
            lines.pop()
        return Reply("\n".join([*lines, prompt]), lines[1:])

    def enable(self, secret: str | None) -> Reply:
        """Take the next step up in rights. Raises DeviceError of kind enable_failed."""
        rule = self._platform.step_up(self._shell.prompt.text)
        if rule is None:
            raise DeviceError("enable_failed", "this platform has no enable step")
        shell, tracker = self._shell, CommandTracker(self._shell.prompt, self._platform)
        shell.begin()
        shell.send_line(rule.command)
        asked = named = False
        while True:
            finished = shell.receive(shell.wait_time(quiet=False))
            if finished is None:
                shell.check_patience("enable_failed", "the enable step did not end")
                continue
            tracker.take(finished)
            tail = shell.tail
            if len(tail) <= MAX_LINE and rule.password.fullmatch(tail):
                if asked or not secret:
                    reason = "refuses the enable secret" if asked else "asks for an enable secret"
                    raise DeviceError("enable_failed", f"the device {reason}")
                asked = True
                shell.send_line(secret)
            elif len(tail) <= MAX_LINE and rule.username and rule.username.fullmatch(tail):
                if named or self._login is None:
                    raise DeviceError("enable_failed", "the device asks for a user name again and again")
                named = True
                shell.drop_tail()
                shell.send_line(self._login.username)
            elif tracker.at_prompt(tail) and not shell.has_more():
                break
        if shell.tail.rstrip().endswith(rule.unprivileged):
            raise DeviceError("enable_failed", "the device does not give enable rights")
        shell.prompt.change(shell.tail)
        text = shell.text()
        if secret:
            text = text.replace(secret, _HIDDEN)
        return Reply(text, text.split("\n")[1:-1])

    @property
    def is_unprivileged(self) -> bool:
        """True when the prompt shows that the platform has a step up that has not been taken."""
        return self._platform.step_up(self._shell.prompt.text) is not None


def judge(platform: Platform, command: str, reply: Reply) -> None:
    """Raise DeviceError for an output that is none: a rejected command, or one whose known end is missing."""
    rejection = platform.rejection(reply.body)
    if rejection is not None:
        shown = safe_line(command, 80)
        raise DeviceError("command_rejected", f"the device rejects {shown!r}: {safe_line(rejection, 160)}")
    if platform.misses_end(command, reply.body):
        raise DeviceError("incomplete", f"the last line of {safe_line(command, 80)!r} is missing")
