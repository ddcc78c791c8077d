"""Batches: YAML files that name jobs to run one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vctui.config import Settings, read_yaml
from vctui.errors import JobError, UsageError
from vctui.jobs.fields import slugify
from vctui.jobs.job import Job
from vctui.jobs.source import JobSource
from vctui.storage import write_private


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch file: what it says, or why it cannot be read."""

    name: str
    file: Path
    jobs: tuple[str, ...] = ()
    description: str = ""
    unknown: tuple[str, ...] = ()
    """Jobs it names that do not exist: the file may be older than the job's removal."""
    error: str | None = None


def list_batches(settings: Settings) -> list[Batch]:
    """Every batch file of the home, by file name; one that cannot be read has its reason."""
    source = JobSource(settings)
    return [_read(source, file) for file in sorted(settings.batches_dir.glob("*.yaml"))]


def find_batch(settings: Settings, name: str) -> Batch:
    """One batch, by the names that `load_batch` takes. Raises UsageError when there is none."""
    return _read(JobSource(settings), _find(settings.batches_dir, name))


def create_batch(settings: Settings, name: str, refs: Sequence[str], description: str = "") -> Path:
    """Write a batch file and return its path; VelocityCollector reads it too.

    Jobs of the database are entered by their slugs. Raises JobError for a job that does not exist, and
    UsageError for a name in use.
    """
    source = JobSource(settings)
    found = [source.resolve(ref) for ref in refs]
    jobs = [job.slug if job.database_id is not None else job.source for job in found]
    stem = slugify(name)
    if not stem:
        raise UsageError(f"{name!r} has no letter or digit for a file name", "Choose another name")
    file = settings.batches_dir / f"{stem}.yaml"
    if file.exists() or any(batch.name == name for batch in list_batches(settings)):
        raise UsageError(f"there is a batch called {name!r} already", f"Edit {file}, or choose another name")
    content: dict[str, Any] = {"name": name, "jobs": jobs}
    if description:
        content["description"] = description
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_private(file, text.encode())
    return file


def _read(source: JobSource, file: Path) -> Batch:
    try:
        content = read_yaml(file, required=True)
        refs = _refs(file, content)
    except UsageError as error:
        return Batch(file.stem, file, error=str(error))
    name, description = content.get("name"), content.get("description")
    return Batch(
        name=name if isinstance(name, str) and name else file.stem,
        file=file,
        jobs=tuple(refs),
        description=description if isinstance(description, str) else "",
        unknown=tuple(ref for ref in dict.fromkeys(refs) if not _is_known(source, ref)),
    )


def _is_known(source: JobSource, ref: str) -> bool:
    try:
        source.resolve(ref)
    except JobError:
        return False
    return True


def _refs(file: Path, content: dict[str, Any]) -> list[str]:
    refs = content.get("jobs")
    if not isinstance(refs, list) or not refs or not all(isinstance(ref, str | int) for ref in refs):
        raise UsageError(f"{file}: jobs: must be a list of slugs", "Correct the file")
    return [str(ref) for ref in refs]


def load_batch(settings: Settings, name: str) -> list[Job]:
    """The jobs of a batch, in its order; a job may stand in it twice.

    `name` is the file's, without its ending, or the one it gives itself. Raises UsageError when there is no
    such batch, and JobError naming the file when a job in it is unknown.
    """
    file = _find(settings.batches_dir, name)
    source = JobSource(settings)
    jobs: list[Job] = []
    for ref in _refs(file, read_yaml(file, required=True)):
        try:
            jobs.append(source.resolve(ref))
        except JobError as error:
            raise JobError(str(file), f"jobs: {ref}", error.reason, error.next_step) from error
    return jobs


def _find(folder: Path, name: str) -> Path:
    files = sorted(folder.glob("*.yaml"))
    for file in files:
        if file.stem == name:
            return file
    for file in files:
        try:
            if read_yaml(file, required=True).get("name") == name:
                return file
        except UsageError:
            continue
    known = ", ".join(file.stem for file in files)
    raise UsageError(
        f"no batch called {name!r}",
        f"There are: {known}" if known else "Make one: vctui batches create NAME JOB...",
    )
