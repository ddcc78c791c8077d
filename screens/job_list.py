"""The lines of the job picker: a job, or why it cannot be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from screens.widgets.rows import Cells, Column, RowStyle
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.jobs import Job, JobEntry

COLUMNS: Final = (
    Column("Job", 24, flex=2),
    Column("Name", 30, flex=3, optional=4),
    Column("Vendor", 8, optional=1),
    Column("Type", 12, flex=1, optional=2),
    Column("On", 3),
    Column("Last run", 11, optional=3),
    Column("Status", 8, styled=True),
    Column("From", 4),
)
STYLES: Final[Mapping[str, RowStyle]] = {
    "success": "ok",
    "partial": "skipped",
    "failed": "failed",
    "running": "running",
}
NOT_COPIED: Final = (
    "id",
    "last_run_at",
    "last_run_status",
    "legacy_job_id",
    "legacy_job_file",
    "migrated_at",
    "created_at",
    "updated_at",
)
"""What belongs to one job only, and not to its duplicate."""
_MOMENT = re.compile(r"(\d{4})-(\d\d-\d\d)[ T](\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job of the list, with its texts made once: filtering and painting only read them."""

    entry: JobEntry
    cells: Cells
    haystack: str
    detail: tuple[str, str]

    @property
    def database_id(self) -> int | None:
        """The row's id; None for a job that is a file."""
        kind, _, number = self.entry.source.partition(":")
        return int(number) if kind == "database" and number.isdecimal() else None

    @property
    def title(self) -> str:
        """How messages name the job."""
        return safe_line(self.entry.ref)


def job_line(entry: JobEntry, year: int | None = None) -> JobLine:
    """The line of an entry; moments of `year` (this one) are shown without it."""
    job = entry.job
    from_database = entry.source.startswith("database:")
    where = "db" if from_database else "file"
    if job is None:
        reason = safe_line(entry.error or "cannot be read")
        texts = (entry.ref, "", "", "", "", "", "unusable", where)
        return JobLine(entry, (texts, "failed"), _haystack(texts, reason), (safe_line(entry.source), reason))
    status = job.last_run_status or ""
    texts = (
        job.slug if from_database else entry.ref,
        job.name,
        job.vendor or "any",
        job.capture_type,
        "on" if job.enabled else "off",
        _moment(job.last_run_at, year or datetime.now().astimezone().year),
        status or "never",
        where,
    )
    style: RowStyle = STYLES.get(status, "dim")
    safe = tuple(safe_line(text) for text in texts)
    return JobLine(entry, (safe, style), _haystack(texts, job.description, entry.source), _detail(entry, job))


def _haystack(*parts: str | tuple[str, ...]) -> str:
    return " ".join(" ".join(part) if isinstance(part, tuple) else part for part in parts).casefold()


def _detail(entry: JobEntry, job: Job) -> tuple[str, str]:
    what = f"{entry.ref}  {job.name}" + (f": {job.description}" if job.description else "")
    source = "" if entry.source.startswith("database:") else f"  [{entry.source}]"
    return safe_line(what + source), safe_line("; ".join(job.commands))


def _moment(stored: str | None, year: int) -> str:
    """`2026-11-23 18:00:05` → `11-23 18:00`; another year's is its date; no date is shown as it is."""
    found = _MOMENT.match(stored or "")
    if found is None:
        return stored or "-"
    own_year = int(found[1]) == year
    return f"{found[2]} {found[3]}" if own_year else f"{found[1]}-{found[2]}"


def copied_row(row: Mapping[str, Any], taken: set[str]) -> dict[str, Any]:
    """The row of a duplicate: named as a copy, with a slug that is free, and no history."""
    copy = {column: value for column, value in row.items() if column not in NOT_COPIED}
    base = f"{row.get('slug') or 'job'}-copy"
    number = 2
    slug = base
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return {**copy, "name": f"{row.get('name') or 'Job'} (copy)", "slug": slug}
