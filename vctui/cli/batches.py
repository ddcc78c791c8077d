"""`vctui batches`: jobs that run one after another under one name."""

from __future__ import annotations

import argparse

from vctui.cli import run
from vctui.cli.parsing import Parser, add_command, add_group


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui batches`."""
    group = add_group(
        commands,
        "batches",
        "List, show, create and run batches: jobs that run one after another",
        examples="vctui batches create nightly arista-arp-300 cisco-configs-301\nvctui batches run nightly",
    )
    add_command(group, "list", "List the batches of the home", list_batches, json=True)
    show = add_command(group, "show", "Show one batch", show_batch, json=True)
    show.add_argument("name", metavar="NAME", help="its name, or its file's without the ending")
    create = add_command(
        group,
        "create",
        "Create a batch; its jobs run in the order given",
        create_batch,
        examples="vctui batches create 'every night' arista-arp-300 cisco-configs-301",
    )
    create.add_argument("name", metavar="NAME", help="what people call it")
    create.add_argument("refs", metavar="REF", nargs="+", help="slug, id or file of a job")
    create.add_argument("--description", metavar="TEXT", default="", help="what it is for")
    start = add_command(
        group,
        "run",
        "Run a batch: the same as run --batch NAME, with the options of run",
        run_batch,
        examples="vctui batches run nightly --quiet\nvctui batches run nightly --dry-run",
    )
    start.add_argument("name", metavar="NAME", help="its name, or its file's without the ending")
    start.add_argument("options", metavar="OPTION", nargs=argparse.REMAINDER, help="see: vctui run --help")


def list_batches(args: argparse.Namespace) -> int:
    """Print every batch; one that cannot be read is listed with its reason."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.jobs import list_batches as read_batches

    batches = read_batches(ready_home(args))
    if args.json:
        print_json(batches)
    elif batches:
        rows = [
            (batch.name, len(batch.jobs), batch.description if batch.error is None else batch.error)
            for batch in batches
        ]
        print_table(("BATCH", "JOBS", "DESCRIPTION"), rows)
    else:
        narrate("no batches yet. Make one with: vctui batches create NAME JOB...")
    return 0


def show_batch(args: argparse.Namespace) -> int:
    """Print one batch and say which of its jobs are gone."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_fields, print_json
    from vctui.errors import UsageError
    from vctui.jobs import find_batch

    batch = find_batch(ready_home(args), args.name)
    if batch.error is not None:
        raise UsageError(batch.error)
    if args.json:
        print_json(batch)
        return 0
    print_fields({"name": batch.name, "file": batch.file, "description": batch.description})
    for number, ref in enumerate(batch.jobs, start=1):
        print_fields({f"{number}": f"{ref} (there is no such job)" if ref in batch.unknown else ref})
    return 0


def create_batch(args: argparse.Namespace) -> int:
    """Write a batch file."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.jobs import create_batch as write_batch

    file = write_batch(ready_home(args), args.name, args.refs, args.description)
    narrate(f"{file} written. Run it with: vctui batches run {file.stem}")
    return 0


def run_batch(args: argparse.Namespace) -> int:
    """Hand over to `vctui run`."""
    parser = Parser(prog="vctui")
    run.add_commands(parser.add_subparsers())
    options = parser.parse_args(["run", "--batch", args.name, *args.options])
    options.home = getattr(options, "home", args.home)
    return run.run_jobs(options)
