"""`vctui templates`: the TextFSM templates that outputs are parsed with."""

from __future__ import annotations

import argparse

from vctui.cli.parsing import Parser, add_command, add_group


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui templates`."""
    group = add_group(
        commands,
        "templates",
        "Import, list and show TextFSM templates",
        examples="vctui templates import --ntc\nvctui templates list --search show_ip_arp",
    )
    load = add_command(
        group,
        "import",
        "Import templates: those of the ntc-templates package, or of a folder",
        import_templates,
    )
    source = load.add_mutually_exclusive_group()
    source.add_argument("--ntc", action="store_true", help="the ntc-templates package (the default)")
    source.add_argument("folder", metavar="DIR", nargs="?", help="a folder of *.textfsm files")
    listing = add_command(group, "list", "List the templates", list_templates, json=True)
    listing.add_argument("--search", "-s", metavar="TEXT", help="only names that hold this text")
    show = add_command(group, "show", "Print one template", show_template, json=True)
    show.add_argument("name", metavar="NAME")
