"""`vctui jobs export`: a job as a file that another home, or a repository, can hold."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.jobs import Job


def add_command_to(group: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui jobs export`."""
    parser = add_command(
        group,
        "export",
        "Print a job as a job file (JSON, version 2.0)",
        export_job,
        examples="vctui jobs export arista-arp-300 > job-300.json",
    )
    parser.add_argument("ref", metavar="REF", help="slug, id or file")


def export_job(args: argparse.Namespace) -> int:
    """Print the job file; a file's own keys are kept, those vctui does not know included."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json
    from vctui.jobs import JobSource

    settings = ready_home(args)
    job = JobSource(settings).resolve(args.ref)
    if any(step.output_directory or step.use_textfsm or step.template for step in job.steps):
        narrate("a job file has one folder and one template: those of single commands are not in it")
    print_json(_of_database(settings, job) if job.database_id is not None else _of_file(Path(job.source)))
    return 0


def _of_file(path: Path) -> dict[str, Any]:
    from vctui.jobs.files import load_job_json

    return load_job_json(path)


def _of_database(settings: Settings, job: Job) -> dict[str, Any]:
    from vctui.jobs import job_to_json
    from vctui.storage import Inventory, JobStore

    with JobStore(settings.collector_db) as store:
        row = store.get(id=job.database_id) or {}
        commands = store.commands(int(row["id"]))
    with Inventory(settings.dcim_db) as inventory:
        slugs = {
            kind: next((r.slug for r in rows() if r.id == row.get(f"device_filter_{kind}_id")), None)
            for kind, rows in (
                ("platform", inventory.platforms),
                ("site", inventory.sites),
                ("role", inventory.roles),
            )
        }
    return job_to_json(row, commands, **slugs)
