"""`vctui creds discover` and `vctui creds test`: logging in to find out which credential works."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, descriptor, name_list, positive, seconds

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.errors import CredentialNotFound
    from vctui.jobs import DiscoveryPlan, DiscoverySettings
    from vctui.vault import CredentialResolver

DISCOVER_HELP = """\
One login for each device and credential, the likeliest credential first, until one is accepted. What works
is given to the device, unless a person chose another one. A credential that was never accepted is stopped
after --max-refusals refusals, for twenty minutes; one that was accepted is given up at a site after as many
in a row. What was found out within a day is not asked again, so a discovery that ended early is gone on
with by the same command. Exit codes: 0 each device has one, 3 some have, 4 none has, 5 a host key was
refused, 6 a credential was stopped."""


def add_commands(group: argparse._SubParsersAction[Parser]) -> None:
    """Add both commands."""
    discover = add_command(
        group,
        "discover",
        "Find out which credential works on which device",
        discover_credentials,
        examples="vctui creds discover --site lab --dry-run\n"
        "vctui creds discover --credentials lab,old --limit 20 --yes\nvctui creds discover --json --yes",
        json=True,
    )
    discover.description = f"{discover.description}\n\n{DISCOVER_HELP}"
    for option, short, text in (
        ("--site", "-s", "slug or name"),
        ("--platform", "-p", "slug or name"),
        ("--role", "-r", "slug or name"),
        ("--status", None, "status (default: active; any means any)"),
        ("--search", None, "a part of the name, the address or the description"),
    ):
        discover.add_argument(option, *([short] if short else []), metavar="TEXT", help=text)
    discover.add_argument("--devices", metavar="NAME,...", type=name_list, help="only these devices")
    discover.add_argument(
        "--credentials", "-c", metavar="NAME,...", type=name_list, help="only these (default: all)"
    )
    discover.add_argument("--limit", "-n", metavar="N", type=positive, help="at most so many devices")
    discover.add_argument(
        "--skip-configured", action="store_true", help="leave out devices that have a credential"
    )
    discover.add_argument(
        "--force",
        "-f",
        action="store_true",
        help="ask again what is known, and replace credentials that a person chose",
    )
    discover.add_argument("--no-update", action="store_true", help="only tell, give no device a credential")
    discover.add_argument("--dry-run", action="store_true", help="print what would be tried; no network")
    discover.add_argument("-y", "--yes", action="store_true", help="do not ask before beginning")
    discover.add_argument("--quiet", "-q", action="store_true", help="print only devices that have none")
    discover.add_argument(
        "--workers", "-w", metavar="N", type=positive, default=8, help="devices at the same time (8)"
    )
    discover.add_argument(
        "--pause", metavar="S", type=seconds, default=2.0, help="seconds between two logins on a device (2)"
    )
    discover.add_argument("--rate", metavar="N", type=positive, default=10, help="logins a second (10)")
    discover.add_argument(
        "--max-refusals", metavar="N", type=positive, default=2, help="refusals in a row that stop one (2)"
    )
    test = add_command(
        group,
        "test",
        "Log in to one device with one credential",
        test_credential,
        examples="vctui creds test core-1\nvctui creds test core-1 --credential lab --update",
        json=True,
    )
    test.add_argument("device", metavar="DEVICE", help="a device of the inventory")
    test.add_argument("--credential", "-c", metavar="NAME", help="else the device's own, or the default")
    test.add_argument("--update", "-u", action="store_true", help="give it to the device when it works")
    for parser in (discover, test):
        parser.add_argument(
            "--timeout", "-t", metavar="S", type=seconds, default=15.0, help="longest silence, seconds (15)"
        )
        parser.add_argument(
            "--host-keys",
            choices=("strict", "accept-new"),
            help="unknown host keys: refused, or stored",
        )
        parser.add_argument(
            "--unlock-fd", metavar="N", type=descriptor, help="read the master password from this descriptor"
        )


def discover_credentials(args: argparse.Namespace) -> int:
    """Plan, ask, unlock, try, and return the worst that happened."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import confirm, narrate
    from vctui.jobs import DiscoveryOptions, DiscoverySettings, plan_discovery, require_candidates
    from vctui.records import DeviceFilter
    from vctui.vault import CredentialResolver

    settings = ready_home(args)
    options = DiscoveryOptions(
        DeviceFilter(site=args.site, platform=args.platform, role=args.role, status=args.status),
        search=args.search or "",
        names=args.devices,
        credentials=args.credentials,
        limit=args.limit,
        skip_configured=args.skip_configured,
        force=args.force,
    )
    with CredentialResolver(settings) as resolver:
        plan = plan_discovery(settings, resolver.credentials(), options)
        if args.dry_run:
            return _print_plan(plan, as_json=args.json)
        require_candidates(plan)
        question = f"Try at most {plan.attempts} logins on {len(plan.candidates)} devices?"
        if not confirm(question, yes=args.yes):
            narrate("nothing was tried")
            return 0
        how = DiscoverySettings(
            workers=args.workers,
            timeout=args.timeout,
            pause=args.pause,
            rate=args.rate,
            max_refusals=args.max_refusals,
            update=not args.no_update,
            replace=args.force,
            host_keys=args.host_keys,
        )
        return _discover(settings, resolver, plan, how, args)


