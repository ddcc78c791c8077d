"""`vctui` without a command: the full-screen program. The only place that knows the screens."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.vault import CredentialResolver


def open_screens(args: argparse.Namespace) -> int:
    """Open the full-screen program on the home. Raises UsageError without a terminal."""
    import sys

    from vctui.cli.home import settings_of
    from vctui.cli.output import is_terminal
    from vctui.errors import UsageError

    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise UsageError(
            "the full-screen program needs a terminal", "Without one use: vctui run, or see: vctui --help"
        )
    settings = settings_of(args)
    from vctui.vault import CredentialResolver, harden_process

    # The first screen offers to make a home that is not there yet.
    harden_process()
    with CredentialResolver(settings) as resolver:
        return open_on(settings, resolver)


def open_on(settings: Settings, resolver: CredentialResolver) -> int:
    """Open the full-screen program with these credentials, locked or unlocked; returns the exit code."""
    from screens.app import open_app

    return open_app(settings, resolver)
