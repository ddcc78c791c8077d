"""`vctui devices`: the inventory."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from vctui.cli import coverage, devices_edit, devices_probe
from vctui.cli.parsing import Parser, add_command, add_group

if TYPE_CHECKING:
    from vctui.records import Device

ROWS_SKIPPED = 3
NO_ADDRESS = "no address"
"""The last reason that a selection gives: such a device fits in everything else."""
FILTERS = (
    ("--vendor", "a part of the manufacturer's name"),
    ("--platform", "slug or name"),
    ("--site", "slug or name"),
    ("--role", "slug or name"),
    ("--status", "status (default: any)"),
    ("--name-pattern", "regular expression for the name"),
)
IMPORT_HELP = """\
The CSV needs a header, in any order, of: name, primary_ip4, platform, site, role, status
and may have: ssh_port, credential, manufacturer, description, serial_number, asset_tag, comments,
jump, legacy"""


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui devices`."""
    group = add_group(
        commands,
        "devices",
        "List, show, add, edit, remove, import and export devices",
        examples="vctui devices import inventory.csv\nvctui devices list --site lab",
    )
    listing = add_command(group, "list", "List devices", list_devices, json=True)
    for option, text in FILTERS:
        listing.add_argument(option, metavar="TEXT", help=text)
    show = add_command(group, "show", "Show one device", show_device, json=True)
    show.add_argument("name", metavar="NAME", help=devices_edit.NAME_HELP)
    devices_edit.add_commands(group)
    coverage.add_commands(group)
    devices_probe.add_command_to(group)
    load = add_command(
        group,
        "import",
        "Import devices from a CSV file; exit 3 when rows were skipped",
        import_devices,
        examples="vctui devices import inventory.csv --strict",
    )
    load.description = f"{load.description}\n\n{IMPORT_HELP}"
    load.add_argument("file", metavar="FILE.csv", help="CSV in UTF-8")
    load.add_argument("--strict", action="store_true", help="import nothing when one row is bad")
    save = add_command(group, "export", "Write the inventory as CSV", export_devices)
    save.add_argument("file", metavar="FILE.csv", help="it is replaced when it exists")


def list_devices(args: argparse.Namespace) -> int:
    """Print the devices that fit."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.jobs import select
    from vctui.records import DeviceFilter
    from vctui.storage import Inventory

    settings = ready_home(args)
    wanted = DeviceFilter(
        vendor=args.vendor,
        platform=args.platform,
        site=args.site,
        role=args.role,
        name_pattern=args.name_pattern,
        status=args.status or "any",
    )
    with Inventory(settings.dcim_db) as inventory:
        devices = inventory.devices()
    selection = select(devices, wanted)
    without_address = {left.device for left in selection.left_out if left.reason == NO_ADDRESS}
    chosen = set(selection.chosen) | without_address
    found = [device for device in devices if device in chosen]
    if args.json:
        print_json([asdict(device) for device in found])
    elif found:
        print_table(
            ("NAME", "ADDRESS", "PLATFORM", "SITE", "ROLE", "STATUS", "LAST COLLECTED"),
            [(d.name, _where(d), d.platform, d.site, d.role, d.status, d.last_collected_at) for d in found],
        )
    else:
        narrate("no device fits" if devices else "no devices yet. Import some: vctui devices import FILE.csv")
    return 0


def _where(device: Device) -> str | None:
    from vctui.cli.plans import address

    return address(device.host, device.port) if device.host else None


def show_device(args: argparse.Namespace) -> int:
    """Print one device."""
    from vctui.cli.home import ready_home
    from vctui.cli.lookup import find_device
    from vctui.cli.output import print_fields, print_json

    device = asdict(find_device(ready_home(args), args.name))
    if args.json:
        print_json(device)
    else:
        print_fields({name.replace("_", " "): value for name, value in device.items()})
    return 0


def import_devices(args: argparse.Namespace) -> int:
    """Import a CSV; bad rows are named and skipped, or with --strict refuse the file."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.config import expand
    from vctui.storage import Inventory
    from vctui.vault import Vault

    settings = ready_home(args)
    logins = {info.name: info.id for info in Vault(settings.collector_db).list()}
    with Inventory(settings.dcim_db) as inventory:
        report = inventory.import_csv(expand(args.file), strict=args.strict, credential_id=logins.get)
    for line, reason in report.errors:
        narrate(f"line {line}: {reason}")
    for column in report.ignored_columns:
        narrate(f"column {column} is not known and was ignored")
    for created in report.created:
        narrate(f"{created} created")
    narrate(
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.skipped} skipped"
    )
    return ROWS_SKIPPED if report.skipped else 0


def export_devices(args: argparse.Namespace) -> int:
    """Write the inventory to a CSV file."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.config import expand
    from vctui.storage import Inventory
    from vctui.vault import Vault

    settings = ready_home(args)
    logins = {info.id: info.name for info in Vault(settings.collector_db).list()}
    with Inventory(settings.dcim_db) as inventory:
        count = inventory.export_csv(expand(args.file), credential_name=logins.get)
    narrate(f"{count} devices written to {args.file}")
    return 0
