"""The frozen records that storage hands out and takes in; its peewee models stay inside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vctui.events import DeviceStatus, Verdict

PACKAGE_SOURCE = "ntc-templates"
"""The `source` of templates that came from the package."""


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A site, platform, role or manufacturer, with the number of devices that use it."""

    id: int
    name: str
    slug: str
    devices: int = 0
    description: str = ""
    status: str = ""
    """Of a site."""
    device_type: str = ""
    """Of a platform: its netmiko_device_type."""
    paging_disable: str | None = None
    """Of a platform."""
    manufacturer: str = ""
    """Of a platform."""
    color: str = ""
    """Of a role: six hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; `errors` names each skipped row by its line number."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: tuple[tuple[int, str], ...] = ()
    created: tuple[str, ...] = ()
    """Sites, platforms, roles and manufacturers that did not exist, as `site lab`."""
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """One TextFSM template; `cli_command` is its stem, such as `cisco_ios_show_ip_arp`."""

    cli_command: str
    textfsm_content: str
    source: str = "custom"
    textfsm_hash: str = ""
    """MD5 of the content in hexadecimal; computed when empty."""
    cli_content: str = ""
    created: str | None = None
    command_name: str = ""
    """Platform and command joined, where a shape has them in columns of their own."""

    @property
    def is_own(self) -> bool:
        """Whether the user wrote it: no package is its source, or it was changed since the import."""
        changed = bool(self.textfsm_hash) and self.textfsm_hash != content_hash(self.textfsm_content)
        return self.source != PACKAGE_SOURCE or changed


def content_hash(text: str) -> str:
    """The hash that template databases keep: MD5 in hexadecimal, against accidents only."""
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class TemplateChanges:
    """What writing templates did; `skipped` counts the user's own that were left as they are."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class SavedCapture:
    """A capture that is on disk."""

    path: Path
    size: int
    sha256: str
    version: Path | None = None
    """Where the previous, different content was kept."""
    stands_for: str | None = None
    """The SHA-256 of the previous content, where that is worth no version of its own."""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """The outcome of one device, as the recorder writes it."""

    device_id: int
    device: str
    host: str
    status: DeviceStatus
    verdict: Verdict
    error_kind: str | None = None
    error: str | None = None
    next_step: str | None = None
    duration_ms: float = 0.0
    credential: str | None = None
    path: str | None = None
    partial_path: str | None = None
    size: int | None = None
    sha256: str | None = None
    template: str | None = None
    score: float | None = None
    records: int | None = None
    """How many records validation found."""
    finished_at: str | None = None
    """UTC with offset; the moment of recording when it is None."""
    attempts: int = 1
    reasons: tuple[str, ...] = ()
    """What stands behind the verdict."""


@dataclass(frozen=True, slots=True)
class OutputSize:
    """How large the last good output of a device's command was, in bytes."""

    device_id: int
    device: str
    command: str
    good: int
    suspect: int | None = None
    """The size of a far smaller one that came since, and was not believed."""


@dataclass(frozen=True, slots=True)
class CaptureRecord:
    """One row of `captures`: a file that was saved."""

    device_id: int | None
    device_name: str
    capture_type: str
    filepath: str
    file_size: int
    captured_at: str | None = None
    """Local ISO time, as VelocityCollector reads it; the moment of recording when it is None."""
    id: int | None = None
    run: int | None = None
    sha256: str | None = None
    """Known for captures of vctui's own runs."""
    stands_for: str | None = None
    """The SHA-256 of earlier content of the file, which this content is from now on taken for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run keeps of one device."""

    record: DeviceRecord
    captures: Sequence[CaptureRecord] = ()
    records: Sequence[Mapping[str, Any]] = ()
    sizes: Sequence[OutputSize] = ()


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of the history: vctui's own row where there is one, else VelocityCollector's."""

    id: int
    job_id: str
    job_file: str
    job_name: str
    started_at: str
    """UTC with offset; local time without one for a run of VelocityCollector."""
    completed_at: str | None
    status: str
    total: int
    ok: int
    failed: int
    skipped: int = 0
    cancelled: int = 0
    error: str | None = None
    owner_host: str | None = None
    owner_pid: int | None = None

    @property
    def own(self) -> bool:
        """Whether vctui ran it and so knows its devices."""
        return self.owner_host is not None


@dataclass(frozen=True, slots=True)
class RunDeviceRow(DeviceRecord):
    """The stored outcome of one device of a run."""

    id: int = 0
    run_id: int = 0


Row = dict[str, Any]
"""A row by column name."""