def test_credential(args: argparse.Namespace) -> int:
    """One login on one device, whatever earlier tests said."""
    from vctui.cli.home import ready_home
    from vctui.cli.lookup import find_device
    from vctui.errors import UsageError
    from vctui.jobs import Candidate, DiscoveryPlan, DiscoverySettings
    from vctui.records import out_of_scope
    from vctui.vault import CredentialResolver

    settings = ready_home(args)
    device = find_device(settings, args.device)
    if not device.host or not device.port:
        raise UsageError(
            f"device {device.name} has no address", f"Give it one: vctui devices edit {device.name} --ip ..."
        )
    with CredentialResolver(settings) as resolver:
        infos = resolver.credentials()
        wanted = [info for info in infos if info.name == args.credential]
        if args.credential is None:
            wanted = [info for info in infos if info.id == device.credential_id]
            wanted += [info for info in infos if info.is_default]
        if not wanted:
            raise _nothing_to_try(args.credential, has_any=bool(infos))
        if reason := out_of_scope(wanted[0], device):
            raise UsageError(f"credential {wanted[0].name!r} may not be sent to {device.name}: {reason}")
        plan = DiscoveryPlan((Candidate(device, (wanted[0],)),), ())
        how = DiscoverySettings(
            timeout=args.timeout, update=args.update, replace=True, host_keys=args.host_keys
        )
        return _discover(settings, resolver, plan, how, args)


def _discover(
    settings: Settings,
    resolver: CredentialResolver,
    plan: DiscoveryPlan,
    how: DiscoverySettings,
    args: argparse.Namespace,
) -> int:
    import threading

    from vctui.cli.creds_show import show_events
    from vctui.cli.signals import StopSignals
    from vctui.cli.unlocking import unlock
    from vctui.jobs import Discovery

    unlock(resolver.vault, descriptor=args.unlock_fd)
    cancel = threading.Event()
    quiet = getattr(args, "quiet", False)
    with show_events(as_json=args.json, quiet=quiet) as sink, StopSignals(cancel) as signals:
        code = Discovery(settings, resolver, how, sink=sink, cancel=cancel).run(plan).exit_code
    return signals.exit_code or code


def _print_plan(plan: DiscoveryPlan, *, as_json: bool) -> int:
    from vctui.cli.output import narrate, print_json, print_table

    tries = [
        {
            "device": candidate.device.name,
            "host": candidate.device.host,
            "credentials": [info.name for info in candidate.credentials],
        }
        for candidate in plan.candidates
    ]
    if as_json:
        out = [{"device": left.device.name, "reason": left.reason} for left in plan.left_out]
        print_json({"devices": tries, "left_out": out})
        return 0
    if tries:
        print_table(
            ("DEVICE", "ADDRESS", "CREDENTIALS, IN THIS ORDER"), [tuple(row.values()) for row in tries]
        )
    for left in plan.left_out:
        narrate(f"left out: {left.device.name}: {left.reason}")
    narrate(f"{len(tries)} devices, at most {plan.attempts} logins")
    return 0


def _nothing_to_try(name: str | None, *, has_any: bool) -> CredentialNotFound:
    from vctui.errors import CredentialNotFound

    if not has_any:
        return CredentialNotFound("the vault holds no credentials", "Add one: vctui vault add NAME -u USER")
    if name is None:
        return CredentialNotFound("no credential is the default", "Name one: --credential NAME")
    return CredentialNotFound(f"there is no credential named {name!r}", "See: vctui vault list")
