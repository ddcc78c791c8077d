"""What is said on a terminal: finding the prompt, turning paging off, raising rights, running commands."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.arrival import Ahead, Questions, find_prompt, some_blanks, some_times
from vctui.ssh.dialogue import Dialogue
from vctui.ssh.echo import is_log
from vctui.ssh.learner import Learned
from vctui.ssh.prompts import same_context
from vctui.ssh.rights import raise_rights
from vctui.ssh.rules import Platform
from vctui.ssh.shell import QUIET, Shell
from vctui.ssh.typed import Output, Typed
from vctui.text import safe_line

_SEEN = "its prompt came as often as it was asked, but showed none of the blanks that were typed"
_EDGE = 16 * 1024
_HEAD = 64
"""Characters and lines at the ends of an output in which is looked for what is wrong with it."""
_SMALL = 64 * 1024
"""The next command is only typed ahead behind an output of at most so many characters."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete output: the terminal's text from the echo to the prompt, and its lines in between."""

    text: str
    start: int
    """Where in the text its lines begin."""
    end: int
    note: str = ""
    """What is to be said of it, although it is complete."""
    residue: bool = False
    """A pager's question stands among the lines, and who knows what its answer was."""

    @property
    def body(self) -> str:
        """The lines in between: a copy of what may be large."""
        return self.text[self.start : self.end]


class Talk:
    """The conversation with one device. Raises DeviceError; the shell keeps what arrived by then."""

    def __init__(self, shell: Shell, platform: Platform, login: SSHCredentials | None = None) -> None:
        self._shell = shell
        self._platform = platform
        self._login = login
        self._dialogue = Dialogue(shell.prompt, platform)
        self._ahead: deque[Typed] = deque()
        """Commands that are typed already, and whose output nobody has asked for yet."""
        self._may_type_ahead = False
        """True once it has been seen that the device shows what was typed ahead in its turn."""

    def find_prompt(self, ahead: Ahead = lambda prompt: ()) -> None:
        """Wait for the first prompt and learn it. Raises DeviceError."""
        self._begin(find_prompt(self._shell, self._platform, self._login, ahead))

    def _begin(self, learned: Learned) -> None:
        shell = self._shell
        shell.prompt = learned.prompt
        self._dialogue = Dialogue(learned.prompt, self._platform, learned.due, learned.rest)
        self._ahead = deque(typed for typed in learned.due if typed.command)
        self._may_type_ahead |= bool(self._ahead)
        self._dialogue.take(shell.cut(learned.rest, shell.length), learned.drawn)
        shell.watch()

    def command(self, command: str, *, kept: bool = True, then: str = "") -> Reply:
        """Run one command and wait until its output is complete.

        What is not `kept` ends with the first prompt, which saves a round trip. `then` is the next command,
        if it may be typed before the end of this one's output is certain. Raises DeviceError:
        command_timeout, disconnected, output_limit.
        """
        typed = self._ahead.popleft() if self._ahead and self._ahead[0].command == command else None
        if typed is None:
            self._ahead.clear()
            typed = self._type(command, kept=kept)
        output = self._wait_for_end(typed, then)
        reply = self._reply(command, output)
        waiting = [typed.output.start for typed in self._ahead if typed.output is not None]
        self._shell.forget(min([self._dialogue.start, *waiting]))
        return reply

    def type_ahead(self, commands: Sequence[Typed]) -> None:
        """Type the next commands together, at a prompt that has answered and with nothing on its way."""
        dialogue = self._dialogue
        if not commands or dialogue.due or self._shell.prompt.blanks is not True:
            return
        for typed in commands:
            dialogue.expect(typed)
        self._ahead.extend(commands)
        self._may_type_ahead = True
        self._shell.watch()
        self._shell.send_line(*(typed.command for typed in commands))

    def _type(self, command: str, *, kept: bool) -> Typed:
        typed = self._dialogue.type_command(command, kept=kept)
        self._shell.watch()
        self._shell.send_line(command)
        return typed

    def _wait_for_end(self, typed: Typed, then: str) -> Output:
        shell, dialogue, questions = self._shell, self._dialogue, Questions()
        while True:
            tail = shell.tail
            more = bool(tail) and shell.has_more()  # where nothing stands, nothing is to be decided
            if not more:
                dialogue.look(tail)
            if typed.output is not None:
                return typed.output
            if typed in dialogue.lost:
                # This device loses what is typed ahead: it is typed again, and nothing is any more.
                self._may_type_ahead = False
                typed = self._type(typed.command, kept=typed.kept)
            elif not more and dialogue.is_at_end_of(typed, tail):
                if not typed.kept:
                    return dialogue.whole(tail)
                if questions.may_ask():
                    self._ask(typed, then)
            elif not more and not dialogue.at_prompt(tail):
                self._answer_pager()
            finished = shell.receive(QUIET if more else shell.wait_time(long=questions.may_nudge()))
            if finished is not None:
                dialogue.take(finished, shell.drawn(more=bool(dialogue.due)))
                continue
            shell.check_patience("command_timeout", "the output did not end")
            self._answer_pager()
            if not shell.is_quiet():
                continue
            dialogue.settle(tail, at_last=not questions.may_nudge())
            long = questions.nudged or bool(dialogue.due)
            if typed.output is not None or not questions.may_nudge() or not shell.is_quiet(long=long):
                continue
            if dialogue.has_lost_prompt(tail):
                questions.nudge()
                self._ask(typed, "")

    def _answer_pager(self) -> None:
        key = self._shell.answer_pager()
        if key is not None:
            self._dialogue.pass_pager(key)

    def _ask(self, typed: Typed, then: str) -> None:
        """Type some blanks behind the unfinished line, to see whether it is a prompt."""
        shell, dialogue = self._shell, self._dialogue
        blanks = 0 if shell.prompt.blanks is False else some_blanks(dialogue.due)
        times = 1 if blanks or shell.tape is not None else some_times(shell.prompt)
        ahead = (
            then
            if then and blanks and self._may_type_ahead and not self._ahead and self._is_good(typed)
            else ""
        )
        dialogue.type_question(blanks, shell.tail, times)
        if ahead:
            self._ahead.append(dialogue.type_command(ahead))
            shell.watch()
        shell.send_line(*[" " * blanks] * times, *([ahead] if ahead else []))

    def _is_good(self, typed: Typed) -> bool:
        """Whether an output whose end is not certain yet would be taken as it is now."""
        shell, start = self._shell, self._dialogue.start
        if shell.length - start > _SMALL:
            return False
        text = shell.cut(start, shell.length)
        try:
            judge(self._platform, typed.command, Reply(text, 0, len(text)))
        except DeviceError:
            return False
        return True

    def _reply(self, command: str, output: Output) -> Reply:
        shell = self._shell
        shell.prompt.change(output.prompt)
        head, parts = f"{output.prompt}{command}\n", _without_keys(shell, output)
        if parts and not parts[-1].endswith("\n"):
            parts.append("\n")
        text = "".join((head, *parts, output.prompt))  # it may be large: there is no other copy of it
        start, whole, asked = len(head), len(text) - len(output.prompt), False
        end = _without_context(text, start, whole, output.context)
        end = _without_log(text, start, end, shell.prompt.text, output.spare)
        if shell.has_questions:
            body, asked = shell.without_questions(text[start:end])
            text, end = f"{head}{body}{output.prompt}", start + len(body)
        elif end < whole:
            text = f"{text[:end]}{output.prompt}"
        return Reply(text, start, end, "" if output.certain else _SEEN, output.strayed or asked)

    def enable(self, secret: str | None) -> Reply:
        """Take the next step up in rights. Raises DeviceError of kind enable_failed."""
        self._ahead.clear()
        text, learned = raise_rights(self._shell, self._platform, self._dialogue, self._login, secret)
        if learned is not None:
            self._begin(learned)
        return Reply(text, text.find("\n") + 1, text.rfind("\n") + 1)

    def partial(self) -> str:
        """What has arrived of the command at hand."""
        current = self._dialogue.current
        if current is None or not current.command:
            return self._shell.partial()
        return f"{self._shell.prompt.text}{current.command}\n{self._shell.partial(self._dialogue.start)}"

    @property
    def is_unprivileged(self) -> bool:
        """True when the prompt shows that the platform has a step up that has not been taken."""
        return self._platform.step_up(self._shell.prompt.text) is not None


