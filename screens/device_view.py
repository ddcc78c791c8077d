"""How one device looks: a line at the top, and its facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from screens.run_model import STYLES, size_text
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.device_data import Kept
    from vctui.events import DeviceFinished

SECTIONS = ("output", "records", "details")
COLOURS = {
    "ok": "$text-success",
    "failed": "$text-error",
    "skipped": "$text-warning",
    "running": "$text-primary",
    "dim": "$text-muted",
    "": "",
}


def head_text(finished: DeviceFinished) -> Content:
    """State, verdict and time, in a line."""
    rest = f"  {safe_line(finished.host)}  verdict {finished.verdict}  {finished.duration_ms / 1000:.1f} s"
    return Content.assemble((finished.status, f"bold {COLOURS[STYLES[finished.status]]}"), rest)


def sections_text(current: str, kept: Kept | None) -> Content:
    """The three sections, with the one on show marked."""
    counts = {"output": "", "records": "", "details": ""}
    if kept is not None:
        counts["output"] = (
            f" ({len(kept.lines)} lines{', partial' if kept.partial else ''})" if kept.lines else ""
        )
        counts["records"] = f" ({len(kept.records)})"
    parts: list[str | tuple[str, str]] = []
    for number, name in enumerate(SECTIONS, 1):
        text = f" {number} {name.capitalize()}{counts[name]} "
        parts.append((text, "bold reverse") if name == current else (text, "$text-muted"))
        parts.append(" ")
    return Content.assemble(*parts)


def details_text(finished: DeviceFinished, kept: Kept | None) -> Content:
    """Error and next step first, then every fact there is."""
    parts: list[str | tuple[str, str]] = []
    if finished.error_kind or finished.error:
        parts.append((safe_line(finished.error_kind or finished.status), "bold $text-error"))
        parts.append(f": {safe_line(finished.error or 'no more is known')}\n")
        if finished.next_step:
            parts.append(("What to do: ", "bold"))
            parts.append(f"{safe_line(finished.next_step)}\n")
        parts.append("\n")
    for label, value in _facts(finished, kept):
        parts.append((f"{label:<14}", "$text-muted"))
        parts.append(f"{safe_line(value, 4096)}\n")
    for note in kept.notes if kept else ():
        parts.append(("\nNote: ", "bold $text-warning"))
        parts.append(safe_line(note))
    return Content.assemble(*parts)


def _facts(finished: DeviceFinished, kept: Kept | None) -> list[tuple[str, str]]:
    facts: list[tuple[str, str | None]] = [
        ("Device", finished.device),
        ("Address", finished.host),
        ("State", finished.status),
        ("Verdict", ": ".join((finished.verdict, "; ".join(finished.reasons))).removesuffix(": ")),
        ("Time", f"{finished.duration_ms / 1000:.1f} s"),
        ("Attempts", str(finished.attempts) if finished.attempts > 1 else None),
        ("Credential", finished.credential),
        ("Template", finished.template),
        ("Score", None if finished.score is None else f"{finished.score:g} of 100"),
        ("Records", None if finished.records is None else str(finished.records)),
        ("File", finished.path),
        ("Partial output", kept.path if kept is not None and kept.partial else None),
        ("Size", None if finished.size is None else size_text(finished.size)),
        ("SHA-256", finished.sha256),
    ]
    return [(label, value) for label, value in facts if value]
