"""`vctui run`: jobs from cron or a terminal."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, descriptor, name_list, positive, seconds
from vctui.cli.recording import add_record_option

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from vctui.config import Settings
    from vctui.jobs import Job, JobRunner, Plan

EXAMPLES = """\
vctui run --job arista-arp-300
vctui run --jobs 'cisco-*' --max-concurrent-jobs 2 -y
vctui run --job job-300.json --devices sw1,sw2 --json
vctui run --job 300 --dry-run
vctui run --batch nightly --detach
vctui run --job 300 --devices sw1 --record ./recordings
vctui run --retry-failed 17"""


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui run`."""
    parser = add_command(
        commands,
        "run",
        "Run jobs: collect, validate and save, without the full-screen program",
        run_jobs,
        examples=EXAMPLES,
    )
    what = parser.add_argument_group("what to run").add_mutually_exclusive_group(required=True)
    what.add_argument("--job", metavar="REF", help="one job: slug, id or file")
    what.add_argument(
        "--jobs", metavar="REF-or-glob", nargs="+", help="several; * and ? match slugs and files"
    )
    what.add_argument("--jobs-dir", metavar="DIR", help="every job file of a folder")
    what.add_argument("--batch", metavar="NAME", help="the jobs of a batch file, one after another")
    what.add_argument(
        "--retry-failed", metavar="RUN", type=positive, help="the devices of that run that did not end ok"
    )
    what.add_argument(
        "--resume", metavar="RUN", type=positive, help="the devices that run was stopped before it reached"
    )
    who = parser.add_argument_group("which devices, and how")
    who.add_argument("--credential", "-c", metavar="NAME", help="in place of the job's and the default one")
    who.add_argument("--limit", metavar="N", type=positive, help="at most so many devices a job")
    who.add_argument("--devices", metavar="NAME,...", type=name_list, help="only these devices")
    who.add_argument("--workers", metavar="N", type=_workers, help="devices at the same time")
    who.add_argument("--timeout", metavar="S", type=seconds, help="longest silence waited out, seconds")
    who.add_argument(
        "--retries", metavar="N", type=_retries, help="tries more for no connection; never for a login (0)"
    )
    who.add_argument(
        "--max-concurrent-jobs", metavar="N", type=positive, default=4, help="jobs' sessions at a time (4)"
    )
    who.add_argument(
        "--separate-logins",
        action="store_true",
        help="a login for each job; without it a device that several jobs want is logged in to once",
    )
    who.add_argument(
        "--host-keys",
        choices=("ask", "strict", "accept-new"),
        help="unknown host keys: refused by ask and strict, stored by accept-new",
    )
    who.add_argument(
        "--allow-any-command", action="store_true", help="run commands that are not known to only read"
    )
    who.add_argument(
        "--detach", action="store_true", help="go on in the background, also when the terminal is closed"
    )
    who.add_argument("--dry-run", action="store_true", help="print the plan; no network, no password")
    keep = parser.add_argument_group("what is kept and shown")
    keep.add_argument("--no-save", action="store_true", help="save no captures")
    keep.add_argument("--force-save", "-f", action="store_true", help="save output that was refused")
    add_record_option(keep)
    keep.add_argument("--debug", action="store_true", help="log the sessions in detail")
    keep.add_argument("--quiet", "-q", action="store_true", help="print only devices that did not end ok")
    keep.add_argument("--json", action="store_true", help="print one event a line, as JSON")
    keep.add_argument("-y", "--yes", action="store_true", help="do not ask before running several jobs")
    keep.add_argument(
        "--unlock-fd", metavar="N", type=descriptor, help="read the master password from this descriptor"
    )


def _workers(text: str) -> int:
    from vctui.config import MAX_WORKERS

    workers = positive(text)
    if workers > MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{workers} is over the limit of {MAX_WORKERS}")
    return workers


def _retries(text: str) -> int:
    from vctui.config import MAX_RETRIES

    if not text.isdecimal() or int(text) > MAX_RETRIES:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {MAX_RETRIES}")
    return int(text)


