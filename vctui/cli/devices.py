"""`vctui devices`: the inventory."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command, add_group

if TYPE_CHECKING:
    from vctui.records import Device

FILTERS = (
    ("--vendor", "a part of the manufacturer's name"),
    ("--platform", "slug or name"),
    ("--site", "slug or name"),
    ("--role", "slug or name"),
    ("--status", "status (default: any)"),
    ("--name-pattern", "regular expression for the name"),
)
FIELDS: tuple[tuple[str, str], ...] = (
    ("--ip", "primary_ip4"),
    ("--ip6", "primary_ip6"),
    ("--platform", "platform"),
    ("--site", "site"),
    ("--role", "role"),
    ("--status", "status"),
    ("--port", "ssh_port"),
    ("--credential", "credential"),
    ("--manufacturer", "manufacturer"),
    ("--description", "description"),
    ("--comments", "comments"),
    ("--serial-number", "serial_number"),
    ("--asset-tag", "asset_tag"),
)
"""Option of `add` and `edit`, field of the inventory."""
IMPORT_HELP = """\
The CSV needs a header, in any order, of: name, primary_ip4, platform, site, role, status
and may have: ssh_port, credential, manufacturer, description, serial_number, asset_tag, comments"""


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
    show.add_argument("name", metavar="NAME")
    add = add_command(
        group,
        "add",
        "Add a device; a platform, site or role that does not exist is created",
        add_device,
        examples="vctui devices add core-1 --ip 192.0.2.1 --platform arista_eos --site lab --role core",
    )
    edit = add_command(
        group,
        "edit",
        "Change fields of a device; an empty value clears a field",
        edit_device,
        examples="vctui devices edit core-1 --status offline\nvctui devices edit core-1 --credential ''",
    )
    for parser in (add, edit):
        parser.add_argument("name", metavar="NAME")
        for option, field in FIELDS:
            parser.add_argument(option, dest=field, metavar="TEXT", help=field.replace("_", " "))
    edit.add_argument("--rename", metavar="NAME", help="the new name")
    remove = add_command(group, "remove", "Remove a device; its captures and history stay", remove_device)
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")
    load = add_command(
        group,
        "import",
        "Import devices from a CSV file; exit 3 when rows were skipped",
        import_devices,
        examples="vctui devices import inventory.csv --strict",
    )
    load.description = f"{load.description}\n\n{IMPORT_HELP}"
    load.add_argument("file", metavar="FILE.csv")
    load.add_argument("--strict", action="store_true", help="import nothing when one row is bad")
    save = add_command(group, "export", "Write the inventory as CSV", export_devices)
    save.add_argument("file", metavar="FILE.csv")
