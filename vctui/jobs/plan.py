"""The plan of a run: for each device its address, credential, commands, template and file. No network yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vctui.config import Settings
from vctui.jobs.job import Job, base_folder
from vctui.jobs.routes import NoRoute, PlannedHop, Routes
from vctui.jobs.selection import LeftOut, select
from vctui.records import CredentialInfo, Device, out_of_scope
from vctui.ssh import KnownHosts, get_platform, platform_name
from vctui.storage import Inventory, distinct_names, render_filename

TemplateFor = Callable[[str, str], str | None]
"""(device type, command) → the template that its index names."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """What will be done with one device."""

    device: Device
    host: str
    port: int
    device_type: str
    credential: str
    """Its name; empty where the vault has none for this device."""
    credential_id: int | None
    commands: tuple[str, ...]
    template: str | None
    path: Path
    """The capture's file."""
    host_known: bool
    note: str = ""
    """What the user should know before it runs."""
    jump: tuple[PlannedHop, ...] = ()
    """The jump hosts on the way, the nearest first."""

    @property
    def path_text(self) -> str:
        """The jump hosts by name, as `bastion > ams-1`; empty without any."""
        return " > ".join(hop.name for hop in self.jump)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do, and whom it leaves out."""

    job: Job
    items: tuple[PlanItem, ...]
    left_out: tuple[LeftOut, ...]
    writing_commands: tuple[str, ...] = ()
    """Commands that are not known to only read: they need a yes."""

    @property
    def unknown_hosts(self) -> tuple[PlanItem, ...]:
        return tuple(item for item in self.items if not item.host_known)

    @property
    def jump_hosts(self) -> tuple[PlannedHop, ...]:
        """Every jump host on the way to any device, the nearest ones first."""
        longest = max((len(item.jump) for item in self.items), default=0)
        near = (item.jump[at] for at in range(longest) for item in self.items if at < len(item.jump))
        return tuple(dict.fromkeys(near))


class Planner:
    """Plans over one reading of the inventory and the known hosts, so that a preview can plan at each key."""

    def __init__(
        self,
        settings: Settings,
        *,
        credentials: Sequence[CredentialInfo] = (),
        template_for: TemplateFor | None = None,
    ) -> None:
        self._settings = settings
        with Inventory(settings.dcim_db) as inventory:
            self.devices: tuple[Device, ...] = tuple(inventory.devices())
        self._known_hosts = KnownHosts(settings.known_hosts)
        self.routes = Routes(settings, self._known_hosts, credentials)
        self._credentials = {info.id: info for info in credentials}
        self._default = next((info for info in credentials if info.is_default), None)
        self._template_for = by_any_name(template_for or (lambda device_type, command: None))
        self._names = distinct_names(self.devices)
        self._now = datetime.now().astimezone()

    def plan(
        self,
        job: Job,
        *,
        credential: str | None = None,
        limit: int | None = None,
        names: Sequence[str] | None = None,
    ) -> Plan:
        """The plan of a job. `credential` names one that takes the place of the job's and the default."""
        selection = select(self.devices, job.filter, limit=limit, names=names)
        items: list[PlanItem] = []
        outside: list[LeftOut] = []
        for device in selection.chosen:
            login, note = self._credential(job, device, credential)
            if login is not None and (reason := out_of_scope(login, device)):
                outside.append(LeftOut(device, f"outside the scope of credential {login.name!r}: {reason}"))
                continue
            try:
                path = self.routes.to(device)
            except NoRoute as error:
                outside.append(LeftOut(device, str(error)))
                continue
            items.append(self._item(job, device, login, note, path))
        own = self._settings.platforms_dir
        kinds = {item.device_type for item in items} or {""}
        writing = tuple(
            command
            for command in job.commands
            if not all(get_platform(kind, own).is_reading(command) for kind in kinds)
        )
        return Plan(job, tuple(items), (*outside, *selection.left_out), writing)

    def _item(
        self,
        job: Job,
        device: Device,
        credential: CredentialInfo | None,
        note: str,
        path: tuple[PlannedHop, ...],
    ) -> PlanItem:
        host = device.host or ""
        return PlanItem(
            device=device,
            host=host,
            port=device.port,
            device_type=device.kind,
            credential=credential.name if credential else "",
            credential_id=credential.id if credential else None,
            commands=job.commands,
            template=self._template(job, device) if job.use_textfsm else None,
            path=self.capture_path(job, device, job.output_directory),
            host_known=self._known_hosts.is_known(host, device.port),
            note=note,
            jump=path,
        )

    def capture_path(self, job: Job, device: Device, folder: str) -> Path:
        """The file of a device's capture; devices of one name at several sites get the site in theirs."""
        filename = render_filename(
            job.filename_pattern,
            device_name=self._names[device.id],
            device_id=device.id,
            timestamp=self._now,
            capture_type=job.capture_type,
        )
        return base_folder(job, self._settings) / folder / filename

    def _template(self, job: Job, device: Device) -> str | None:
        command = next((c for c in reversed(job.commands) if self._template_for(device.kind, c)), None)
        indexed = self._template_for(device.kind, command) if command else None
        return choose_template(job.template, indexed)

    def _credential(self, job: Job, device: Device, named: str | None) -> tuple[CredentialInfo | None, str]:
        note = ""
        if device.credential_id is not None:
            own = self._credentials.get(device.credential_id)
            if own is not None:
                return own, note
            note = f"its own credential (id {device.credential_id}) is gone"
        if named is not None:
            return next((c for c in self._credentials.values() if c.name == named), None), note
        if job.credential_id is not None and job.credential_id in self._credentials:
            return self._credentials[job.credential_id], note
        return self._default, note


def by_any_name(template_for: TemplateFor) -> TemplateFor:
    """The same, also for other names of a platform than those which the index of templates knows."""

    def find(device_type: str, command: str) -> str | None:
        found = template_for(device_type, command)
        name = None if found else platform_name(device_type)
        return template_for(name, command) if name else found

    return find


def choose_template(wanted: str | None, indexed: str | None) -> str | None:
    """The job's filter narrows or overrides what the index names for platform and command."""
    if wanted is None or indexed is None:
        return wanted or indexed
    words = wanted.replace("-", "_").lower().split("_")
    known = set(indexed.replace(":", "_").lower().split("_"))
    return indexed if all(word in known for word in words if word) else wanted


def make_plan(
    settings: Settings,
    job: Job,
    *,
    credentials: Sequence[CredentialInfo] = (),
    template_for: TemplateFor | None = None,
    credential: str | None = None,
    limit: int | None = None,
    names: Sequence[str] | None = None,
) -> Plan:
    """Plan one job, reading the inventory once."""
    planner = Planner(settings, credentials=credentials, template_for=template_for)
    return planner.plan(job, credential=credential, limit=limit, names=names)
