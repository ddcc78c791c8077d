"""Which credentials are tried on which devices, in which order; touches no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vctui.config import Settings
from vctui.errors import CredentialNotFound, NoDevicesError
from vctui.jobs.plan import PlanItem
from vctui.jobs.routes import PlannedHop
from vctui.jobs.selection import LeftOut, select
from vctui.records import CredentialInfo, Device, DeviceFilter, out_of_scope
from vctui.storage import Inventory, LoginStore, LoginTest

FRESH = timedelta(hours=24)
"""How long what was found out about a device is not asked again."""


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    """What to find out. `credentials` are names, None meaning all; `force` asks again what is known."""

    filter: DeviceFilter
    search: str = ""
    """A part of the name, the address or the description."""
    names: Sequence[str] | None = None
    credentials: Sequence[str] | None = None
    limit: int | None = None
    skip_configured: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device, and the credentials to try on it until one is accepted, the likeliest first."""

    device: Device
    credentials: tuple[CredentialInfo, ...]


@dataclass(frozen=True, slots=True)
class DiscoveryPlan:
    """What will be tried, and who is left out for what reason."""

    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def attempts(self) -> int:
        """The most logins that there can be."""
        return sum(len(candidate.credentials) for candidate in self.candidates)


def address_of(device: Device) -> str:
    """Where a test reached the device: at another address it says nothing."""
    return f"{device.host}:{device.port}"


def plan_item(device: Device, info: CredentialInfo, path: tuple[PlannedHop, ...] = ()) -> PlanItem:
    """A device and a credential as the pace of the logins and the question about host keys know them."""
    return PlanItem(
        device=device,
        host=device.host or "",
        port=device.port,
        device_type=device.device_type,
        credential=info.name,
        credential_id=info.id,
        commands=(),
        template=None,
        path=Path(),
        host_known=False,
        jump=path,
    )


def plan_discovery(
    settings: Settings,
    infos: Sequence[CredentialInfo],
    options: DiscoveryOptions,
    now: datetime | None = None,
) -> DiscoveryPlan:
    """Read the inventory and what earlier tests found out. Raises UsageError, CredentialNotFound."""
    chosen = _chosen(infos, options.credentials)
    with Inventory(settings.dcim_db) as inventory:
        devices = inventory.devices()
    with LoginStore(settings.collector_db, read_only=True) as store:
        tests = store.tests()
    planner = _Planner(chosen, devices, tests, options, now or datetime.now(UTC))
    selection = select(devices, options.filter, names=options.names)
    candidates: list[Candidate] = []
    left_out: list[LeftOut] = []
    for device in selection.chosen:
        found = planner.candidate(device)
        if isinstance(found, str):
            left_out.append(LeftOut(device, found))
        elif options.limit is not None and len(candidates) >= options.limit:
            left_out.append(LeftOut(device, f"over the limit of {options.limit}"))
        else:
            candidates.append(found)
    return DiscoveryPlan(tuple(candidates), (*left_out, *selection.left_out))


def _chosen(infos: Sequence[CredentialInfo], names: Sequence[str] | None) -> list[CredentialInfo]:
    if names is None:
        if not infos:
            raise CredentialNotFound(
                "the vault holds no credentials", "Add one: vctui vault add NAME -u USER --default"
            )
        return list(infos)
    by_name = {info.name: info for info in infos}
    for name in names:
        if name not in by_name:
            raise CredentialNotFound(f"no credential called {name!r}", "See them with: vctui vault list")
    return [by_name[name] for name in dict.fromkeys(names)]


class _Planner:
    """The order of the credentials, from what is known of devices that are alike."""

    def __init__(
        self,
        infos: Sequence[CredentialInfo],
        devices: Iterable[Device],
        tests: Iterable[LoginTest],
        options: DiscoveryOptions,
        now: datetime,
    ) -> None:
        self._infos = infos
        self._options = options
        self._now = now
        self._tests: dict[int, dict[int, LoginTest]] = {}
        """By device and credential."""
        for test in tests:
            self._tests.setdefault(test.device_id, {})[test.credential_id] = test
        self._known: Counter[tuple[object, ...]] = Counter()
        for device in devices:
            for id in self._working(device):
                self._known.update(_likeness(id, device))

    def _working(self, device: Device) -> set[int]:
        """The credentials that are known to work on a device."""
        tests = self._tests.get(device.id, {}).values()
        found = {test.credential_id for test in tests if test.result == "accepted"}
        if device.credential_id is not None and device.credential_result == "success":
            found.add(device.credential_id)
        return found

    def candidate(self, device: Device) -> Candidate | str:
        """What to try on a device, or why nothing is."""
        options = self._options
        text = options.search.casefold()
        if text and not any(
            text in value.casefold() for value in (device.name, device.host or "", device.description)
        ):
            return f"does not hold {options.search!r}"
        if options.skip_configured and device.credential_id is not None:
            return "has a credential already"
        allowed = [info for info in self._infos if out_of_scope(info, device) is None]
        if not allowed:
            return "outside the scope of every credential"
        if not options.force:
            known = next((i for i in allowed if self._result(device, i) == "accepted"), None)
            if known is not None:
                return f"{known.name!r} was found to work within a day"
            allowed = [info for info in allowed if self._result(device, info) is None]
            if not allowed:
                return "every credential was tried within a day"
        return Candidate(device, tuple(sorted(allowed, key=lambda info: self._rank(device, info))))

    def _result(self, device: Device, info: CredentialInfo) -> str | None:
        """What a fresh test of the pair said."""
        test = self._tests.get(device.id, {}).get(info.id)
        if test is None or test.address != address_of(device) or self._now - test.tested_at > FRESH:
            return None
        return test.result

    def _rank(self, device: Device, info: CredentialInfo) -> tuple[object, ...]:
        likeness = [-self._known[key] for key in _likeness(info.id, device)]
        return (device.credential_id != info.id, *likeness, not info.is_default, info.name)


def _likeness(credential_id: int, device: Device) -> list[tuple[object, ...]]:
    """Groups of devices that are like this one, the closest first."""
    return [
        (credential_id, "site and platform", device.site_id, device.platform_id),
        (credential_id, "platform", device.platform_id),
        (credential_id, "site", device.site_id),
        (credential_id, "any"),
    ]


def require_candidates(plan: DiscoveryPlan) -> None:
    """Raises NoDevicesError when there is nothing to find out."""
    if not plan.candidates:
        reasons = Counter(left.reason for left in plan.left_out).most_common(2)
        why = "; ".join(f"{count}: {reason}" for reason, count in reasons)
        raise NoDevicesError(
            f"there is no device to find a credential for{f' ({why})' if why else ''}",
            "See who is left out with --dry-run; --force asks again what is known",
        )
