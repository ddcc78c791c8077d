"""`vctui creds`: which credential works where, and which one is stopped."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vctui.cli import creds_discover
from vctui.cli.parsing import Parser, add_command, add_group

if TYPE_CHECKING:
    from vctui.jobs import CredentialStatus


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui creds`."""
    group = add_group(
        commands,
        "creds",
        "Find out and see which credential works where",
        examples="vctui creds discover --site lab\nvctui creds test core-1\nvctui creds status --reset lab",
    )
    creds_discover.add_commands(group)
    status = add_command(
        group,
        "status",
        "Show the credentials: which are good, which go to one device first, which are stopped and why",
        show_status,
        examples="vctui creds status\nvctui creds status --reset lab",
        json=True,
    )
    status.add_argument("--reset", metavar="NAME", help="let a stopped credential be tried again")


def show_status(args: argparse.Namespace) -> int:
    """Print what is known of each credential; first of all, forget the failures of one."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.jobs import credential_statuses, reset_credential
    from vctui.vault import CredentialResolver

    settings = ready_home(args)
    infos = CredentialResolver(settings).credentials()
    if args.reset is not None:
        reset_credential(settings, infos, args.reset)
        narrate(f"{args.reset} may be tried again: its next login goes to one device first")
    statuses = credential_statuses(settings, infos)
    if args.json:
        print_json([_as_dict(status) for status in statuses])
    elif statuses:
        print_table(
            ("NAME", "USER", "DEFAULT", "GIVEN TO", "WORKS ON", "REFUSED BY", "STATE", "LAST SUCCESS", "WHY"),
            [
                (
                    status.info.name,
                    status.info.username,
                    status.info.is_default,
                    status.given_to,
                    status.works_on,
                    status.refused_by,
                    status.word,
                    _local(status.state.succeeded_at),
                    status.reason,
                )
                for status in statuses
            ],
        )
    else:
        narrate("the vault holds no credentials. Add one: vctui vault add NAME -u USER")
    return 0


def _local(when: Any) -> str | None:
    return f"{when.astimezone():%Y-%m-%d %H:%M}" if when is not None else None


def _as_dict(status: CredentialStatus) -> dict[str, Any]:
    state = status.state
    return {
        "id": status.info.id,
        "name": status.info.name,
        "username": status.info.username,
        "is_default": status.info.is_default,
        "given_to": status.given_to,
        "works_on": status.works_on,
        "refused_by": status.refused_by,
        "state": {"trusted": "good", "one": "untried", "open": "stopped"}[status.mode],
        "succeeded_at": state.succeeded_at and state.succeeded_at.isoformat(),
        "failed_at": state.failed_at and state.failed_at.isoformat(),
        "failures_in_a_row": state.streak,
        "devices": list(state.devices),
        "stopped_until": state.open_until and state.open_until.isoformat(),
        "reason": status.reason or None,
    }
