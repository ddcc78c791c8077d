"""What was typed and what came back, line by line, in order. Pure rules; no input or output happens here.

A device works through what is typed in the order in which it was typed, and shows each line behind its
prompt. So the output of a command ends where the next line that was typed is shown. Where the unfinished line
looks like the prompt, that next line is a question: some blanks, each time another number of them. The prompt
with as many blanks behind it, and then the prompt once more, is the end: no output can know the number. Text
that only looks like the prompt, in a description, a banner or a packet that ends in the wrong place, goes on.

Some devices echo no blanks. There a question is several empty lines: the prompt has to come as often, and a
short silence has to follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from vctui.ssh.coming import Coming
from vctui.ssh.echo import Echo, is_log, squeeze
from vctui.ssh.prompts import Prompt, same_prompt
from vctui.ssh.rules import MAX_LINE, Platform
from vctui.ssh.shown import ShownPrompts
from vctui.ssh.typed import BETWEEN, Ending, Output, Typed, answered_by, blanks_at_end

_LAST = 16 * MAX_LINE
"""Characters of what has arrived in which a prompt is looked for, while nothing is due."""


class Dialogue:
    """Follows one session, from its first prompt on."""

    def __init__(self, prompt: Prompt, platform: Platform, due: Sequence[Typed] = (), at: int = 0) -> None:
        self.prompt = prompt
        self._platform = platform
        self.due: list[Typed] = []
        """What has been typed and was not shown yet."""
        for typed in due:
            self.expect(typed)
        self.lost: list[Typed] = []
        """Commands that the device has not taken."""
        self._length = at
        self._coming = Coming(None, at)
        self._part: int | None = None  # where an echo begins that is not complete
        self._ending: Ending | None = None
        self._keys: set[str] = set()  # answers to pagers that a prompt would take for a command
        self._shown = ShownPrompts(prompt, platform)

    # typing

    def type_command(self, command: str, *, kept: bool = True) -> Typed:
        """A command is being typed."""
        typed = Typed(command, kept)
        self.expect(typed)
        return typed

    def type_question(self, blanks: int, tail: str, times: int = 1) -> None:
        """A question is being typed behind the unfinished line."""
        self.expect(Typed(blanks=blanks, times=times, tail=tail.rstrip()))

    def expect(self, typed: Typed) -> None:
        """A line is being typed."""
        if typed.command:
            typed.echo = Echo(self.prompt, typed.command)
        self.due.append(typed)

    def is_at_end_of(self, typed: Typed, tail: str) -> bool:
        """True when the output of a command may be over, and nothing that was typed is due."""
        return self.current is typed and not self.due and self.at_prompt(tail)

    def whole(self, tail: str) -> Output:
        """The output of the current command up to the unfinished line, which is believed to be a prompt."""
        return self._coming.whole(self._length, tail)

    @property
    def start(self) -> int:
        """Where in the text the output begins that is coming."""
        return self._coming.start

    @property
    def current(self) -> Typed | None:
        """The line whose output is coming."""
        return self._coming.typed

    # lines

    def take(self, finished: str, written: Sequence[tuple[str, str]] = ()) -> None:
        """Finished lines, each with its newline; `written` says how the first ones came about."""
        at = number = 0
        while at < len(finished):
            end = self._start_of_next(finished, at)
            if end - at > MAX_LINE:
                # The usual case for long output: nothing in here tells where it ends.
                self._shown.pass_over(finished[at:end] if self._shown.recent else "")
                self._length += end - at
                number += finished.count("\n", at, end) if written else 0
                at = end
                continue
            line = finished[at : finished.index("\n", at)]
            known = number < len(written) and written[number][0] == line
            self._take_line(line, written[number][1] if known else line)
            self._length += len(line) + 1
            at += len(line) + 1
            number += 1

    def _start_of_next(self, finished: str, at: int) -> int:
        """Where the next line begins that may be of interest."""
        if self.current is None or self._ending is not None or self.due:
            return at
        if self._coming.is_wanted:  # only how it ends tells anything
            last = finished.rfind("\n", at, max(at, len(finished) - _LAST)) + 1 or at
            if not is_log(finished[last : last + MAX_LINE]):  # the prompt may stand before many of them
                at = last
        found = finished.find(self.prompt.needle, at)
        return len(finished) if found < 0 else finished.rfind("\n", at, found) + 1 or at

    def _take_line(self, line: str, drawn: str) -> None:
        if self._ending is not None and self._is_between(line):
            return
        if self._is_echo(line, drawn) or self._is_answer(line):
            return
        if not self._shown.take(line, self._length):
            return
        behind = squeeze(line.removeprefix(self.prompt.text))
        for typed in self.due[1:]:
            if typed.command and typed.seen is None and behind == squeeze(typed.command):
                typed.seen = (self._length, self._length + len(line) + 1)
        if self._has_asked and self._platform.begins_with_pager(line):
            self.pass_pager()

    def pass_pager(self, key: str = " ") -> None:
        """A pager has got an answer: if a question is due, it may have been that."""
        self._coming.strayed |= self._has_asked
        self._keys |= {key.strip()} - {""}

    # what is due

    @property
    def _has_asked(self) -> bool:
        """Whether a question has not been answered yet."""
        return any(not typed.command for typed in self.due)

    def _is_echo(self, line: str, drawn: str) -> bool:
        """True for the echo of the command that is due, and for a part of it."""
        typed = self.due[0] if self.due else None
        if typed is None or typed.echo is None:
            return False
        found = typed.echo.take(line, drawn)
        if found == "part":
            self._part = self._length if self._part is None else self._part
            return True
        start, self._part = self._length if self._part is None else self._part, None
        if found == "echo":
            self._coming.close(start, self.prompt.text, certain=False)
            self._begin(typed, self._length + len(line) + 1)
            del self.due[0]
        return found == "echo"

    def _begin(self, typed: Typed, start: int, *, echoed: bool = True) -> None:
        self._coming = Coming(typed, start, echoed=echoed)
        self._ending = None
        self._shown.begin()

    def _is_answer(self, line: str) -> bool:
        """True for a line with the blanks of a question that is due at its end, and a prompt before them."""
        questions = [typed for typed in self.due if not typed.command]
        if not questions or self.prompt.blanks is False:
            return False
        found = blanks_at_end(line)
        text = line.rstrip(" ")
        question = answered_by(found, questions)
        if question is None:
            if text.endswith(self.prompt.text):
                self._coming.note_short(found, questions)
            return False
        own = " " * max(0, found - question.blanks)
        cut = (self._length, self._length + len(line) + 1)
        if not text:
            # Log messages came between the prompt and our keys, or they were typed into a silence.
            self._coming.cuts.append(cut)
            if self._shown.recent is not None:
                self._ending = Ending(question, (self._shown.recent,), cut)
            return True
        places = []
        if self.prompt.matches(text) or text == question.tail:
            places.append((self._length, text + own))
        if text.endswith(self.prompt.text):
            # The output's last line may have no end of its own.
            places.append((self._length + len(text) - len(self.prompt.text), self.prompt.text + own))
        if places:
            self._ending = Ending(question, tuple(places), (self._length + len(text) + len(own), cut[1]))
        elif text.removeprefix(self.prompt.text).strip() in self._keys:
            self._coming.strayed = True  # an answer to a pager that was none stands in the way
        return bool(places)

    def _is_between(self, line: str) -> bool:
        """What comes behind a possible end: true for a line that tells nothing yet."""
        ending = self._ending
        assert ending is not None
        above = bool(line.strip()) and self._shown.is_context(line)
        if above and len(ending.between) < BETWEEN:
            ending.between.append(line)
            return True
        place = ending.place_of(line, self._is_alive)
        if place is not None:
            self._end(ending, place)
            return False
        if is_log(line):
            return True
        if not line.strip() and len(ending.between) < BETWEEN:
            ending.between.append(line)
            return True
        # It was no prompt: the terminal has shown our keys at once, in the midst of the output.
        self._ending = None
        self._coming.cuts.append(ending.cut)
        ahead = self._behind(ending.question)
        if ahead and squeeze(line) == squeeze(ahead):
            self._coming.cuts.append((self._length, self._length + len(line) + 1))
            return True
        self._shown.pass_over()
        return False

    def _behind(self, question: Typed) -> str:
        """The command that was typed right behind a question."""
        at = self.due.index(question) + 1
        return self.due[at].command if at < len(self.due) else ""

    def _is_alive(self, prompt: str, line: str) -> bool:
        """True for a line that the prompt and our own keys make up, or the prompt and a log message."""
        if self.prompt.comes_as(prompt, line):
            return True
        rest = line.removeprefix(prompt.rstrip())
        assert self._ending is not None
        ahead = squeeze(self._behind(self._ending.question))
        return rest != line and (bool(ahead and squeeze(rest) == ahead) or is_log(rest))

    def _end(self, ending: Ending, place: tuple[int, str]) -> None:
        """The question has shown the end of what was before it; what was due before it has not been taken."""
        at = self.due.index(ending.question)
        for typed in self.due[:at]:
            if not typed.command:
                alone = bool(self._shown.run) and self.prompt.blanks is True
                self._coming.strayed |= alone or self._coming.is_short(typed)
                continue
            seen = typed.seen or (None if self._coming.is_wanted else self._shown.garbled)
            if seen is None:
                self.lost.append(typed)
                continue
            # No question has bounded the output before it, where that line may stand as well.
            doubtful = self._coming.is_wanted
            self._coming.strayed |= doubtful
            self._coming.close(seen[0], self.prompt.text, certain=False)
            self._begin(typed, seen[1], echoed=typed.seen is not None)
            self._coming.strayed |= doubtful
        self._coming.close(*place, ending.between, certain=self.prompt.blanks is not False)
        del self.due[: at + 1]
        self._begin(ending.question, ending.cut[1])
        self.prompt.change(place[1])

    # the unfinished line

    def at_prompt(self, tail: str) -> bool:
        """True when the unfinished line is a prompt, which may yet turn out to be something else."""
        return self.current is not None and self._part is None and self.prompt.matches(tail)

    def look(self, tail: str, *, at_last: bool = False) -> None:
        """Nothing more is at hand: the unfinished line may show an end."""
        ending = self._ending
        if ending is None or not tail or (self.prompt.comes_twice and not ending.between and not at_last):
            return
        place = ending.place_of(tail, self.prompt.comes_as)
        if place is not None:
            self._end(ending, place)

    def settle(self, tail: str, *, at_last: bool) -> None:
        """Nothing has come for long: the end may be believed in spite of doubts.

        `at_last`: it has been asked several times, and never answered as it should.
        """
        if self._ending is not None:
            self.look(tail, at_last=at_last)
        elif self.prompt.blanks is False:
            self._count(tail)

    def _count(self, tail: str) -> None:
        """Where no blanks are shown: the prompt as often as it was asked, and then once more, is the end."""
        questions = list(takewhile(lambda typed: not typed.command, self.due))
        if not questions or not self.at_prompt(tail):
            return
        question = questions[-1]
        run = self._shown.run[-question.times :]
        if len(run) == question.times and same_prompt(run[-1][1], tail):
            self._coming.spare = sum(typed.times for typed in questions[:-1])
            self._end(Ending(question, (), (self._length, self._length), list(self._shown.between)), run[0])

    def has_lost_prompt(self, tail: str) -> bool:
        """In silence: true when a prompt was shown, and a log message or the like came after it."""
        line = tail.rstrip()
        if not line:
            shown = self._shown.recent is not None or self._shown.run or self._ending is not None
            return self.current is not None and bool(shown)
        if len(line) > MAX_LINE:
            return False
        if self.prompt.matches(line) or line.endswith(self.prompt.text):
            return True
        return (
            self.current is not None and self.prompt.needle in line and self._platform.looks_like_prompt(line)
        )
