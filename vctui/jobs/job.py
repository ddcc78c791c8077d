"""One validated job, whether it came from a JSON file or from a row of collector.db."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from vctui.config import Settings, expand, pause
from vctui.records import DeviceFilter
from vctui.storage import folder_problem

DEFAULT_BASE_PATH = "~/.vcollector/collections"
DEFAULT_FILENAME = "{device_name}.txt"
DEFAULT_TIMEOUT = 60.0
DEFAULT_WORKERS = 12


@dataclass(frozen=True, slots=True)
class JobCommand:
    """One command of a job. What is None is the job's own."""

    command: str
    output_directory: str | None = None
    use_textfsm: bool | None = None
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What to run, on which devices, and what to do with the output. Durations are in seconds."""

    source: str
    """`database:<id>` or the path of the JSON file."""
    ref: str
    """What history knows it by: the slug of a database job, the job_id of a file."""
    name: str
    slug: str
    capture_type: str
    steps: tuple[JobCommand, ...]
    output_directory: str
    filter: DeviceFilter = field(default_factory=DeviceFilter)
    description: str = ""
    enabled: bool = True
    paging_disable: str | None = None
    filename_pattern: str = DEFAULT_FILENAME
    base_path: str | None = None
    use_textfsm: bool = False
    template: str | None = None
    """The name, or a part of the name, of the TextFSM template."""
    min_score: float = 0.0
    store_failures: bool = True
    max_workers: int | None = None
    timeout: float | None = None
    inter_command_delay: float = 0.0
    credential_id: int | None = None
    database_id: int | None = None
    last_run_at: str | None = None
    last_run_status: str | None = None
    schedule: str | None = None

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(step.command for step in self.steps)

    @property
    def vendor(self) -> str:
        return self.filter.vendor or ""

    @property
    def argument(self) -> str:
        """What a shell takes for this job after `--job`; the job_id of a file would name a database row."""
        return shlex.quote(self.source if self.database_id is None else self.slug or str(self.database_id))


def base_folder(job: Job, settings: Settings) -> Path:
    """Where the job's captures go. VelocityCollector's default path means the home's own folder."""
    if not job.base_path or job.base_path.rstrip("/") == DEFAULT_BASE_PATH:
        return settings.collections_dir
    return settings.home / expand(job.base_path)


def folder_name(text: str) -> str:
    """An output directory as it is used: `arp/` and `./arp` are `arp`; "" stays "", which names none."""
    return str(PurePosixPath(text.strip())) if text.strip() else ""


def split_commands(text: str) -> tuple[str, ...]:
    """The commands of one `command` field: separated by commas, empty ones (`,,` at the end) dropped."""
    return tuple(part.strip() for line in text.splitlines() for part in line.split(",") if part.strip())


def job_from_row(row: Mapping[str, Any], commands: Sequence[Mapping[str, Any]] = ()) -> Job:
    """The job of a `jobs` row and its `job_commands` rows. Raises JobError for the first bad field."""
    from vctui.errors import JobError
    from vctui.jobs.fields import check_row

    source = f"database:{row.get('id')}"
    for key, reason in check_row(row, has_commands=bool(commands)).items():
        raise JobError(source, key, reason, "Edit the job")
    for item in commands:
        folder = str(item.get("output_directory") or "").strip()
        problem = folder_problem(folder) if folder else None
        if problem:
            raise JobError(source, "job_commands.output_directory", problem, "Edit the job")

    def text(key: str) -> str:
        return str(row.get(key) or "").strip()

    capture_type = text("capture_type")
    return Job(
        source=source,
        ref=text("slug"),
        name=text("name"),
        slug=text("slug"),
        description=text("description"),
        capture_type=capture_type,
        enabled=bool(_number(row.get("is_enabled"), 1)),
        filter=filter_from_row(row),
        steps=_steps(row, commands),
        paging_disable=text("paging_disable_command") or None,
        output_directory=folder_name(text("output_directory") or capture_type),
        filename_pattern=text("filename_pattern") or DEFAULT_FILENAME,
        base_path=text("base_path") or None,
        use_textfsm=bool(_number(row.get("use_textfsm"), 0)),
        template=text("textfsm_template") or None,
        min_score=_number(row.get("validation_min_score"), 0),
        store_failures=bool(_number(row.get("store_failures"), 1)),
        max_workers=int(_number(row.get("max_workers"), 0)) or None,
        timeout=_number(row.get("timeout_seconds"), 0) or None,
        inter_command_delay=pause(_number(row.get("inter_command_delay"), 0)),
        credential_id=_id(row.get("credential_id")),
        database_id=_id(row.get("id")),
        last_run_at=text("last_run_at") or None,
        last_run_status=text("last_run_status") or None,
        schedule=text("schedule_cron") or None if _number(row.get("schedule_enabled"), 0) else None,
    )


def filter_from_row(row: Mapping[str, Any]) -> DeviceFilter:
    """The devices that a `jobs` row means, whose fields were checked."""

    def text(key: str) -> str | None:
        return str(row.get(key) or "").strip() or None

    return DeviceFilter(
        vendor=text("vendor"),
        platform_id=_id(row.get("device_filter_platform_id")),
        site_id=_id(row.get("device_filter_site_id")),
        role_id=_id(row.get("device_filter_role_id")),
        name_pattern=text("device_filter_name_pattern"),
        status=text("device_filter_status"),
    )


def _steps(row: Mapping[str, Any], commands: Sequence[Mapping[str, Any]]) -> tuple[JobCommand, ...]:
    if not commands:
        return tuple(JobCommand(part) for part in split_commands(str(row["command"])))
    ordered = sorted(commands, key=lambda item: _number(item.get("sequence"), 0))
    return tuple(
        JobCommand(
            command=str(item["command"]).strip(),
            output_directory=folder_name(str(item.get("output_directory") or "")) or None,
            use_textfsm=True if _number(item.get("use_textfsm"), 0) else None,
            template=str(item.get("textfsm_template") or "").strip() or None,
        )
        for item in ordered
        if str(item.get("command") or "").strip()
    )


def _number(value: Any, default: float) -> float:
    return default if value is None or value == "" else float(value)


def _id(value: Any) -> int | None:
    return int(value) if value not in (None, "", 0) else None
