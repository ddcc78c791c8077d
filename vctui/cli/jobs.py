"""`vctui jobs`: what jobs there are, whether they are sound, and files in and out of the database."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vctui.cli import jobs_edit, jobs_export
from vctui.cli.parsing import Parser, add_command, add_group, positive

if TYPE_CHECKING:
    from vctui.jobs import Job


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui jobs`."""
    group = add_group(
        commands,
        "jobs",
        "List, show, create, edit, check, import and export jobs (REF: slug, id or file)",
        examples="vctui jobs list\nvctui jobs show arista-arp-300\nvctui jobs import ./jobs",
    )
    add_command(group, "list", "List the jobs of the database and of the jobs folder", list_jobs, json=True)
    show = add_command(group, "show", "Show one job", show_job, json=True)
    show.add_argument("ref", metavar="REF", help="slug, id or file")
    jobs_edit.add_commands(group)
    check = add_command(
        group,
        "validate",
        "Check jobs without running them; exit 2 when one is not sound",
        validate_jobs,
        examples="vctui jobs validate arista-arp-300 ./jobs/*.json",
        json=True,
    )
    check.add_argument("refs", metavar="REF-or-FILE", nargs="+", help="slug, id or file")
    load = add_command(
        group,
        "import",
        "Import job files into the database; exit 3 when some could not be",
        import_jobs,
        examples="vctui jobs import job-300.json\nvctui jobs import ./jobs --replace",
        json=True,
    )
    load.add_argument("paths", metavar="PATH", nargs="+", help="a job file, or a folder of them")
    load.add_argument("--replace", action="store_true", help="overwrite jobs that have the same slug")
    jobs_export.add_command_to(group)
    history = add_command(group, "history", "List past runs", show_history, json=True)
    history.add_argument("--job", "-j", metavar="REF", help="only runs of this job")
    history.add_argument("--limit", "-n", metavar="N", type=positive, default=20, help="how many (20)")


def list_jobs(args: argparse.Namespace) -> int:
    """Print every job; one that cannot be read is listed with its reason."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.jobs import JobSource

    entries = JobSource(ready_home(args)).entries()
    if args.json:
        print_json(
            [
                {"ref": e.ref, "source": e.source, "error": e.error, "job": None if e.job is None else e.job}
                for e in entries
            ]
        )
        return 0
    rows: list[tuple[Any, ...]] = []
    for entry in entries:
        job = entry.job
        if job is None:
            rows.append((entry.ref, "-", "-", "-", "-", f"unreadable: {entry.error}"))
        else:
            last = job.last_run_status
            rows.append((entry.ref, job.vendor, job.capture_type, job.enabled, last, job.name))
    if rows:
        print_table(("JOB", "VENDOR", "TYPE", "ENABLED", "LAST RUN", "NAME"), rows)
    else:
        narrate("no jobs yet. Import some with: vctui jobs import PATH, or: vctui jobs create")
    return 0


def show_job(args: argparse.Namespace) -> int:
    """Print one job's fields."""
    from dataclasses import asdict

    from vctui.cli.home import ready_home
    from vctui.cli.output import print_fields, print_json
    from vctui.jobs import JobSource

    job = JobSource(ready_home(args)).resolve(args.ref)
    fields = asdict(job)
    if args.json:
        print_json(fields)
        return 0
    chosen = fields.pop("filter")
    steps = fields.pop("steps")
    fields["commands"] = [step["command"] for step in steps]
    fields.update({f"filter {name}": value for name, value in chosen.items() if value})
    print_fields({name.replace("_", " "): value for name, value in fields.items()})
    return 0


def validate_jobs(args: argparse.Namespace) -> int:
    """Check each job by itself and print its verdict."""
    from vctui.cli.home import settings_of
    from vctui.cli.output import print_json, print_line
    from vctui.errors import UsageError
    from vctui.jobs import JobSource

    source = JobSource(settings_of(args))
    results: list[dict[str, Any]] = []
    for ref in args.refs:
        error: str | None = None
        try:
            _resolve_all(source, ref)
        except UsageError as problem:
            error = str(problem)
        results.append({"ref": ref, "valid": error is None, "error": error})
    if args.json:
        print_json(results)
    else:
        for result in results:
            told = result["error"] or "ok"
            print_line(told if told.startswith(f"{result['ref']}: ") else f"{result['ref']}: {told}")
    return 0 if all(result["valid"] for result in results) else 2


def _resolve_all(source: Any, ref: str) -> list[Job]:
    """The job of a reference, or all of a folder."""
    from vctui.config import expand

    if expand(ref).is_dir():
        jobs: list[Job] = source.folder(ref)
        return jobs
    return [source.resolve(ref)]


def import_jobs(args: argparse.Namespace) -> int:
    """Import job files one by one; a bad one does not stop the others."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_line
    from vctui.jobs import JobSource

    imported = JobSource(ready_home(args)).import_files(args.paths, replace=args.replace)
    if args.json:
        print_json(imported)
    else:
        for job in imported:
            print_line(job.error if job.error else f"{job.path}: imported as {job.slug}")
    failed = sum(1 for job in imported if job.error)
    narrate(f"{len(imported) - failed} of {len(imported)} imported")
    if not imported:
        return 2
    return 0 if not failed else 2 if failed == len(imported) else 3


def show_history(args: argparse.Namespace) -> int:
    """Print past runs, of one job or of all."""
    from vctui.cli.home import ready_home
    from vctui.cli.runs import print_runs
    from vctui.jobs import JobSource
    from vctui.storage import History

    settings = ready_home(args)
    job = JobSource(settings).resolve(args.job) if args.job else None
    with History(settings.collector_db) as history:
        runs = history.runs(limit=args.limit, job_id=job.ref if job else None)
    print_runs(runs, as_json=args.json)
    return 0
