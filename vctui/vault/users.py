"""Who uses a credential: the devices and jobs that are assigned to it."""

from __future__ import annotations

from dataclasses import dataclass

from vctui.config import Settings
from vctui.records import CredentialInfo
from vctui.storage import Inventory, JobStore


@dataclass(frozen=True, slots=True)
class Users:
    """Who is assigned to a credential, by name."""

    devices: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.devices or self.jobs)

    def __str__(self) -> str:
        """`3 devices (sw1, sw2, …) and 1 job (arp)`, or `nobody`."""
        parts = [
            _count("device", self.devices),
            _count("job", self.jobs),
        ]
        return " and ".join(part for part in parts if part) or "nobody"


def users_of(settings: Settings, credential: CredentialInfo) -> Users:
    """The devices and jobs that name a credential. Raises DataError."""
    id = credential.id
    devices: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    if settings.dcim_db.is_file():
        with Inventory(settings.dcim_db) as inventory:
            devices = tuple(d.name for d in inventory.devices() if d.credential_id == id)
    if settings.collector_db.is_file():
        with JobStore(settings.collector_db) as store:
            jobs = tuple(str(row["slug"]) for row in store.rows() if row.get("credential_id") == id)
    return Users(devices, jobs)


def _count(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = ", …" if len(names) > 3 else ""
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'} ({', '.join(names[:3])}{more})"
