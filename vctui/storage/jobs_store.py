"""Jobs of collector.db by column name, as VelocityCollector stores them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import peewee

from vctui.errors import UsageError
from vctui.storage.database import ConstraintError, Store
from vctui.storage.models_collector import Job, JobCommand, JobTag, JobTagAssignment
from vctui.storage.rows import Row
from vctui.storage.schema import run_script
from vctui.storage.schema_collector import JOBS, VAULT
from vctui.storage.tables import Table
from vctui.storage.times import local_text

_REQUIRED = ("name", "slug", "capture_type", "command")
MAX_INTEGER = 2**63 - 1


class JobStore(Store):
    """The jobs, their commands and their tags. A file without jobs tables has no jobs until one is saved."""

    def _check_required(self) -> None:
        if self.columns(Job.table_name()):
            self._check_columns(Job.table_name(), ("id", *_REQUIRED))

    def rows(self) -> list[Row]:
        """Every job by slug, with the columns that the file has."""
        return self._select(Job, order_by=Job.slug)

    def get(self, *, id: int | None = None, slug: str | None = None) -> Row | None:
        """One job by its id or its slug, or None."""
        if slug is not None:
            found = self._select(Job, Job.slug == slug)
        elif id is not None and 0 <= id <= MAX_INTEGER:
            found = self._select(Job, Job.id == id)
        else:
            found = []
        return found[0] if found else None

    def commands(self, job_id: int) -> list[Row]:
        """The job's own list of commands in its order; mostly empty."""
        return self._select(JobCommand, JobCommand.job_id == job_id, order_by=JobCommand.sequence)

    def tags(self, job_id: int | None = None) -> list[str]:
        """The names of a job's tags, or of all."""
        if not self.columns(JobTag.table_name()):
            return []
        query = JobTag.select(JobTag.name).order_by(JobTag.name)
        if job_id is not None:
            query = query.join(JobTagAssignment, on=(JobTagAssignment.tag_id == JobTag.id)).where(
                JobTagAssignment.job_id == job_id
            )
        return [str(row["name"]) for row in self.fetch(query)]

    def save(
        self,
        values: Mapping[str, Any],
        *,
        commands: Sequence[Mapping[str, Any]] | None = None,
        tags: Sequence[str] | None = None,
    ) -> int:
        """Update the job of `values["id"]`, or insert one without an id; returns its id.

        Only the given columns change; `commands` and `tags`, when given, replace the job's. Raises
        UsageError for an unknown column, a missing value, a slug in use or a job that is gone.
        """
        self._create_tables()
        job = values.get("id")
        changes = self._checked(Job, {name: value for name, value in values.items() if name != "id"})
        rows = [self._checked(JobCommand, command) for command in commands or ()]
        for name in _REQUIRED:
            if not changes.get(name, "" if job is None else "kept"):
                raise UsageError(f"job: {name}: must not be empty")
        try:
            with self.writing() as database:
                saved = self._write(database, job, changes)
                if commands is not None:
                    _replace_commands(database, saved, rows)
                if tags is not None:
                    _replace_tags(database, saved, tags)
        except ConstraintError as error:
            raise UsageError(_conflict(error, changes)) from error
        return saved

    def delete(self, job_id: int) -> None:
        """Remove a job with its commands and tag assignments; its history stays. Raises UsageError."""
        self._create_tables()
        with self.writing() as database:
            if not Job.delete().where(Job.id == job_id).execute(database):
                raise UsageError(f"job {job_id} does not exist")

    def set_enabled(self, job_id: int, enabled: bool) -> None:
        """Enable or disable a job. Raises UsageError."""
        self.save({"id": job_id, "is_enabled": int(enabled)})

    def _select(self, model: type[Table], where: Any = None, order_by: Any = None) -> list[Row]:
        fields = model.fields_in(self.columns(model.table_name()))
        if not fields:
            return []
        query = model.select(*fields)
        if where is not None:
            query = query.where(where)
        if order_by is not None:
            query = query.order_by(order_by)
        return self.fetch(query)

    def _create_tables(self) -> None:
        if not self.columns(Job.table_name()) or not self.columns(JobTagAssignment.table_name()):
            with self.writing() as database:
                run_script(database, VAULT + JOBS)

    def _checked(self, model: type[Table], values: Mapping[str, Any]) -> Row:
        known = self.columns(model.table_name())
        for name, value in values.items():
            if name not in known or name not in model._meta.fields:
                raise UsageError(f"job: {name}: no such column")
            if isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise UsageError(f"job: {name}: too large")
        return {
            name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for name, value in values.items()
        }

    def _write(self, database: peewee.SqliteDatabase, job: Any, changes: Row) -> int:
        now = local_text()
        if job is None:
            return int(Job.insert({"created_at": now, "updated_at": now, **changes}).execute(database))
        written = Job.update({"updated_at": now, **changes}).where(Job.id == job).execute(database)
        if not written:
            raise UsageError(f"job {job} does not exist", "It may have been deleted meanwhile")
        return int(job)


def _replace_commands(database: peewee.SqliteDatabase, job: int, rows: Iterable[Row]) -> None:
    JobCommand.delete().where(JobCommand.job_id == job).execute(database)
    for number, row in enumerate(rows):
        kept = {name: value for name, value in row.items() if name != "id"}
        JobCommand.insert({"sequence": number, **kept, "job_id": job}).execute(database)


def _replace_tags(database: peewee.SqliteDatabase, job: int, tags: Iterable[str]) -> None:
    JobTagAssignment.delete().where(JobTagAssignment.job_id == job).execute(database)
    for tag in dict.fromkeys(tags):
        JobTag.insert(name=tag).on_conflict_ignore().execute(database)
        found = JobTag.select(JobTag.id).where(JobTag.name == tag).tuples().execute(database)
        JobTagAssignment.insert(job_id=job, tag_id=next(iter(found))[0]).execute(database)


def _conflict(error: ConstraintError, changes: Row) -> str:
    text = error.detail
    if "jobs.slug" in text:
        return f"job: slug: {changes.get('slug')} is in use by another job"
    if "FOREIGN KEY" in text:
        return "job: credential_id: no such credential"
    return f"job: {text}"
