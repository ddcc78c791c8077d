"""What `vctui run --dry-run` prints: the plan that a run would follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vctui.cli.output import narrate, print_json, print_line, print_table

if TYPE_CHECKING:
    from vctui.jobs import Plan

NO_DEVICES = 4


def print_plans(plans: Sequence[Plan], *, as_json: bool, separate_logins: bool = False) -> int:
    """Print each plan; 4 when none of them has a device, as the run would return."""
    from vctui.jobs import shared_devices

    if as_json:
        print_json([_as_dict(plan) for plan in plans])
    else:
        for plan in plans:
            _print(plan)
    shared = 0 if separate_logins else shared_devices(plans)
    if shared:
        devices = "1 device is" if shared == 1 else f"{shared} devices are"
        narrate(f"{devices} wanted by several of these jobs, and logged in to once")
    return 0 if any(plan.items for plan in plans) else NO_DEVICES


def _print(plan: Plan) -> None:
    job = plan.job
    off = "" if job.enabled else "; the job is disabled, so it would be refused"
    print_line(f"{job.ref}: {job.name}: {len(plan.items)} devices, {len(plan.left_out)} left out{off}")
    for command in job.commands:
        flag = "  (not known to only read: needs --allow-any-command)"
        print_line(f"  command: {command}{flag if command in plan.writing_commands else ''}")
    for hop in plan.jump_hosts:
        login = hop.credential or (f"key {hop.key_files[0]}" if hop.key_files else "no credential")
        known = "known" if hop.host_known else "unknown"
        print_line(f"  jump host {hop.name}: {address(hop.host, hop.port)}, {login}, host key {known}")
    if plan.items:
        print_table(
            ("DEVICE", "ADDRESS", "VIA", "CREDENTIAL", "TEMPLATE", "HOST KEY", "FILE", "NOTE"),
            [
                (
                    item.device.name,
                    address(item.host, item.port),
                    item.path_text,
                    item.credential or "none",
                    item.template,
                    "known" if item.host_known else "unknown",
                    item.path,
                    item.note,
                )
                for item in plan.items
            ],
        )
    for left_out in plan.left_out:
        print_line(f"  left out: {left_out.device.name}: {left_out.reason}")
    count = len(plan.unknown_hosts) + sum(not hop.host_known for hop in plan.jump_hosts)
    if count:
        unknown = "1 host key is unknown" if count == 1 else f"{count} host keys are unknown"
        narrate(f"{unknown}. Scan and trust: vctui hosts trust --job {job.argument}")


def _as_dict(plan: Plan) -> dict[str, Any]:
    return {
        "job": plan.job.ref,
        "job_file": plan.job.source,
        "enabled": plan.job.enabled,
        "commands": plan.job.commands,
        "writing_commands": plan.writing_commands,
        "jump_hosts": [
            {
                "name": hop.name,
                "host": hop.host,
                "port": hop.port,
                "credential": hop.credential or None,
                "key_file": str(hop.key_files[0]) if hop.key_files else None,
                "host_known": hop.host_known,
            }
            for hop in plan.jump_hosts
        ],
        "devices": [
            {
                "device": item.device.name,
                "host": item.host,
                "port": item.port,
                "device_type": item.device_type,
                "jump": [hop.name for hop in item.jump],
                "credential": item.credential or None,
                "commands": item.commands,
                "template": item.template,
                "path": item.path,
                "host_known": item.host_known,
                "note": item.note or None,
            }
            for item in plan.items
        ],
        "left_out": [{"device": left.device.name, "reason": left.reason} for left in plan.left_out],
    }


def address(host: str, port: int) -> str:
    """`192.0.2.1`, with the port when it is not 22; IPv6 in brackets then."""
    if port == 22:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
