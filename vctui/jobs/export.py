"""A database job as a job file: JSON, version 2.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def job_to_json(
    row: Mapping[str, Any],
    commands: Sequence[Mapping[str, Any]] = (),
    *,
    platform: str | None = None,
    site: str | None = None,
    role: str | None = None,
) -> dict[str, Any]:
    """The file of a `jobs` row. Platform, site and role go by slug: ids mean nothing in another home."""
    listed = [str(item["command"]) for item in commands]
    return {
        "version": "2.0",
        "job_id": row.get("legacy_job_id") or row.get("id"),
        "name": row.get("name"),
        "slug": row.get("slug"),
        "description": row.get("description") or "",
        "capture_type": row.get("capture_type"),
        "vendor": row.get("vendor"),
        "credentials": {
            "source": "vault",
            "credential_set": "default",
            "fallback_env": row.get("credential_fallback_env"),
        },
        "protocol": row.get("protocol") or "ssh",
        "device_filter": {
            "source": row.get("device_filter_source") or "database",
            "vendor": row.get("vendor"),
            "platform": platform,
            "site": site,
            "role": role,
            "name_pattern": row.get("device_filter_name_pattern"),
            "status": row.get("device_filter_status"),
        },
        "commands": {
            "paging_disable": row.get("paging_disable_command"),
            "command": listed or row.get("command"),
            "output_directory": row.get("output_directory") or row.get("capture_type"),
        },
        "validation": {
            "use_tfsm": bool(row.get("use_textfsm")),
            "tfsm_filter": row.get("textfsm_template"),
            "min_score": row.get("validation_min_score") or 0,
            "store_failures": bool(row.get("store_failures")),
        },
        "execution": {
            "max_workers": row.get("max_workers"),
            "timeout": row.get("timeout_seconds"),
            "inter_command_time": row.get("inter_command_delay"),
        },
        "storage": {"base_path": row.get("base_path"), "filename_pattern": row.get("filename_pattern")},
    }
