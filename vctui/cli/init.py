"""`vctui init`: a home with its databases, folders and defaults."""

from __future__ import annotations

import argparse

from vctui.cli.parsing import Parser, add_command


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui init`."""
    parser = add_command(
        commands,
        "init",
        "Create the home folder: configuration, databases, default platforms and roles, TextFSM templates",
        create_home,
        examples="vctui init\nvctui --home /srv/vctui init",
    )
    parser.add_argument(
        "--force", action="store_true", help="write config.yaml anew in a home that exists; data is kept"
    )
    parser.add_argument(
        "--no-defaults", action="store_true", help="no manufacturers, platforms, roles and templates"
    )


def create_home(args: argparse.Namespace) -> int:
    """Create the home and, unless told not to, import the templates of ntc-templates."""
    from vctui.cli.home import settings_of
    from vctui.cli.output import narrate
    from vctui.cli.templates import store_templates
    from vctui.storage import init_home

    settings = settings_of(args)
    defaults = not args.no_defaults
    for line in init_home(settings, force=args.force, defaults=defaults):
        narrate(line)
    if defaults:
        store_templates(settings)
    narrate(f"{settings.home} is ready. Next: vctui devices import FILE.csv, then vctui vault init")
    return 0
