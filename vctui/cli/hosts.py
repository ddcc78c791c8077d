"""`vctui hosts`: which SSH host keys are trusted. Scanning exchanges keys only; no device gets a password."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command, add_group, descriptor
from vctui.errors import HostKeyRefused

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.jobs import KeyHost
    from vctui.ssh import ScannedKey

SOME_FAILED = 3
REFUSED = ("changed", "revoked")


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui hosts`."""
    group = add_group(
        commands,
        "hosts",
        "Scan, trust, list and replace SSH host keys",
        examples="vctui hosts trust --job arista-arp-300\nvctui hosts scan core-1 core-2\n"
        "vctui hosts replace core-1 --fingerprint SHA256:...",
    )
    listed = add_command(group, "list", "List the trusted host keys", list_hosts, json=True)
    _add_targets(listed, required=False)
    scan = add_command(
        group,
        "scan",
        "Fetch host keys and compare them with the trusted ones",
        scan_hosts,
        json=True,
        examples="vctui hosts scan --all\nvctui hosts scan core-1 ams-1 --json",
    )
    _add_targets(scan)
    trust = add_command(
        group,
        "trust",
        "Fetch host keys, show the fingerprints of new ones and trust them after a yes",
        trust_hosts,
        json=True,
        examples="vctui hosts trust --job arista-arp-300\nvctui hosts trust core-1 -y",
    )
    _add_targets(trust)
    trust.add_argument("-y", "--yes", action="store_true", help="do not ask")
    replace = add_command(
        group,
        "replace",
        "Trust a host's new key in place of the old one, when it has this fingerprint",
        replace_host,
        examples="vctui hosts replace core-1 --fingerprint SHA256:...",
    )
    replace.add_argument("device", metavar="DEVICE", help="a device of the inventory, or a jump host")
    replace.add_argument("--fingerprint", metavar="F", required=True, help="SHA256:..., read at the device")
    for parser in (scan, trust, replace):
        parser.add_argument(
            "--unlock-fd",
            metavar="N",
            type=descriptor,
            help="read the master password from this descriptor; only jump hosts need one",
        )


def _add_targets(parser: Parser, *, required: bool = True) -> None:
    targets = parser.add_mutually_exclusive_group(required=required)
    targets.add_argument("--job", metavar="REF", help="the devices of this job, and their jump hosts")
    targets.add_argument(
        "--all", action="store_true", help="every device of the inventory, and every jump host"
    )
    targets.add_argument(
        "devices", metavar="DEVICE", nargs="*", default=[], help="devices of the inventory, or jump hosts"
    )


def list_hosts(args: argparse.Namespace) -> int:
    """Print what known_hosts holds for each host."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_json, print_table
    from vctui.cli.plans import address
    from vctui.ssh import KnownHosts

    settings = ready_home(args)
    known = KnownHosts(settings.known_hosts)
    rows: list[dict[str, str | None]] = []
    for host in (host for hosts in _rounds(settings, args) for host in hosts):
        facts: list[tuple[str | None, str | None, str]] = [
            (entry.key_type, entry.fingerprint, entry.marker or "trusted")
            for entry in known.lookup(*host.address)
        ]
        for key_type, fingerprint, status in facts or [(None, None, "unknown")]:
            rows.append(
                {
                    "device": host.name,
                    "address": address(*host.address),
                    "key_type": key_type,
                    "fingerprint": fingerprint,
                    "status": status,
                    "via": " > ".join(hop.name for hop in host.path) or None,
                }
            )
    if args.json:
        print_json(rows)
    else:
        headers = ("DEVICE", "ADDRESS", "TYPE", "FINGERPRINT", "STATUS", "VIA")
        print_table(headers, [tuple(row.values()) for row in rows])
    return 0


def scan_hosts(args: argparse.Namespace) -> int:
    """Print each host's key and what known_hosts says of it; 5 when one has changed, 3 when one is silent."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import print_json

    settings = ready_home(args)
    with _Scanner(settings, args.unlock_fd) as scanner:
        scans = [scan for hosts in _rounds(settings, args) for scan in scanner.scan(hosts)]
    if args.json:
        print_json([scan.as_dict() for scan in scans])
    else:
        _print(scans)
    if any(scan.status in REFUSED for scan in scans):
        return HostKeyRefused.exit_code
    return SOME_FAILED if any(scan.key is None for scan in scans) else 0


