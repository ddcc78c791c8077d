"""`vctui validate`: parse a file of device output as a run would."""

from __future__ import annotations

import argparse
from pathlib import Path

from vctui.cli.parsing import Parser, add_command

MAX_BYTES = 64 * 1024 * 1024
NOT_VALID = 3


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui validate`."""
    parser = add_command(
        commands,
        "validate",
        "Parse a file of device output with TextFSM; exit 3 when it is not valid",
        validate_file,
        examples="vctui validate arp.txt --filter cisco_ios_show_ip_arp\n"
        "vctui validate arp.txt --platform arista_eos --command 'show ip arp' --json",
        json=True,
    )
    parser.add_argument("file", metavar="FILE", help="the output, as captured")
    parser.add_argument("--filter", metavar="FILTER", help="template, or a part of its name")
    parser.add_argument("--platform", metavar="P", help="device type, such as cisco_ios")
    parser.add_argument("--command", metavar="C", help="the command that gave the output")


def validate_file(args: argparse.Namespace) -> int:
    """Print template, score and records."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_fields, print_json, print_table
    from vctui.errors import UsageError
    from vctui.validation import clean, open_engine

    if bool(args.platform) != bool(args.command) and not args.filter:
        raise UsageError("--platform and --command choose the template together", "Give both, or --filter")
    settings = ready_home(args)
    text = clean(_read(Path(args.file)), args.command)
    engine = open_engine(settings.templates_db, settings.validation_engine)
    try:
        wanted = args.filter or None
        if wanted is None and args.platform and args.command:
            wanted = engine.template_for(args.platform, args.command)
            if wanted is None:
                raise UsageError(
                    f"no template is known for {args.command!r} on {args.platform}", "Name one with --filter"
                )
        result = engine.validate(text, wanted)
    finally:
        engine.close()
    if args.json:
        print_json(result)
        return 0 if result.is_valid else NOT_VALID
    print_fields(
        {
            "valid": result.is_valid,
            "template": result.template,
            "score": f"{result.score:.1f}",
            "records": result.record_count,
            "reason": result.reason,
        }
    )
    if result.records:
        fields = list(dict.fromkeys(field for record in result.records for field in record))
        print_table(fields, [[record.get(field) for field in fields] for record in result.records])
    return 0 if result.is_valid else NOT_VALID


def _read(path: Path) -> str:
    """The file as safe text, however the device wrote it. Raises UsageError."""
    from vctui.errors import UsageError
    from vctui.text import TerminalText

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: larger than 64 MiB")
    decoder = TerminalText()
    return decoder.feed(data) + decoder.finish()
