"""What the preview asks of the engine: plans over one reading of the inventory, made again at each key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import Job, Plan
    from vctui.records import Device


class Plans(Protocol):
    """Makes the plan of a job, narrowed to names and to a number of devices."""

    @property
    def devices(self) -> Sequence[Device]: ...

    def plan(self, job: Job, *, limit: int | None = None, names: Sequence[str] | None = None) -> Plan: ...


def load_plans(context: Context) -> Plans:
    """Read the inventory, the known hosts and the credentials' names. Slow on big inventories."""
    # The engine brings paramiko and peewee, a third of a second: not before the first paint.
    from vctui.jobs import Planner
    from vctui.validation import open_engine

    found: dict[tuple[str, str], str | None] = {}

    def template_for(device_type: str, command: str) -> str | None:
        key = (device_type, command)
        if key not in found:
            settings = context.settings
            with closing(open_engine(settings.templates_db, settings.validation_engine)) as engine:
                found[key] = engine.template_for(device_type, command)
        return found[key]

    return Planner(context.settings, credentials=context.resolver.credentials(), template_for=template_for)


def named(devices: Sequence[Device], text: str, among: Sequence[str] | None) -> list[str] | None:
    """The names that hold `text`, of all devices or of those `among`; None when that narrows nothing."""
    if among is None and not text:
        return None
    wanted = None if among is None else {name.casefold() for name in among}
    text = text.casefold()
    names = (device.name for device in devices)
    return [
        name for name in names if text in name.casefold() and (wanted is None or name.casefold() in wanted)
    ]
