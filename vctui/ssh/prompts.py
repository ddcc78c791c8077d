"""When is a command done? Pure rules over lines; no input or output happens here.

A prompt is learned at login, by sending an empty line and seeing the same prompt twice. A command's output
ends the same way: the prompt stands alone at the end, an empty line is sent, the line with the prompt turns
out to be finished with nothing behind it, and the prompt comes once more. Text that only looks like the
prompt, in a description, a banner or a packet that ends in the wrong place, goes on, and ends nothing. When
lines of the output look like prompts themselves, a short silence has to follow as well.
"""

from __future__ import annotations

import re
from collections import deque

from vctui.ssh.rules import MAX_LINE, Platform

_QUESTION = re.compile(
    r"(?i).*(user ?name|login|pass ?(word|code|phrase)|\?|\[y(es)?/no?\]|\(y(es)?/no?\)|\[confirm\])\s*:?\s*"
)
_BRACKETED = re.compile(r"(?P<prefix>\w{0,20})[<\[][~*]?(?P<name>[^<>\[\]\s]+)[>\]]")
_MODES = re.compile(r"(\s?\([^()]*\))+$")
_ENDS = ">#$%"
_BETWEEN = 3
"""Lines which may stand between a prompt and its repetition: blank ones, and what is shown above a prompt."""


class Prompt:
    """The prompt of one session, and the shapes it may take on while modes change."""

    def __init__(self, text: str, context: frozenset[str] = frozenset()) -> None:
        self.text = text.rstrip()
        self.context = context
        self.needle, start, self._shape = _shape(self.text)
        self._start = re.compile(start)

    def matches(self, line: str) -> bool:
        """True for a line that is a prompt and nothing else."""
        if len(line) > MAX_LINE:
            return False
        line = line.rstrip()
        return line == self.text or (self._shape is not None and self._shape.fullmatch(line) is not None)

    def starts(self, line: str) -> bool:
        """True for a line with a prompt and more behind it."""
        return self._start.match(line) is not None

    def change(self, text: str) -> None:
        """Take on the shape which the prompt has now."""
        self.text = text.rstrip()


def _shape(text: str) -> tuple[str, str, re.Pattern[str] | None]:
    """What every shape of the prompt contains, how it starts, and the whole of it; None: it never changes."""
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        start = rf"{re.escape(bracketed['prefix'])}[<\[][~*]?{re.escape(bracketed['name'])}"
        start += r"(-[^<>\[\]\s]{1,80})?[>\]]"
        return bracketed["name"], start, re.compile(start)
    core = _MODES.sub("", text[:-1].rstrip())
    if text[-1:] not in _ENDS or len(core) < 2:
        return text, re.escape(text), None
    start = rf"{re.escape(core)}(\s?\([^()]{{0,80}}\)){{0,8}}\s?[{_ENDS}]"
    return core, start, re.compile(start)


