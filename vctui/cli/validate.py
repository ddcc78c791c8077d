"""`vctui validate`: parse a file of device output as a run would."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.validation import ValidationResult

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
    parser.add_argument("file", metavar="FILE", help="the output, as captured; - reads standard input")
    add_choice(parser)


def add_choice(parser: argparse.ArgumentParser) -> None:
    """The options that choose the template."""
    parser.add_argument("--filter", metavar="FILTER", help="template, or a part of its name")
    parser.add_argument("--platform", metavar="P", help="device type, such as cisco_ios")
    parser.add_argument("--command", metavar="C", help="the command that gave the output")


def validate_file(args: argparse.Namespace) -> int:
    """Print template, score and records."""
    from pathlib import Path

    from vctui.cli.apart import run_apart
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_fields, print_json
    from vctui.cli.outputs import read_output
    from vctui.validation import clean

    settings = ready_home(args)
    check_choice(args)
    text = clean(read_output(Path(args.file).expanduser()), args.command)
    result = run_apart(lambda: _validate(settings, text, args))
    if args.json:
        print_json(result)
        return 0 if result.is_valid else NOT_VALID
    print_fields(
        {
            "valid": result.is_valid,
            "template": result.template,
            "score": f"{result.score:.1f}",
            "parts": parts_text(result.parts),
            "records": result.record_count,
            "reason": result.reason,
        }
    )
    print_records(result.records)
    return 0 if result.is_valid else NOT_VALID


def _validate(settings: Settings, text: str, args: argparse.Namespace) -> ValidationResult:
    from contextlib import closing

    from vctui.validation import open_engine

    with closing(open_engine(settings.templates_db, settings.validation_engine)) as engine:
        wanted = args.filter or chosen_template(engine.template_for, args)
        return engine.validate(text, wanted)


def parts_text(parts: Mapping[str, float]) -> str:
    """What a score is made of, in one line; docs/validation.md explains it."""
    return ", ".join(f"{name} {value:.2f}" for name, value in parts.items())


def check_choice(args: argparse.Namespace) -> None:
    """Refuse half a choice. Raises UsageError."""
    from vctui.errors import UsageError

    if bool(args.platform) != bool(args.command) and not args.filter:
        raise UsageError("--platform and --command choose the template together", "Give both, or --filter")


def chosen_template(template_for: Any, args: argparse.Namespace) -> str | None:
    """The template of --platform and --command; None without them. Raises UsageError."""
    from vctui.errors import UsageError
    from vctui.jobs import by_any_name

    if not (args.platform and args.command):
        return None
    wanted: str | None = by_any_name(template_for)(args.platform, args.command)
    if wanted is None:
        raise UsageError(
            f"no template is known for {args.command!r} on {args.platform}", "Name one with --filter"
        )
    return wanted


def print_records(records: Sequence[Mapping[str, Any]]) -> None:
    """Records as a table; nothing without any."""
    from vctui.cli.output import print_table

    if records:
        fields = list(dict.fromkeys(field for record in records for field in record))
        print_table(fields, [[record.get(field) for field in fields] for record in records])
