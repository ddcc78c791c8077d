"""`vctui templates`: the TextFSM templates that outputs are parsed with."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, add_group

if TYPE_CHECKING:
    from pathlib import Path

    from vctui.config import Settings


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
    show.add_argument("name", metavar="NAME", help="as vctui templates list shows it")


def list_templates(args: argparse.Namespace) -> int:
    """Print the names of the templates."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.validation import read_templates

    wanted = (args.search or "").casefold()
    found = sorted(
        (t for t in read_templates(ready_home(args).templates_db) if wanted in t.name.casefold()),
        key=lambda template: template.name,
    )
    if args.json:
        print_json([{"name": t.name, "source": t.source, "size": len(t.content)} for t in found])
    elif found:
        print_table(("NAME", "SOURCE"), [(t.name, t.source) for t in found])
    else:
        narrate("no template fits" if wanted else "no templates yet. Import: vctui templates import --ntc")
    return 0


def show_template(args: argparse.Namespace) -> int:
    """Print one template's text."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_json, print_line
    from vctui.errors import UsageError
    from vctui.validation import read_templates

    for template in read_templates(ready_home(args).templates_db):
        if template.name == args.name:
            if args.json:
                print_json(template)
            else:
                for line in template.content.expandtabs().splitlines():
                    print_line(line)
            return 0
    raise UsageError(f"there is no template {args.name}", "See them with: vctui templates list")


def import_templates(args: argparse.Namespace) -> int:
    """Import the package's templates, or a folder's as the user's own."""
    from vctui.cli.home import ready_home
    from vctui.config import expand
    from vctui.errors import UsageError

    folder = expand(args.folder) if args.folder else None
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    store_templates(ready_home(args), folder)
    return 0


def store_templates(settings: Settings, folder: Path | None = None) -> None:
    """Write the templates of ntc-templates, or of a folder, and say what that did."""
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.storage import TemplateRow, TemplateStore
    from vctui.validation import folder_rows, ntc_rows

    rows = folder_rows(folder) if folder is not None else ntc_rows()
    if not rows:
        raise UsageError(f"{folder}: holds no template (*.textfsm)")
    changes = TemplateStore(settings.templates_db).upsert_many(
        (TemplateRow(**row) for row in rows), replace_others=folder is not None
    )
    kept = f", {changes.skipped} of your own kept" if changes.skipped else ""
    narrate(
        f"templates: {changes.added} added, {changes.updated} updated, {changes.unchanged} unchanged{kept}"
    )
