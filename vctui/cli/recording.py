"""The option `--record DIR` of commands that visit devices."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.jobs import Recordings


def add_record_option(group: argparse._ActionsContainer) -> None:
    """Add it."""
    group.add_argument(
        "--record",
        metavar="DIR",
        type=Path,
        help="record each session there, without its secrets: vctui demo --recordings DIR plays them",
    )


def open_recordings(args: argparse.Namespace) -> Recordings | None:
    """The folder that was asked for, if one was. Raises StorageError."""
    if args.record is None:
        return None
    from vctui.jobs import Recordings

    recordings = Recordings(args.record.expanduser().absolute())
    recordings.open()
    return recordings


def tell_recordings(recordings: Recordings | None, code: int) -> int:
    """Say what was recorded; returns the exit code, to which a recording adds that could not be written."""
    if recordings is None:
        return code
    from vctui.cli.output import narrate
    from vctui.errors import worst_exit

    sessions = "1 session" if recordings.kept == 1 else f"{recordings.kept} sessions"
    narrate(f"{sessions} recorded in {recordings.folder}: look through them before you share them")
    if recordings.error is None:
        return code
    narrate(f"vctui: not every session was recorded: {recordings.error}")
    return worst_exit([code, recordings.error.exit_code])
