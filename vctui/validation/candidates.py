"""Which templates a filter means, and how well each one's name answers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vctui.validation.index import IndexRow, find_template, merged_rows
from vctui.validation.templates import Template

EXACT, SUFFIX, CONTIGUOUS, TOKENS, PART = 1.0, 2 / 3, 0.5, 1 / 3, 1 / 6
"""How well a name answers a filter: is it, ends with it, has its words in order, in any order, in parts."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One template to try, or several whose records are merged."""

    templates: tuple[Template, ...]
    fit: float

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
        self._answers: dict[str | None, tuple[Candidate, ...]] = {}

    def find(self, filter_str: str | None) -> tuple[Candidate, ...]:
        """Best fit first. A full template name (or `a:b`) stands alone; None or "" means every template."""
        key = (filter_str or "").strip().lower() or None
        if key not in self._answers:
            self._answers[key] = self._find(key)
        return self._answers[key]

    def _find(self, key: str | None) -> tuple[Candidate, ...]:
        if key is None:
            return tuple(Candidate((t,), 0.0) for found in self._templates.values() for t in found) + tuple(
                self._merge(names, 0.0) for names in self._merged.values() if self._has(names)
            )
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
        found = [Candidate((template,), fit) for template in self._templates[name]]
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
        return Candidate(tuple(self._templates[name][0] for name in names), fit)