def trust_hosts(args: argparse.Namespace) -> int:
    """Show the keys of hosts that are new, ask, and store them; a changed key is never stored here.

    Jump hosts come first: what is behind them can only be looked at through them.
    """
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json

    settings = ready_home(args)
    scans: list[_Scan] = []
    trusted: set[str] = set()
    with _Scanner(settings, args.unlock_fd) as scanner:
        for hosts in _rounds(settings, args):
            found = scanner.scan(hosts)
            scans += found
            if not args.json:
                _print([scan for scan in found if scan.status != "ok"])
            trusted |= _trust(settings, found, yes=args.yes)
    if args.json:
        print_json(
            [scan.as_dict() | {"trusted": scan.line in trusted or scan.status == "ok"} for scan in scans]
        )
    if not any(scan.status == "unknown" for scan in scans):
        narrate("no host key is new")
    changed = [scan.host.name for scan in scans if scan.status in REFUSED]
    if changed:
        raise HostKeyRefused(
            f"changed or revoked: {', '.join(changed)}",
            "Find out why; after a replacement: vctui hosts replace DEVICE --fingerprint SHA256:...",
        )
    return SOME_FAILED if any(scan.key is None for scan in scans) else 0


def _trust(settings: Settings, scans: Sequence[_Scan], *, yes: bool) -> set[str]:
    """Ask about what is new, and store it; returns the lines that are trusted now."""
    from vctui.cli.output import confirm, narrate
    from vctui.jobs import trusted_hosts

    new = [scan.key for scan in scans if scan.status == "unknown" and scan.key is not None]
    if not new:
        return set()
    if not confirm(f"Trust {len(new)} new host keys?", yes=yes):
        narrate("nothing was trusted")
        return set()
    added = trusted_hosts(settings).add(new)
    narrate(f"{added} host keys trusted")
    return {key.line for key in new}


def replace_host(args: argparse.Namespace) -> int:
    """Trust a host's new key when its fingerprint is the one given."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.errors import VctuiError
    from vctui.jobs import trusted_hosts

    settings = ready_home(args)
    args.job, args.all, args.devices = None, False, [args.device]
    *_, (host,) = _rounds(settings, args)
    with _Scanner(settings, args.unlock_fd) as scanner:
        (scan,) = scanner.scan([host])
    if scan.key is None:
        raise VctuiError(f"{host.name}: no host key: {scan.reason}", "Nothing was changed")
    replaced = trusted_hosts(settings).replace(host.host, host.port, scan.key, args.fingerprint)
    narrate(f"{host.name}: {scan.key.fingerprint} is trusted; {len(replaced)} old keys were put aside")
    return 0


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a host showed: a key and what known_hosts says of it, or why it showed none."""

    host: KeyHost
    status: str
    """ok, unknown, changed, revoked, or an error kind."""
    key: ScannedKey | None = None
    reason: str | None = None

    @property
    def line(self) -> str:
        return self.key.line if self.key else ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "device": self.host.name,
            "host": self.host.host,
            "port": self.host.port,
            "via": [hop.name for hop in self.host.path],
            "status": self.status,
            "key_type": self.key.key_type if self.key else None,
            "fingerprint": self.key.fingerprint if self.key else None,
            "error": self.reason,
        }


class _Scanner:
    """Fetches keys. The vault is unlocked when the first jump host has to be logged in to, and not before."""

    def __init__(self, settings: Settings, unlock_fd: int | None) -> None:
        from vctui.vault import CredentialResolver

        self._settings = settings
        self._unlock_fd = unlock_fd
        self._stack = ExitStack()
        self._resolver = self._stack.enter_context(CredentialResolver(settings))

    def __enter__(self) -> _Scanner:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def scan(self, hosts: Sequence[KeyHost]) -> list[_Scan]:
        """What each of the hosts shows, in their order."""
        from vctui.cli.asking import terminal_desk
        from vctui.cli.unlocking import unlock
        from vctui.errors import DeviceError
        from vctui.jobs import read_keys
        from vctui.ssh import KnownHosts

        needs_vault = any(hop.credential_id is not None for host in hosts for hop in host.path)
        if needs_vault and not self._resolver.is_unlocked:
            unlock(self._resolver.vault, descriptor=self._unlock_fd)
        found = read_keys(self._settings, hosts, self._resolver, desk=terminal_desk())
        known = KnownHosts(self._settings.known_hosts)
        scans: list[_Scan] = []
        for host, key in found.items():
            if isinstance(key, DeviceError):
                scans.append(_Scan(host, key.kind, reason=f"{key.message}. {key.next_step}"))
            else:
                check = known.check(host.host, host.port, key.key_type, key.blob, key.certificate)
                scans.append(_Scan(host, check.status, key))
        return scans


def _rounds(settings: Settings, args: argparse.Namespace) -> Iterator[list[KeyHost]]:
    """The hosts that the arguments mean: jump hosts first, each round behind the one before, then devices."""
    from vctui.cli.hosts_meant import meant

    yield from meant(settings, job=args.job, everything=args.all, names=args.devices)


def _print(scans: Sequence[_Scan]) -> None:
    from vctui.cli.output import print_table
    from vctui.cli.plans import address

    if scans:
        print_table(
            ("DEVICE", "ADDRESS", "STATUS", "TYPE", "FINGERPRINT"),
            [
                (
                    scan.host.name,
                    address(*scan.host.address),
                    scan.status,
                    scan.key.key_type if scan.key else None,
                    scan.key.fingerprint if scan.key else scan.reason,
                )
                for scan in scans
            ],
        )
