"""Lines that were typed on a device: plain data for those who look for them in what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from vctui.ssh.echo import Echo

BETWEEN = 3
"""Lines which may stand between a prompt and its repetition: blank ones, and what is shown above a prompt."""
SLACK = 2
"""Blanks that a device may set behind its prompt by itself."""
BLANKS = (7, 10, 13, 16, 19, 22)
"""How many blanks a question has. They are further apart than the blanks of a device."""
TIMES = (3, 4, 5)
"""How often an empty line is typed at a device that shows no blanks."""


@dataclass(slots=True, eq=False)
class Typed:
    """A line that was typed: a command, or a question of some blanks."""

    command: str = ""
    kept: bool = True
    """Whether anybody wants its output."""
    blanks: int = 0
    times: int = 1
    """How many lines a question has: several, where the device shows none of the blanks."""
    tail: str = ""
    """What a question was typed behind."""
    echo: Echo | None = None
    seen: tuple[int, int] | None = None
    """Where a line stands that looks like the echo, though something else is due before: start and end."""
    output: Output | None = None
    """Of a command, once it is known where it ends."""


@dataclass(slots=True)
class Output:
    """Where the output of a command stands in the text."""

    start: int
    end: int
    prompt: str
    """The one behind it as the device writes it, blanks included."""
    context: tuple[str, ...] = ()
    """Lines that the device shows above its prompt: they stand at the end of the output, too."""
    echoed: bool = True
    certain: bool = True
    cuts: tuple[tuple[int, int], ...] = ()
    """Places where the terminal has shown our own keys in the midst of the output."""
    strayed: bool = False
    """A pager took our question for its answer."""
    spare: int = 0
    """How many prompts may stand at its end for questions that log messages came between."""


@dataclass(slots=True)
class Ending:
    """What may be the end of an output: a prompt that has been asked, and what has come since."""

    question: Typed
    places: tuple[tuple[int, str], ...]
    """Where the prompt begins, and what it is: all of a line, or what stands behind an unfinished one."""
    cut: tuple[int, int]
    """Where our own keys stand."""
    between: list[str] = field(default_factory=list)

    def place_of(self, line: str, fits: Callable[[str, str], bool]) -> tuple[int, str] | None:
        """The place whose prompt that line shows; the one that is the same before one that only looks so."""
        shown = line.rstrip()
        same = next((place for place in self.places if place[1].rstrip() == shown), None)
        return same or next((place for place in self.places if fits(place[1], line)), None)


def pair_up(finished: str, drawn: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each finished line, and all that was written into it: `drawn` has that for the first ones."""
    at = number = 0
    while (end := finished.find("\n", at)) >= 0:
        line = finished[at:end]
        known = number < len(drawn) and drawn[number][0] == line
        yield line, drawn[number][1] if known else line
        at, number = end + 1, number + 1


def answered_by(blanks: int, questions: Sequence[Typed]) -> Typed | None:
    """The question that is shown with so many blanks."""
    return next((q for q in questions if q.blanks and 0 <= blanks - q.blanks <= SLACK), None)


def cut_short(blanks: int, questions: Sequence[Typed]) -> Typed | None:
    """The question that may be shown with fewer blanks than it had: a pager took some for its answer."""
    return next((q for q in questions if q.blanks > blanks > SLACK), None)


def blanks_at_end(line: str) -> int:
    return len(line) - len(line.rstrip(" "))
