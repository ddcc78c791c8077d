"""Coverage: which devices have a credential that works, and what was collected from each, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from vctui.config import Settings
from vctui.records import CredentialInfo, Device
from vctui.storage import History, Inventory, LastVisit, LoginStore, LoginTest, last_captures, last_visits

Login = Literal["works", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class DeviceCoverage:
    """One device. Times are UTC."""

    device: Device
    login: Login
    credential: str
    """The one that it was given; without one, the one that `login` speaks of, or ""."""
    login_at: datetime | None
    captured: Mapping[str, datetime]
    """The newest capture of each type."""
    last: LastVisit | None
    """How its last run ended."""
    other: str = ""
    """A credential that works where its own one does not, or may not."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every device, and the types of which there is a capture, the commonest first."""

    types: tuple[str, ...]
    devices: tuple[DeviceCoverage, ...]

    @property
    def logins(self) -> Counter[Login]:
        """How many devices a login is known to work on, and so on."""
        return Counter(one.login for one in self.devices)

    @property
    def collected(self) -> int:
        """How many devices have a capture."""
        return sum(bool(one.captured) for one in self.devices)


def read_coverage(settings: Settings, infos: Sequence[CredentialInfo]) -> Coverage:
    """Read inventory, history and tests. Needs no password."""
    names = {info.id: info.name for info in infos}
    with Inventory(settings.dcim_db) as inventory:
        devices = inventory.devices()
    with History(settings.collector_db, read_only=True) as history:
        captures = last_captures(history)
        visits = last_visits(history)
        logins = last_visits(history, with_login=True)
    with LoginStore(settings.collector_db, read_only=True) as store:
        tests: dict[int, list[LoginTest]] = {}
        for test in store.tests():
            tests.setdefault(test.device_id, []).append(test)
    by_name = Counter(device.name for device in devices)
    captured: dict[object, dict[str, datetime]] = {}
    for capture in captures:
        when = _local(capture.captured_at)
        if when is not None:
            # A name that several devices bear says nothing without an id.
            key: object = capture.device_id if capture.device_id is not None else capture.device
            found = captured.setdefault(key, {})
            found[capture.capture_type] = max(when, found.get(capture.capture_type, when))
    rows = []
    for device in devices:
        own = dict(captured.get(device.name, {})) if by_name[device.name] == 1 else {}
        own |= captured.get(device.id, {})
        given = names.get(device.credential_id or 0, "")
        said, other = _login(_said(device, logins.get(device.id), tests.get(device.id, []), names), given)
        rows.append(
            DeviceCoverage(
                device,
                said.login if said else "unknown",
                said.credential if said else given,
                said.at if said else None,
                own,
                visits.get(device.id),
                other,
            )
        )
    types = Counter(kind for row in rows for kind in row.captured)
    return Coverage(tuple(kind for kind, _ in types.most_common()), tuple(rows))


@dataclass(frozen=True, slots=True)
class _Said:
    """What one login said of a credential."""

    at: datetime
    login: Login
    credential: str


def _said(
    device: Device, visit: LastVisit | None, tests: Sequence[LoginTest], names: Mapping[int, str]
) -> list[_Said]:
    """What is known of logins to a device, the oldest first: from its runs, from tests, from elsewhere."""
    said: list[_Said] = []
    if visit is not None and (at := _utc(visit.finished_at)):
        said.append(
            _Said(at, "refused" if visit.error_kind == "auth_failed" else "works", visit.credential or "")
        )
    for test in tests:
        if test.result in ("accepted", "refused"):
            login: Login = "works" if test.result == "accepted" else "refused"
            said.append(_Said(test.tested_at, login, names.get(test.credential_id, "")))
    if device.credential_result in ("success", "failed") and (at := _local(device.credential_tested_at)):
        login = "works" if device.credential_result == "success" else "refused"
        said.append(_Said(at, login, names.get(device.credential_id or 0, "")))
    return sorted(said, key=lambda one: one.at)


def _login(said: Sequence[_Said], own: str) -> tuple[_Said | None, str]:
    """What speaks for the credential that a run would use, and another one that works."""
    last = {one.credential: one for one in said}
    working = [one for one in last.values() if one.login == "works"]
    if own:
        other = next((one.credential for one in reversed(working) if one.credential != own), "")
        return last.get(own), other
    candidates = working or list(said)
    return (candidates[-1] if candidates else None), ""


def _local(text: str | None) -> datetime | None:
    """Local time without an offset, as VelocityCollector's columns have it."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None


def _utc(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else None


def age(when: datetime | None, now: datetime) -> str:
    """`4m`, `7h`, `3d`, `9w`: how long ago, as short as a cell; "-" for never."""
    if when is None:
        return "-"
    minutes = max(0, int((now - when).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes}m"
    if minutes < 48 * 60:
        return f"{minutes // 60}h"
    days = minutes // (24 * 60)
    return f"{days}d" if days < 70 else f"{days // 7}w"
