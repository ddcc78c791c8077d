"""Which templates a filter means, and how well each one's name answers it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vctui.validation.index import IndexRow, find_template, merged_rows, plain_platforms, platform_of
from vctui.validation.templates import Template

MANY_BITS = 8.0
"""log2 of the number of templates from which on a platform is as common as can be."""
EXACT, SUFFIX, CONTIGUOUS, TOKENS, PART = 1.0, 2 / 3, 0.5, 1 / 3, 1 / 6
"""How well a name answers a filter: is it, ends with it, has its words in order, in any order, in parts."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One template to try, or several whose records are merged."""

    templates: tuple[Template, ...]
    fit: float
    common: float = 0.0
    """How many templates its platform has, 0 to 1 on a logarithmic scale."""

    @property
    def name(self) -> str:
        return ":".join(template.name for template in self.templates)


def words(name: str) -> list[str]:
    """The words of a name or a filter; `-`, `_` and blanks all part them, and none is too short."""
    return name.lower().replace("-", "_").replace(" ", "_").removesuffix(".textfsm").strip("_").split("_")


def name_fit(name: str, wanted: list[str]) -> float:
    """0 if a word of the filter is nowhere in the name, else one of the steps above."""
    have = words(name)
    if have == wanted:
        return EXACT
    size = len(wanted)
    if have[-size:] == wanted:
        return SUFFIX
    if any(have[i : i + size] == wanted for i in range(len(have) - size + 1)):
        return CONTIGUOUS
    if set(wanted) <= set(have):
        return TOKENS
    joined = "_".join(have)
    return PART if all(word in joined for word in wanted) else 0.0


class Candidates:
    """The candidates in one set of templates; remembers its answers: a run asks the same for every device."""

    def __init__(self, templates: Mapping[str, tuple[Template, ...]], rows: Iterable[IndexRow]) -> None:
        self._templates = templates
        self._rows = tuple(rows)
        self._merged = merged_rows(self._rows)
        known = plain_platforms(self._rows)
        self._platforms = {name: platform_of(name, known) for name in templates}
        self._crowd = Counter(self._platforms.values())
        self._answers: dict[str | None, tuple[Candidate, ...]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is no template at all."""
        return not self._templates

    def find(self, filter_str: str | None) -> tuple[Candidate, ...]:
        """Best fit first. A full template name (or `a:b`) stands alone; None or "" means every template."""
        key = (filter_str or "").strip().lower() or None
        if key not in self._answers:
            self._answers[key] = self._find(key)
        return self._answers[key]

    def rivals(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """The other templates of the same platform."""
        own = {template.name.lower() for template in candidate.templates}
        platform = self._platforms.get(candidate.templates[0].name.lower())
        return tuple(
            self._candidate((template,), 0.0)
            for name, found in self._templates.items()
            if self._platforms[name] == platform and name not in own
            for template in found
        )

    def _candidate(self, templates: tuple[Template, ...], fit: float) -> Candidate:
        crowd = self._crowd[self._platforms.get(templates[0].name.lower(), "")]
        return Candidate(templates, fit, min(1.0, math.log2(crowd) / MANY_BITS) if crowd else 0.0)

    def _find(self, key: str | None) -> tuple[Candidate, ...]:
        if key is None:
            alone = (self._candidate((t,), 0.0) for found in self._templates.values() for t in found)
            merged = (self._merge(names, 0.0) for names in self._merged.values() if self._has(names))
            return (*alone, *merged)
        exact = self._named(key)
        if exact:
            return exact
        wanted = words(key)
        found = [
            candidate
            for name in self._templates
            if (fit := name_fit(name, wanted))
            for candidate in self._of(name, fit)
        ]
        found += self._by_command(wanted)
        return tuple(sorted(found, key=lambda candidate: -candidate.fit))

    def _named(self, key: str) -> tuple[Candidate, ...]:
        names = tuple(name.strip().removesuffix(".textfsm") for name in key.split(":"))
        if len(names) > 1:
            return (self._merge(names, EXACT),) if self._has(names) else ()
        return tuple(self._of(names[0], EXACT)) if names[0] in self._templates else ()

    def _of(self, name: str, fit: float) -> list[Candidate]:
        """The templates of one name, and the merged ones that the index gives for the same command."""
        found = [self._candidate((template,), fit) for template in self._templates[name]]
        names = self._merged.get(name)
        return [self._merge(names, fit), *found] if names and self._has(names) else found

    def _by_command(self, wanted: list[str]) -> list[Candidate]:
        """A filter that spells a platform and a command (`cisco_xe_sh_ver`), as the index understands it."""
        for split in range(1, min(4, len(wanted))):
            platform, command = "_".join(wanted[:split]), " ".join(wanted[split:])
            name = find_template(platform, command, self._templates, self._rows)
            if name:
                names = tuple(part.lower() for part in name.split(":"))
                return [self._merge(names, EXACT)]
        return []

    def _has(self, names: Iterable[str]) -> bool:
        return all(name in self._templates for name in names)

    def _merge(self, names: Iterable[str], fit: float) -> Candidate:
        return self._candidate(tuple(self._templates[name][0] for name in names), fit)
