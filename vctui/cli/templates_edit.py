"""`vctui templates save|remove|export`: templates of the user's own, and the way out of the database."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vctui.validation import Template

MAX_TEMPLATE_BYTES = 1024 * 1024


def add_commands(group: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands that change or copy out templates."""
    save = add_command(
        group,
        "save",
        "Store a template of your own; it goes before an imported one of its name",
        save_template,
        examples="vctui templates save cisco_ios_show_ip_arp arp.textfsm",
    )
    save.add_argument("name", metavar="NAME", help="platform and command, such as cisco_ios_show_ip_arp")
    save.add_argument("file", metavar="FILE", help="its text; - reads standard input")
    save.add_argument("--force", action="store_true", help="store it although TextFSM refuses it")
    remove = add_command(group, "remove", "Remove a template from the database", remove_template)
    remove.add_argument("name", metavar="NAME", help="as vctui templates list shows it")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")
    export = add_command(
        group,
        "export",
        "Write the templates into a folder, a file each",
        export_templates,
        examples="vctui templates export templates\nvctui templates export templates --own",
    )
    export.add_argument("folder", metavar="DIR", help="made if it is not there")
    export.add_argument("--own", action="store_true", help="only your own, not those of ntc-templates")
    export.add_argument("--search", "-s", metavar="TEXT", help="only names that hold this text")
    export.add_argument("--force", action="store_true", help="overwrite files with another content")


def save_template(args: argparse.Namespace) -> int:
    """Check a template and store it."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.storage import TemplateRow, TemplateStore, template_name_problem
    from vctui.validation import Bench

    if refused := template_name_problem(args.name):
        raise UsageError(refused)
    settings = ready_home(args)
    content = _read(args.file)
    problems = Bench(settings.templates_db).problems(content)
    for problem in problems:
        narrate(f"{args.file}: {problem}")
    if problems and not args.force:
        raise UsageError(f"{args.file}: TextFSM refuses this template", "Mend it, or add --force")
    row = TemplateRow(args.name, content, source="custom")
    changes = TemplateStore(settings.templates_db).upsert_many([row], replace_own=True)
    done = "added" if changes.added else "updated" if changes.updated else "unchanged"
    narrate(f"template {args.name}: {done}")
    return 0


def _read(name: str) -> str:
    from vctui.errors import UsageError

    try:
        if name == "-":
            data = sys.stdin.buffer.read(MAX_TEMPLATE_BYTES + 1)
        else:
            with Path(name).expanduser().open("rb") as file:
                data = file.read(MAX_TEMPLATE_BYTES + 1)
        if len(data) > MAX_TEMPLATE_BYTES:
            raise UsageError(f"{name}: larger than 1 MiB", "This is not a template")
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{name}: not UTF-8 text") from error


def remove_template(args: argparse.Namespace) -> int:
    """Remove every template of a name, after a question."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import confirm, narrate
    from vctui.errors import UsageError
    from vctui.storage import TemplateStore

    store = TemplateStore(ready_home(args).templates_db)
    if all(row.cli_command != args.name for row in store.rows()):
        raise UsageError(f"there is no template {args.name}", "See them with: vctui templates list")
    if confirm(f"Remove the template {args.name}?", yes=args.yes):
        store.remove(args.name)
        narrate(f"template {args.name}: removed")
    return 0


def export_templates(args: argparse.Namespace) -> int:
    """Write `NAME.textfsm` files, with names that are safe on any disk."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.storage import PACKAGE_SOURCE, make_folders, write_private
    from vctui.validation import read_templates

    wanted = (args.search or "").casefold()
    chosen = [
        template
        for template in read_templates(ready_home(args).templates_db)
        if wanted in template.name.casefold() and not (args.own and template.source == PACKAGE_SOURCE)
    ]
    folder = Path(args.folder).expanduser()
    files = {folder / name: template for name, template in zip(_file_names(chosen), chosen, strict=True)}
    texts = {path: template.content.encode("utf-8", "replace") for path, template in files.items()}
    changed = [path for path, text in texts.items() if path.exists() and path.read_bytes() != text]
    if changed and not args.force:
        more = f" and {len(changed) - 1} others" if len(changed) > 1 else ""
        raise UsageError(f"{changed[0]}{more}: there with another content", "Add --force to overwrite")
    make_folders(folder)
    for path, text in texts.items():
        if path in changed or not path.exists():
            write_private(path, text)
    narrate(f"{len(files)} template{'s' if len(files) != 1 else ''} in {folder}")
    return 0


def _file_names(templates: Sequence[Template]) -> list[str]:
    """A file name for each template, no two alike even where case does not count."""
    from vctui.storage import content_hash, safe_name

    names: list[str] = []
    taken: set[str] = set()
    for template in templates:
        name = safe_name(template.name)
        if name.casefold() in taken:
            name = f"{name}-{content_hash(template.content)[:8]}"
        while name.casefold() in taken:
            name += "-2"
        taken.add(name.casefold())
        names.append(f"{name}.textfsm")
    return names
