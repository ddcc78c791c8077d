"""`vctui jobs create|edit|enable|disable|remove`: database jobs without a screen."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command

if TYPE_CHECKING:
    from vctui.config import Settings

OPTIONS: tuple[tuple[str, str, str], ...] = (
    ("--name", "name", "the job's name"),
    ("--slug", "slug", "its short name in commands"),
    ("--description", "description", "what it is for"),
    ("--type", "capture_type", "capture type: arp, version, configs, ..."),
    ("--vendor", "vendor", "a part of the manufacturer's name"),
    ("--name-pattern", "device_filter_name_pattern", "regular expression for the device's name"),
    ("--status", "device_filter_status", "device status; any means any"),
    ("--paging-disable", "paging_disable_command", "command that turns paging off"),
    ("--output-directory", "output_directory", "folder below the collections folder"),
    ("--filename", "filename_pattern", "for example {device_name}.txt"),
    ("--template", "textfsm_template", "TextFSM template, or a part of its name; turns parsing on"),
    ("--min-score", "validation_min_score", "lowest score that is valid, 0 to 100"),
    ("--workers", "max_workers", "devices at the same time"),
    ("--timeout", "timeout_seconds", "longest silence waited out, seconds"),
    ("--delay", "inter_command_delay", "pause between commands, seconds"),
)
"""Option, column of `jobs`, help."""
RELATIONS = ("platform", "site", "role")
NUMBERS = frozenset(
    {
        "credential_id",
        "device_filter_platform_id",
        "device_filter_site_id",
        "device_filter_role_id",
        "use_textfsm",
        "store_failures",
        "max_workers",
        "timeout_seconds",
        "schedule_enabled",
        "is_enabled",
    }
)


def add_commands(group: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands that change jobs."""
    create = add_command(
        group,
        "create",
        "Create a database job",
        create_job,
        examples="vctui jobs create --vendor arista --type arp --command 'show ip arp'",
        json=True,
    )
    _add_fields(create)
    edit = add_command(
        group,
        "edit",
        "Change fields of a database job",
        edit_job,
        examples="vctui jobs edit arista-arp-300 --timeout 120\n"
        "vctui jobs edit 12 --set use_textfsm=0 --set vendor=",
        json=True,
    )
    edit.add_argument("ref", metavar="REF", help="slug or id")
    _add_fields(edit)
    for name, summary, handler in (
        ("enable", "Enable database jobs", enable_jobs),
        ("disable", "Disable database jobs: they are refused by run", disable_jobs),
    ):
        switch = add_command(group, name, summary, handler)
        switch.add_argument("refs", metavar="REF", nargs="+", help="slug or id")
    remove = add_command(group, "remove", "Remove a database job; its captures and history stay", remove_job)
    remove.add_argument("ref", metavar="REF", help="slug or id")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _add_fields(parser: Parser) -> None:
    for option, column, text in OPTIONS:
        parser.add_argument(option, dest=column, metavar=column.upper().rsplit("_", 1)[-1], help=text)
    parser.add_argument(
        "--command",
        dest="commands",
        metavar="COMMAND",
        action="append",
        help="the command, or several separated by commas; or repeat it",
    )
    for relation in RELATIONS:
        parser.add_argument(
            f"--{relation}", metavar="SLUG", help=f"only devices of this {relation} (slug or name)"
        )
    parser.add_argument("--credential", metavar="NAME", help="credential of the job")
    parser.add_argument(
        "--set",
        dest="assignments",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help="any column of the jobs table; an empty value clears it",
    )


def create_job(args: argparse.Namespace) -> int:
    """Create a job; slug and name are made from vendor and type when they are not given."""
    from vctui.cli.home import ready_home
    from vctui.jobs import new_row, slugify

    settings = ready_home(args)
    row = {**new_row(), **_changes(settings, args)}
    vendor, kind = row["vendor"] or "multi", row["capture_type"] or ""
    row["slug"] = row["slug"] or slugify(f"{vendor}-{kind}")
    row["name"] = row["name"] or f"{str(vendor).title()} {str(kind).upper()} Collection"
    return _save(settings, {}, row, args)


def edit_job(args: argparse.Namespace) -> int:
    """Change the fields that were named, and no other."""
    from vctui.cli.home import ready_home
    from vctui.errors import UsageError

    settings = ready_home(args)
    row = find_row(settings, args.ref)
    changes = _changes(settings, args)
    if not changes and not args.commands:
        raise UsageError("nothing to change", "Name a field, see: vctui jobs edit --help")
    return _save(settings, row, changes, args)


