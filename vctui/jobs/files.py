"""Job files: JSON, version 2.0, read strictly and written back with the keys we do not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from vctui.config import expand, pause
from vctui.errors import JobError
from vctui.jobs.fields import check_row, slugify
from vctui.jobs.job import DEFAULT_FILENAME, Job, JobCommand, folder_name, split_commands
from vctui.records import DeviceFilter

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
KINDS_OF_ORIGIN = {
    "cisco ios": ("cisco_ios", "cisco_xe"),
    "cisco nx-os": ("cisco_nxos",),
    "arista": ("arista_eos",),
    "juniper": ("juniper_junos", "juniper"),
}
"""`legacy_v1.original_vendor_selected` → device types: all that tells an IOS job from an NX-OS one."""


def load_job_json(path: Path) -> dict[str, Any]:
    """The object of a job file. Raises JobError with the line where it stops being JSON."""
    source = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise JobError(source, None, "larger than 1 MiB", "This is not a job file")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise JobError(source, None, "no such file", "See the jobs with: vctui jobs list") from None
    except UnicodeDecodeError:
        raise JobError(source, None, "not UTF-8 text", "This is not a job file") from None
    except OSError as error:
        raise JobError(source, None, f"cannot be read: {error.strerror}") from error

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = (
            next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
        )
        if twice is not None:
            raise JobError(source, twice, "appears twice")
        return dict(pairs)

    def no_constant(name: str) -> NoReturn:
        raise JobError(source, None, f"{name} is not a JSON number")

    try:
        data = json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise JobError(source, None, reason, "Correct the JSON") from None
    except (RecursionError, ValueError):
        raise JobError(source, None, "nested too deeply, or a number too long", "Correct the JSON") from None
    if not isinstance(data, dict):
        raise JobError(source, None, "must hold one JSON object")
    if _depth(data) > MAX_DEPTH:
        raise JobError(source, None, "nested too deeply", "Correct the JSON")
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise JobError(source, None, f"{half!a} is half a character", "Correct the JSON") from None
    return data


def parse_job_file(path: str | Path) -> Job:
    """The job of a JSON file. Raises JobError with file, key and reason."""
    file = expand(path).absolute()
    return job_from_json(load_job_json(file), file)


def job_from_json(data: Mapping[str, Any], file: Path) -> Job:
    """The job of a file's object; `file` names it in errors and history."""
    read = _Reader(str(file), data)
    version = data.get("version", "2.0")
    if str(version) not in {"2.0", "2"}:
        raise JobError(str(file), "version", f"{version!r} is not supported; version 2.0 is")
    row = row_from_json(data, file)
    listed = (
        read.value("commands.command", list, None) if isinstance(read.at("commands.command"), list) else None
    )
    for key, reason in check_row(row, has_commands=bool(listed)).items():
        raise JobError(str(file), JSON_KEYS.get(key, key), reason, "Correct the file")
    if listed is not None and not all(isinstance(item, str) and item.strip() for item in listed):
        raise JobError(str(file), "commands.command", "must be text, or a list of texts")
    commands = tuple(str(item).strip() for item in listed) if listed else split_commands(row["command"])
    capture_type = row["capture_type"]
    origin = read.text("legacy_v1.original_vendor_selected")
    vendor = read.text("device_filter.vendor") or read.text("vendor")
    return Job(
        source=str(file),
        ref=str(data.get("job_id") or file.stem),
        name=row["name"],
        slug=row["slug"],
        description=row["description"],
        capture_type=capture_type,
        filter=DeviceFilter(
            vendor=vendor,
            platform=read.text("device_filter.platform"),
            platform_id=read.whole("device_filter.platform_id"),
            site=read.text("device_filter.site"),
            site_id=read.whole("device_filter.site_id"),
            role=read.text("device_filter.role"),
            role_id=read.whole("device_filter.role_id"),
            name_pattern=row["device_filter_name_pattern"],
            status=row["device_filter_status"],
            device_types=KINDS_OF_ORIGIN.get((origin or "").casefold(), ()),
        ),
        steps=tuple(JobCommand(command) for command in commands),
        paging_disable=row["paging_disable_command"],
        output_directory=folder_name(row["output_directory"] or capture_type),
        filename_pattern=row["filename_pattern"] or DEFAULT_FILENAME,
        base_path=row["base_path"],
        use_textfsm=bool(row["use_textfsm"]),
        template=row["textfsm_template"],
        min_score=float(row["validation_min_score"] or 0),
        store_failures=bool(row["store_failures"]),
        # What the file does not say is left to the configuration.
        max_workers=int(read.number("execution.max_workers", 0)) or None,
        timeout=float(read.number("execution.timeout", 0)) or None,
        inter_command_delay=pause(float(row["inter_command_delay"] or 0)),
    )


