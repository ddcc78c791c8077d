"""Where jobs come from: rows of collector.db and JSON files, found by slug, id or path."""

from __future__ import annotations

import errno
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vctui.config import Settings, expand
from vctui.errors import JobError, UsageError
from vctui.jobs.files import load_job_json, parse_job_file, row_from_json
from vctui.jobs.job import Job, job_from_row
from vctui.storage import Inventory, JobStore


@dataclass(frozen=True, slots=True)
class JobEntry:
    """One line of the job list: a job, or why it cannot be read."""

    ref: str
    source: str
    job: Job | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedJob:
    path: str
    slug: str | None
    error: str | None


class JobSource:
    """The jobs of a home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def entries(self) -> list[JobEntry]:
        """Every database job by slug, then every file of the jobs folder; bad ones with their reason."""
        found: list[JobEntry] = []
        if self._settings.collector_db.is_file():
            with JobStore(self._settings.collector_db) as store:
                for row in store.rows():
                    found.append(self._entry_of_row(store, row))
        for path in sorted(self._settings.jobs_dir.glob("*.json")):
            found.append(self._entry_of_file(path))
        return found

    def resolve(self, ref: str) -> Job:
        """The job of a slug, an id, a path, or a path without its `.json`. Raises JobError."""
        if self._settings.collector_db.is_file():
            with JobStore(self._settings.collector_db) as store:
                row = store.get(slug=ref)
                if row is None and ref.isdecimal() and len(ref) < 19:
                    row = store.get(id=int(ref))
                if row is not None:
                    return job_from_row(row, store.commands(int(row["id"])))
        for path in self._paths(ref):
            if _is_there(path):
                return parse_job_file(path)
        raise JobError(ref, None, "no job of this slug, id or file", "See the jobs with: vctui jobs list")

    def match(self, refs: Sequence[str]) -> list[Job]:
        """The jobs of several references; one with `*`, `?` or `[` takes all slugs and files that match."""
        jobs: dict[str, Job] = {}
        for ref in refs:
            if not any(char in ref for char in "*?["):
                job = self.resolve(ref)
                jobs.setdefault(job.source, job)
                continue
            matched = self._glob(ref)
            if not matched:
                raise JobError(ref, None, "matches no job", "See the jobs with: vctui jobs list")
            for job in matched:
                jobs.setdefault(job.source, job)
        return list(jobs.values())

    def folder(self, path: str | Path) -> list[Job]:
        """The jobs of every JSON file in a folder, by name. Raises JobError for the first bad one."""
        folder = expand(path)
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
        files = sorted(folder.glob("*.json"))
        if not files:
            raise UsageError(f"{folder}: holds no job file (*.json)")
        return [parse_job_file(file) for file in files]

    def import_files(self, paths: Sequence[str | Path], *, replace: bool = False) -> list[ImportedJob]:
        """Write job files into the database, each by itself; an existing slug is refused unless replaced."""
        return [self._import(file, replace=replace) for path in paths for file in _files_of(Path(path))]

    def _import(self, file: Path, *, replace: bool) -> ImportedJob:
        try:
            data = load_job_json(file.absolute())
            job = parse_job_file(file)
            row = row_from_json(data, file.absolute())
            with Inventory(self._settings.dcim_db) as inventory:
                for kind, rows in (
                    ("platform", inventory.platforms),
                    ("site", inventory.sites),
                    ("role", inventory.roles),
                ):
                    name = getattr(job.filter, kind)
                    if name:
                        row[f"device_filter_{kind}_id"] = _id_of(name, rows(), job.source, kind)
                if job.filter.device_types and not row.get("device_filter_platform_id"):
                    same = [p.id for p in inventory.platforms() if p.slug in job.filter.device_types]
                    if len(same) == 1:
                        row["device_filter_platform_id"] = same[0]
            with JobStore(self._settings.collector_db) as store:
                existing = store.get(slug=str(row["slug"])) if data.get("slug") else _place(store, row)
                if existing is not None and not replace:
                    reason = f"slug {row['slug']} exists already"
                    raise JobError(str(file), "job_id", reason, "Import again with --replace")
                if existing is not None:
                    row["id"] = existing["id"]
                listed = [{"sequence": n, "command": s.command} for n, s in enumerate(job.steps)]
                store.save(row, commands=listed if "," in "".join(job.commands) else [])
        except UsageError as error:
            return ImportedJob(str(file), None, str(error))
        return ImportedJob(str(file), str(row["slug"]), None)

    def _paths(self, ref: str) -> list[Path]:
        if not Path(ref).name or "\0" in ref:
            return []
        given = expand(ref)
        in_home = self._settings.jobs_dir / ref
        return [
            given,
            given.with_name(given.name + ".json"),
            in_home,
            in_home.with_name(in_home.name + ".json"),
        ]

    def _glob(self, pattern: str) -> list[Job]:
        jobs: list[Job] = []
        if self._settings.collector_db.is_file():
            with JobStore(self._settings.collector_db) as store:
                for row in store.rows():
                    if fnmatch.fnmatchcase(str(row["slug"]), pattern):
                        jobs.append(job_from_row(row, store.commands(int(row["id"]))))
        path = expand(pattern)
        folder = path.parent if path.is_absolute() else Path.cwd() / path.parent
        return jobs + [
            parse_job_file(file) for file in sorted(folder.glob(path.name)) if file.suffix == ".json"
        ]

    def _entry_of_row(self, store: JobStore, row: dict[str, object]) -> JobEntry:
        source = f"database:{row['id']}"
        ref = str(row.get("slug") or row["id"])
        try:
            return JobEntry(ref, source, job_from_row(row, store.commands(int(str(row["id"])))))
        except JobError as error:
            return JobEntry(ref, source, None, str(error))

    def _entry_of_file(self, path: Path) -> JobEntry:
        try:
            return JobEntry(path.name, str(path), parse_job_file(path))
        except JobError as error:
            return JobEntry(path.name, str(path), None, str(error))


def _place(store: JobStore, row: dict[str, Any]) -> dict[str, Any] | None:
    """The row that an import of this file would replace, if any; another file's job gets out of its way.

    Old job files share ids (an IOS and an NX-OS job 337): the second is given a slug of its own.
    """
    made_up, number = str(row["slug"]), 1
    while (found := store.get(slug=str(row["slug"]))) is not None and _another_job(found, row):
        number += 1
        row["slug"] = f"{made_up}-{number}"
    return found


def _another_job(found: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    file, other = (Path(str(each.get("legacy_job_file") or "")).name for each in (row, found))
    platforms = {each.get("device_filter_platform_id") for each in (row, found)} - {None}
    return (
        bool(other) and other != file and (found.get("command") != row.get("command") or len(platforms) > 1)
    )


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        # What may not be looked at is told by the reader; a text too long to be a name is none.
        return error.errno != errno.ENAMETOOLONG


def _files_of(path: Path) -> list[Path]:
    path = expand(path)
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _id_of(name: str, rows: Sequence[object], source: str, kind: str) -> int:
    for row in rows:
        if name.casefold() in (
            str(getattr(row, "slug", "")).casefold(),
            str(getattr(row, "name", "")).casefold(),
        ):
            return int(getattr(row, "id"))  # noqa: B009 - rows of three kinds share these fields
    raise JobError(source, f"device_filter.{kind}", f"no {kind} called {name!r} in the inventory")
