"""What the job picker does to database jobs: plain calls that wait for the disk, to be made from a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from screens.job_known import JobCopy
from screens.job_list import JobLine, copied_row, job_line
from vctui.errors import JobError

if TYPE_CHECKING:
    from vctui.config import Settings

Row = dict[str, Any]


def read_lines(settings: Settings) -> list[JobLine]:
    """Every job of the home. Raises VctuiError when the database cannot be read."""
    from vctui.jobs import JobSource

    return [job_line(entry) for entry in JobSource(settings).entries()]


def read_row(settings: Settings, job_id: int) -> Row:
    """The row of a database job. Raises JobError when it is gone."""
    from vctui.storage import JobStore

    with JobStore(settings.collector_db) as store:
        row = store.get(id=job_id)
    if row is None:
        raise JobError(f"database:{job_id}", None, "the job is no longer there", "Read the jobs anew with F5")
    return row


def read_copy(settings: Settings, job_id: int) -> JobCopy:
    """What a duplicate of the job begins with. Raises JobError when it is gone."""
    from vctui.storage import JobStore

    row = read_row(settings, job_id)
    with JobStore(settings.collector_db) as store:
        taken = {str(other["slug"]) for other in store.rows()}
        commands = tuple(
            {column: value for column, value in command.items() if column not in ("id", "job_id")}
            for command in store.commands(job_id)
        )
        tags = tuple(store.tags(job_id))
    return JobCopy(copied_row(row, taken), commands, tags)


def import_file(settings: Settings, path: str) -> int:
    """Bring a job file into the database; its new id. Raises JobError when it cannot be done."""
    from vctui.jobs import JobSource
    from vctui.storage import JobStore

    for imported in JobSource(settings).import_files([path]):
        if imported.slug is None:
            raise JobError(path, None, imported.error or "not imported")
        with JobStore(settings.collector_db) as store:
            row = store.get(slug=imported.slug)
        if row is not None:
            return int(row["id"])
    raise JobError(path, None, "not imported")


def switch(settings: Settings, job_id: int, enabled: bool) -> None:
    """Enable or disable a job."""
    from vctui.storage import JobStore

    with JobStore(settings.collector_db) as store:
        store.set_enabled(job_id, enabled)


def remove(settings: Settings, job_id: int) -> None:
    """Delete a job; its captures and its history stay."""
    from vctui.storage import JobStore

    with JobStore(settings.collector_db) as store:
        store.delete(job_id)
