"""A planned device as the SSH room wants it, and how that room is to behave."""

from __future__ import annotations

from vctui.config import HostKeyPolicy, Settings
from vctui.jobs.job import DEFAULT_TIMEOUT, Job
from vctui.jobs.plan import PlanItem
from vctui.records import SSHCredentials
from vctui.ssh import ExecutorOptions, Hop, Target


def make_target(
    item: PlanItem,
    job: Job,
    settings: Settings,
    login: SSHCredentials,
    jump: tuple[Hop, ...],
    *,
    timeout: float | None,
    believe: bool,
) -> Target:
    """The target of one item of a job's plan."""
    return Target(
        device=item.device.name,
        host=item.host,
        credentials=login,
        commands=item.commands,
        port=item.port,
        device_type=item.device_type,
        paging_disable=job.paging_disable,
        timeout=timeout or job.timeout or settings.timeout or DEFAULT_TIMEOUT,
        time_limit=settings.time_limit,
        inter_command_delay=job.inter_command_delay or settings.inter_command_delay,
        jump=jump,
        legacy=item.device.legacy,
        believe=believe,
    )


def executor_options(
    settings: Settings, *, host_keys: HostKeyPolicy, debug: bool, retries: int, record: bool
) -> ExecutorOptions:
    """What the settings say, and this run."""
    return ExecutorOptions(
        known_hosts=settings.known_hosts,
        host_keys=host_keys,
        debug=debug,
        retries=retries,
        record=record,
        platforms=settings.platforms_dir,
        transport=settings.ssh_transport,
        processes=settings.ssh_processes,
    )
