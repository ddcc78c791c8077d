"""How long the screen is deaf during a run: the largest gaps of its event loop, over simulated devices.

    python -m benchmarks.stall [--devices 1200] [--workers 50]

A fleet in another process serves real SSH on loopback; the full-screen program runs its first job on it, in a
terminal of 80x24 that is thrown away. A probe in the event loop asks to be woken every 5 ms and notes how
late it is: what a key would have waited. The run goes through the screens as a person would go: the picker is
skipped, Enter starts the preview's plan.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from screens.app import VctuiApp
from screens.calm import run_calmly
from screens.context import Context
from screens.preview import PreviewScreen
from screens.summary import SummaryScreen
from vctui.demo import DemoHome
from vctui.jobs import JobSource

TICK = 0.005
LIMIT = 0.1


@dataclass
class Gaps:
    """How late the event loop was, in seconds, each time with what was on the screen."""

    late: list[float] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    when: list[float] = field(default_factory=list)
    stop: bool = False

    async def watch(self, app: App[None]) -> None:
        """Ask to be woken again and again until `stop`."""
        while not self.stop:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            self.late.append(time.perf_counter() - before - TICK)
            self.where.append(type(app.screen).__name__)
            self.when.append(before)

    def worst(self, screen: str, count: int = 8) -> list[tuple[float, float]]:
        """(seconds since this screen came, milliseconds late) of its largest gaps."""
        begun = min(
            (when for when, where in zip(self.when, self.where, strict=True) if where == screen), default=0
        )
        mine = zip(self.late, self.when, self.where, strict=True)
        found = sorted(((late, when) for late, when, where in mine if where == screen), reverse=True)
        return [(round(when - begun, 2), round(late * 1000, 1)) for late, when in found[:count]]

    def of(self, screen: str) -> list[float]:
        return sorted(late for late, where in zip(self.late, self.where, strict=True) if where == screen)


@dataclass
class Collected:
    """What pauses the collector made, in seconds."""

    pauses: list[float] = field(default_factory=list)
    _started: float = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._started = time.perf_counter()
        else:
            self.pauses.append(time.perf_counter() - self._started)


async def until(app: VctuiApp, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something on the screen. Raises RuntimeError with what is there instead."""
    ends = time.monotonic() + seconds
    while app.failure is None and not condition():
        if time.monotonic() > ends:
            texts = [str(static.visual) for static in app.screen.query(Static)]
            raise RuntimeError(f"{type(app.screen).__name__} does not go on: {texts}")
        await asyncio.sleep(0.02)


def measure(home: DemoHome, workers: int) -> tuple[Gaps, float, str]:
    """Run the first job of the demo through the screens; the gaps, the seconds and the summary."""
    job = replace(JobSource(home.settings).resolve(home.jobs[0]), max_workers=workers)
    context = Context(home.settings, home.resolver)
    app = VctuiApp(context, unlocked=True)
    gaps = Gaps()
    summary = ""
    seconds = 0.0

    async def drive(pilot: Pilot[object]) -> None:
        nonlocal summary, seconds
        await pilot.pause(1.0)
        probe = asyncio.create_task(gaps.watch(app))
        # What this machine does to a program that has nothing to do.
        await pilot.pause(3.0)
        preview = PreviewScreen(context, job)
        app.push_screen(preview)
        await until(app, lambda: preview.plan is not None and preview.is_current_plan)
        started = time.perf_counter()
        await pilot.press("enter")
        await until(app, lambda: isinstance(app.screen, SummaryScreen), 3600.0)
        seconds = time.perf_counter() - started
        await pilot.pause(0.5)
        gaps.stop = True
        await probe
        summary = str(app.screen.query_one("#head", Static).visual)
        app.exit()

    run_calmly(app.run_async(headless=True, size=(80, 24), auto_pilot=drive))
    if app.failure is not None:
        raise app.failure
    return gaps, seconds, summary


def line(name: str, late: Sequence[float]) -> str:
    if not late:
        return f"{name:18} no ticks"

    def at(share: float) -> float:
        return late[min(len(late) - 1, int(share * len(late)))] * 1000

    over = sum(gap > LIMIT for gap in late)
    return (
        f"{name:18}{len(late):8} ticks   p50 {at(0.5):6.1f}   p99 {at(0.99):6.1f}   "
        f"max {late[-1] * 1000:6.1f} ms   over {LIMIT * 1000:.0f} ms: {over}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure the largest gap of the screen's event loop in a run."
    )
    parser.add_argument("--devices", type=int, default=1200, help="the job means 85%% of them")
    parser.add_argument("--workers", type=int, default=50, help="sessions at once")
    arguments = parser.parse_args()
    collected = Collected()
    gc.callbacks.append(collected)
    with DemoHome(arguments.devices) as home:
        gaps, seconds, summary = measure(home, arguments.workers)
    print(
        f"Python {platform.python_version()}, textual {version('textual')}, paramiko {version('paramiko')}, "
        f"{os.cpu_count()} cores, {arguments.devices} devices, {arguments.workers} at once"
    )
    print(f"run took {seconds:.1f} s")
    print(summary)
    for screen in ("JobsScreen", "PreviewScreen", "RunScreen", "SummaryScreen"):
        name = f"{screen} (idle)" if screen == "JobsScreen" else screen
        print(line(name, gaps.of(screen)))
    print(f"largest of RunScreen, as (seconds since it came, ms): {gaps.worst('RunScreen')}")
    print(
        f"collector: {len(collected.pauses)} times, longest {max(collected.pauses, default=0) * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
