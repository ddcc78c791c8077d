"""How coverage looks: a line a device, a narrow column a capture type, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from textual.content import Content

from screens.widgets.rows import Cells, Column, RowStyle, widest
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.jobs import Coverage, DeviceCoverage

Show = Literal["all", "login", "captures"]
SHOWS: tuple[Show, ...] = ("all", "login", "captures")
SHOW_WORDS: dict[Show, str] = {
    "all": "every device",
    "login": "without a credential that works",
    "captures": "without a capture",
}
STYLES: dict[str, RowStyle] = {"works": "ok", "refused": "failed", "unknown": "dim"}
DEVICE, CREDENTIAL, LOGIN, LAST, TYPE = 22, 12, 7, 18, 12
TYPE_LEAST = 5


def fitting(types: Sequence[str], first: int, width: int) -> int:
    """How many types from `first` on there is room for beside the other columns; one at least."""
    room = width - (DEVICE + CREDENTIAL + LOGIN + 5)
    count = 0
    for kind in types[first:]:
        room -= _width(kind) + 1
        if room < 0:
            break
        count += 1
    return max(1, count)


def _width(kind: str) -> int:
    return max(TYPE_LEAST, min(TYPE, len(kind)))


def columns(devices: Sequence[DeviceCoverage], types: Sequence[str]) -> tuple[Column, ...]:
    """Device, credential, login, then the types in view."""
    return (
        Column("Device", widest((one.device.name for one in devices), 8, DEVICE), flex=1),
        Column("Credential", CREDENTIAL),
        Column("Login", LOGIN, styled=True),
        *(Column(kind, _width(kind), align="right") for kind in types),
    )


def cells(one: DeviceCoverage, types: Sequence[str]) -> Cells:
    """The texts of one device."""
    from vctui.jobs import age

    now = datetime.now(UTC)
    ages = [age(one.captured.get(kind), now) for kind in types]
    return (one.device.name, one.credential or "-", one.login, *ages), STYLES[one.login]


def fits_show(one: DeviceCoverage, show: Show) -> bool:
    """Whether a device is among those shown."""
    if show == "login":
        return one.login != "works"
    return not one.captured if show == "captures" else True


def head_text(coverage: Coverage | None, shown: int, show: Show, types: Sequence[str], first: int) -> Content:
    """The counts, and what is in view."""
    if coverage is None:
        return Content("Reading the inventory and the history…")
    logins = coverage.logins
    total = len(coverage.devices)
    parts: list[str | tuple[str, str]] = [
        (f"{total} {'device' if total == 1 else 'devices'}", "bold"),
        "  ",
        (f"works {logins['works']}", "$text-success"),
        "  ",
        (f"refused {logins['refused']}", "$text-error" if logins["refused"] else "$text-muted"),
        f"  unknown {logins['unknown']}  collected {coverage.collected}",
    ]
    if show != "all":
        parts.append((f"\nshowing {shown}: {SHOW_WORDS[show]}", "$text-primary"))
    else:
        parts.append("\n")
    if len(types) < len(coverage.types):
        parts.append(
            (f"  types {first + 1}-{first + len(types)} of {len(coverage.types)} (← →)", "$text-muted")
        )
    return Content.assemble(*parts)


def detail_text(one: DeviceCoverage | None) -> str:
    """What there is no room for in the row."""
    if one is None:
        return ""
    device = one.device
    login = {"works": "works", "refused": "is refused", "unknown": "was never tried"}[one.login]
    when = f" ({_local(one.login_at)})" if one.login_at else ""
    first = f"{device.name} {device.host or 'no address'} {device.site}: {one.credential or 'no credential'}"
    first = f"{first} {login}{when}" if one.credential or one.login != "unknown" else first
    if one.other and one.login != "works":
        first += f"; {one.other} works"
    if one.last is None:
        return f"{safe_line(first)}\nNo run so far"
    ended = ": ".join(text for text in (one.last.error_kind or one.last.status, one.last.error) if text)
    when = _local(datetime.fromisoformat(one.last.finished_at))
    return f"{safe_line(first)}\n{safe_line(f'Run {one.last.run}, {when}: {ended}')}"


def _local(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M}"
