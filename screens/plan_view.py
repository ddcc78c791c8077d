"""How a plan looks: who will be collected and how, who is left out and why, and what hinders a start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from screens.widgets.rows import Cells, Column, Rows, widest
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.jobs import LeftOut, Plan, PlanItem


class PlanRows(Rows["PlanItem"]):
    """The devices that will be collected; Enter starts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "pick", "Start", id="preview.start", tooltip="Collect from these devices")
    ]


class LeftOutRows(Rows["LeftOut"]):
    """The devices that will not be, each with the reason; Enter starts all the same."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "pick", "Start", id="preview.start_too", tooltip="Collect from the devices of the plan"
        )
    ]


def plan_columns(items: Sequence[PlanItem]) -> tuple[Column, ...]:
    """The plan's columns, as wide as what they hold."""
    return (
        Column("Device", widest((item.device.name for item in items), 12, 26), flex=1),
        Column("Address", widest((_address(item) for item in items), 9, 30)),
        Column("Platform", widest((item.device_type for item in items), 8, 18), optional=1),
        Column("Credential", widest((item.credential for item in items), 10, 16), optional=2),
        Column("Host key", 8, styled=True),
        Column("Template", widest((item.template or "" for item in items), 8, 32), optional=3),
        Column("Commands", 20, flex=2, optional=4),
    )


def plan_cells(item: PlanItem) -> Cells:
    """One device of the plan."""
    return (
        item.device.name,
        _address(item),
        item.device_type,
        item.credential or "none",
        "known" if item.host_known else "new",
        item.template or "none",
        ", ".join(item.commands),
    ), "" if item.host_known else "skipped"


def _address(item: PlanItem) -> str:
    host = f"[{item.host}]" if ":" in item.host else item.host
    return f"{host}:{item.port}"


def left_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of those left out."""
    return (
        Column("Device", widest(names, 12, 26)),
        Column("Address", 15, optional=1),
        Column("Reason", 20, flex=1),
    )


def left_cells(left: LeftOut) -> Cells:
    """One device that is left out."""
    return (left.device.name, left.device.host or "", left.reason), ""


def count_text(plan: Plan) -> Content:
    """How many devices there are, and what to look at before starting."""
    chosen, left = len(plan.items), len(plan.left_out)
    parts: list[str | tuple[str, str]] = [(f"{chosen} of {chosen + left} devices", "bold")]
    if left:
        parts.append(f" · {left} left out (o)")
    jumps = len(plan.jump_hosts)
    if jumps:
        parts.append(f" · {jumps} jump {'host' if jumps == 1 else 'hosts'}")
    new = len(plan.unknown_hosts) + sum(not hop.host_known for hop in plan.jump_hosts)
    if new:
        parts.append((f" · {new} new host {'key' if new == 1 else 'keys'}", "$text-warning"))
    bare = sum(item.credential_id is None for item in plan.items)
    if bare:
        parts.append((f" · {bare} without a credential", "$text-error"))
    return Content.assemble(*parts)


def detail_text(item: PlanItem) -> str:
    """What the table has no room for, in two lines."""
    known = "known" if item.host_known else "new"
    parts = [
        item.device_type or "no platform",
        *([f"via {item.path_text}"] if item.jump else []),
        f"template {item.template or 'none'}",
        f"host key {known}",
        *([item.note] if item.note else []),
    ]
    return (
        f"{safe_line(item.device.name)}: {safe_line(', '.join(parts))}\nSaved to {safe_line(str(item.path))}"
    )


def problem(plan: Plan | None, allowed: bool) -> str | None:
    """Why this plan cannot start, with what to do."""
    if plan is None:
        return "There is no plan to run"
    if not plan.items:
        return "No device matches; press o to see why"
    bare = [item.device.name for item in plan.items if item.credential_id is None]
    if bare:
        return f"{safe_line(bare[0])} has no credential; add one: vctui vault add NAME -u USER --default"
    if plan.writing_commands and not allowed:
        return "The job runs commands that may change devices; press y to allow them"
    return None
