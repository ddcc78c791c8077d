"""`vctui templates`: the TextFSM templates that outputs are parsed with."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vctui.cli import templates_edit, templates_test
from vctui.cli.parsing import Parser, add_command, add_group

if TYPE_CHECKING:
    from pathlib import Path

    from vctui.config import Settings
    from vctui.validation import Template


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui templates`."""
    group = add_group(
        commands,
        "templates",
        "Import, list, test and change TextFSM templates",
        examples="vctui templates import --ntc\nvctui templates list --search show_ip_arp\n"
        "vctui templates test arp.txt --filter arp",
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
    load.add_argument("--replace", action="store_true", help="overwrite templates of your own, too")
    listing = add_command(group, "list", "List the templates", list_templates, json=True)
    listing.add_argument("--search", "-s", metavar="TEXT", help="only names that hold this text")
    show = add_command(group, "show", "Print one template", show_template, json=True)
    show.add_argument("name", metavar="NAME", help="as vctui templates list shows it")
    templates_test.add_command_to(group)
    templates_edit.add_commands(group)


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
        print_json([_about(template) for template in found])
    elif found:
        print_table(("NAME", "SOURCE", "CREATED"), [(t.name, t.source, t.created[:10]) for t in found])
    else:
        narrate("no template fits" if wanted else "no templates yet. Import: vctui templates import --ntc")
    return 0


def _about(template: Template) -> dict[str, object]:
    from vctui.storage import content_hash

    digest = content_hash(template.content)
    return {
        "name": template.name,
        "source": template.source,
        "created": template.created or None,
        "size": len(template.content),
        "hash": digest,
        "changed_since_import": bool(template.digest) and template.digest != digest,
    }


def show_template(args: argparse.Namespace) -> int:
    """Print one template's text."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_json, print_line
    from vctui.errors import UsageError
    from vctui.validation import read_templates

    found = [t for t in read_templates(ready_home(args).templates_db) if t.name == args.name]
    for template in found[:1]:
        if args.json:
            print_json({**_about(template), "content": template.content, "others": len(found) - 1})
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
    return store_templates(ready_home(args), folder, replace=args.replace)


def store_templates(settings: Settings, folder: Path | None = None, *, replace: bool = False) -> int:
    """Write the templates of ntc-templates, or of a folder, and say what that did; 3 if a file is left out.

    What the user wrote or changed is kept unless `replace`.
    """
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.storage import TemplateRow, TemplateStore
    from vctui.validation import folder_rows, ntc_rows, problems_of

    bad: list[str] = []
    if folder is None:
        rows = ntc_rows()
    else:
        rows = []
        for row in folder_rows(folder, bad=bad):
            if problems := problems_of(row["textfsm_content"]):
                bad.append(f"{folder / row['cli_command']}.textfsm: {problems[0]}")
            else:
                rows.append(row)
    for message in bad:
        narrate(f"left out: {message}")
    if not rows:
        raise UsageError(f"{folder}: holds no template (*.textfsm)")
    changes = TemplateStore(settings.templates_db).upsert_many(
        (TemplateRow(**row) for row in rows), replace_own=replace
    )
    kept = f", {changes.skipped} of your own kept (--replace overwrites them)" if changes.skipped else ""
    narrate(
        f"templates: {changes.added} added, {changes.updated} updated, {changes.unchanged} unchanged{kept}"
    )
    return 3 if bad else 0
