"""What the job editor suggests: names from the inventory, the vault and the other jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from screens.job_fields import CAPTURE_TYPES, STATUSES
from screens.widgets.field import Choice
from vctui.errors import VctuiError

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.records import Device


@dataclass(frozen=True, slots=True)
class Known:
    """Read once when the editor opens; `problems` says what could not be read."""

    devices: tuple[Device, ...] = ()
    choices: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    commands: tuple[Mapping[str, Any], ...] = ()
    """The job's rows of `job_commands`."""
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobCopy:
    """What a duplicate begins with: a row without an id, commands and tags."""

    row: Mapping[str, Any]
    commands: tuple[Mapping[str, Any], ...]
    tags: tuple[str, ...]


def read_known(settings: Settings, job_id: int | None) -> Known:
    """Everything the editor offers. For a thread: it reads three databases."""
    problems: list[str] = []
    choices: dict[str, tuple[Choice, ...]] = {
        "device_filter_status": _texts(STATUSES),
        "protocol": _texts(("ssh",)),
        "device_filter_source": _texts(("database",)),
    }
    devices: tuple[Device, ...] = ()
    try:
        devices, found = _inventory(settings)
        choices.update(found)
    except VctuiError as error:
        problems.append(str(error))
    commands: tuple[Mapping[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    try:
        commands, tags, found = _collector(settings, job_id)
        choices.update(found)
    except VctuiError as error:
        problems.append(str(error))
    try:
        choices["textfsm_template"] = _templates(settings)
    except VctuiError as error:
        problems.append(str(error))
    return Known(devices, choices, commands, tags, tuple(problems))


def _inventory(settings: Settings) -> tuple[tuple[Device, ...], dict[str, tuple[Choice, ...]]]:
    from vctui.storage import Inventory

    if not settings.dcim_db.is_file():
        return (), {}
    with Inventory(settings.dcim_db) as inventory:
        devices = tuple(inventory.devices())
        references = {
            "device_filter_platform_id": inventory.platforms(),
            "device_filter_site_id": inventory.sites(),
            "device_filter_role_id": inventory.roles(),
        }
        vendors = inventory.manufacturers()
    found = {
        column: tuple(Choice(row.id, row.name, f"{row.slug}, {_devices(row.devices)}") for row in rows)
        for column, rows in references.items()
    }
    found["vendor"] = tuple(
        Choice(row.name.lower(), row.name.lower(), _devices(row.devices)) for row in vendors
    )
    return devices, found


def _collector(
    settings: Settings, job_id: int | None
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...], dict[str, tuple[Choice, ...]]]:
    from vctui.storage import JobStore
    from vctui.vault import Vault

    if not settings.collector_db.is_file():
        return (), (), {}
    with JobStore(settings.collector_db) as store:
        commands: Sequence[Mapping[str, Any]] = () if job_id is None else store.commands(job_id)
        tags: Sequence[str] = () if job_id is None else store.tags(job_id)
        rows = store.rows()
    credentials = Vault(settings.collector_db).list()
    types = sorted({str(row["capture_type"]) for row in rows if row.get("capture_type")} | set(CAPTURE_TYPES))
    return (
        tuple(commands),
        tuple(tags),
        {
            "capture_type": _texts(types),
            "credential_id": tuple(Choice(c.id, c.name, f"user {c.username}") for c in credentials),
        },
    )


def _templates(settings: Settings) -> tuple[Choice, ...]:
    from vctui.storage import TemplateStore

    if not settings.templates_db.is_file():
        return ()
    names = sorted({row.cli_command for row in TemplateStore(settings.templates_db).rows()})
    return _texts(names)


def _texts(values: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(value, value) for value in values)


def _devices(count: int) -> str:
    return f"{count} device{'' if count == 1 else 's'}"
