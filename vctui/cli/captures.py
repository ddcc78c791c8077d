"""`vctui captures`: what runs have saved."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vctui.cli import captures_export, captures_search
from vctui.cli.parsing import Parser, add_command, add_group, positive

if TYPE_CHECKING:
    from vctui.jobs import StoredCapture


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui captures`."""
    group = add_group(
        commands,
        "captures",
        "List, show, search, compare, export and parse again what runs have saved",
        examples="vctui captures list --type arp\nvctui captures search 10.20.30.40 --type arp\n"
        "vctui captures diff core-1 configs\nvctui captures export --csv --type arp > arp.csv",
    )
    listing = add_command(
        group,
        "list",
        "List the captures, the newest first; of each file the latest one",
        list_captures,
        json=True,
    )
    captures_export.add_selection(listing)
    listing.add_argument("--limit", "-n", metavar="N", type=positive, help="how many (all)")
    show = add_command(
        group,
        "show",
        "Print one capture",
        show_capture,
        examples="vctui captures show core-1 --type arp\nvctui captures show 17 --json",
        json=True,
    )
    show.add_argument("capture", metavar="CAPTURE", help="its number, its file or its device's name")
    show.add_argument("--type", metavar="T", help="of the device's captures, the newest of this type")
    captures_search.add_commands(group)
    captures_export.add_commands(group)


def list_captures(args: argparse.Namespace) -> int:
    """Print the captures that fit."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.jobs import CaptureShelf
    from vctui.storage import History

    settings = ready_home(args)
    with History(settings.collector_db) as history:
        found = list(
            CaptureShelf(settings, history).find(
                device=args.device,
                capture_type=args.type,
                run=args.run,
                latest=not args.all and args.run is None,
                limit=args.limit,
            )
        )
    if args.json:
        print_json([about(capture) for capture in found])
    elif found:
        print_table(
            ("CAPTURE", "DEVICE", "TYPE", "RUN", "CAPTURED", "BYTES", "TEMPLATE", "SCORE", "RECORDS"),
            [
                (
                    fact["id"],
                    fact["device"],
                    fact["type"],
                    fact["run"],
                    (fact["captured_at"] or "")[:19],
                    fact["size"],
                    fact["template"],
                    fact["score"],
                    fact["records"],
                )
                for fact in map(about, found)
            ],
        )
    else:
        narrate("no capture fits")
    return 0


def about(capture: StoredCapture) -> dict[str, Any]:
    """The facts of one capture; template, score and records are those of its device in the run."""
    record, row = capture.record, capture.device
    return {
        "id": record.id,
        "device": record.device_name,
        "type": record.capture_type,
        "run": record.run,
        "captured_at": record.captured_at,
        "path": record.filepath,
        "size": record.file_size,
        "sha256": record.sha256,
        "template": row.template if row else None,
        "score": row.score if row else None,
        "records": row.records if row else None,
    }


def show_capture(args: argparse.Namespace) -> int:
    """Print the text as its run saved it; as JSON with its facts and its stored records."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_json, print_line
    from vctui.cli.outputs import find_record
    from vctui.jobs import CaptureShelf
    from vctui.storage import History

    settings = ready_home(args)
    with History(settings.collector_db) as history:
        shelf = CaptureShelf(settings, history)
        capture = shelf.place(find_record(history, args.capture, args.type))
        text = shelf.text(capture)
        row = capture.device
        data = history.records(row.run_id, row.device, row.device_id) if row else []
    if args.json:
        print_json({**about(capture), "text": text, "data": data})
        return 0
    for line in text.splitlines():
        print_line(line.expandtabs())
    return 0
