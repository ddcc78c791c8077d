"""`vctui templates test`: every template that fits an output, ranked with its score."""

from __future__ import annotations

import argparse

from vctui.cli.parsing import Parser, add_command, positive
from vctui.cli.validate import NOT_VALID, add_choice


def add_command_to(group: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui templates test`."""
    parser = add_command(
        group,
        "test",
        "Rank the templates that fit an output, with their scores; exit 3 when none is its own",
        rank_templates,
        examples="vctui templates test arp.txt --filter arp\nvctui templates test core-1 --type arp",
        json=True,
    )
    parser.add_argument(
        "output",
        metavar="FILE",
        help="a file (-: standard input), the number of a capture, or a device's name",
    )
    parser.add_argument("--type", metavar="T", help="of the device's captures, the newest of this type")
    add_choice(parser)
    parser.add_argument("--limit", "-n", metavar="N", type=positive, default=20, help="how many (20)")


def rank_templates(args: argparse.Namespace) -> int:
    """Print the candidates, the best first."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.cli.outputs import find_specimen
    from vctui.cli.validate import check_choice, chosen_template, parts_text
    from vctui.validation import Bench, ValidationEngine

    settings = ready_home(args)
    if args.platform:
        check_choice(args)
    engine = ValidationEngine(settings.templates_db)
    specimen = find_specimen(settings, args.output, args.type, args.command, engine)
    wanted = args.filter or chosen_template(engine.template_for, args) or specimen.filter
    if wanted and wanted == specimen.filter:
        narrate(f"filter: {wanted}, as its run chooses; others with --filter")
    report = Bench(settings.templates_db).rank(specimen.text, wanted)
    verdict, tried = report.verdict, report.tried[: args.limit]
    if args.json:
        print_json({"verdict": verdict, "filter": wanted, "candidates": list(tried)})
        return 0 if verdict.is_valid else NOT_VALID
    if tried:
        print_table(
            ("SCORE", "TEMPLATE", "RECORDS", "SOURCE", "REASON"),
            [(f"{one.score:.1f}", one.name, one.record_count, one.source, one.reason) for one in tried],
        )
    if not verdict.is_valid:
        narrate(f"not valid: {verdict.reason}")
        return NOT_VALID
    narrate(f"{verdict.template}: {verdict.score:.1f} of 100 ({parts_text(verdict.parts)})")
    return 0
