"""`vctui devices probe`: what devices are, from what they show of themselves."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, descriptor, positive, seconds
from vctui.cli.recording import add_record_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vctui.cli.progress import Lines
    from vctui.config import Settings
    from vctui.events import Event
    from vctui.jobs import DeviceProbed, Probed
    from vctui.records import Device

HELP = """\
One login each. The SSH server's identification, the banner and the prompt are looked at; then at most three
commands are run that only read, such as `show version`, until the device is recognised for certain. What
`vctui platforms show NAME` has under `identify` decides. Exit codes: 0 each device was recognised, 3 some
were, 4 none was, 5 a host key was refused."""


def add_command_to(group: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui devices probe`."""
    probe = add_command(
        group,
        "probe",
        "Log in to devices and find out what they are",
        probe_devices,
        examples="vctui devices probe core-1 core-2\nvctui devices probe --unknown --save\n"
        "vctui devices probe core-1 --record ./recordings",
    )
    probe.description = f"{probe.description}\n\n{HELP}"
    which = probe.add_mutually_exclusive_group(required=True)
    which.add_argument("names", metavar="NAME", nargs="*", default=[], help="devices of the inventory")
    which.add_argument("--unknown", action="store_true", help="all active devices of no known platform")
    probe.add_argument("--save", action="store_true", help="write the platform of each into the inventory")
    probe.add_argument("-y", "--yes", action="store_true", help="do not ask before saving")
    probe.add_argument("--credential", "-c", metavar="NAME", help="in place of the default one")
    probe.add_argument("--workers", metavar="N", type=positive, help="devices at the same time")
    probe.add_argument("--timeout", metavar="S", type=seconds, default=20.0, help="longest silence (20)")
    probe.add_argument(
        "--host-keys",
        choices=("ask", "strict", "accept-new"),
        help="unknown host keys: refused by ask and strict, stored by accept-new",
    )
    probe.add_argument(
        "--unlock-fd", metavar="N", type=descriptor, help="read the master password from this descriptor"
    )
    add_record_option(probe)
    probe.add_argument("--json", action="store_true", help="print one event a line, as JSON")


def probe_devices(args: argparse.Namespace) -> int:
    """Plan, unlock, probe, save what is wrong in the inventory, and return the worst that happened."""
    import threading

    from vctui.cli.home import ready_home
    from vctui.cli.output import has_terminal, narrate
    from vctui.cli.progress import Lines
    from vctui.cli.recording import open_recordings, tell_recordings
    from vctui.cli.signals import StopSignals
    from vctui.cli.unlocking import unlock
    from vctui.errors import NoDevicesError, UsageError
    from vctui.jobs import Prober
    from vctui.vault import CredentialResolver

    settings = ready_home(args)
    if args.save and not args.yes and not has_terminal():
        raise UsageError("saving asks first, and there is no terminal to ask on", "Add -y to say yes")
    devices = _chosen(settings, args)
    lines, cancel, recordings = Lines(), threading.Event(), open_recordings(args)
    with CredentialResolver(settings) as resolver:
        prober = Prober(
            resolver,
            settings,
            credential=args.credential,
            sink=_Display(lines, as_json=args.json),
            cancel=cancel,
            workers=args.workers,
            timeout=args.timeout,
            host_keys=args.host_keys,
            recordings=recordings,
        )
        plan = prober.plan_devices(devices)
        for left in plan.left_out:
            narrate(f"left out: {left.device.name}: {left.reason}")
        if not plan.items:
            raise NoDevicesError("there is no device to probe", "See them with: vctui devices list")
        unlock(resolver.vault, descriptor=args.unlock_fd)
        with StopSignals(cancel) as signals:
            code = prober.probe(plan).exit_code
    lines.check()
    if args.save:
        _save(settings, prober.found, yes=args.yes)
    code = tell_recordings(recordings, code)
    return signals.exit_code or code


class _Display:
    """A line a device, or every event as JSON."""

    def __init__(self, lines: Lines, *, as_json: bool) -> None:
        self._lines = lines
        self._as_json = as_json

    def __call__(self, event: Event) -> None:
        from vctui.cli.output import to_json
        from vctui.jobs import DeviceProbed

        if self._as_json:
            self._lines.write(to_json(event.to_dict()))
        elif isinstance(event, DeviceProbed):
            self._lines.write(_line(event))


def _line(news: DeviceProbed) -> str:
    from vctui.text import safe_line

    parts = [news.device, news.host, news.platform or "unknown"]
    if news.platform:
        parts.append(news.confidence)
    line = " ".join(parts)
    if news.reasons:
        line += f" ({'; '.join(news.reasons)})"
    if news.others and news.confidence != "certain":
        line += f" perhaps {', '.join(news.others)}"
    if news.error:
        line += f" {news.error_kind}: {news.error}" + (f". {news.next_step}" if news.next_step else "")
    return safe_line(line, 2000)


def _chosen(settings: Settings, args: argparse.Namespace) -> list[Device]:
    from vctui.cli.lookup import find_device
    from vctui.errors import NoDevicesError
    from vctui.ssh import load_platforms
    from vctui.storage import Inventory

    if not args.unknown:
        return [find_device(settings, name) for name in args.names]
    with Inventory(settings.dcim_db) as inventory:
        active = [device for device in inventory.devices() if device.status.casefold() == "active"]
    platforms = load_platforms(settings.platforms_dir)
    unknown = [device for device in active if platforms.find(device.kind) is None]
    if not unknown:
        raise NoDevicesError("every active device has a known platform", "Name the devices to probe")
    return unknown


def _save(settings: Settings, found: Sequence[Probed], *, yes: bool) -> None:
    from vctui.cli.output import confirm, narrate
    from vctui.jobs import save_platforms

    wrong = [probed for probed in found if probed.differs]
    for probed in wrong:
        narrate(f"{probed.device.name}: {probed.news.known_as or 'no platform'} -> {probed.news.platform}")
    if not wrong:
        narrate("the inventory has every platform that was recognised")
    elif confirm(f"Write the platform of {len(wrong)} devices?", yes=yes):
        narrate(f"{len(save_platforms(settings, wrong))} devices saved")
    else:
        narrate("nothing was saved")
