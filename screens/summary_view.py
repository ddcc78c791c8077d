"""How the end of a run looks: its groups, their devices, and the words around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from screens.run_model import STYLES, duration, outcome, size_text
from screens.widgets.rows import Cells, Column, widest
from vctui.errors import NEXT_STEPS
from vctui.events import DeviceFinished, DeviceStatus
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.jobs import JobResult

ORDER: tuple[DeviceStatus, ...] = ("failed", "skipped", "cancelled", "ok")


@dataclass(frozen=True, slots=True)
class Group:
    """Devices with one outcome: `kind` is their error_kind, or their status where there is none."""

    kind: str
    status: DeviceStatus
    devices: tuple[DeviceFinished, ...]


Entry = Group | DeviceFinished


def grouped(finished: Sequence[DeviceFinished]) -> list[Group]:
    """The failures first, the biggest group of them foremost; the devices that are ok last."""
    found: dict[tuple[DeviceStatus, str], list[DeviceFinished]] = {}
    for event in finished:
        kind = event.status if event.status == "ok" else event.error_kind or event.status
        found.setdefault((event.status, kind), []).append(event)
    groups = [Group(kind, status, tuple(devices)) for (status, kind), devices in found.items()]
    return sorted(groups, key=lambda group: (ORDER.index(group.status), -len(group.devices)))


def head_text(result: JobResult, finished: Sequence[DeviceFinished]) -> Content:
    """How it ended with the counts, what was saved, and the error of the run itself if it had one."""
    colour = {"success": "$text-success", "failed": "$text-error"}.get(result.status, "$text-warning")
    parts: list[str | tuple[str, str]] = [
        (result.status, f"bold {colour}"),
        f" in {duration(result.duration_ms / 1000)}: ",
    ]
    parts.append((f"ok {result.success_count} of {result.total_devices}", "bold"))
    for word, count, shade in (
        ("failed", result.failed_count, "$text-error"),
        ("skipped", result.skipped_count, "$text-warning"),
        ("cancelled", result.cancelled_count, "$text-warning"),
    ):
        if count:
            parts += ["  ", (f"{word} {count}", shade)]
    size = sum(event.size or 0 for event in finished)
    saved = len(result.saved_files)
    parts.append(f"\n{saved} {'file' if saved == 1 else 'files'} saved, {size_text(size)}")
    if result.history_id:
        parts.append(f"; run {result.history_id} in the history")
    if result.error:
        parts.append((f"\n{safe_line(result.error)}", "$text-error"))
    return Content.assemble(*parts)


def columns(finished: Sequence[DeviceFinished]) -> tuple[Column, ...]:
    """Device or group, address, result, time."""
    return (
        Column("Device", widest((event.device for event in finished), 22, 30) + 2, styled=True),
        Column("Address", widest((event.host for event in finished), 7, 24), optional=1),
        Column("Result", 44, flex=1),
        Column("Time", 8, align="right"),
    )


def entry_cells(entry: Entry, opened: bool) -> Cells:
    """One line of the table."""
    if isinstance(entry, Group):
        mark = "▾" if opened else "▸"
        text = f"{mark} {entry.kind} ({len(entry.devices)})"
        return (text, "", next_step(entry), ""), STYLES[entry.status]
    what = outcome(entry) if entry.status == "ok" else entry.error or ""
    return (f"    {entry.device}", entry.host, what, f"{entry.duration_ms / 1000:.1f} s"), ""


def next_step(group: Group) -> str:
    """What to do about a group: what its devices say, if they agree, else what its kind says."""
    steps = {event.next_step for event in group.devices}
    return (steps.pop() if len(steps) == 1 else None) or NEXT_STEPS.get(group.kind, "")


def detail_text(entry: Entry | None) -> Content:
    """The whole of what the table has no room for."""
    if entry is None:
        return Content()
    if isinstance(entry, Group):
        count = len(entry.devices)
        what = f"{count} {'device' if count == 1 else 'devices'}: {safe_line(entry.kind)}"
        step = next_step(entry)
    else:
        what = f"{safe_line(entry.device)}: {safe_line(entry.error or outcome(entry) or entry.status)}"
        step = entry.next_step or ""
    return Content.assemble((what, "bold"), f"\n{safe_line(step)}" if step else "")
