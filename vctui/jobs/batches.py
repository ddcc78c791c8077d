"""Batches: YAML files that name jobs to run one after another."""

from __future__ import annotations

from pathlib import Path

from vctui.config import Settings, read_yaml
from vctui.errors import JobError, UsageError
from vctui.jobs.job import Job
from vctui.jobs.source import JobSource


def load_batch(settings: Settings, name: str) -> list[Job]:
    """The jobs of a batch, in its order; a job may stand in it twice.

    `name` is the file's, without its ending, or the one it gives itself. Raises UsageError when there is no
    such batch, and JobError naming the file when a job in it is unknown.
    """
    file = _find(settings.batches_dir, name)
    refs = read_yaml(file, required=True).get("jobs")
    if not isinstance(refs, list) or not refs or not all(isinstance(ref, str | int) for ref in refs):
        raise UsageError(f"{file}: jobs: must be a list of slugs", "Correct the file")
    source = JobSource(settings)
    jobs: list[Job] = []
    for ref in refs:
        try:
            jobs.append(source.resolve(str(ref)))
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
        f"no batch called {name!r}", f"There are: {known}" if known else f"Write one: {folder}/{name}.yaml"
    )