def _without_context(text: str, start: int, end: int, context: tuple[str, ...]) -> int:
    """Where the output ends without the lines that the device shows above its prompt."""
    kept = end
    for line in reversed(context):
        at = max(start, text.rfind("\n", start, max(start, kept - 1)) + 1)
        if kept == start or not same_context(text[at : kept - 1], line):
            return end
        kept = at
    return kept


def _without_log(text: str, start: int, end: int, prompt: str, spare: int) -> int:
    """Where it ends without a prompt behind which there are only log messages, and without `spare` more."""
    kept = end
    while end > start:
        at = max(start, text.rfind("\n", start, end - 1) + 1)
        line = text[at : end - 1]
        behind = line.removeprefix(prompt)
        if (behind != line and is_log(behind)) or (line.rstrip() == prompt and (spare or end < kept)):
            kept, spare = at, spare - 1
        elif not is_log(line):
            break
        if spare < 0:
            break
        end = at
    return kept


def _without_keys(shell: Shell, output: Output) -> list[str]:
    """The output in pieces, without our own keys where the terminal has shown them in its midst."""
    parts, at = list[str](), output.start
    for start, end in output.cuts:
        parts += shell.parts(at, start)
        at = end
    return [*parts, *shell.parts(at, output.end)]


def judge(platform: Platform, command: str, reply: Reply) -> None:
    """Raise DeviceError for an output that is none: a rejected command, or one whose known end is missing."""
    text, start, end = reply.text, reply.start, reply.end
    rejection = platform.rejection(text[start : min(end, start + _EDGE)].split("\n", _HEAD)[:_HEAD])
    if rejection is not None:
        shown = safe_line(command, 80)
        raise DeviceError("command_rejected", f"the device rejects {shown!r}: {safe_line(rejection, 160)}")
    if reply.residue:
        raise DeviceError(
            "incomplete", f"a pager's question stands in the output of {safe_line(command, 80)!r}"
        )
    if platform.misses_end(command, text[max(start, end - _EDGE) : end]):
        raise DeviceError("incomplete", f"the last line of {safe_line(command, 80)!r} is missing")
