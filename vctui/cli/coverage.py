"""`vctui devices coverage`: which devices have a credential that works, and what was collected from each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command, name_list

if TYPE_CHECKING:
    from datetime import datetime

    from vctui.jobs import DeviceCoverage

AGES = "Ages: m minutes, h hours, d days, w weeks; - never."


def add_commands(group: argparse._SubParsersAction[Parser]) -> None:
    """Add it to `vctui devices`."""
    parser = add_command(
        group,
        "coverage",
        "Show for each device whether a credential works, how its last run ended and what was collected",
        show_coverage,
        examples="vctui devices coverage --types arp,version\nvctui devices coverage --gaps --json",
        json=True,
    )
    parser.description = f"{parser.description}\n\n{AGES}"
    parser.add_argument("--types", metavar="TYPE,...", type=name_list, help="only these capture types")
    parser.add_argument(
        "--gaps", action="store_true", help="only devices without a working credential or without a capture"
    )


def show_coverage(args: argparse.Namespace) -> int:
    """Print the matrix."""
    from datetime import UTC, datetime

    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.jobs import age, read_coverage
    from vctui.vault import CredentialResolver

    settings = ready_home(args)
    coverage = read_coverage(settings, CredentialResolver(settings).credentials())
    types = [kind for kind in coverage.types if not args.types or kind in args.types]
    types += [kind for kind in args.types or () if kind not in types]
    rows = [
        one
        for one in coverage.devices
        if not args.gaps or one.login != "works" or any(kind not in one.captured for kind in types)
    ]
    if args.json:
        print_json([_as_dict(one, types) for one in rows])
        return 0
    now = datetime.now(UTC)
    if rows:
        print_table(
            ("DEVICE", "SITE", "CREDENTIAL", "LOGIN", "LAST RUN", *(kind.upper() for kind in types)),
            [
                (
                    one.device.name,
                    one.device.site,
                    one.credential,
                    one.login,
                    one.last and (one.last.error_kind or one.last.status),
                    *(age(one.captured.get(kind), now) for kind in types),
                )
                for one in rows
            ],
        )
    logins = coverage.logins
    narrate(
        f"{len(coverage.devices)} devices: a credential works on {logins['works']}, is refused by"
        f" {logins['refused']}, unknown for {logins['unknown']}; {coverage.collected} have a capture"
    )
    return 0


def _as_dict(one: DeviceCoverage, types: list[str]) -> dict[str, Any]:
    return {
        "device": one.device.name,
        "site": one.device.site,
        "host": one.device.host,
        "credential": one.credential or None,
        "login": one.login,
        "login_at": _iso(one.login_at),
        "last_run": one.last and one.last.run,
        "last_status": one.last and one.last.status,
        "last_error_kind": one.last and one.last.error_kind,
        "captured": {kind: _iso(one.captured.get(kind)) for kind in types},
    }


def _iso(when: datetime | None) -> str | None:
    return when.isoformat(timespec="seconds") if when else None
