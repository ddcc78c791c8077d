"""`vctui hosts`: which SSH host keys are trusted. Scanning exchanges keys only; no password is sent."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, add_group

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.records import Device


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui hosts`."""
    group = add_group(
        commands,
        "hosts",
        "Scan, trust, list and replace SSH host keys",
        examples="vctui hosts trust --job arista-arp-300\nvctui hosts scan core-1 core-2\n"
        "vctui hosts replace core-1 --fingerprint SHA256:...",
    )
    add_command(group, "list", "List the trusted host keys", list_hosts, json=True)
    scan = add_command(
        group, "scan", "Fetch host keys and compare them with the trusted ones", scan_hosts, json=True
    )
    _add_targets(scan)
    trust = add_command(
        group,
        "trust",
        "Fetch host keys, show the fingerprints of new ones and trust them after a yes",
        trust_hosts,
        examples="vctui hosts trust --job arista-arp-300\nvctui hosts trust core-1 -y",
    )
    _add_targets(trust)
    trust.add_argument("-y", "--yes", action="store_true", help="do not ask")
    replace = add_command(
        group,
        "replace",
        "Trust a device's new key in place of the old one, when it has this fingerprint",
        replace_host,
    )
    replace.add_argument("device", metavar="DEVICE", help="a device of the inventory")
    replace.add_argument("--fingerprint", metavar="F", required=True, help="SHA256:..., read at the device")


def _add_targets(parser: Parser) -> None:
    targets = parser.add_mutually_exclusive_group(required=True)
    targets.add_argument("--job", metavar="REF", help="the devices of this job")
    targets.add_argument("devices", metavar="DEVICE", nargs="*", default=[], help="devices of the inventory")


def list_hosts(args: argparse.Namespace) -> int:
    """Print the trusted keys."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.ssh import KnownHosts

    entries = KnownHosts(ready_home(args).known_hosts).entries()
    if args.json:
        print_json([{"host": e.hosts, "key_type": e.key_type, "fingerprint": e.fingerprint} for e in entries])
    elif entries:
        print_table(("HOST", "TYPE", "FINGERPRINT"), [(e.hosts, e.key_type, e.fingerprint) for e in entries])
    else:
        narrate("no host key is trusted yet. Trust those of a job: vctui hosts trust --job REF")
    return 0


def scan_hosts(args: argparse.Namespace) -> int:
    raise NotImplementedError


def trust_hosts(args: argparse.Namespace) -> int:
    raise NotImplementedError


def replace_host(args: argparse.Namespace) -> int:
    raise NotImplementedError
