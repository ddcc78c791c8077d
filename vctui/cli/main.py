"""The entry: builds the parser and hands over to the command. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Sequence

from vctui import __version__
from vctui.cli import (
    audit,
    batches,
    captures,
    creds,
    demo,
    devices,
    doctor,
    hosts,
    init,
    jobs,
    platforms,
    run,
    runs,
    screen,
    templates,
    validate,
    vault,
)
from vctui.cli.ending import guarded
from vctui.cli.parsing import Parser, add_home

DESCRIPTION = """\
Collect show-command output from network devices over SSH.
Without a command the full-screen program opens."""

EPILOG = """\
examples:
  vctui demo                           try it against simulated devices
  vctui run --job arista-arp-300       run a job from cron or a terminal
  vctui run --job 300 --dry-run        show what would be done

exit codes: 0 all good, 1 internal error, 2 usage, 3 some devices failed or were skipped, 4 all did or none
matched, 5 a host key was refused, 6 a credential's breaker opened, 10 home not initialised, 11 another run
holds the job, 12 vault, 13 data damaged, 14 storage, 129/130/143 ended by SIGHUP/SIGINT/SIGTERM."""

GROUPS = (
    init,
    demo,
    devices,
    jobs,
    run,
    runs,
    batches,
    vault,
    creds,
    hosts,
    platforms,
    templates,
    validate,
    captures,
    audit,
    doctor,
)


def build_parser() -> Parser:
    """The parser with every command."""
    parser = Parser(prog="vctui", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"vctui {__version__}")
    add_home(parser)
    parser.set_defaults(handler=screen.open_screens)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for group in GROUPS:
        group.add_commands(commands)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        args = build_parser().parse_args(arguments)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 2
    args.home = getattr(args, "home", None)
    return guarded(args.handler, args)
