"""`vctui devices add|edit|remove`: single devices of the inventory."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command

if TYPE_CHECKING:
    from vctui.config import Settings

FIELDS: tuple[tuple[str, str, str], ...] = (
    ("--ip", "primary_ip4", "IPv4 address"),
    ("--ip6", "primary_ip6", "IPv6 address"),
    ("--platform", "platform", "slug or name, such as cisco_ios"),
    ("--site", "site", "slug or name"),
    ("--role", "role", "slug or name"),
    ("--status", "status", "active, planned, staged, failed, offline, decommissioning or inventory"),
    ("--port", "ssh_port", "SSH port"),
    ("--credential", "credential", "login to use for it"),
    ("--manufacturer", "manufacturer", "of a platform that is new"),
    ("--description", "description", "what it is"),
    ("--comments", "comments", "anything else"),
    ("--serial-number", "serial_number", "serial number"),
    ("--asset-tag", "asset_tag", "asset tag"),
    ("--jump", "jump", "jump host of config.yaml to reach it through; none for none, '' for what that says"),
    ("--legacy", "legacy", "on: it may use SHA-1 and CBC; off; '' for what its platform says"),
)
"""Option, field of the inventory, help."""
NAME_HELP = "its name; NAME@SITE where several sites have one"


def add_commands(group: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands that change single devices."""
    add = add_command(
        group,
        "add",
        "Add a device; a platform, site or role that does not exist is created",
        add_device,
        examples="vctui devices add core-1 --ip 192.0.2.1 --platform arista_eos --site lab --role core",
    )
    add.add_argument("name", metavar="NAME", help="its name")
    edit = add_command(
        group,
        "edit",
        "Change fields of a device; an empty value clears a field",
        edit_device,
        examples="vctui devices edit core-1 --status offline\nvctui devices edit core-1 --credential ''\n"
        "vctui devices edit core-1 --jump ams-1 --legacy on",
    )
    edit.add_argument("name", metavar="NAME", help=NAME_HELP)
    edit.add_argument("--rename", metavar="NAME", help="the new name")
    for parser in (add, edit):
        for option, field, text in FIELDS:
            parser.add_argument(option, dest=field, metavar=field.upper().rsplit("_", 1)[-1], help=text)
    remove = add_command(group, "remove", "Remove a device; its captures and history stay", remove_device)
    remove.add_argument("name", metavar="NAME", help=NAME_HELP)
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")


def add_device(args: argparse.Namespace) -> int:
    """Add a device."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.storage import Inventory

    settings = ready_home(args)
    if not args.site:
        raise UsageError("a device needs a site", "Add --site NAME")
    values = {"name": args.name, **_values(settings, args)}
    with Inventory(settings.dcim_db) as inventory:
        number = inventory.add(values)
    narrate(f"{args.name} added (id {number})")
    return 0


def edit_device(args: argparse.Namespace) -> int:
    """Change the fields that were named, and no other."""
    from vctui.cli.home import ready_home
    from vctui.cli.lookup import find_device
    from vctui.cli.output import narrate
    from vctui.errors import UsageError
    from vctui.storage import Inventory

    settings = ready_home(args)
    changes = _values(settings, args)
    if args.rename is not None:
        changes["name"] = args.rename
    if not changes:
        raise UsageError("nothing to change", "Name a field, see: vctui devices edit --help")
    device = find_device(settings, args.name)
    with Inventory(settings.dcim_db) as inventory:
        inventory.edit(device.id, changes)
    narrate(f"{device.name} saved")
    return 0


def remove_device(args: argparse.Namespace) -> int:
    """Remove a device after a yes."""
    from vctui.cli.home import ready_home
    from vctui.cli.lookup import find_device
    from vctui.cli.output import confirm, narrate
    from vctui.storage import Inventory

    settings = ready_home(args)
    device = find_device(settings, args.name)
    if not confirm(f"Remove device {device.name} ({device.host or 'no address'})?", yes=args.yes):
        narrate("nothing was removed")
        return 0
    with Inventory(settings.dcim_db) as inventory:
        inventory.remove(device.id)
    narrate(f"{device.name} removed")
    return 0


def _values(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    from vctui.cli.lookup import credential_id

    values = {field: text for _, field, _ in FIELDS if (text := getattr(args, field)) is not None}
    if "credential" in values:
        values["credential_id"] = credential_id(settings, values.pop("credential"))
    if values.get("jump"):
        _check_jump(settings, values["jump"])
    return values


def _check_jump(settings: Settings, name: str) -> None:
    from vctui.errors import UsageError
    from vctui.jump_hosts import DIRECT

    names = [DIRECT, *(jump.name for jump in settings.jump_hosts)]
    if name not in names and settings.ssh_config is None:
        raise UsageError(
            f"{settings.config_file} has no jump host {name!r}", f"It may be one of: {', '.join(names)}"
        )
