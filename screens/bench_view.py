"""How the template bench looks: the verdict, the candidates, the parts of a score, the draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from screens.widgets.rows import Cells, Column
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.jobs import Specimen
    from vctui.validation import Report, Tried

SECTIONS = ("candidates", "records", "template", "output")
COLUMNS = (
    Column("Score", 5, align="right"),
    Column("Template", 34, flex=3),
    Column("Records", 7, align="right"),
    Column("Expl.", 5, align="right", optional=2),
    Column("Header", 6, align="right", optional=3),
    Column("Source", 13, optional=1),
)
NEW = """\
Value Required NAME (\\S+)
Value NUMBER (\\d+)

Start
  ^${NAME}\\s+${NUMBER}\\s*$$ -> Record
"""
"""What a new template begins with."""
_SHOWN_PROBLEMS = 3


def wider(specimen: Specimen, current: str) -> str:
    """From the template's name to the command's words, to its last word, to every template."""
    words = "_".join(specimen.command.split("|")[0].split()).lower()
    steps = list(dict.fromkeys([specimen.filter or "", words, words.rpartition("_")[2], ""]))
    at = steps.index(current) if current in steps else -1
    return steps[min(at + 1, len(steps) - 1)]


def verdict_text(title: str, report: Report | None, *, busy: bool) -> Content:
    """The output's name, and what the engine says of it."""
    parts: list[str | tuple[str, str]] = [(safe_line(title), "bold"), "  "]
    if busy:
        parts.append(("searching…", "$text-primary"))
    elif report is not None:
        verdict = report.verdict
        if verdict.is_valid:
            parts.append(("valid", "bold $text-success"))
            parts.append(f"  {safe_line(verdict.template or '')}  {verdict.score:g} of 100")
        else:
            parts.append(("not valid", "bold $text-warning"))
            parts.append(f"  {safe_line(verdict.reason or 'no template fits')}")
    return Content.assemble(*parts)


def sections_text(current: str, counts: dict[str, str]) -> Content:
    """The four sections, with the one on show marked."""
    parts: list[str | tuple[str, str]] = []
    for number, name in enumerate(SECTIONS, 1):
        text = f" {number} {name.capitalize()}{counts.get(name, '')} "
        parts.append((text, "bold reverse") if name == current else (text, "$text-muted"))
    return Content.assemble(*parts)


def candidate_cells(tried: Tried, answer: str | None) -> Cells:
    """One candidate; the engine's answer and those that do not fit have a colour and a word."""
    parts = tried.parts
    name = f"{tried.name} ✓" if tried.name == answer else tried.name
    texts = (
        f"{tried.score:.1f}",
        name,
        str(tried.record_count),
        f"{parts['explained']:.2f}" if parts else "",
        f"{parts['header']:.2f}" if parts else "",
        tried.source,
    )
    return texts, "ok" if tried.name == answer else "dim" if tried.reason else ""


def parts_text(tried: Tried | None) -> Content:
    """The score of one candidate taken apart, and why it is not the output's."""
    if tried is None:
        return Content()
    told = "  ".join(f"{name} {value:.2f}" for name, value in tried.parts.items())
    reason = (f"\n{safe_line(tried.reason)}", "$text-warning") if tried.reason else ""
    return Content.assemble((told or "nothing was matched", "$text-muted"), reason)


def draft_text(report: Report | None, problem: str | None, *, changed: bool, busy: bool) -> Content:
    """What the text in the editor makes of the output, or what is wrong with it by line."""
    if busy:
        return Content("trying it on the output…")
    if problem is not None:
        return Content.assemble((safe_line(problem), "$text-error"))
    if report is None:
        return Content("as it is stored; a change is tried on the output as you type" if not changed else "")
    if report.problems:
        lines = [safe_line(str(one)) for one in report.problems[:_SHOWN_PROBLEMS]]
        more = len(report.problems) - _SHOWN_PROBLEMS
        if more > 0:
            lines[-1] += f"  (and {more} more)"
        return Content.assemble(("\n".join(lines), "$text-error"))
    verdict = report.verdict
    if verdict.is_valid:
        records = "1 record" if verdict.record_count == 1 else f"{verdict.record_count} records"
        text = f"{records}, score {verdict.score:g} of 100"
        return Content.assemble(("valid ", "bold $text-success"), text)
    reason = safe_line(verdict.reason or "no record", 300)
    return Content.assemble(("not valid ", "bold $text-warning"), reason)