def _changes(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    """The columns that the options name."""
    from vctui.cli.lookup import credential_id

    changes = {
        column: _value(column, text)
        for _, column, _ in OPTIONS
        if (text := getattr(args, column)) is not None
    }
    if changes.get("textfsm_template"):
        changes["use_textfsm"] = 1
    if args.commands:
        changes["command"] = ",".join(args.commands)
    for relation in RELATIONS:
        name = getattr(args, relation)
        if name is not None:
            changes[f"device_filter_{relation}_id"] = _relation_id(settings, relation, name)
    if args.credential is not None:
        changes["credential_id"] = credential_id(settings, args.credential)
    changes.update(_assignments(args.assignments))
    return changes


def _assignments(texts: list[str]) -> dict[str, Any]:
    from vctui.errors import UsageError
    from vctui.jobs import new_row

    known = new_row()
    changes: dict[str, Any] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals or field not in known:
            raise UsageError(
                f"--set {text}: not FIELD=VALUE with a known field", f"Fields: {', '.join(known)}"
            )
        changes[field] = _value(field, value)
    return changes


def _value(column: str, text: str) -> Any:
    """Numbers as numbers, so that the columns keep their types; what is no number is left for the check."""
    if text == "":
        from vctui.jobs import new_row

        return new_row()[column]
    if column in NUMBERS and text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return text


def _relation_id(settings: Settings, relation: str, name: str) -> int | None:
    from vctui.errors import UsageError
    from vctui.storage import Inventory

    if not name:
        return None
    with Inventory(settings.dcim_db) as inventory:
        rows = {"platform": inventory.platforms, "site": inventory.sites, "role": inventory.roles}[relation]()
    for row in rows:
        if name.casefold() in (row.slug.casefold(), row.name.casefold()):
            return row.id
    known = ", ".join(sorted(row.slug for row in rows)[:20]) or "none"
    raise UsageError(f"no {relation} called {name} in the inventory", f"There is: {known}")


def _save(
    settings: Settings, stored: Mapping[str, Any], changes: dict[str, Any], args: argparse.Namespace
) -> int:
    """Check the job as it would be, write what changes, and say so."""
    from vctui.cli.output import narrate, print_json
    from vctui.errors import JobError
    from vctui.jobs import check_row
    from vctui.storage import JobStore

    row = {**stored, **changes}
    with JobStore(settings.collector_db) as store:
        listed = store.commands(int(row["id"])) if "id" in row else []
        for field, reason in check_row(row, has_commands=bool(listed)).items():
            raise JobError(str(row["slug"] or "new job"), field, reason, "Nothing was saved")
        if "id" in stored:
            changes = {**changes, "id": stored["id"]}
        saved = store.save(changes, commands=_command_rows(args.commands, has_rows=bool(listed)))
        written = store.get(id=saved)
    if args.json:
        print_json(written)
    else:
        narrate(f"job {row['slug']} saved (id {saved})")
    return 0


def _command_rows(commands: list[str] | None, *, has_rows: bool) -> list[dict[str, Any]] | None:
    """The rows of `job_commands`: only for a list which the one column, split at commas, cannot hold."""
    if commands and len(commands) > 1 and any("," in command for command in commands):
        return [{"sequence": number, "command": command} for number, command in enumerate(commands)]
    return [] if commands and has_rows else None


def find_row(settings: Settings, ref: str) -> Mapping[str, Any]:
    """The row of a database job by slug or id. Raises JobError."""
    from vctui.errors import JobError
    from vctui.storage import JobStore

    with JobStore(settings.collector_db) as store:
        row = store.get(slug=ref)
        if row is None and ref.isascii() and ref.isdigit() and len(ref) < 19:
            row = store.get(id=int(ref))
    if row is None:
        raise JobError(ref, None, "no database job of this slug or id", "See the jobs with: vctui jobs list")
    return row


def enable_jobs(args: argparse.Namespace) -> int:
    """Enable jobs."""
    return _switch(args, enabled=True)


def disable_jobs(args: argparse.Namespace) -> int:
    """Disable jobs."""
    return _switch(args, enabled=False)


def _switch(args: argparse.Namespace, *, enabled: bool) -> int:
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.storage import JobStore

    settings = ready_home(args)
    rows = [find_row(settings, ref) for ref in args.refs]
    with JobStore(settings.collector_db) as store:
        for row in rows:
            store.set_enabled(int(row["id"]), enabled)
            narrate(f"job {row['slug']} {'enabled' if enabled else 'disabled'}")
    return 0


def remove_job(args: argparse.Namespace) -> int:
    """Remove a job after a yes."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import confirm, narrate
    from vctui.storage import JobStore

    settings = ready_home(args)
    row = find_row(settings, args.ref)
    if not confirm(f"Remove job {row['slug']} ({row['name']})?", yes=args.yes):
        narrate("nothing was removed")
        return 0
    with JobStore(settings.collector_db) as store:
        store.delete(int(row["id"]))
    narrate(f"job {row['slug']} removed")
    return 0
