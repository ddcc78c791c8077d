"""Login pacing: how many logins a second and at once, shared by all runs of this process in one home."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path

from vctui.jobs.plan import PlanItem
from vctui.politeness import Limit, Politeness
from vctui.ssh import Lifeline, Target

_LEAD = 5.0
"""Seconds before its turn at which a device is connected to; it would not keep an idle connection long."""
_ASK_AGAIN = 0.25
"""Seconds; another run of this process may make room, and nobody says so."""
_lock = threading.Lock()
_shared: dict[tuple[Path, Politeness], Meters] = {}


class Meter:
    """One limit, and what counts against it now. Its caller holds the lock."""

    def __init__(self, limit: Limit) -> None:
        rate = limit.logins_per_second
        self._gap = 1 / rate if rate else 0.0
        self._most = limit.at_once
        self._next = 0.0
        self.coming = 0
        """Devices that have begun, and have not sent their secret."""
        self.busy = 0
        """Those, and the devices whose login goes on."""

    def wait(self, now: float) -> float:
        """Seconds until another device may begin; 0 when it may."""
        if self._most is not None and self.busy >= self._most:
            return _ASK_AGAIN
        if not self._gap:
            return 0.0
        return max(0.0, self.early(now) + self.coming * self._gap - _LEAD)

    def early(self, now: float) -> float:
        """Seconds until the next login may be sent; 0 when it is due."""
        return max(0.0, self._next - now)

    def take(self, now: float) -> None:
        """Send one now: the next has to wait for its own turn."""
        self._next = now + self._gap


class Meters:
    """The limits of a home: made when the first device falls under them."""

    def __init__(self, politeness: Politeness) -> None:
        self._politeness = politeness
        self._meters: dict[Hashable, Meter] = {}
        self.lock = threading.Lock()

    def names(self, item: PlanItem) -> tuple[Hashable, ...]:
        """The limits that this device falls under."""
        polite, device = self._politeness, item.device
        names: list[Hashable] = ["all"] if polite.total else []
        if polite.per_site and device.site:
            names.append(("site", device.site))
        if polite.per_jump:
            names += [("jump", hop.name) for hop in item.jump]
        return (*names, *(("domain", name) for name in domains_of(polite, item)))

    def meter(self, name: Hashable) -> Meter:
        """The limit of that name. The caller holds the lock."""
        if name not in self._meters:
            self._meters[name] = Meter(self._limit(name))
        return self._meters[name]

    def _limit(self, name: Hashable) -> Limit:
        if name == "all":
            return self._politeness.total
        kind, own = name if isinstance(name, tuple) else ("", "")
        if kind == "site":
            return self._politeness.per_site
        if kind == "jump":
            return self._politeness.per_jump
        return next(domain.limit for domain in self._politeness.domains if domain.name == own)


def domains_of(politeness: Politeness, item: PlanItem) -> tuple[str, ...]:
    """The AAA domains that a device belongs to, as far as they are configured."""
    if not politeness.domains:
        return ()
    device = item.device
    sites = _names(device.site, device.site_name)
    platforms = _names(device.platform, device.platform_name, device.device_type)
    roles = _names(device.role, device.role_name)
    return tuple(
        domain.name
        for domain in politeness.domains
        if domain.covers(sites, platforms, roles, item.credential.casefold())
    )


def _names(*names: str) -> frozenset[str]:
    return frozenset(name.casefold() for name in names if name)


class Pacer:
    """The pace of one run; `item_of` tells which device of the plan a target is."""

    def __init__(self, meters: Meters, item_of: Callable[[Target], PlanItem]) -> None:
        self._meters = meters
        self._item_of = item_of
        self._coming: set[int] = set()
        self._busy: set[int] = set()

    def lane(self, target: Target) -> Hashable:
        """Its limits."""
        return self._names(target)

    def wait(self, target: Target) -> float:
        """0 when it may begin; see `Pace`."""
        with self._meters.lock:
            meters, now = self._of(target), time.monotonic()
            pause = max((meter.wait(now) for meter in meters), default=0.0)
            if pause:
                return pause
            for meter in meters:
                meter.coming += 1
                meter.busy += 1
            self._coming.add(id(target))
            self._busy.add(id(target))
            return 0.0

    def admit(self, target: Target, lifeline: Lifeline) -> None:
        """Wait for its turn; the turns of a limit are as far apart as it says."""
        while not lifeline.is_cut:
            with self._meters.lock:
                meters, now = self._of(target), time.monotonic()
                early = max((meter.early(now) for meter in meters), default=0.0)
                if not early:
                    for meter in meters:
                        meter.take(now)
                    self._has_come(target, meters)
                    return
            lifeline.pause(early)

    def left(self, target: Target) -> None:
        """Its login is over."""
        with self._meters.lock:
            meters = self._of(target)
            self._has_come(target, meters)
            if id(target) in self._busy:
                self._busy.discard(id(target))
                for meter in meters:
                    meter.busy -= 1

    def _names(self, target: Target) -> tuple[Hashable, ...]:
        return self._meters.names(self._item_of(target))

    def _of(self, target: Target) -> list[Meter]:
        return [self._meters.meter(name) for name in self._names(target)]

    def _has_come(self, target: Target, meters: list[Meter]) -> None:
        if id(target) in self._coming:
            self._coming.discard(id(target))
            for meter in meters:
                meter.coming -= 1


def make_pacer(home: Path, politeness: Politeness, item_of: Callable[[Target], PlanItem]) -> Pacer | None:
    """The pace of a run in this home; None when nothing is limited."""
    if not politeness:
        return None
    with _lock:
        meters = _shared.setdefault((home, politeness), Meters(politeness))
    return Pacer(meters, item_of)
