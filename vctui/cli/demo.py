"""`vctui demo`: the main job against simulated devices, in a throw-away home."""

from __future__ import annotations

import argparse

from vctui.cli.parsing import Parser, add_command, positive


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui demo`."""
    parser = add_command(
        commands,
        "demo",
        "Try it: simulated devices on loopback SSH, in a throw-away home",
        run_demo,
        examples="vctui demo\nvctui demo --headless --devices 200",
    )
    parser.add_argument("--headless", action="store_true", help="run the jobs and print what came of them")
    parser.add_argument("--json", action="store_true", help="with --headless: print events as JSON")
    parser.add_argument("--devices", metavar="N", type=positive, help="how many devices")


def run_demo(args: argparse.Namespace) -> int:
    raise NotImplementedError
