"""How a run looks: totals, the bar with its clock, the table's columns, the question before a stop."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from screens.run_model import RunModel, Show, State, duration
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.rows import Column, widest
from vctui.text import safe_line

BAR_CELLS = 24
EMPTY: dict[Show, str] = {
    "all": "No device has this in its name",
    "running": "No device is running",
    "failed": "No device failed so far",
}
SHOW_WORDS: dict[Show, str] = {"all": "all", "running": "running only", "failed": "failed only"}
COLOURS: tuple[tuple[State, str], ...] = (
    ("ok", "$text-success"),
    ("failed", "$text-error"),
    ("skipped", "$text-warning"),
    ("cancelled", "$text-warning"),
    ("running", "$text-primary"),
    ("waiting", "$text-muted"),
)


class CancelQuestion(ConfirmScreen):
    """Asks whether to stop the run; the key that asked says yes when it is pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "answer(True)", "Yes", show=False, id="cancel.again"),
    ]

    def __init__(self, model: RunModel) -> None:
        detail = (
            f"{model.done} of {model.total} devices are done and stay saved; "
            f"open sessions ({model.counts['running']}) are closed at once."
        )
        super().__init__("Stop the run?", detail, yes="Stop", no="Go on")


def row_columns(model: RunModel) -> tuple[Column, ...]:
    """Device, address, state, result, time."""
    return (
        Column("Device", widest((row.name for row in model.rows), 10, 24)),
        Column("Address", widest((row.host for row in model.rows), 7, 24), optional=1),
        Column("State", 9, styled=True),
        Column("Doing / result", 14, flex=1),
        Column("Time", 8, align="right"),
    )


def totals_text(model: RunModel) -> Content:
    """`412/1000 done  ok 390  failed 12 ...`: every state has its word."""
    parts: list[str | tuple[str, str]] = [(f"{model.done}/{model.total} done", "bold")]
    for state, colour in COLOURS:
        count = model.counts[state]
        if count or state in ("ok", "failed"):
            parts.append("  ")
            parts.append((f"{state} {count}", colour if count else "$text-muted"))
    return Content.assemble(*parts)


def jumps_text(model: RunModel) -> Content:
    """`jump ams-1: 2 transports, 37 channels`, those that fail first."""
    parts: list[str | tuple[str, str]] = []
    for state in sorted(model.jumps.values(), key=lambda state: (not state.error, state.jump)):
        name = safe_line(state.jump)
        if parts:
            parts.append("  ·  ")
        if state.error:
            parts.append((f"jump {name}: failed", "$text-error"))
        else:
            transports = "1 transport" if state.transports == 1 else f"{state.transports} transports"
            channels = "1 channel" if state.channels == 1 else f"{state.channels} channels"
            parts.append(f"jump {name}: {transports}, {channels}")
    return Content.assemble(*parts)


def bar_text(model: RunModel, show: Show, name: str, *, stopping: bool) -> Content:
    """How far it is, for how long, how fast, until when; and what the table is narrowed to."""
    share = model.done / model.total if model.total else 1.0
    filled = int(share * BAR_CELLS)
    clock = f" {share:4.0%}  {duration(model.elapsed)}"
    if model.done:
        clock += f"  {model.rate:.1f}/s"
    if model.remaining and model.remaining >= 1:
        clock += f"  ETA {duration(model.remaining)}"
    parts: list[str | tuple[str, str]] = [
        ("━" * filled, "$text-success"),
        ("─" * (BAR_CELLS - filled), "$text-muted"),
        clock,
    ]
    if stopping:
        parts.append(("  stopping…", "$text-warning"))
    if show != "all" or name:
        parts.append(
            (
                f"  showing {SHOW_WORDS[show]}{' ' if name else ''}{name!r}"
                if name
                else f"  showing {SHOW_WORDS[show]}",
                "$text-primary",
            )
        )
    return Content.assemble(*parts)
