"""Finding the first prompt of a session: a line of the right shape that comes again when it is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vctui.ssh.echo import Echo, is_log, squeeze
from vctui.ssh.prompts import Prompt, same_context, same_prompt
from vctui.ssh.rules import MAX_LINE, Platform
from vctui.ssh.typed import BETWEEN, Typed, answered_by, blanks_at_end, pair_up

_QUESTION = re.compile(
    r"(?i).*(user ?name|login|pass ?(word|code|phrase)|\?|\[y(es)?/no?\]|\(y(es)?/no?\)|\[confirm\])\s*:?\s*"
)

_KEY = re.compile(r"(?i)\b(press|hit|type|strike)\b.{0,20}\b(return|enter|key|space)\b")
_TIMES = 2
"""How often a prompt comes again on a device that echoes no blanks."""


@dataclass(slots=True)
class Learned:
    """The prompt, and where in the text so far it stands: what is behind belongs to what follows."""

    prompt: Prompt
    rest: int
    due: tuple[Typed, ...]
    """What has been typed, and was not shown yet."""
    drawn: Sequence[tuple[str, str]] = ()
    """How the lines from there on came about."""


class PromptLearner:
    """Follows what comes at login.

    A question is a line of some blanks. A prompt that comes with as many blanks behind it, and then once
    more, is one; where a device does not echo them, it has to come three times.
    """

    def __init__(self, platform: Platform, at: int = 0) -> None:
        self._platform = platform
        self._no_pager = ""  # the last line that turned out to be none
        self.typed: list[Typed] = []
        """Questions, and commands that were typed right behind them."""
        self._recent: list[str] = []
        self._last = ""
        self._proof: tuple[Prompt, Typed] | None = None
        self._between: list[str] = []
        self._length = at
        self._found: Learned | None = None
        self._shows_blanks = False
        """Blanks that were typed have been seen, though perhaps not at a prompt."""
        self.echoes_at_once = False
        """The terminal shows what is typed when it comes, not the device when it reads it."""
        self._between_before: list[str] = []

    @property
    def is_new(self) -> bool:
        """True until something is typed."""
        return not (self.typed or self.echoes_at_once)

    def type_question(self, blanks: int, tail: str, ahead: Sequence[Typed] = ()) -> None:
        """A question is being typed, and commands right behind it."""
        self.typed += [Typed(blanks=blanks, tail=tail.rstrip()), *ahead]

    def is_candidate(self, tail: str, *, any_shape: bool = False) -> bool:
        """True when the unfinished line may be a prompt; `any_shape` when it has stood there for long."""
        line = tail.strip()
        if not line or len(line) > MAX_LINE or _QUESTION.fullmatch(line):
            return False
        if len(line) > 2 and not any(char.isalnum() for char in line):
            # A rule across the page, as banners have; or a small prompt, and again for a question too early.
            marks = set(line.split())
            if not any_shape or len(marks) > 1 or len(marks.pop()) > 1:
                return False
        if line != self._no_pager and self._platform.pager(line) is not None:
            return False  # what a blank does to a pager is not what it does to a prompt
        self._no_pager = line
        return (any_shape and not line[-1].isalnum()) or self._platform.looks_like_prompt(line)

    @property
    def waits_for_key(self) -> bool:
        """True when the device has said that it waits for a key."""
        return _KEY.search(self._last[-MAX_LINE:]) is not None

    def take(self, finished: str, drawn: Sequence[tuple[str, str]] = ()) -> None:
        """Lines which the device has finished, and how they came about."""
        at = self._length
        for line, written in pair_up(finished, drawn):
            if self._found is not None:
                break  # what follows is output, and may be long
            self._last = line if line.strip() else self._last
            if self.typed:  # what comes before the first question tells nothing
                self._take_line(line, written)
            self._length += len(line) + 1
        self._length = at + len(finished)

    def _take_line(self, line: str, written: str) -> None:
        if self._proof is not None:
            prompt, question = self._proof
            # A prompt with nothing behind it, though every question has blanks: this device shows it twice.
            behind = self._behind(question)
            bare = bool(behind and line.strip()) and squeeze(line) == squeeze(behind[0].command)
            if bare and not any(map(is_log, self._between)):
                # Whose output comes now, nobody can tell: from here on, one question in each silence.
                self.echoes_at_once = True
                self.typed, self._proof = [], None
                return
            if bare or self._goes_on(prompt, line, written, behind):
                self._found = self._learn(prompt, self._between, behind)
                return
            self._between.append(line)
            if len(self._between) > BETWEEN:
                self._proof = None
        self._shows_blanks |= answered_by(blanks_at_end(line), self.typed) is not None
        answered = self._answered(line)
        if answered is not None:
            self._proof, self._between = (Prompt(line, blanks=True), answered), []
        self._take_bare(line)
        self._recent = [*self._recent[-2 * BETWEEN - 1 :], line]

    @staticmethod
    def _goes_on(prompt: Prompt, line: str, written: str, behind: Sequence[Typed]) -> bool:
        """True for the prompt with a log message behind it, or with what was typed ahead."""
        if not prompt.starts(written) or line.rstrip() == prompt.text:
            return False
        if is_log(line.removeprefix(prompt.text).lstrip()):
            return True
        ahead = behind[0].command if behind else ""
        return bool(ahead) and Echo(prompt, ahead).take(line, written) in ("echo", "part")

    def _answered(self, line: str) -> Typed | None:
        """The question whose blanks stand behind something like a prompt."""
        if not self.is_candidate(line, any_shape=True):
            return None
        return answered_by(blanks_at_end(line), self.typed)

    def _take_bare(self, line: str) -> None:
        """A device that echoes no blanks, and goes on with what was typed ahead."""
        ahead = next((typed for typed in self.typed if typed.command), None)
        if ahead is None or self._shows_blanks:
            return
        for position, before in enumerate(self._recent):
            text = before.rstrip()
            behind = line.removeprefix(text)
            if text and behind != line and squeeze(behind) == squeeze(ahead.command):
                due = self.typed[self.typed.index(ahead) :]
                self._found = self._learn(Prompt(text, blanks=False), self._recent[position + 1 :], due)

    def learned(self, tail: str, *, quiet: bool = False) -> Learned | None:
        """The prompt, once the unfinished line or a line before it shows that it is one."""
        if self._found is not None or not self.is_candidate(tail, any_shape=True):
            return self._found
        if self.echoes_at_once and not (quiet and self._is_alone()):
            return None
        if self._proof is not None:
            prompt, question = self._proof
            same = same_prompt(prompt.text, tail)
            return self._learn(prompt, self._between, self._behind(question)) if same else None
        return self._learned_bare(tail, quiet=quiet)

    def _is_alone(self) -> bool:
        """True if only what came with the prompt before came with it: no output of what was typed ahead."""
        if self._proof is None:
            return False
        before, self._between_before = self._between_before, self._between
        alone = len(before) == len(self._between) and all(map(same_context, before, self._between))
        if not alone:
            self.typed, self._proof = [], None
        return alone

    @property
    def has_learned(self) -> bool:
        """True when lines have shown the prompt, whatever is behind them."""
        return self._found is not None

    def comes_again(self, tail: str) -> bool:
        """True when the unfinished line has come twice before: there is no need to ask any more."""
        return not self.echoes_at_once and len(self._places(tail)) >= _TIMES

    def _places(self, tail: str) -> list[int]:
        return [n for n, line in enumerate(self._recent) if line.strip() and same_prompt(line, tail)]

    def _learned_bare(self, tail: str, *, quiet: bool) -> Learned | None:
        """The unfinished line has come twice before, questions were asked, and a silence follows."""
        places, lines = self._places(tail), self._recent
        questions = sum(not typed.command for typed in self.typed)
        if not quiet or min(len(places), questions) < _TIMES:
            return None
        first, second = lines[places[-2] + 1 : places[-1]], lines[places[-1] + 1 :]
        if len(second) > BETWEEN or len(first) != len(second) or not all(map(same_context, first, second)):
            return None
        return self._learn(Prompt(tail, blanks=self._shows_blanks), second, ())

    def _behind(self, question: Typed) -> list[Typed]:
        return self.typed[self.typed.index(question) + 1 :]

    def _learn(self, prompt: Prompt, between: Sequence[str], due: Sequence[Typed]) -> Learned:
        logs = [n for n, line in enumerate(between) if is_log(line.removeprefix(prompt.text).lstrip())]
        # A log message took the prompt away: what is before it is none of what stands above each prompt.
        above = between[logs[-1] + 1 :] if logs else between
        prompt.context = tuple(line for line in above if line.strip())
        return Learned(prompt, self._length, tuple(due))
