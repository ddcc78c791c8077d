"""The fields of a database job: their defaults and what each may hold. Editor and command line share it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from vctui.config import MAX_WORKERS
from vctui.errors import UsageError
from vctui.jobs.selection import compile_pattern
from vctui.storage import folder_problem, pattern_problem

SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)
DEFAULTS: dict[str, Any] = {
    "name": "",
    "slug": "",
    "description": "",
    "capture_type": "",
    "vendor": None,
    "credential_id": None,
    "credential_fallback_env": None,
    "protocol": "ssh",
    "device_filter_source": "database",
    "device_filter_platform_id": None,
    "device_filter_site_id": None,
    "device_filter_role_id": None,
    "device_filter_name_pattern": None,
    "device_filter_status": "active",
    "paging_disable_command": None,
    "command": "",
    "output_directory": None,
    "filename_pattern": "{device_name}.txt",
    "use_textfsm": 0,
    "textfsm_template": None,
    "validation_min_score": 0,
    "store_failures": 1,
    "max_workers": 12,
    "timeout_seconds": 60,
    "inter_command_delay": 0,
    "base_path": "~/.vcollector/collections",
    "schedule_enabled": 0,
    "schedule_cron": None,
    "is_enabled": 1,
}


def new_row() -> dict[str, Any]:
    """The columns of a job that does not exist yet."""
    return dict(DEFAULTS)


def slugify(text: str) -> str:
    """`Arista ARP tables` → `arista-arp-tables`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def check_row(values: Mapping[str, Any], *, has_commands: bool = False) -> dict[str, str]:
    """What is wrong with a job's fields: field → reason, in the order of the form; empty when all is well.

    Only the fields given are checked for their form; the required ones must be there. Values outside
    VelocityCollector's lists (vendor, capture type, status) are the user's own and are accepted.
    """
    problems: dict[str, str] = {}
    for field in ("name", "slug", "capture_type", "command"):
        if not str(values.get(field) or "").strip() and not (field == "command" and has_commands):
            problems[field] = "is required"
    for field, check in _CHECKS.items():
        value = values.get(field)
        if field in problems or value is None or value == "":
            continue
        reason = check(value)
        if reason:
            problems[field] = reason
    return problems


def _one_line(value: Any) -> str | None:
    return "must be one line" if any(ord(char) < 32 for char in str(value)) else None


def _slug(value: Any) -> str | None:
    if SLUG.fullmatch(str(value)) and not str(value).isdigit():
        return None
    return "letters, digits, '-', '_' and '.' only, and not a number alone"


def _protocol(value: Any) -> str | None:
    return None if str(value).lower() == "ssh" else "only ssh is supported"


def _pattern(value: Any) -> str | None:
    try:
        compile_pattern(str(value))
    except UsageError as error:
        return error.message
    return None


def _folder(value: Any) -> str | None:
    return folder_problem(str(value).strip())


def _filename(value: Any) -> str | None:
    return pattern_problem(str(value).strip())


def number_between(low: float, high: float, *, whole: bool = True) -> Callable[[Any], str | None]:
    """A check for a number from `low` to `high`."""

    def check(value: Any) -> str | None:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return "must be a number"
        if not low <= number <= high or (whole and number != int(number)):
            return f"must be a {'whole ' if whole else ''}number from {low:g} to {high:g}"
        return None

    return check


_flag = number_between(0, 1)
_id = number_between(0, 2**31)
_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "name": _one_line,
    "slug": _slug,
    "capture_type": _folder,
    "vendor": _one_line,
    "credential_id": _id,
    "protocol": _protocol,
    "device_filter_platform_id": _id,
    "device_filter_site_id": _id,
    "device_filter_role_id": _id,
    "device_filter_name_pattern": _pattern,
    "device_filter_status": _one_line,
    "output_directory": _folder,
    "filename_pattern": _filename,
    "use_textfsm": _flag,
    "textfsm_template": _one_line,
    "validation_min_score": number_between(0, 100, whole=False),
    "store_failures": _flag,
    "max_workers": number_between(1, MAX_WORKERS),
    "timeout_seconds": number_between(1, 86400),
    "inter_command_delay": number_between(0, 3600, whole=False),
    "base_path": _one_line,
    "schedule_enabled": _flag,
    "is_enabled": _flag,
}
