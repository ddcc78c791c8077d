"""Times as the columns want them: UTC with offset in vctui's tables, local time in VelocityCollector's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime


def utc_text(when: datetime | None = None) -> str:
    """`2026-11-23T18:00:00.123456+00:00`; now when no moment is given."""
    return (when or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def local_text(when: datetime | None = None) -> str:
    """`2026-11-23 18:00:00` in local time, as jobs, history and inventory have it."""
    return f"{(when or datetime.now(UTC)).astimezone():%Y-%m-%d %H:%M:%S}"


def local_iso(when: datetime | None = None) -> str:
    """`2026-11-23T18:00:00.123456` in local time, as captures have it."""
    local = (when or datetime.now(UTC)).astimezone()
    return local.replace(tzinfo=None).isoformat(timespec="microseconds")


def stamps_for(columns: Iterable[str]) -> dict[str, str]:
    """Now, for those of `created_at` and `updated_at` that a table has; not every file has defaults."""
    return {name: local_text() for name in ("created_at", "updated_at") if name in columns}
