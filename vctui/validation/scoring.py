"""How well a template fits an output, as a number from 0 to 100, and from where on it is believed.

Formula
    explained   share of the output's non-space characters that the matched rules account for: a rule's
                mandatory literals count 1 each, a captured character 1 - log2(size of its class) / log2(95):
                .49 for a digit, 0 for `\\S` or `.`, which would match anything.
    header      the same share, of literals in matched rules that capture nothing (column titles, legends):
                another command's output does not have them, so they count once more.
    columns     share of the characters in lines that were taken apart into four columns or more.
    fit         0 to 1: how well the template's name answers the filter (candidates.py).
    content     explained + header + 0.05 columns
    rank        content + 0.9 fit, the latter in part only while content is below FULL_BELIEF
    score       100 (1 - exp(-rank / 0.35)); at most 10 where content is below its minimum: not believed

Source: the amounts are the information, relative to a printable character, that a match carries about the
text; a template that accepts everything explains nothing. The weights and minimums were set on the outputs
that ntc-templates is tested with. How many records there are and how full they are says little: a wrong
template that matches a few lines fills all its fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vctui.validation.machine import Parsed

MINIMUM = 0.02
"""Below this much of explained + header a match is chance: not accepted, whatever the name says."""
COLUMN_WEIGHT = 0.05
SHORT_MINIMUM = 0.1
SHORT_CHARACTERS = 60
"""The same for outputs of so few characters: there the few that match by chance are a large share."""
FULL_BELIEF = 0.1
"""From this much content on the name counts in full: it must not make up for what the content lacks."""
NAME_WEIGHT = 0.9
SCALE = 0.35


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What validation says about one output.

    `score` is 0 to 100. `template` is the one that was used, or of the refused ones the best-named (`a:b`:
    merged). `reason` says in one line why an output is not valid; it begins with `empty table` where the
    template knew the header but no row followed, as a device says "there is none". `parts` are the score's
    parts, 0 to 1 each.
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
    columns: float
    fit: float
    lines: float
    """Share of the non-blank lines that some rule matched: shown, not counted."""
    minimum: float = MINIMUM
    """What content must reach to be believed."""

    @property
    def content(self) -> float:
        return self.explained + self.header + COLUMN_WEIGHT * self.columns

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
        named = {
            "explained": self.explained,
            "header": self.header,
            "columns": self.columns,
            "fit": self.fit,
            "lines": self.lines,
        }
        return {name: round(value, 4) for name, value in named.items()}


def score(parsed: Parsed, text: str, fit: float) -> Score:
    """Measure one match; `fit` is 0 to 1."""
    words = text.split()
    characters = sum(map(len, words)) or 1
    lines = sum(1 for line in text.splitlines() if line.strip()) or 1
    return Score(
        explained=min(1.0, parsed.explained / characters),
        header=min(1.0, parsed.fixed / characters),
        columns=min(1.0, parsed.columns / characters),
        fit=fit,
        lines=min(1.0, parsed.lines / lines),
        minimum=SHORT_MINIMUM if characters <= SHORT_CHARACTERS else MINIMUM,
    )