JSON_KEYS = {
    "capture_type": "capture_type",
    "command": "commands.command",
    "paging_disable_command": "commands.paging_disable",
    "output_directory": "commands.output_directory",
    "textfsm_template": "validation.tfsm_filter",
    "validation_min_score": "validation.min_score",
    "max_workers": "execution.max_workers",
    "timeout_seconds": "execution.timeout",
    "inter_command_delay": "execution.inter_command_time",
    "base_path": "storage.base_path",
    "filename_pattern": "storage.filename_pattern",
    "device_filter_name_pattern": "device_filter.name_pattern",
    "device_filter_status": "device_filter.status",
}
"""Column of `jobs` → key of the file."""


def row_from_json(data: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The columns of `jobs` for a file, as an import writes them; names become ids in the caller's hands."""
    read = _Reader(str(file), data)
    command = read.at("commands.command")
    if isinstance(command, list):
        command = ",".join(str(item) for item in command)
    elif command is not None and not isinstance(command, str):
        raise JobError(str(file), "commands.command", "must be text, or a list of texts")
    folder = read.text("commands.output_directory")
    capture_type = read.text("capture_type") or folder or file.stem
    vendor = read.text("device_filter.vendor") or read.text("vendor")
    job_id = data.get("job_id")
    if job_id is not None and (isinstance(job_id, bool) or not isinstance(job_id, int | str)):
        raise JobError(str(file), "job_id", "must be a number or a text")
    use_textfsm = read.flag("validation.use_tfsm", default=True)
    label = f"{(vendor or 'multi').title()} {capture_type.upper()} Collection"
    made_up = slugify(f"{vendor or 'multi'}-{capture_type}") + (f"-{slugify(str(job_id))}" if job_id else "")
    return {
        "name": read.text("name") or label,
        "slug": read.text("slug") or made_up,
        "description": read.text("description") or "",
        "capture_type": capture_type,
        "vendor": vendor,
        "credential_fallback_env": read.text("credentials.fallback_env"),
        "protocol": read.text("protocol") or "ssh",
        "device_filter_source": read.text("device_filter.source") or "database",
        "device_filter_platform_id": read.whole("device_filter.platform_id"),
        "device_filter_site_id": read.whole("device_filter.site_id"),
        "device_filter_role_id": read.whole("device_filter.role_id"),
        "device_filter_name_pattern": read.text("device_filter.name_pattern"),
        "device_filter_status": read.text("device_filter.status") or "active",
        "paging_disable_command": read.text("commands.paging_disable"),
        "command": command or "",
        "output_directory": folder,
        "filename_pattern": read.text("storage.filename_pattern") or DEFAULT_FILENAME,
        "use_textfsm": int(use_textfsm and not read.flag("validation.skip", default=False)),
        "textfsm_template": read.text("validation.tfsm_filter"),
        "validation_min_score": read.number("validation.min_score", 0),
        "store_failures": int(read.flag("validation.store_failures", default=True)),
        "max_workers": read.number("execution.max_workers", 12),
        "timeout_seconds": read.number("execution.timeout", 60),
        "inter_command_delay": read.number("execution.inter_command_time", 0),
        "base_path": read.text("storage.base_path"),
        "legacy_job_id": job_id if isinstance(job_id, int) else None,
        "legacy_job_file": str(file),
    }


def _depth(data: Any) -> int:
    deepest, stack = 0, [(data, 1)]
    while stack:
        value, level = stack.pop()
        deepest = max(deepest, level)
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        stack += [(child, level + 1) for child in children]
    return deepest


class _Reader:
    """Typed access by dotted key; errors name file and key."""

    def __init__(self, source: str, data: Mapping[str, Any]) -> None:
        self._source = source
        self._data = data

    def at(self, key: str) -> Any:
        """The value at a dotted key, or None."""
        value: Any = self._data
        walked: list[str] = []
        for part in key.split("."):
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise JobError(self._source, ".".join(walked), "must be an object")
            value = value.get(part)
            walked.append(part)
        return value

    def value(self, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        found = self.at(key)
        if found is None:
            return default
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise JobError(
                self._source, key, f"must be {_KIND_WORDS.get(kind, 'something else')}", "Correct it"
            )
        return found

    def text(self, key: str) -> str | None:
        return str(self.value(key, str, "")).strip() or None

    def flag(self, key: str, *, default: bool) -> bool:
        return bool(self.value(key, bool, default))

    def whole(self, key: str) -> int | None:
        found = self.value(key, int, None)
        return None if found is None else int(found)

    def number(self, key: str, default: float) -> float:
        found: float = self.value(key, (int, float), default)
        return found


_KIND_WORDS: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    (int, float): "a number",
}
