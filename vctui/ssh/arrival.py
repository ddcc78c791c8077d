"""From an open shell to its prompt: greetings, gates, and logins of a shell's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.learner import Learned, PromptLearner
from vctui.ssh.prompts import Prompt
from vctui.ssh.rules import Gate, Platform
from vctui.ssh.shell import Shell
from vctui.ssh.typed import BLANKS, TIMES, Typed
from vctui.text import safe_line

_MAX_QUESTIONS = 50
_MAX_NUDGES = 3

Ahead = Callable[[str], Sequence[Typed]]
"""Says for what looks like the prompt which commands may be typed at once."""


class Questions:
    """How many questions may still be asked: at what looks like a prompt, and into a silence."""

    def __init__(self) -> None:
        self._asked = 0
        self._nudges = 0

    def may_ask(self) -> bool:
        self._asked += 1
        return self._asked <= _MAX_QUESTIONS

    def may_nudge(self) -> bool:
        return self._nudges < _MAX_NUDGES

    @property
    def nudged(self) -> bool:
        """True when a question went into a silence already: the next one takes more patience."""
        return self._nudges > 0

    def nudge(self) -> None:
        self._nudges += 1


def some_blanks(typed: Iterable[Typed]) -> int:
    """How many blanks are typed to see whether a line is a prompt: another number than is due already."""
    due = {one.blanks for one in typed}
    choice = [blanks for blanks in BLANKS if blanks not in due] or BLANKS
    return random.choice(choice)  # noqa: S311 - no output happens to have the same number


def some_times(prompt: Prompt) -> int:
    """How often an empty line is typed where no blanks are shown."""
    return 1 if prompt.comes_twice else random.choice(TIMES)  # noqa: S311


def find_prompt(
    shell: Shell, platform: Platform, login: SSHCredentials | None, ahead: Ahead = lambda prompt: ()
) -> Learned:
    """Wait for the first prompt and learn it. Raises DeviceError: prompt_not_found, auth_failed, ..."""
    shell.forget()
    shell.watch()
    learner, gates, questions = (
        PromptLearner(platform, shell.length),
        _Gates(shell, platform, login),
        Questions(),
    )
    drawn: Sequence[tuple[str, str]] = ()
    answered = True
    while True:
        tail = shell.tail
        if learner.has_learned or (tail and not shell.has_more() and not gates.pass_one(tail)):
            learned = learner.learned(tail, quiet=shell.is_quiet())
            if learned is not None:
                shell.answers_queries = False
                behind = shell.cut(learned.rest, shell.length).count("\n") if drawn else 0
                learned.drawn = drawn[-behind:] if behind else ()
                return learned
            wants = answered and learner.is_candidate(tail) and not learner.comes_again(tail)
            wants = wants and (shell.is_quiet() or not learner.echoes_at_once)
            if wants and questions.may_ask():
                answered = False
                _ask(shell, learner, ahead(tail.rstrip()) if learner.is_new else ())
        finished = shell.receive(shell.wait_time(long=True))
        if finished is not None:
            drawn = shell.drawn(more=True)
            learner.take(finished, drawn)
            answered |= bool(finished)
        else:
            if shell.is_quiet() and learner.learned(shell.tail, quiet=True):
                continue
            shell.check_patience("prompt_not_found", _last_line(shell))
            if questions.may_nudge() and _may_nudge(shell, learner):
                questions.nudge()
                _ask(shell, learner, ())
                continue
        shell.answer_pager()


def _last_line(shell: Shell) -> str:
    shown = safe_line(shell.tail.strip(), 60)
    return f"no prompt came, but {shown!r}," if shown else "no prompt came"


def _ask(shell: Shell, learner: PromptLearner, ahead: Sequence[Typed]) -> None:
    blanks = some_blanks(learner.typed)
    learner.type_question(blanks, shell.tail, ahead)
    shell.send_line(" " * blanks, *(typed.command for typed in ahead))


def _may_nudge(shell: Shell, learner: PromptLearner) -> bool:
    """In silence: at an empty line, some devices wait for a key; a question is not ours to answer."""
    tail = shell.tail.removesuffix(shell.sent_answers)
    if not tail.strip():
        return shell.is_quiet(long=not learner.waits_for_key)
    return shell.is_quiet(long=bool(learner.typed)) and learner.is_candidate(tail, any_shape=True)


class _Gates:
    """Answers what some devices ask between login and prompt, each question once."""

    def __init__(self, shell: Shell, platform: Platform, login: SSHCredentials | None) -> None:
        self._shell = shell
        self._platform = platform
        self._login = login
        self._passed: list[Gate] = []

    def pass_one(self, tail: str) -> bool:
        """True when the unfinished line was such a question."""
        gate = self._platform.gate(tail)
        if gate is None:
            return False
        if gate in self._passed:
            if gate.answer:
                raise DeviceError("auth_failed", "the device refuses the login that it asks for in its shell")
            return False
        self._passed.append(gate)
        shell = self._shell
        if gate.answer and self._login is not None:
            name = gate.answer == "username"
            answer = self._login.username if name else self._login.password or ""
            shell.send_line(answer, shown=f"{{{gate.answer}}}")
        else:
            shell.send(gate.send.replace("\n", self._platform.newline))
        shell.drop_tail()
        return True
