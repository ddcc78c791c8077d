"""Finding out what devices are: one login each, a few commands that only read, and what they say.

The runner does the rest, as in any run: credentials and their scope, host keys, pacing, cancelling.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from vctui.config import HostKeyPolicy, Settings
from vctui.errors import worst_exit
from vctui.events import DevicePhase, Event, Sink, careful, discard
from vctui.jobs.job import Job
from vctui.jobs.plan import Plan, PlanItem
from vctui.jobs.recordings import Recordings
from vctui.jobs.result import JobResult
from vctui.jobs.routes import PlannedHop
from vctui.jobs.runner import JobRunner
from vctui.records import Device, DeviceFilter, SSHCredentials
from vctui.ssh import Confidence, ExecutionResult, Hop, Recognition, Target, load_platforms, recognise
from vctui.storage import Inventory
from vctui.vault import CredentialResolver

ProbeStatus = Literal["recognised", "unknown", "failed", "cancelled"]
SURE = ("certain", "likely")
"""What is said with this confidence counts; the shape of a prompt alone does not."""
_JOB = Job(
    source="probe",
    ref="probe",
    name="Probe",
    slug="probe",
    capture_type="probe",
    steps=(),
    output_directory="probe",
    filter=DeviceFilter(status="any"),
)


@dataclass(frozen=True, slots=True)
class DeviceProbed(Event):
    """What a device is, as far as it showed; also what the inventory takes it for."""

    event: ClassVar[str] = "device_probed"

    device: str
    host: str
    status: ProbeStatus
    platform: str | None
    title: str | None
    confidence: Confidence
    reasons: tuple[str, ...]
    others: tuple[str, ...]
    """Platforms that it may be as well."""
    known_as: str
    ssh_server: str
    prompt: str
    error_kind: str | None
    error: str | None
    next_step: str | None
    duration_ms: float
    credential: str | None


@dataclass(frozen=True, slots=True)
class ProbeFinished(Event):
    """The last event of a probe."""

    event: ClassVar[str] = "probe_finished"

    total: int
    recognised: int
    unknown: int
    failed: int
    cancelled: int
    duration_ms: float
    error: str | None
    exit_code: int


@dataclass(frozen=True, slots=True)
class Probed:
    """A device and what was found out about it."""

    device: Device
    news: DeviceProbed
    vendor: str = ""
    differs: bool = False
    """Whether the inventory takes it for nothing, or for what is handled by other rules."""


class Prober(JobRunner):
    """Probes devices. `sink` hears how far each one is and what it is, from worker threads."""

    def __init__(
        self,
        credentials: CredentialResolver | SSHCredentials,
        settings: Settings,
        *,
        credential: str | None = None,
        sink: Sink = discard,
        cancel: threading.Event | None = None,
        workers: int | None = None,
        timeout: float | None = None,
        host_keys: HostKeyPolicy | None = None,
        recordings: Recordings | None = None,
    ) -> None:
        self._hear = careful(sink)
        self.found: list[Probed] = []
        super().__init__(
            credentials,
            validate=False,
            no_save=True,
            record_history=False,
            settings=settings,
            sink=self._take_event,
            cancel=cancel,
            workers=workers,
            timeout=timeout,
            host_keys=host_keys,
            credential=credential,
            recordings=recordings,
        )

    def plan_devices(self, devices: Sequence[Device]) -> Plan:
        """The plan for these devices, without those that have no address or may not be logged in to."""
        ids = {device.id for device in devices}
        plan = self.plan(_JOB)
        return replace(
            plan,
            items=tuple(item for item in plan.items if item.device.id in ids),
            left_out=tuple(left for left in plan.left_out if left.device.id in ids),
        )

    def probe(self, plan: Plan) -> ProbeFinished:
        """Probe the plan's devices. Raises VctuiError for what keeps it from starting."""
        result = self.run_plan(plan, self._take_result)
        finished = self._sum_up(result)
        self._hear(finished)
        return finished

    def _target(
        self,
        item: PlanItem,
        job: Job,
        logins: dict[int | None, SSHCredentials],
        hops: dict[PlannedHop, Hop],
    ) -> Target:
        return replace(super()._target(item, job, logins, hops), probe=True, extra_data=item)

    def _take_result(self, done: int, total: int, result: ExecutionResult) -> None:
        """Called when a device is done, from one thread."""
        item: PlanItem = result.extra_data
        platforms, seen = load_platforms(self.settings.platforms_dir), result.evidence
        what = recognise(seen, platforms.distinct()) if seen is not None else Recognition(None, "unknown")
        known, sure = platforms.find(item.device.kind), what.confidence in SURE
        status: ProbeStatus = "recognised" if sure else "unknown"
        if not result.success:
            status = "cancelled" if result.error_kind == "cancelled" else "failed"
        news = DeviceProbed(
            device=result.device,
            host=result.host,
            status=status,
            platform=what.platform.name if what.platform else None,
            title=what.platform.title if what.platform else None,
            confidence=what.confidence,
            reasons=what.reasons,
            others=what.others,
            known_as=item.device.kind,
            ssh_server=seen.ident if seen else "",
            prompt=seen.prompt if seen else "",
            error_kind=result.error_kind,
            error=result.error,
            next_step=result.next_step,
            duration_ms=round(result.duration_ms, 1),
            credential=item.credential or None,
        )
        vendor = what.platform.vendor if what.platform else ""
        alike = known is not None and what.platform is not None and what.platform.has_rules_of(known)
        self.found.append(Probed(item.device, news, vendor, differs=sure and not alike))
        self._hear(news)

    def _take_event(self, event: Event) -> None:
        """Of the runner's own events only the phases are a probe's."""
        if isinstance(event, DevicePhase):
            self._hear(event)

    def _sum_up(self, result: JobResult) -> ProbeFinished:
        counts = {
            status: sum(probed.news.status == status for probed in self.found)
            for status in ("recognised", "unknown", "failed", "cancelled")
        }
        codes = [result.exit_code]
        if counts["unknown"]:
            codes.append(3 if counts["recognised"] else 4)
        return ProbeFinished(
            total=result.total_devices,
            **counts,
            duration_ms=round(result.duration_ms, 1),
            error=result.error,
            exit_code=worst_exit(codes),
        )


def save_platforms(settings: Settings, found: Sequence[Probed]) -> list[Probed]:
    """Give the devices whose platform the inventory had wrong the one they have; returns these devices."""
    changed = [probed for probed in found if probed.differs]
    with Inventory(settings.dcim_db) as inventory:
        for probed in changed:
            known = {"platform": probed.news.platform, "manufacturer": probed.vendor}
            inventory.edit(probed.device.id, known)
    return changed
