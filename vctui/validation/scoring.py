"""How well a template fits an output, as a number from 0 to 100, and from where on it is believed.

Formula
    explained   share of the output's non-space characters that the matched rules account for: a rule's
                mandatory literals count 1 each, a captured character 1 - log2(size of its class) / log2(95):
                .49 for a digit, 0 for `\\S` or `.`, which would match anything. What was captured and is in
                no record, because the next line has overwritten it, does not count.
    header      the same share, of literals in matched rules that capture nothing (column titles, legends):
                another command's output does not have them, so they count once more.
    titles      share of the words in the template's value names that stand in the output, as titles do.
    words       share of the template name's own words (`vpc`, `inventory`) that do.
    columns     share of the characters in lines that were taken apart into four values or more.
    line        what the best-explained line with captures accounts for, of 40 characters.
    kept        share of the characters that stand in the records.
    common      log2 of the number of templates that the platform has in the database, of 8: the larger set
                is the likelier one where two platforms print the same.
    fit         0 to 1: how well the template's name answers the filter (candidates.py).
    content     explained + header
    belief      content + 0.04 titles + 0.02 words + 0.02 columns + 0.06 line
    rank        belief + 0.05 kept + 0.024 common + 0.9 fit, the last in part only while content is below 0.1
    score       100 (1 - exp(-rank / 0.35)); at most 10 where the match is not believed

A match is believed from a belief of 0.048 on, of short outputs from 0.08 on. In an output no longer than a
message (150 characters) it must account for 3.5 of them at least, unless most of its titles stand there: "is"
in a line of three words is chance. There a content under 0.45 must fill a quarter of the template's values,
and one under 0.15 comes with a title or a word of the name.

A template that was asked for by its full name and finds several records, or half of its titles, in a text
that has gaps or figures as no prose has, is believed from 0.02 on. But below 0.1 no other one of its platform
may have a belief of more than twice its own and 0.05: what else an output might be tells one that says little
from one of another command.

Source: the amounts are the information, relative to a printable character, that a match carries about the
text; a template that accepts everything explains nothing. Titles and words are what people call the fields,
and devices print them above their columns. The weights and minimums were set on the outputs that
ntc-templates is tested with. How many records there are and how full they are says little: a wrong template
that matches a few lines fills all its fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from vctui.validation.disturbed import Undisturbed, undisturbed
from vctui.validation.machine import Parsed

MINIMUM = 0.048
"""Below this much belief a match is chance."""
NAMED_MINIMUM = 0.02
"""The same for a template that was asked for by its full name, and that no rival beats ..."""
HALF_OF_TITLES = 0.5
"""... where it finds several records, or so many of its titles, in a text that is not prose."""
FIGURE_LINES, FIGURE_SHARE = 8, 0.7
"""So many lines with figures, and so large a share of all, are no prose either."""
DOUBTFUL = 0.1
"""Below this much belief rivals are looked for."""
RIVAL_FACTOR, RIVAL_LEAD = 2.0, 0.05
"""A rival wins with more than so many times the belief, and so much on top."""
SHORT_MINIMUM = 0.08
SHORT_CHARACTERS = 60
"""The same for outputs of so few characters: there the few that match by chance are a large share."""
TITLE_WEIGHT = 0.04
WORD_WEIGHT = 0.02
COLUMN_WEIGHT = 0.02
MIN_AMOUNT = 3.5
MESSAGE_CHARACTERS = 150
"""In an output no longer than a message a match that accounts for fewer characters is chance as well ..."""
MOST_TITLES = 0.8
"""... unless so many of its titles stand in the output."""
SPARSE, SPARSE_CONTENT = 0.25, 0.45
"""So is one that fills a smaller share of the template's values, unless it has so much content, ..."""
NAMELESS_CONTENT = 0.15
"""... and one with less content where neither a title nor a word of the template's name stands."""
LINE_WEIGHT = 0.06
KEPT_WEIGHT = 0.05
COMMON_WEIGHT = 0.024
FULL_LINE = 40.0
"""One line that accounts for so many characters is as much evidence as a line can give."""
HEAD_CHARACTERS = 20_000
"""Titles and words are looked for in so much of an output."""
FULL_CONTENT = 0.1
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
    """The parts of one match's score, 0 to 1 each."""

    explained: float
    header: float
    columns: float
    titles: float
    words: float
    line: float
    kept: float
    common: float
    fit: float
    lines: float
    """Share of the non-blank lines that some rule matched: shown, not counted."""
    minimum: float = MINIMUM
    """What belief must reach."""
    enough: bool = True
    """It accounts for more than a few characters, or has its titles."""
    beaten: bool = False
    """Another template of the platform fits far better."""

    @property
    def content(self) -> float:
        return self.explained + self.header

    @property
    def belief(self) -> float:
        return (
            self.content
            + TITLE_WEIGHT * self.titles
            + WORD_WEIGHT * self.words
            + COLUMN_WEIGHT * self.columns
            + LINE_WEIGHT * self.line
        )

    @property
    def believed(self) -> bool:
        return self.enough and self.belief >= self.minimum and not self.beaten

    def is_beaten_by(self, rival: Score) -> bool:
        """Whether a match of another template leaves no doubt that this one is chance."""
        return rival.belief > RIVAL_FACTOR * self.belief + RIVAL_LEAD

    @property
    def rank(self) -> float:
        """What matches are compared by."""
        named = NAME_WEIGHT * self.fit * min(1.0, self.content / FULL_CONTENT)
        return self.belief + KEPT_WEIGHT * self.kept + COMMON_WEIGHT * self.common + named

    @property
    def points(self) -> float:
        """0 to 100."""
        if not self.believed:
            return round(min(10.0, 10 * self.belief / self.minimum), 1)
        return round(100 * (1 - math.exp(-self.rank / SCALE)), 1)

    @property
    def parts(self) -> dict[str, float]:
        named = {
            "explained": self.explained,
            "header": self.header,
            "columns": self.columns,
            "titles": self.titles,
            "words": self.words,
            "line": self.line,
            "kept": self.kept,
            "common": self.common,
            "fit": self.fit,
            "lines": self.lines,
        }
        return {name: round(value, 4) for name, value in named.items()}


