"""Who uses a credential: the devices, jobs and jump hosts that name it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from vctui.config import Settings
from vctui.records import CredentialInfo
from vctui.storage import Inventory, JobStore


@dataclass(frozen=True, slots=True)
class Users:
    """Who is assigned to a credential, by name."""

    devices: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    jump_hosts: tuple[str, ...] = ()
    """Of config.yaml, which names the credential: a new name has to be written there too."""

    def __bool__(self) -> bool:
        return bool(self.devices or self.jobs or self.jump_hosts)

    def __str__(self) -> str:
        """`3 devices (sw1, sw2, …) and 1 job (arp)`, or `nobody`."""
        parts = [
            _count("device", self.devices),
            _count("job", self.jobs),
            _count("jump host", self.jump_hosts),
        ]
        return " and ".join(part for part in parts if part) or "nobody"


def all_users(settings: Settings, credentials: Iterable[CredentialInfo]) -> dict[int, Users]:
    """Who uses each of these credentials, by its id. Raises DataError."""
    devices: dict[int | None, list[str]] = defaultdict(list)
    jobs: dict[int | None, list[str]] = defaultdict(list)
    if settings.dcim_db.is_file():
        with Inventory(settings.dcim_db) as inventory:
            for device in inventory.devices():
                devices[device.credential_id].append(device.name)
    if settings.collector_db.is_file():
        with JobStore(settings.collector_db) as store:
            for row in store.rows():
                jobs[row.get("credential_id")].append(str(row["slug"]))
    return {
        info.id: Users(
            tuple(devices.get(info.id, ())),
            tuple(jobs.get(info.id, ())),
            tuple(jump.name for jump in settings.jump_hosts if jump.credential == info.name),
        )
        for info in credentials
    }


def users_of(settings: Settings, credential: CredentialInfo) -> Users:
    """The devices, jobs and jump hosts that name a credential. Raises DataError."""
    return all_users(settings, [credential])[credential.id]


def _count(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = ", …" if len(names) > 3 else ""
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'} ({', '.join(names[:3])}{more})"
