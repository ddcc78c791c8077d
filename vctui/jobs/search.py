"""Looking for text in stored captures, with the lines around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from vctui.errors import VctuiError
from vctui.jobs.stored import CaptureShelf, StoredCapture

Line = tuple[int, str, bool]
"""(number from 1, text, whether it is what was looked for)"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found in one capture. `problem`: it could not be read."""

    capture: StoredCapture
    blocks: tuple[tuple[Line, ...], ...] = ()
    """Lines that follow one another; between two blocks some are left out."""
    count: int = 0
    """How many lines were found."""
    problem: str | None = None


def search(
    shelf: CaptureShelf,
    captures: Iterable[StoredCapture],
    matches: Callable[[str], bool],
    *,
    context: int = 0,
    limit: int | None = None,
) -> Iterator[Found]:
    """The captures that hold a line which `matches`, or that cannot be read; each once it is searched.

    At most `limit` lines of a capture are given; all are counted.
    """
    for capture in captures:
        try:
            lines = shelf.text(capture).splitlines()
        except VctuiError as error:
            yield Found(capture, problem=str(error))
            continue
        numbers = [number for number, line in enumerate(lines) if matches(line)]
        if numbers:
            yield Found(capture, blocks_of(lines, numbers[:limit], context), len(numbers))


def blocks_of(lines: list[str], numbers: list[int], context: int) -> tuple[tuple[Line, ...], ...]:
    """The lines of these numbers (from 0, ascending) with those around them; what touches is one block."""
    spans: list[list[int]] = []
    for number in numbers:
        first, last = max(0, number - context), min(len(lines), number + context + 1)
        if spans and first <= spans[-1][1]:
            spans[-1][1] = last
        else:
            spans.append([first, last])
    wanted = set(numbers)
    return tuple(
        tuple((number + 1, lines[number], number in wanted) for number in range(first, last))
        for first, last in spans
    )
