"""What nearly every command begins with: the settings of the chosen home, and its log."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.config import Settings


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of `--home`; keys nobody reads are named on stderr. Raises UsageError, HomeError.

    A log that cannot be written is named there too: a home on a read-only disk can still be read.
    """
    from vctui.cli.logs import open_log
    from vctui.cli.output import narrate
    from vctui.config import load_settings
    from vctui.errors import StorageError

    settings = load_settings(args.home)
    for key in settings.unknown_keys:
        narrate(f"vctui: {settings.config_file}: {key} is not a setting vctui knows; it is left as it is")
    try:
        open_log(settings)
    except StorageError as error:
        narrate(f"vctui: {error}")
    return settings


def ready_home(args: argparse.Namespace) -> Settings:
    """The settings of a home that `vctui init` has made, and nobody else can change. Raises HomeError."""
    from vctui.config import require_home
    from vctui.storage import check_folder

    settings = require_home(settings_of(args))
    check_folder(settings.home)
    return settings