class Subject:
    """One output, with what is counted once and asked for every template."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.splitlines()
        self.characters = sum(map(len, text.split())) or 1
        self.filled_lines = sum(1 for line in self.lines if line.strip()) or 1
        self.words_in = text[:HEAD_CHARACTERS].lower()
        self.minimum = SHORT_MINIMUM if self.characters <= SHORT_CHARACTERS else MINIMUM

    def beginning(self, characters: int) -> Subject:
        """The first whole lines of the output, about so many characters of them."""
        end = self.text.rfind("\n", 0, characters) + 1
        return Subject(self.text[: end or characters])

    @cached_property
    def undisturbed(self) -> Undisturbed | None:
        """The lines without log messages in between, if there are any."""
        return undisturbed(self.lines)

    @property
    def is_prose(self) -> bool:
        """Whether no words are set apart as columns are, and figures stand in few lines."""
        if _GAP.search(self.text):
            return False
        figures = sum(1 for line in self.lines if _DIGIT.search(line))
        return figures < max(FIGURE_LINES, FIGURE_SHARE * self.filled_lines)

    @property
    def is_a_name(self) -> bool:
        """Whether the output is one word that looks like a host's name: all that `show hostname` prints."""
        return self.filled_lines == 1 and bool(_HOST_NAME.fullmatch(self.text.strip()))


def score(parsed: Parsed, subject: Subject, name: str, fit: float, common: float = 0.0) -> Score:
    """Measure one match of the template called `name`; `fit` and `common` are 0 to 1."""
    head = subject.words_in
    titles, words = _title_words(tuple(parsed.header)), _name_words(name)
    whole = subject.is_a_name and len(parsed.header) == len(parsed.rows) == parsed.lines == 1
    named = whole and fit == 1.0
    found = sum(word in head for word in titles) / max(1, len(titles))
    known = sum(word in head for word in words) / max(1, len(words))
    return Score(
        explained=min(1.0, parsed.explained / subject.characters),
        header=min(1.0, parsed.fixed / subject.characters),
        columns=min(1.0, parsed.columns / subject.characters),
        titles=found,
        words=known,
        line=min(1.0, parsed.evidence / FULL_LINE),
        kept=min(1.0, parsed.kept / subject.characters),
        common=common,
        fit=fit,
        lines=min(1.0, parsed.lines / subject.filled_lines),
        minimum=0.0 if named else subject.minimum,
        enough=named
        or subject.characters > MESSAGE_CHARACTERS
        or _is_enough(parsed, subject.characters, found, known),
    )


def _is_enough(parsed: Parsed, characters: int, titles: float, words: float) -> bool:
    """Whether a match in an output no longer than a message is more than chance."""
    if parsed.explained < MIN_AMOUNT and titles < MOST_TITLES:
        return False
    content = (parsed.explained + parsed.fixed) / characters
    cells = [bool(value) for row in parsed.rows for value in row]
    if content < SPARSE_CONTENT and sum(cells) < SPARSE * len(cells):
        return False
    return bool(titles or words) or content >= NAMELESS_CONTENT


@lru_cache(maxsize=20_000)
def _title_words(header: tuple[str, ...]) -> tuple[str, ...]:
    words = {word for name in header for word in name.lower().split("_") if len(word) > 2}
    return tuple(sorted(words))


@lru_cache(maxsize=20_000)
def _name_words(name: str) -> tuple[str, ...]:
    words = {word.rstrip("s") for word in re.split(r"[_:.-]", name.lower()) if len(word) > 2}
    return tuple(sorted(words - _COMMON_WORDS))


_HOST_NAME = re.compile(r"(?=.*[\d.-])(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]")
_DIGIT = re.compile(r"\d")
_GAP = re.compile(r"\S(?: {2}|\t)\s*\S")
_COMMON_WORDS = {
    "all",
    "arista",
    "brief",
    "cfg",
    "cisco",
    "detail",
    "display",
    "eo",
    "get",
    "huawei",
    "info",
    "io",
    "juniper",
    "juno",
    "nxo",
    "paging",
    "print",
    "show",
    "terse",
    "without",
}
"""Words of templates' names that say nothing about what an output is."""
