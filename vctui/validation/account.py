"""What a generated parser keeps account of: how much of an output the rules that matched explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MIN_COLUMNS = 4
"""So many values in one line make it a row of a table."""


@dataclass(frozen=True, slots=True)
class RuleWeight:
    """What a match of one rule accounts for."""

    literals: int
    captures: Mapping[str, float]
    """Value name → how narrow its class is, 0 to 1."""


@dataclass(slots=True)
class LocalValue:
    """One value of the template and the names of its local variables."""

    name: str
    index: int
    options: list[str]
    nested: Any
    """The compiled regex of a List whose items are dicts, else None."""

    @property
    def now(self) -> str:
        return f"v{self.index}"

    @property
    def kept(self) -> str:
        return f"f{self.index}"

    @property
    def items(self) -> str:
        return f"l{self.index}"


def account(
    weight: RuleWeight, values: Sequence[LocalValue], groups: Mapping[str, int], joined: bool
) -> list[tuple[int, str]]:
    """Source lines, each with its depth, that add what a match of this rule accounts for.

    Where several rules may match one line (`joined`), that is settled when the next line comes.
    """
    lines: list[tuple[int, str]] = []
    if not values and not weight.literals:
        return lines
    narrow = [
        (value.now, groups[value.name], share)
        for value in values
        if (share := weight.captures[value.name]) > 0
    ]
    if joined:
        lines.append((0, "before = line"))
        if weight.literals:
            lines += [(0, f"if literals < {weight.literals}:"), (1, f"literals = {weight.literals}")]
            if not values:
                lines += [(0, f"if header < {weight.literals}:"), (1, f"header = {weight.literals}")]
        for now, group, share in narrow:
            lines += [(0, f"if {now}:"), (1, f"captured[m.span({group})] = {share:.4g}")]
    elif values:
        amounts = [str(weight.literals), *(f"{share:.4g} * len({now} or '')" for now, _, share in narrow)]
        lines += [
            (0, "hits += 1"),
            (0, f"amount = {' + '.join(amounts)}"),
            (0, "explained += amount"),
            (0, f"taken += amount - {weight.literals}" if weight.literals else "taken += amount"),
            (0, "if amount > evidence:"),
            (1, "evidence = amount"),
        ]
    else:
        lines += [
            (0, "hits += 1"),
            (0, f"explained += {weight.literals}"),
            (0, f"fixed += {weight.literals}"),
        ]
    if len(values) >= MIN_COLUMNS:
        lines += [(0, "if '  ' in line.strip():"), (1, "columns += len(line) - line.count(' ')")]
    return lines


def settle() -> list[tuple[int, str]]:
    """Source lines that add up the line before this one, of which several rules may have taken parts."""
    return [
        (0, "if before:"),
        (1, "amount = literals"),
        (1, "for (first, last), share in captured.items():"),
        (2, "amount += (last - first) * share"),
        (1, "room = len(before) - before.count(' ')"),
        (1, "amount = amount if amount < room else room"),
        (1, "explained += amount"),
        (1, "taken += amount - literals if amount > literals else 0"),
        (1, "if captured and amount > evidence:"),
        (2, "evidence = amount"),
        (1, "fixed += header"),
        (1, "hits += 1"),
        (1, "before = ''"),
        (1, "literals = header = 0"),
        (1, "if captured:"),
        (2, "captured = {}"),
    ]
