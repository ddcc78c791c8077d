"""Runs whose templates never return, through the screens: how long, who is named, how deaf the screen is.

    python -m benchmarks.hostile_run [--devices 1000] [--every 10]

The engine, the recorder, the history and the run screen are the real ones; only the SSH sessions are left
out: each device "answers" at once, every n-th with lines that make its template try every way to part them.
The screen's event loop is probed as in benchmarks/stall.py.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

import vctui.jobs.runner
from benchmarks.stall import Collected, Gaps, line, until
from benchmarks.validation_hostile import BAITS, route_table
from screens.app import VctuiApp
from screens.calm import run_calmly
from screens.context import Context
from screens.preview import PreviewScreen
from screens.summary import SummaryScreen
from vctui.config import Settings, load_settings
from vctui.jobs import JobSource, new_row
from vctui.ssh import CommandOutput, ExecutionResult, Target
from vctui.storage import Inventory, JobStore, TemplateRow, TemplateStore, init_home
from vctui.validation import ntc_rows
from vctui.vault import CredentialResolver

MEGABYTE = 1024 * 1024
COMMANDS = {
    "cisco_ios_show_capability_feature_routing": ("cisco_ios", "show capability feature routing"),
    "cisco_ios_show_aliases": ("cisco_ios", "show aliases"),
    "cisco_s300_show_vlan": ("cisco_s300", "show vlan"),
}
Answer = Callable[[int], str]


class SilentPool:
    """Stands in for the SSH pool: every device answers at once, from a few threads."""

    answer: Answer = staticmethod(lambda number: "")

    def __init__(self, **_: Any) -> None:
        pass

    def run(
        self,
        targets: Sequence[Target],
        on_phase: Callable[[Target, Any], None],
        on_result: Callable[[Target, ExecutionResult], None],
        **_: Any,
    ) -> None:
        def one(target: Target) -> None:
            on_phase(target, "command")
            command = target.commands[0]
            output = CommandOutput(command, f"{command}\n{type(self).answer(target.key)}sw#", "sw#")
            on_result(target, ExecutionResult(target.host, target.device, True, "complete", (output,), 1.0))

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(one, targets))


def make_home(folder: Path, devices: int) -> tuple[Settings, CredentialResolver]:
    """A home with so many devices of two platforms, a job for each of the commands, and a vault."""
    settings = load_settings(folder, {})
    init_home(settings)
    TemplateStore(settings.templates_db).upsert_many(TemplateRow(**row) for row in ntc_rows())
    rows = ["name,primary_ip4,platform,manufacturer,site,role,status"]
    for platform in ("cisco_ios", "cisco_s300"):
        name = platform.replace("_", "-")
        rows += [
            f"{name}-{n},10.{len(name)}.{n // 250}.{n % 250 + 1},{platform},Cisco,lab,access,active"
            for n in range(devices)
        ]
    table = folder / "devices.csv"
    table.write_text("\n".join(rows) + "\n")
    with Inventory(settings.dcim_db) as inventory:
        inventory.import_csv(table)
        kinds = {row.slug: row.id for row in inventory.platforms()}
    with JobStore(settings.collector_db) as store:
        for name, (platform, command) in {**COMMANDS, "routes": ("cisco_ios", "show ip route")}.items():
            facts = {"name": name, "slug": name, "capture_type": name, "command": command}
            chosen = {"device_filter_platform_id": kinds[platform], "output_directory": name}
            store.save({**new_row(), **facts, **chosen, "use_textfsm": 1, "max_workers": 12})
    resolver = CredentialResolver(settings)
    resolver.vault.init("correct horse battery")
    resolver.vault.add("lab", "admin", password="x" * 12, default=True)
    return replace(settings, host_keys="accept-new"), resolver


def run_once(
    context: Context, slug: str, answer: Answer, names: list[str] | None = None
) -> tuple[Gaps, float, list[Any]]:
    """One run through the screens: its gaps, its seconds, what was said of the devices."""
    SilentPool.answer = staticmethod(answer)
    app = VctuiApp(context, unlocked=True)
    gaps = Gaps()
    finished: list[Any] = []
    seconds = 0.0
    job = JobSource(context.settings).resolve(slug)

    async def drive(pilot: Pilot[object]) -> None:
        nonlocal seconds
        await pilot.pause(1.0)
        probe = asyncio.create_task(gaps.watch(app))
        preview = PreviewScreen(context, job, names=names)
        app.push_screen(preview)
        await until(app, lambda: preview.plan is not None and preview.is_current_plan)
        started = time.perf_counter()
        await pilot.press("enter")
        await until(app, lambda: not isinstance(app.screen, PreviewScreen))
        if not isinstance(app.screen, SummaryScreen) and app.screen.query("#question"):
            await pilot.press("y")
        await until(app, lambda: isinstance(app.screen, SummaryScreen), 3600.0)
        seconds = time.perf_counter() - started
        gaps.stop = True
        await probe
        assert isinstance(app.screen, SummaryScreen)
        finished.extend(app.screen._finished)
        print(f"{slug}: {str(app.screen.query_one('#head', Static).visual).splitlines()[0]}")
        app.exit()

    run_calmly(app.run_async(headless=True, size=(80, 24), auto_pilot=drive))
    if app.failure is not None:
        raise app.failure
    return gaps, seconds, finished


def report(name: str, gaps: Gaps, seconds: float, finished: Sequence[Any]) -> None:
    hostile = [event for event in finished if "took longer than" in (event.error or "")]
    named = sum(name in event.error for event in hostile)
    status = Counter(event.status for event in finished)
    told = ", ".join(f"{count} {what}" for what, count in sorted(status.items()))
    print(f"  {len(finished)} devices in {seconds:.1f} s: {told}; {len(hostile)} out of time, {named} named")
    print(f"  {line('RunScreen', gaps.of('RunScreen'))}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs with templates that hang, through the screens.")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--every", type=int, default=10, help="every n-th device hangs its template")
    arguments = parser.parse_args()
    setattr(vctui.jobs.runner, "SSHExecutorPool", SilentPool)  # noqa: B010 (the type checker would object)
    collected = Collected()
    gc.callbacks.append(collected)
    with tempfile.TemporaryDirectory(prefix="vctui-hostile-") as folder:
        settings, resolver = make_home(Path(folder), arguments.devices)
        context = Context(settings, resolver)
        for name, bait in BAITS.items():

            def answer(number: int, bait: str = bait) -> str:
                return bait if number % arguments.every == 0 else "nothing of interest\n"

            report(name, *run_once(context, name, answer))
        bait = BAITS["cisco_ios_show_aliases"]
        print("every device hangs its template:")
        report("cisco_ios_show_aliases", *run_once(context, "cisco_ios_show_aliases", lambda _: bait))
        print("twenty devices with 5 MB each:")
        table = route_table(5 * MEGABYTE)
        few = [f"cisco-ios-{number}" for number in range(20)]
        report("routes", *run_once(context, "routes", lambda _: table, few))
        resolver.lock()
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"largest child process {used} MB; collector's longest pause {max(collected.pauses) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
