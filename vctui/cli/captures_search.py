"""`vctui captures search|diff|verify`: looking through stored captures."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vctui.cli.captures_export import add_selection, chosen
from vctui.cli.parsing import Parser, add_command, positive, whole

if TYPE_CHECKING:
    from vctui.jobs import Found
    from vctui.storage import Finding

NONE = 4
"""Exit code: nothing was found."""


def add_commands(group: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands that look through captures."""
    look = add_command(
        group,
        "search",
        "Find lines in the captures, the newest first; exit 4 when no line is found",
        search_captures,
        examples="vctui captures search 10.20.30.0/24 --type routes\n"
        "vctui captures search -i 'snmp-server community \\S+ rw' -C 2 --type configs\n"
        "vctui captures search -F -l 'ip http server'",
        json=True,
    )
    look.add_argument("pattern", metavar="PATTERN", help="a regular expression (RE2)")
    look.add_argument("-i", "--ignore-case", action="store_true", help="upper and lower case are the same")
    look.add_argument("-F", "--fixed", action="store_true", help="PATTERN is plain text")
    look.add_argument("-C", "--context", metavar="N", type=whole, default=0, help="lines around each (0)")
    look.add_argument("-l", "--names", action="store_true", help="only which captures hold it")
    look.add_argument("-m", "--max", metavar="N", type=positive, help="at most so many lines of a capture")
    add_selection(look)
    diff = add_command(
        group,
        "diff",
        "Show what changed in a capture since its last other version",
        diff_captures,
        examples="vctui captures diff core-1 configs\nvctui captures diff core-1 arp --since 12 --run 17",
        json=True,
    )
    diff.add_argument("device", metavar="DEVICE", help="the device's name")
    diff.add_argument("type", metavar="TYPE", help="the capture's type, such as configs")
    diff.add_argument("--run", metavar="RUN", type=positive, help="the later side: of this run (the newest)")
    diff.add_argument("--since", metavar="RUN", type=positive, help="the earlier side: of this run")
    diff.add_argument("-C", "--context", metavar="N", type=whole, default=3, help="lines around each (3)")
    verify = add_command(
        group,
        "verify",
        "Compare the capture files with what was saved; exit 13 when one is changed, missing or unknown",
        verify_files,
        examples="vctui captures verify\nvctui captures verify --json",
        json=True,
    )
    verify.epilog = (verify.epilog or "") + "\n\nunknown: a .txt file in the collections that no run saved."


def search_captures(args: argparse.Namespace) -> int:
    """Print each capture that holds the pattern, with its lines."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json
    from vctui.jobs import CaptureShelf, compile_pattern, search
    from vctui.storage import History

    settings = ready_home(args)
    matches = compile_pattern(args.pattern, "the pattern", ignore_case=args.ignore_case, literal=args.fixed)
    held: list[dict[str, Any]] = []
    searched = lines = captures = 0
    problem = 0
    with History(settings.collector_db) as history:
        shelf = CaptureShelf(settings, history)
        wanted = list(chosen(history, shelf, args))
        searched = len(wanted)
        for found in search(shelf, wanted, matches, context=args.context, limit=args.max):
            if found.problem:
                narrate(f"{found.capture.record.device_name}: {found.problem}")
                problem += 1
                continue
            captures, lines = captures + 1, lines + found.count
            if args.json:
                held.append(_document(found))
            else:
                _print(found, names_only=args.names, separated=captures > 1)
    if args.json:
        print_json(held)
    narrate(f"{lines} lines in {captures} of {searched} captures")
    return 0 if captures else NONE


def _document(found: Found) -> dict[str, Any]:
    from vctui.cli.captures import about

    lines = [
        {"line": number, "text": text, "found": hit} for block in found.blocks for number, text, hit in block
    ]
    return {**about(found.capture), "count": found.count, "lines": lines}


def _print(found: Found, *, names_only: bool, separated: bool) -> None:
    from vctui.cli.output import print_line

    record = found.capture.record
    told = f"{record.device_name}  {record.capture_type}  run {record.run or '-'}  {record.filepath}"
    if names_only:
        print_line(f"{told}  {found.count}")
        return
    if separated:
        print_line("")
    print_line(told)
    width = len(str(found.blocks[-1][-1][0]))
    for place, block in enumerate(found.blocks):
        if place and len(block) > 1:
            print_line(f"{'':>{width}}  --")
        for number, text, hit in block:
            print_line(f"{number:>{width}}{':' if hit else '-'} {text.expandtabs()}")


def diff_captures(args: argparse.Namespace) -> int:
    """Print a unified diff of two versions."""
    from vctui.cli.captures import about
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_line
    from vctui.jobs import CaptureShelf, compare
    from vctui.storage import History

    settings = ready_home(args)
    with History(settings.collector_db) as history:
        shelf = CaptureShelf(settings, history)
        found = compare(
            history,
            shelf,
            args.device,
            args.type,
            run=args.run,
            since=args.since,
            context=args.context,
        )
    if args.json:
        print_json(
            {
                "before": about(found.before) if found.before else None,
                "after": about(found.after),
                "added": found.added,
                "removed": found.removed,
                "lines": list(found.lines),
            }
        )
        return 0
    if found.before is None:
        narrate(f"there is no other version of {found.after.record.filepath}")
        return 0
    if found.lines:
        print_line(f"--- {_told(found.before.record.run, found.before.record.captured_at)}")
        print_line(f"+++ {_told(found.after.record.run, found.after.record.captured_at)}")
    for line in found.lines:
        print_line(line.expandtabs())
    narrate(f"{found.added} lines added, {found.removed} removed" if found.lines else "no difference")
    return 0


def _told(run: int | None, captured_at: str | None) -> str:
    return f"run {run or '-'}  {(captured_at or '')[:19]}"


def verify_files(args: argparse.Namespace) -> int:
    """Name every file that is not as recorded."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.errors import DataError
    from vctui.storage import History, verify_captures

    settings = ready_home(args)
    with History(settings.collector_db) as history:
        count, findings = verify_captures(history, settings.collections_dir)
    if args.json:
        print_json({"compared": count, "findings": [_finding(finding) for finding in findings]})
    elif findings:
        print_table(("KIND", "FILE"), [(finding.kind, finding.path) for finding in findings])
    narrate(f"{count} captures compared, {len(findings)} not as saved")
    return DataError.exit_code if findings else 0


def _finding(finding: Finding) -> dict[str, str]:
    return {"kind": finding.kind, "path": str(finding.path)}
