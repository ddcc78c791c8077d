"""What the discovery screen asks of the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from screens.context import Context
    from screens.finding_model import Found
    from vctui.events import Sink
    from vctui.jobs import CredentialStatus, DiscoveryFinished, DiscoveryPlan, PlanItem


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be found out."""

    text: str = ""
    names: tuple[str, ...] | None = None
    credentials: frozenset[str] = frozenset()
    force: bool = False
    skip_configured: bool = False


class Finder(Protocol):
    """Plans a search, and runs it."""

    def credentials(self) -> Sequence[CredentialStatus]: ...

    def plan(self, wanted: Wanted) -> DiscoveryPlan: ...

    def items(self, plan: DiscoveryPlan) -> Sequence[PlanItem]: ...

    def run(
        self, plan: DiscoveryPlan, sink: Sink, cancel: threading.Event, *, save: bool, force: bool
    ) -> DiscoveryFinished: ...

    def save(self, found: Sequence[Found], *, force: bool) -> int: ...


MakeFinder = Callable[["Context"], Finder]


class RealFinder:
    """The home's inventory, vault and devices."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def credentials(self) -> Sequence[CredentialStatus]:
        """Every credential, with what is known of it."""
        from vctui.jobs import credential_statuses

        return credential_statuses(self._context.settings, self._context.resolver.credentials())

    def plan(self, wanted: Wanted) -> DiscoveryPlan:
        """Which credentials would be tried on which devices. Raises VctuiError."""
        from vctui.jobs import DiscoveryOptions, plan_discovery
        from vctui.records import DeviceFilter

        options = DiscoveryOptions(
            DeviceFilter(status=None if wanted.names is None else "any"),
            search=wanted.text,
            names=wanted.names,
            credentials=sorted(wanted.credentials),
            skip_configured=wanted.skip_configured,
            force=wanted.force,
        )
        return plan_discovery(self._context.settings, self._context.resolver.credentials(), options)

    def items(self, plan: DiscoveryPlan) -> Sequence[PlanItem]:
        """The devices as a run would plan them, with the jump hosts on the way."""
        from vctui.jobs import NoRoute, Routes, plan_item
        from vctui.ssh import KnownHosts

        settings, credentials = self._context.settings, self._context.resolver.credentials()
        routes = Routes(settings, KnownHosts(settings.known_hosts), credentials)
        items: list[PlanItem] = []
        for candidate in plan.candidates:
            try:
                path = routes.to(candidate.device)
            except NoRoute:  # the search says so
                continue
            items.append(plan_item(candidate.device, candidate.credentials[0], path))
        return items

    def run(
        self, plan: DiscoveryPlan, sink: Sink, cancel: threading.Event, *, save: bool, force: bool
    ) -> DiscoveryFinished:
        """Find out. Raises VctuiError for what keeps it from starting."""
        from vctui.jobs import Discovery, DiscoverySettings

        policy = self._context.settings.host_keys
        how = DiscoverySettings(update=save, replace=force, host_keys="strict" if policy == "ask" else policy)
        return Discovery(self._context.settings, self._context.resolver, how, sink=sink, cancel=cancel).run(
            plan
        )

    def save(self, found: Sequence[Found], *, force: bool) -> int:
        """Give the devices what was found to work; how many were given one."""
        from vctui.jobs import save_found

        answers = [(row.candidate, row.answers) for row in found]
        return save_found(
            self._context.settings, self._context.resolver.credentials(), answers, replace=force
        )