def run_jobs(args: argparse.Namespace) -> int:
    """Plan, unlock, run, and return the worst exit code."""
    import threading

    from vctui.cli.detach import detach
    from vctui.cli.home import ready_home
    from vctui.cli.logs import open_debug_log
    from vctui.cli.output import narrate
    from vctui.cli.progress import open_display
    from vctui.cli.recording import open_recordings, tell_recordings
    from vctui.cli.signals import StopSignals
    from vctui.jobs import JobRunner
    from vctui.vault import CredentialResolver

    settings = ready_home(args)
    if args.debug:
        narrate(f"logging in detail to {open_debug_log(settings)}")
    jobs, names = _chosen(settings, args)
    cancel = threading.Event()
    with CredentialResolver(settings) as resolver:
        planner = JobRunner(
            resolver, settings=settings, limit=args.limit, names=names, credential=args.credential
        )
        if args.dry_run:
            from vctui.cli.plans import print_plans

            return print_plans(
                [planner.plan(job) for job in jobs],
                as_json=args.json,
                separate_logins=args.separate_logins,
            )
        plans = [planner.plan(job) for job in jobs]
        if len(plans) > 1 and not _agreed(plans, args):
            return 0
        allow = _may_write(plans, args)
        recordings = open_recordings(args)
        if any(plan.items for plan in plans):
            from vctui.cli.unlocking import unlock

            unlock(resolver.vault, descriptor=args.unlock_fd)
        if args.detach and not detach(settings):
            return 0
        several = len(plans) > 1
        with (
            open_display(as_json=args.json, quiet=args.quiet, several=several) as display,
            StopSignals(cancel, resolver.lock) as signals,
        ):

            def make_runner() -> JobRunner:
                return JobRunner(
                    resolver,
                    debug=args.debug,
                    no_save=args.no_save,
                    force_save=args.force_save,
                    limit=args.limit,
                    settings=settings,
                    sink=display,
                    cancel=cancel,
                    workers=args.workers,
                    timeout=args.timeout,
                    retries=args.retries,
                    names=names,
                    host_keys=args.host_keys,
                    credential=args.credential,
                    allow_any_command=allow,
                    recordings=recordings,
                )

            code = _run_plans(make_runner, plans, args, cancel)
        code = tell_recordings(recordings, code)
        return signals.exit_code or code


def _run_plans(
    make_runner: Callable[[], JobRunner],
    plans: Sequence[Plan],
    args: argparse.Namespace,
    cancel: threading.Event,
) -> int:
    """Run every plan; one that cannot start does not keep the others from it."""
    from vctui.cli.output import narrate
    from vctui.jobs import run_apart, worst_of

    if len(plans) == 1:
        return make_runner().run_plan(plans[0]).exit_code
    at_once = 1 if args.batch is not None else args.max_concurrent_jobs
    if args.separate_logins:
        results = run_apart(make_runner, plans, at_once, cancel)
    else:
        results = make_runner().run_plans(plans, at_once)
    for result in results:
        if result.history_id is None and result.error:
            narrate(f"vctui: {result.job_id}: {result.error}")
    return worst_of(results)


def _chosen(settings: Settings, args: argparse.Namespace) -> tuple[list[Job], list[str] | None]:
    """The jobs that the arguments name, and the devices to which they are narrowed."""
    from vctui.jobs import JobSource, load_batch

    source = JobSource(settings)
    if args.job is not None:
        return [source.resolve(args.job)], args.devices
    if args.jobs is not None:
        return source.match(args.jobs), args.devices
    if args.jobs_dir is not None:
        return source.folder(args.jobs_dir), args.devices
    if args.batch is not None:
        return load_batch(settings, args.batch), args.devices
    job, names = _of_run(settings, args)
    if args.devices is not None:
        wanted = {name.casefold() for name in args.devices}
        names = [name for name in names if name.casefold() in wanted]
    return [job], names


def _of_run(settings: Settings, args: argparse.Namespace) -> tuple[Job, list[str]]:
    """The job of a past run, and its devices that are still owed: those that failed, or were not reached."""
    from vctui.errors import NoDevicesError, UsageError
    from vctui.jobs import JobSource
    from vctui.storage import History

    number = args.retry_failed or args.resume
    with History(settings.collector_db) as history:
        run = history.run(number)
        if run is None or not run.own:
            raise UsageError(f"there is no run {number} of vctui's own", "See the runs with: vctui runs list")
        devices = history.run_devices(number)
    source = JobSource(settings)
    job = source.resolve(run.job_file.removeprefix("database:"))
    if args.retry_failed:
        names = [device.device for device in devices if device.status != "ok"]
    else:
        names = _unreached(settings, job, {d.device for d in devices if d.status != "cancelled"})
    if not names:
        what = "failed" if args.retry_failed else "was left out"
        raise NoDevicesError(f"no device of run {number} {what}", f"See: vctui runs show {number}")
    return job, names


def _unreached(settings: Settings, job: Job, done: set[str]) -> list[str]:
    from vctui.jobs import make_plan

    return [item.device.name for item in make_plan(settings, job).items if item.device.name not in done]


def _agreed(plans: Sequence[Plan], args: argparse.Namespace) -> bool:
    """A yes to several jobs; without a terminal, naming them in the command is the yes."""
    from vctui.cli.output import confirm, has_terminal, narrate

    devices = sum(len(plan.items) for plan in plans)
    if not has_terminal() or confirm(f"Run {len(plans)} jobs on {devices} devices?", yes=args.yes):
        return True
    narrate("nothing was run")
    return False


def _may_write(plans: Sequence[Plan], args: argparse.Namespace) -> bool:
    """Whether commands may run that are not known to only read: by the option, or a yes on the terminal.

    A run of one job ends here without it; of several, those that only read can still run. Raises UsageError.
    """
    from vctui.cli.output import confirm, has_terminal
    from vctui.errors import UsageError

    writing = ", ".join(sorted({command for plan in plans for command in plan.writing_commands}))
    if args.allow_any_command or not writing:
        return bool(args.allow_any_command)
    if has_terminal() and confirm(f"Not known to only read: {writing}. Run it?", yes=False):
        return True
    if len(plans) == 1:
        raise UsageError(
            f"not known to only read: {writing}", "Add --allow-any-command if the job is meant to run it"
        )
    return False
