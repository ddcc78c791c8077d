"""`vctui hosts`: which SSH host keys are trusted. Scanning exchanges keys only; no password is sent."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command, add_group
from vctui.errors import HostKeyRefused

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.ssh import ScannedKey

SOME_FAILED = 3
REFUSED = ("changed", "revoked")
SCAN_TIMEOUT = 10.0
SCAN_WORKERS = 32


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
    """Print what known_hosts holds for each device of the inventory."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_json, print_table
    from vctui.cli.plans import address
    from vctui.ssh import KnownHosts
    from vctui.storage import Inventory

    settings = ready_home(args)
    with Inventory(settings.dcim_db) as inventory:
        devices = [device for device in inventory.devices() if device.host]
    known = KnownHosts(settings.known_hosts)
    rows: list[dict[str, str | None]] = []
    for device in devices:
        entries = known.lookup(device.host or "", device.port)
        facts: list[tuple[str | None, str | None, str]] = [
            (entry.key_type, entry.fingerprint, entry.marker or "trusted") for entry in entries
        ]
        for key_type, fingerprint, status in facts or [(None, None, "unknown")]:
            rows.append(
                {
                    "device": device.name,
                    "address": address(device.host or "", device.port),
                    "key_type": key_type,
                    "fingerprint": fingerprint,
                    "status": status,
                }
            )
    if args.json:
        print_json(rows)
    else:
        print_table(("DEVICE", "ADDRESS", "TYPE", "FINGERPRINT", "STATUS"), [tuple(r.values()) for r in rows])
    return 0


def scan_hosts(args: argparse.Namespace) -> int:
    """Print each host's key and what known_hosts says of it; 5 when one has changed, 3 when one is silent."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_json

    settings = ready_home(args)
    scans = _scan(settings, _places(settings, args))
    if args.json:
        print_json([scan.as_dict() for scan in scans])
    else:
        _print(scans)
    if any(scan.status in REFUSED for scan in scans):
        return HostKeyRefused.exit_code
    return SOME_FAILED if any(scan.key is None for scan in scans) else 0


def trust_hosts(args: argparse.Namespace) -> int:
    """Show the keys of hosts that are new, ask, and store them; a changed key is never stored here."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import confirm, narrate
    from vctui.ssh import KnownHosts

    settings = ready_home(args)
    scans = _scan(settings, _places(settings, args))
    new = [scan.key for scan in scans if scan.status == "unknown" and scan.key is not None]
    _print([scan for scan in scans if scan.status != "ok"])
    if new and confirm(f"Trust {len(new)} new host keys?", yes=args.yes):
        added = KnownHosts(settings.known_hosts).add(new)
        narrate(f"{added} host keys trusted")
    elif new:
        narrate("nothing was trusted")
    else:
        narrate("no host key is new")
    changed = [scan.place.device for scan in scans if scan.status in REFUSED]
    if changed:
        raise HostKeyRefused(
            f"changed or revoked: {', '.join(changed)}",
            "Find out why; after a replacement: vctui hosts replace DEVICE --fingerprint SHA256:...",
        )
    return SOME_FAILED if any(scan.key is None for scan in scans) else 0


def replace_host(args: argparse.Namespace) -> int:
    """Trust a device's new key when its fingerprint is the one given."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.errors import VctuiError
    from vctui.ssh import KnownHosts

    settings = ready_home(args)
    place = _place_of(settings, args.device)
    (scan,) = _scan(settings, [place])
    if scan.key is None:
        raise VctuiError(f"{place.device}: no host key: {scan.reason}", "Nothing was changed")
    known = KnownHosts(settings.known_hosts)
    replaced = known.replace(place.host, place.port, scan.key, args.fingerprint)
    narrate(f"{place.device}: {scan.key.fingerprint} is trusted; {len(replaced)} old keys were put aside")
    return 0


@dataclass(frozen=True, slots=True)
class _Place:
    device: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a host showed: a key and what known_hosts says of it, or why it showed none."""

    place: _Place
    status: str
    """ok, unknown, changed, revoked, or an error kind."""
    key: ScannedKey | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "device": self.place.device,
            "host": self.place.host,
            "port": self.place.port,
            "status": self.status,
            "key_type": self.key.key_type if self.key else None,
            "fingerprint": self.key.fingerprint if self.key else None,
            "error": self.reason,
        }


def _places(settings: Settings, args: argparse.Namespace) -> list[_Place]:
    """Where the devices listen that the arguments mean. Raises UsageError, NoDevicesError."""
    from vctui.errors import NoDevicesError
    from vctui.jobs import JobSource, make_plan

    if not args.job:
        return [_place_of(settings, name) for name in args.devices]
    plan = make_plan(settings, JobSource(settings).resolve(args.job))
    if not plan.items:
        raise NoDevicesError(
            f"no device matches job {plan.job.ref}", "See why: vctui run --job ... --dry-run"
        )
    return [_Place(item.device.name, item.host, item.port) for item in plan.items]


def _place_of(settings: Settings, name: str) -> _Place:
    from vctui.cli.lookup import find_device
    from vctui.errors import UsageError

    device = find_device(settings, name)
    if not device.host:
        raise UsageError(
            f"device {device.name} has no address", "Give it one: vctui devices edit NAME --ip ..."
        )
    return _Place(device.name, device.host, device.port)


def _scan(settings: Settings, places: Sequence[_Place]) -> list[_Scan]:
    """Fetch the keys of all places at the same time, in their order."""
    from concurrent.futures import ThreadPoolExecutor

    from vctui.errors import DeviceError
    from vctui.ssh import KnownHosts, scan_host_key

    known = KnownHosts(settings.known_hosts)

    def scan(place: _Place) -> _Scan:
        try:
            # The known types first: a host with a new key of another type has not changed.
            types = known.key_types(place.host, place.port)
            key = scan_host_key(
                place.host, place.port, SCAN_TIMEOUT, known=types, transport=settings.ssh_transport
            )
        except DeviceError as error:
            return _Scan(place, error.kind, reason=error.message)
        return _Scan(place, known.check(place.host, place.port, key.key_type, key.blob).status, key)

    with ThreadPoolExecutor(SCAN_WORKERS, thread_name_prefix="scan") as pool:
        return list(pool.map(scan, places))


def _print(scans: Sequence[_Scan]) -> None:
    from vctui.cli.output import print_table
    from vctui.cli.plans import address

    if scans:
        print_table(
            ("DEVICE", "ADDRESS", "STATUS", "TYPE", "FINGERPRINT"),
            [
                (
                    scan.place.device,
                    address(scan.place.host, scan.place.port),
                    scan.status,
                    scan.key.key_type if scan.key else None,
                    scan.key.fingerprint if scan.key else scan.reason,
                )
                for scan in scans
            ],
        )
