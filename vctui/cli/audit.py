"""`vctui audit`: the trail of unlocks, uses of credentials, exports and host-key decisions."""

from __future__ import annotations

import argparse
from typing import Any

from vctui.cli.parsing import Parser, add_command, add_group, positive

COMMON = ("seq", "at", "kind", "user", "pid", "prev", "hash")
DATA_ERROR = 13


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui audit`."""
    group = add_group(
        commands,
        "audit",
        "See who unlocked the vault, and which credential went to which device",
        examples="vctui audit list --kind credential_used\nvctui audit verify",
    )
    listing = add_command(group, "list", "List the entries, the newest first", list_entries, json=True)
    listing.add_argument("--limit", "-n", metavar="N", type=positive, default=20, help="how many (20)")
    listing.add_argument("--kind", "-k", metavar="KIND", help="only entries of this kind")
    add_command(group, "verify", "Look for entries that were edited or deleted", verify, json=True)


def list_entries(args: argparse.Namespace) -> int:
    """Print the newest entries."""
    from itertools import islice

    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.storage import Audit

    entries = [
        entry for entry in Audit(ready_home(args).home).entries() if args.kind in (None, entry["kind"])
    ]
    newest = list(islice(reversed(entries), args.limit))
    if args.json:
        print_json(newest)
    elif newest:
        print_table(
            ("NO", "AT", "USER", "WHAT", "DETAILS"),
            [(e.get("seq"), e.get("at"), e.get("user"), e.get("kind"), _details(e)) for e in newest],
        )
    else:
        narrate("the audit trail has no such entries" if args.kind else "the audit trail is empty")
    return 0


def _details(entry: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in entry.items() if name not in COMMON and value != "")


def verify(args: argparse.Namespace) -> int:
    """Check the chain; 13 when an entry was edited or deleted."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_line
    from vctui.storage import Audit

    report = Audit(ready_home(args).home).check()
    if args.json:
        print_json(report)
    else:
        for problem in report.problems:
            print_line(problem)
        found = "not as it was written" if report.problems else "whole"
        narrate(f"the audit trail of {report.entries} entries is {found}")
    return DATA_ERROR if report.problems else 0
