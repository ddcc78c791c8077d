"""`vctui` without a command: the full-screen program. The only place that knows the screens."""

from __future__ import annotations

import argparse


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
    from vctui.config import require_home
    from vctui.vault import CredentialResolver, harden_process

    require_home(settings)
    harden_process()
    from screens.app import open_app

    with CredentialResolver(settings) as resolver:
        return open_app(settings, resolver)
