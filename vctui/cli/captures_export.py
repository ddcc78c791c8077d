"""`vctui captures export|revalidate`: the records of stored captures, written out or read anew."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command, positive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vctui.config import Settings
    from vctui.jobs import CaptureShelf, Revalidated, StoredCapture
    from vctui.storage import History

SOME, NONE = 3, 4
"""Exit codes: some captures are not valid, or none is."""


def add_commands(group: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands that parse captures."""
    export = add_command(
        group,
        "export",
        "Parse captures and write their records as JSON or CSV; exit 3 when some, 4 when none are valid",
        export_captures,
        examples="vctui captures export core-1 --type arp --json\n"
        "vctui captures export --csv --type arp -o arp.csv\n"
        "vctui captures export --csv --run 17 --each exported",
    )
    export.add_argument(
        "captures", metavar="CAPTURE", nargs="*", help="number, file or device; without any, all that fit"
    )
    shape = export.add_mutually_exclusive_group(required=True)
    shape.add_argument("--json", action="store_true", help="JSON; one CAPTURE is an object, else an array")
    shape.add_argument("--csv", action="store_true", help="CSV that is safe to open in a spreadsheet")
    add_selection(export)
    export.add_argument("--filter", metavar="FILTER", help="template, or a part of its name (automatic)")
    target = export.add_mutually_exclusive_group()
    target.add_argument("-o", "--output", metavar="FILE", help="write to a file (standard output)")
    target.add_argument("--each", metavar="DIR", help="write a file for each capture into a folder")
    again = add_command(
        group,
        "revalidate",
        "Parse stored captures again, after a template changed; exit 3 when some are not valid",
        revalidate_captures,
        examples="vctui captures revalidate --template cisco_ios_show_ip_arp\n"
        "vctui captures revalidate --type arp --dry-run",
        json=True,
    )
    add_selection(again)
    again.add_argument("--template", metavar="NAME", help="only captures that this template parsed, or would")
    again.add_argument("--filter", metavar="FILTER", help="parse with this template (automatic)")
    again.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options that choose captures."""
    parser.add_argument("--device", metavar="NAME", help="only of this device")
    parser.add_argument("--type", metavar="T", help="only of this type, such as arp")
    parser.add_argument("--run", metavar="RUN", type=positive, help="only of this run")
    parser.add_argument("--all", action="store_true", help="also those that a later run replaced")


def export_captures(args: argparse.Namespace) -> int:
    """Write the records."""
    from vctui.cli.apart import run_apart
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.errors import UsageError

    settings = ready_home(args)
    documents = run_apart(lambda: _documents(settings, args))
    if not documents:
        raise UsageError("no capture fits", "See them with: vctui captures list")
    if args.each:
        _write_each(documents, Path(args.each).expanduser(), as_csv=args.csv)
    else:
        _write_one(documents, args)
    failed = [document for document in documents if document["reason"]]
    for document in failed:
        narrate(f"{document['device']} {document['capture_type']}: not valid: {document['reason']}")
    narrate(f"{len(documents) - len(failed)} of {len(documents)} captures exported with their records")
    return 0 if not failed else NONE if len(failed) == len(documents) else SOME


def _documents(settings: Settings, args: argparse.Namespace) -> list[dict[str, Any]]:
    from contextlib import closing

    from vctui.jobs import CaptureShelf, documents
    from vctui.storage import History
    from vctui.validation import open_engine

    with (
        History(settings.collector_db) as history,
        closing(open_engine(settings.templates_db, settings.validation_engine)) as engine,
    ):
        shelf = CaptureShelf(settings, history)
        return list(documents(shelf, chosen(history, shelf, args), engine, args.filter))


def chosen(history: History, shelf: CaptureShelf, args: argparse.Namespace) -> Iterable[StoredCapture]:
    """The captures that the options of `add_selection` mean, or those named one by one."""
    from vctui.cli.outputs import find_record

    refs = getattr(args, "captures", None)
    if refs:
        return [shelf.place(find_record(history, ref, args.type)) for ref in refs]
    return shelf.find(
        device=args.device,
        capture_type=args.type,
        run=args.run,
        latest=not args.all and args.run is None,
    )


def _write_one(documents: list[dict[str, Any]], args: argparse.Namespace) -> None:
    from vctui.cli.output import print_text
    from vctui.jobs import export_text
    from vctui.storage import write_private

    text = export_text(documents, as_csv=args.csv, single=len(args.captures) == 1)
    if args.output:
        write_private(Path(args.output).expanduser(), text.encode("utf-8", "replace"))
    else:
        print_text(text)


def _write_each(documents: list[dict[str, Any]], folder: Path, *, as_csv: bool) -> None:
    from vctui.jobs import export_text, table
    from vctui.storage import make_folders, safe_name, write_private

    make_folders(folder)
    taken: set[str] = set()
    for document in documents:
        if as_csv and not document["fields"]:
            continue
        name = safe_name(f"{Path(document['source_file']).stem}-{document['capture_type']}")
        if name.casefold() in taken:
            name = safe_name(f"{name}-run{document['run']}")
        number = 2
        while name.casefold() in taken:
            name, number = f"{name.rpartition('.')[0] or name}.{number}", number + 1
        taken.add(name.casefold())
        text = table(document) if as_csv else export_text([document], as_csv=False, single=True)
        write_private(folder / f"{name}.{'csv' if as_csv else 'json'}", text.encode("utf-8", "replace"))


def revalidate_captures(args: argparse.Namespace) -> int:
    """Parse again and say what changed."""
    from dataclasses import asdict

    from vctui.cli.apart import run_apart
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.errors import UsageError

    settings = ready_home(args)
    found = run_apart(lambda: _again(settings, args))
    if not found and args.template and not _is_known(settings, args.template):
        raise UsageError(f"there is no template {args.template}", "See them with: vctui templates list")
    changed = [one for one in found if one.changed]
    if args.json:
        print_json([asdict(one) for one in found])
    elif changed:
        print_table(
            ("RUN", "DEVICE", "TYPE", "TEMPLATE", "SCORE", "RECORDS", "FIELDS", "REASON"),
            [
                (
                    one.run,
                    one.device,
                    one.capture_type,
                    _change(one.template_before, one.template),
                    _change(one.score_before, one.score),
                    _change(one.records_before, one.records),
                    one.fields,
                    one.reason,
                )
                for one in changed
            ],
        )
    bad = [one for one in found if one.reason or one.problem]
    for one in found:
        if one.problem:
            narrate(f"run {one.run}, {one.device}: {one.problem}")
    would = "would change" if args.dry_run else "changed"
    narrate(f"{len(found)} parsed again, {len(changed)} {would}, {len(bad)} not valid")
    return SOME if bad else 0


def _again(settings: Settings, args: argparse.Namespace) -> list[Revalidated]:
    from contextlib import closing

    from vctui.jobs import CaptureShelf, revalidate
    from vctui.storage import History
    from vctui.validation import open_engine

    with (
        History(settings.collector_db) as history,
        closing(open_engine(settings.templates_db, settings.validation_engine)) as engine,
    ):
        shelf = CaptureShelf(settings, history)
        return list(
            revalidate(
                history,
                shelf,
                chosen(history, shelf, args),
                engine,
                wanted=args.filter,
                template=args.template,
                write=not args.dry_run,
            )
        )


def _is_known(settings: Settings, template: str) -> bool:
    from vctui.validation import read_templates

    return any(known.name == template for known in read_templates(settings.templates_db))


def _change(before: object, after: object) -> str:
    shown = ["-" if value is None else str(value) for value in (before, after)]
    return shown[0] if before == after else f"{shown[0]} → {shown[1]}"
