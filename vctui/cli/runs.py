"""`vctui runs`: past runs and what became of each device."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, add_group, positive

if TYPE_CHECKING:
    from vctui.storage import History, RunRow

FOLLOW_SECONDS = 0.5
"""Between two looks at a run's rows."""


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui runs`."""
    group = add_group(
        commands,
        "runs",
        "Look at past runs and the outcome of each device",
        examples="vctui runs list\nvctui runs show 17 --failed",
    )
    listing = add_command(group, "list", "List past runs, the newest first", list_runs, json=True)
    listing.add_argument("--limit", "-n", metavar="N", type=positive, default=20, help="how many (20)")
    show = add_command(group, "show", "Show one run, device by device", show_run, json=True)
    show.add_argument("run", metavar="RUN", type=positive, help="the run's number")
    show.add_argument("--failed", action="store_true", help="only devices that did not end ok")
    follow = add_command(group, "follow", "Print a run's devices as they finish, until it ends", follow_run)
    follow.add_argument("run", metavar="RUN", type=positive, help="the run's number")
    cancel = add_command(group, "cancel", "Ask a run that is going on to stop", cancel_run)
    cancel.add_argument("run", metavar="RUN", type=positive, help="the run's number")


def list_runs(args: argparse.Namespace) -> int:
    """Print the newest runs."""
    from vctui.cli.home import ready_home
    from vctui.storage import History

    with History(ready_home(args).collector_db) as history:
        runs = history.runs(limit=args.limit)
    print_runs(runs, as_json=args.json)
    return 0


def show_run(args: argparse.Namespace) -> int:
    """Print one run: its totals, then a line for each device."""
    from dataclasses import asdict

    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_fields, print_json, print_table
    from vctui.storage import History

    with History(ready_home(args).collector_db) as history:
        run = _run(history, args.run)
        devices = [d for d in history.run_devices(args.run) if not args.failed or d.status != "ok"]
    if args.json:
        print_json({**asdict(run), "devices": [asdict(device) for device in devices]})
        return 0
    print_fields(
        {
            "run": run.id,
            "job": f"{run.job_name} ({run.job_id})",
            "status": run.status,
            "started": run.started_at,
            "ended": run.completed_at,
            "devices": f"{run.total}: {run.ok} ok, {run.skipped} skipped, {run.failed} failed, "
            f"{run.cancelled} cancelled",
            "error": run.error,
        }
    )
    if devices:
        print_table(
            ("DEVICE", "HOST", "STATUS", "SECONDS", "TEMPLATE", "SCORE", "RECORDS", "REASON"),
            [
                (
                    device.device,
                    device.host,
                    device.status if device.verdict != "suspect" else f"{device.status}, suspect",
                    f"{device.duration_ms / 1000:.1f}",
                    device.template,
                    None if device.score is None else f"{device.score:g}",
                    device.records,
                    ": ".join(text for text in (device.error_kind, device.error) if text),
                )
                for device in devices
            ],
        )
    elif not run.own:
        narrate("VelocityCollector ran it, which keeps no outcome of each device")
    return 0


def _run(history: History, number: int) -> RunRow:
    from vctui.errors import UsageError

    run = history.run(number)
    if run is None:
        raise UsageError(f"there is no run {number}", "See the runs with: vctui runs list")
    return run


def follow_run(args: argparse.Namespace) -> int:
    """Print each device of a run when it is done; exits as the run did: 0, 3 or 4."""
    import time

    from vctui.cli.home import ready_home
    from vctui.cli.output import print_line
    from vctui.storage import History, run_is_alive

    settings = ready_home(args)
    is_alive = run_is_alive(settings.home)
    shown: set[int] = set()
    with History(settings.collector_db) as history:
        while True:
            run = _run(history, args.run)
            going_on = run.status == "running" and is_alive(run)
            for device in history.run_devices(args.run):
                if device.id not in shown:
                    shown.add(device.id)
                    reason = ": ".join(text for text in (device.error_kind, device.error) if text)
                    seconds = f"{device.duration_ms / 1000:.1f}s"
                    print_line(f"{device.device} {device.host} {device.status} {seconds} {reason}".rstrip())
            if not going_on:
                break
            time.sleep(FOLLOW_SECONDS)
    print_line(f"run {run.id} {run.status}: {run.ok} of {run.total} ok")
    return 0 if run.status == "success" else 3 if run.ok else 4


def cancel_run(args: argparse.Namespace) -> int:
    """Send SIGTERM to the process that holds the run."""
    import os
    import signal

    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.storage import History, run_is_alive

    settings = ready_home(args)
    with History(settings.collector_db) as history:
        run = _run(history, args.run)
    if run.owner_pid is None or run.status != "running" or not run_is_alive(settings.home)(run):
        raise UsageError(f"run {args.run} is not going on here", "See the runs with: vctui runs list")
    os.kill(run.owner_pid, signal.SIGTERM)
    narrate(f"run {run.id} was asked to stop; see: vctui runs show {run.id}")
    return 0


def print_runs(runs: Sequence[RunRow], *, as_json: bool) -> None:
    """A table of runs, or their JSON."""
    from vctui.cli.output import narrate, print_json, print_table

    if as_json:
        print_json(runs)
    elif runs:
        print_table(
            ("RUN", "JOB", "STARTED", "STATUS", "TOTAL", "OK", "SKIPPED", "FAILED", "CANCELLED"),
            [
                (r.id, r.job_id, r.started_at, r.status, r.total, r.ok, r.skipped, r.failed, r.cancelled)
                for r in runs
            ],
        )
    else:
        narrate("no runs yet")
