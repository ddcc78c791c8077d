"""Which hosts `vctui hosts` is asked about: devices and jump hosts, by name, by job, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.jobs import KeyHost, Routes
    from vctui.records import Device


def meant(
    settings: Settings, *, job: str | None, everything: bool, names: Sequence[str]
) -> list[list[KeyHost]]:
    """Rounds of hosts: jump hosts, each round behind the one before, then devices.

    Devices that are named bring their jump hosts along, which must be trusted before they are looked at.
    Raises UsageError, NoDevicesError.
    """
    from vctui.errors import UsageError
    from vctui.jobs import NoRoute, Routes, device_host, jump_rounds
    from vctui.ssh import KnownHosts
    from vctui.vault import Vault

    routes = Routes(settings, KnownHosts(settings.known_hosts), Vault(settings.collector_db).list())
    devices, jumps = _devices(settings, routes, job, everything or not (job or names), names)
    paths = []
    hosts = []
    try:
        for name in jumps:
            paths.append(routes.through(name))
        for device in devices:
            path = routes.to(device)
            paths.append(path)
            hosts.append(device_host(settings, device, path))
    except NoRoute as error:
        raise UsageError(
            f"no way: {error}", "Correct config.yaml, or: vctui devices edit NAME --jump ''"
        ) from error
    return [*jump_rounds(paths), *([hosts] if hosts else [])]


def _devices(
    settings: Settings, routes: Routes, job: str | None, everything: bool, names: Sequence[str]
) -> tuple[list[Device], list[str]]:
    """The devices, and the jump hosts that are meant by their names."""
    from vctui.cli.lookup import find_device
    from vctui.errors import NoDevicesError, UsageError
    from vctui.jobs import JobSource, make_plan
    from vctui.storage import Inventory

    if job:
        plan = make_plan(settings, JobSource(settings).resolve(job))
        if not plan.items:
            raise NoDevicesError(
                f"no device matches job {plan.job.ref}", "See why: vctui run --job ... --dry-run"
            )
        return [item.device for item in plan.items], []
    if everything:
        with Inventory(settings.dcim_db) as inventory:
            return [device for device in inventory.devices() if device.host], routes.names()
    jumps = [name for name in names if name in routes.names()]
    devices = [find_device(settings, name) for name in names if name not in jumps]
    for device in devices:
        if not device.host:
            raise UsageError(
                f"device {device.name} has no address", "Give it one: vctui devices edit NAME --ip ..."
            )
    return devices, jumps
