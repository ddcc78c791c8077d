"""What was typed and what came back, line by line, in order. Pure rules; no input or output happens here.

A device works through what is typed in the order in which it was typed, and shows each line behind its
prompt. So the output of a command ends where the next line that was typed is shown. Where the unfinished line
looks like the prompt, that next line is a question: some blanks, each time another number of them. The prompt
with as many blanks behind it, and then the prompt once more, is the end: no output can know the number. Text
that only looks like the prompt, in a description, a banner or a packet that ends in the wrong place, goes on.

Some devices echo no blanks. There the prompt has to come twice, and when lines of the output look like
prompts themselves, a short silence has to follow as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from vctui.ssh.echo import Echo, is_log, squeeze
from vctui.ssh.prompts import Prompt, same_prompt
from vctui.ssh.rules import MAX_LINE, Platform
from vctui.ssh.shown import ShownPrompts
from vctui.ssh.typed import BETWEEN, Ending, Output, Typed, answered_by, blanks_at_end, pair_up, size_of


class Dialogue:
    """Follows one session, from its first prompt on."""

    def __init__(self, prompt: Prompt, platform: Platform, due: Sequence[Typed] = (), at: int = 0) -> None:
        self.prompt = prompt
        self._platform = platform
        self.due: list[Typed] = []
        """What has been typed and was not shown yet."""
        for typed in due:
            self.expect(typed)
        self.current: Typed | None = None
        """The line whose output is coming."""
        self.lost: list[Typed] = []
        """Commands that the device has not taken."""
        self._length = at
        self._start = at
        self._part: int | None = None  # where an echo begins that is not complete
        self._echoed = False
        self._ending: Ending | None = None
        self._cuts: list[tuple[int, int]] = []
        self._strayed = False
        self._keys: set[str] = set()  # answers to pagers that a prompt would take for a command
        self._shown = ShownPrompts(prompt, platform)

    # typing

    def type_command(self, command: str, *, kept: bool = True) -> Typed:
        """A command is being typed."""
        typed = Typed(command, kept)
        self.expect(typed)
        return typed

    def type_question(self, blanks: int, tail: str) -> Typed:
        """A question is being typed behind the unfinished line."""
        typed = Typed(blanks=blanks, tail=tail.rstrip())
        self.expect(typed)
        return typed

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
        return Output(self._start, self._length, tail, (), self._echoed, certain=False)

    @property
    def start(self) -> int:
        """Where in the text the output begins that is coming."""
        return self._start

    # lines

    def take(self, finished: str, written: Sequence[tuple[str, str]] = ()) -> None:
        """Finished lines, each with its newline; `written` says how the first ones came about."""
        at, lines = 0, pair_up(finished, written)
        while at < len(finished):
            end = self._start_of_next(finished, at)
            if end - at > MAX_LINE:
                # The usual case for long output: nothing in here can be a prompt.
                passed = finished[at:end]
                self._shown.pass_over()
                self._length += size_of(passed)
                lines = pair_up(finished[end:], written[passed.count("\n") :])
                at = end
                continue
            line, drawn = next(lines)
            self._take_line(line, drawn)
            self._length += size_of(line) + 1
            at += len(line) + 1

    def _start_of_next(self, finished: str, at: int) -> int:
        """Where the next line begins that may be of interest."""
        if self.current is None or self._ending is not None or self.due:
            return at
        found = finished.find(self.prompt.needle, at)
        return len(finished) if found < 0 else finished.rfind("\n", at, found) + 1 or at

    def _take_line(self, line: str, drawn: str) -> None:
        if self._ending is not None and self._is_between(line):
            return
        if self._is_echo(line, drawn) or self._is_answer(line):
            return
        if not self._shown.take(line, self._length, asked=bool(self.due)):
            return
        behind = squeeze(line.removeprefix(self.prompt.text))
        for typed in self.due[1:]:
            if typed.command and typed.seen is None and behind == squeeze(typed.command):
                typed.seen = (self._length, self._length + size_of(line) + 1)
        if self._has_asked and self._platform.begins_with_pager(line):
            self.pass_pager()

    def pass_pager(self, key: str = " ") -> None:
        """A pager has got an answer: if a question is due, it may have been that."""
        self._strayed |= self._has_asked
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
            self._close(start, self.prompt.text, certain=False)
            self._begin(typed, self._length + size_of(line) + 1)
            del self.due[0]
        return found == "echo"

    def _begin(self, typed: Typed, start: int, *, echoed: bool = True) -> None:
        self.current = typed
        self._start = start
        self._echoed = echoed
        self._ending = None
        self._cuts = []
        self._strayed = False
        self._shown.begin()

    def _close(self, end: int, prompt: str, context: Sequence[str] = (), *, certain: bool) -> None:
        """The output of the current command ends here."""
        if self.current is not None and self.current.command:
            cuts = tuple(cut for cut in self._cuts if cut[1] <= end)
            self.current.output = Output(
                self._start, end, prompt, tuple(context), self._echoed, certain, cuts, self._strayed
            )

    def _is_answer(self, line: str) -> bool:
        """True for a line with the blanks of a question that is due at its end, and a prompt before them."""
        questions = [typed for typed in self.due if not typed.command]
        if not questions:
            return False
        found = blanks_at_end(line)
        text = line.rstrip(" ")
        if self.prompt.blanks is False:
            first = self.due[0] if self.prompt.matches(line) else None
            question, own = (first if first in questions else None), " " * found
        else:
            question = answered_by(found, questions)
            own = " " * max(0, found - question.blanks) if question is not None else ""
        if question is None:
            return False
        cut = (self._length, self._length + size_of(line) + 1)
        if not text:
            # Log messages came between the prompt and our keys, or they were typed into a silence.
            self._cuts.append(cut)
            if self._shown.recent is not None:
                self._ending = Ending(question, (self._shown.recent,), cut)
            return True
        places = []
        if self.prompt.matches(text) or text == question.tail:
            places.append((self._length, text + own))
        if text.endswith(self.prompt.text):
            # The output's last line may have no end of its own.
            places.append((self._length + size_of(text) - size_of(self.prompt.text), self.prompt.text + own))
        if places:
            self._ending = Ending(question, tuple(places), (self._length + size_of(text) + len(own), cut[1]))
        elif text.removeprefix(self.prompt.text).strip() in self._keys:
            self._strayed = True  # an answer to a pager that was none stands in the way
        return bool(places)

    def _is_between(self, line: str) -> bool:
        """What comes behind a possible end: true for a line that tells nothing yet."""
        ending = self._ending
        assert ending is not None
        weak = self.prompt.blanks is False
        above = bool(line.strip()) and self._shown.is_context(line)
        if above and len(ending.between) < BETWEEN:
            ending.between.append(line)
            return True
        for place in ending.places:
            if self._is_alive(line, place[1]) and not (weak and self._shown.doubtful):
                self._end(ending, place)
                return False
        if is_log(line):
            return True
        if not line.strip() and len(ending.between) < BETWEEN:
            ending.between.append(line)
            return True
        # It was no prompt: the terminal has shown our keys at once, in the midst of the output.
        self._ending = None
        self._shown.doubtful = True
        if not weak:
            self._cuts.append(ending.cut)
        ahead = self._behind(ending.question)
        if ahead and squeeze(line) == squeeze(ahead):
            self._cuts.append((self._length, self._length + size_of(line) + 1))
            return True
        self._shown.pass_over()
        return False

    def _behind(self, question: Typed) -> str:
        """The command that was typed right behind a question."""
        at = self.due.index(question) + 1
        return self.due[at].command if at < len(self.due) else ""

    def _is_alive(self, line: str, prompt: str) -> bool:
        """True for a line that the prompt and our own keys make up, or the prompt and a log message."""
        if self._again(line, prompt):
            return True
        rest = line.removeprefix(prompt.rstrip())
        assert self._ending is not None
        ahead = squeeze(self._behind(self._ending.question))
        return rest != line and (bool(ahead and squeeze(rest) == ahead) or is_log(rest))

    def _again(self, line: str, prompt: str) -> bool:
        """True for the same prompt once more, or one of its shapes."""
        matches = self.prompt.matches
        return line.rstrip() == prompt.rstrip() or (matches(line) and matches(prompt))

    def _end(self, ending: Ending, place: tuple[int, str]) -> None:
        """The question has shown the end of what was before it; what was due before it has not been taken."""
        at = self.due.index(ending.question)
        for typed in self.due[:at]:
            if not typed.command:
                continue
            kept = self.current is not None and self.current.kept
            seen = typed.seen or (None if kept else self._shown.garbled)
            if seen is None:
                self.lost.append(typed)
                continue
            self._close(seen[0], self.prompt.text, certain=False)
            self._begin(typed, seen[1], echoed=typed.seen is not None)
        self._close(*place, ending.between, certain=self.prompt.blanks is not False)
        del self.due[: at + 1]
        self._begin(ending.question, ending.cut[1])
        self.prompt.change(place[1])

    # the unfinished line

    def at_prompt(self, tail: str) -> bool:
        """True when the unfinished line is a prompt, which may yet turn out to be something else."""
        return self.current is not None and self._part is None and self.prompt.matches(tail)

    def look(self, tail: str) -> None:
        """Nothing more is at hand: the unfinished line may show an end."""
        ending = self._ending
        if ending is None or not tail or (self.prompt.blanks is False and self._shown.doubtful):
            return
        self._look(ending, tail)

    def _look(self, ending: Ending, tail: str, *, at_last: bool = False) -> None:
        if self.prompt.comes_twice and not ending.between and not at_last:
            return
        for place in ending.places:
            if self._again(tail, place[1]):
                self._end(ending, place)
                return

    def settle(self, tail: str, *, at_last: bool) -> None:
        """Nothing has come for long: a prompt that came twice is the end, in spite of doubts.

        `at_last`: it has been asked several times, and never answered as it should.
        """
        if self._ending is not None:
            self._look(self._ending, tail, at_last=at_last)
            return
        question = next((typed for typed in self.due if not typed.command), None)
        sure = self.prompt.blanks is not True or at_last
        if question is None or not sure or not self.at_prompt(tail) or not self._shown.run:
            return
        if same_prompt(self._shown.run[-1][1], tail):
            self.prompt.blanks = False
            end = self._length
            self._ending = Ending(question, (self._shown.run[-1],), (end, end), list(self._shown.between))
            self._look(self._ending, tail)

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