class PromptLearner:
    """Finds the first prompt: a line of the right shape that comes again after an empty line was sent."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._recent: deque[str] = deque(maxlen=_BETWEEN + 1)
        self.asked = False

    def take(self, finished: str) -> None:
        """Lines which the device has finished; those from before the first question tell nothing."""
        if self.asked:
            self._recent.extend(finished.split("\n")[:-1][-_BETWEEN - 1 :])

    def is_candidate(self, tail: str, *, any_shape: bool = False) -> bool:
        """True when the unfinished line may be a prompt; `any_shape` when it has stood there for long."""
        line = tail.strip()
        if not line or len(line) > MAX_LINE or _QUESTION.fullmatch(line):
            return False
        if len(line) > 2 and not any(char.isalnum() for char in line):
            return False  # a rule across the page, as banners have
        return (any_shape and not line[-1].isalnum()) or self._platform.looks_like_prompt(line)

    def learned(self, tail: str) -> Prompt | None:
        """The prompt, once the unfinished line repeats it."""
        line = tail.rstrip()
        for position in range(len(self._recent) - 1, -1, -1):
            if line and self._recent[position].rstrip() == line:
                between = frozenset(text.strip() for text in list(self._recent)[position + 1 :])
                return Prompt(line, between - {""})
        return None


class CommandTracker:
    """Follows one command's output and says when it is complete, and where it ends.

    `sent` counts the empty lines which the session has sent; each is answered by a prompt.
    """

    def __init__(self, prompt: Prompt, platform: Platform) -> None:
        self._prompt = prompt
        self._platform = platform
        self.sent = 0
        self._answered = 0  # finished lines that are a prompt and nothing else
        self._run: list[
            tuple[int, str]
        ] = []  # the last ones, with only context in between, and where they are
        self._between = 0
        self._length = 0
        self.start = 0
        """Where the output begins in the text so far: with the echo of the command."""
        self.has_echo = False
        self._doubtful = False
        self._recent_start = False

    def take(self, finished: str) -> None:
        """Finished lines, each with its newline."""
        if not finished:
            return
        if self._prompt.needle not in finished and len(finished) > MAX_LINE:
            # The usual case for long output: nothing in here can be a prompt.
            self._pass_over()
            self._length += len(finished)
            return
        for line in finished.split("\n")[:-1]:
            self._take_line(line)
            self._length += len(line) + 1

    def _take_line(self, line: str) -> None:
        if self._prompt.matches(line):
            self._doubtful |= self._answered >= self.sent and self.has_echo
            self._answered += 1
            if self._run and self._run[-1][1].rstrip() != line.rstrip():
                self._run.clear()  # another mode's prompt answers nothing
            self._run.append((self._length, line))
            self._between = 0
            self._recent_start = True
        elif self._run and self._between < _BETWEEN and self.is_context(line):
            self._between += 1
        elif self.has_echo or not self.is_context(line):
            starts = self.has_echo and self._prompt.starts(line)
            self._doubtful |= starts
            self._pass_over()
            self._recent_start = starts

    def _pass_over(self) -> None:
        if not self.has_echo:
            self.has_echo = True
            self.start = self._length
            self._answered = 0  # prompts from before the command answered something else
        self._run.clear()
        self._between = 0
        self._recent_start = False

    def is_context(self, line: str) -> bool:
        """True for a line that may stand between prompts without being output."""
        return line.strip() in self._prompt.context or self._platform.is_context(line)

    def at_prompt(self, tail: str) -> bool:
        """True when the unfinished line is a prompt, which may yet turn out to be something else."""
        return self.has_echo and self._prompt.matches(tail)

    def is_complete(self, tail: str) -> bool:
        """True when the prompt is confirmed. Where the output itself holds prompts, only silence can tell."""
        doubtful = self._doubtful or tail.rstrip() != self._prompt.text
        return not doubtful and self._answered >= self.sent and self._is_confirmed(tail)

    def settle(self, tail: str) -> bool:
        """In silence: True when the output is complete, in spite of doubts or of a lost empty line."""
        return self._is_confirmed(tail)

    def _is_confirmed(self, tail: str) -> bool:
        return self.at_prompt(tail) and bool(self._run) and self._run[-1][1].rstrip() == tail.rstrip()

    def end(self, tail: str) -> tuple[int, str]:
        """Where the complete output ends in the text, and the prompt that ends it, blanks included."""
        # As many prompts as empty lines were sent are answers to these; one more line is output.
        return self._run[-max(1, min(self.sent, len(self._run)))] if self._run else (self._length, tail)

    def wants_line(self, tail: str) -> bool:
        """At a prompt: True when an empty line is to be sent, and the last one is not still under way."""
        return self._answered >= self.sent and not self._is_confirmed(tail)

    def has_lost_prompt(self, tail: str) -> bool:
        """In silence: True when a prompt was shown, and a log message or the like came after it."""
        if self._prompt.matches(tail):
            return True
        return not tail.strip() and self.has_echo and (self._recent_start or self._answered > 0)
