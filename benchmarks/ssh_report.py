"""The results as two tables in Markdown: each target with what was measured, and the clients side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.ssh_measure import Measured, reached
from benchmarks.ssh_rows import FIGURES, Figure, Row

Results = Sequence[tuple[Row, Mapping[str, Measured]]]
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
_COMPARED: tuple[Figure, ...] = ("rate", "p50", "cpu", "MB/s", "CPU ms/MB", "seconds", "lag max")


def shown(value: float | None) -> str:
    """A figure with as many digits as mean something."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 10 else f"{value:.1f}"


def report(machine: Mapping[str, object], results: Results) -> str:
    """Both tables, and what they were measured on."""
    lines = ["Measured with `python -m benchmarks.ssh`: " + ", ".join(f"{k} {v}" for k, v in machine.items())]
    lines += ["", "| work | figure | target | measured | |", "|---|---|---|---|---|"]
    for row, found in results:
        for goal in row.goals:
            value = reached(goal, dict(found))
            mark = "not measured" if value is None else "ok" if goal.is_met(value) else "**missed**"
            lines.append(f"| {row.title} | {goal.text} | {goal.bound} | {shown(value)} | {mark} |")
    heads = " | ".join(FIGURES[figure] for figure in _COMPARED)
    lines += ["", f"| work | client | {heads} | failed |", "|---|---|" + "---|" * (len(_COMPARED) + 1)]
    for row, found in results:
        for name, measured in found.items():
            figures = " | ".join(
                shown(measured.value(figure)) if figure in row.columns else "" for figure in _COMPARED
            )
            lines.append(f"| {row.name} | {name} | {figures} | {shown(measured.value('failed'))} |")
    return "\n".join(lines) + "\n"


def put_into(file: Path, text: str) -> None:
    """Replace what stands between the two marks in a file. Raises ValueError where there are none."""
    whole = file.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{file} has no {_BEGIN} and {_END}")
    file.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")
