"""How well a template fits an output, as a number from 0 to 100, and from where on it is believed.

Formula
    explained   share of the output's non-space characters that the matched rules account for: a rule's mandatory
                literals count 1 each, a captured character counts 1 - log2(size of its class) / log2(95): .49 for a
                digit, 0 for `\\S` or `.`, which would match anything.
    header      the same share, of literals in matched rules that capture nothing (column titles, legends): no other
                command's output has them, so they count once more.
    fit         0 to 1: how well the template's name answers the filter (see candidates.py).
    rank        explained + header + 0.3 x 3 x fit
    score       100 x (1 - exp(-rank / SCALE)), and 0 where nothing is believed

Source: the amounts are the information (in bits, relative to a printable character) that a match carries about the
text; a template that accepts everything explains nothing. The weight of the name and MINIMUM were set on the outputs
that ntc-templates is tested with. Population of the records and their number say little: a wrong template that
matches a few lines fills all its fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vctui.validation.machine import Parsed

MINIMUM = 0.02
"""Below this much of explained + header a match is chance: not accepted, whatever the name says."""
SHORT_MINIMUM = 0.1
SHORT_CHARACTERS = 60
"""The same for outputs of so few characters: there the few that match by chance are a large share."""
FULL_BELIEF = 0.1
"""From this much on the name counts in full; before, a name must not make up for what the content does not say."""
NAME_WEIGHT = 0.9
SCALE = 0.35


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What validation says about one output.

    `score` is 0 to 100. `template` is the one that was used, or of the refused ones the best-named (`a:b`: merged).
    `reason` says in one line why an output is not valid; it begins with `empty table` where the template knew the
    header but no row followed, as a device says "there is none". `parts` are the score's parts, 0 to 1 each.
    """

    template: str | None = None
    score: float = 0.0
    record_count: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    is_valid: bool = False
    reason: str | None = None
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """The parts of one match's score."""

    explained: float
    header: float
    fit: float
    lines: float
    """Share of the non-blank lines that some rule matched: shown, not counted."""
    minimum: float = MINIMUM
    """What content must reach to be believed."""

    @property
    def content(self) -> float:
        return self.explained + self.header

    @property
    def believed(self) -> bool:
        return self.content >= self.minimum

    @property
    def rank(self) -> float:
        """What matches are compared by."""
        return self.content + NAME_WEIGHT * self.fit * min(1.0, self.content / FULL_BELIEF)

    @property
    def points(self) -> float:
        """0 to 100."""
        if not self.believed:
            return round(10 * self.content / self.minimum, 1)
        return round(100 * (1 - math.exp(-self.rank / SCALE)), 1)

    @property
    def parts(self) -> dict[str, float]:
        named = {"explained": self.explained, "header": self.header, "fit": self.fit, "lines": self.lines}
        return {name: round(value, 4) for name, value in named.items()}


def score(parsed: Parsed, text: str, fit: float) -> Score:
    """Measure one match; `fit` is 0 to 1."""
    words = text.split()
    characters = sum(map(len, words)) or 1
    lines = sum(1 for line in text.splitlines() if line.strip()) or 1
    return Score(
        explained=min(1.0, parsed.explained / characters),
        header=min(1.0, parsed.fixed / characters),
        fit=fit,
        lines=min(1.0, parsed.lines / lines),
        minimum=SHORT_MINIMUM if characters <= SHORT_CHARACTERS else MINIMUM,
    )
