"""`vctui demo`: the main job against simulated devices, in a throw-away home."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, positive

if TYPE_CHECKING:
    import threading

    from vctui.demo import DemoHome
    from vctui.events import DeviceFinished, Event, Sink
    from vctui.jobs import JobRunner

WORKERS = 32
"""Devices at the same time, when a fleet's size is asked for."""
DIFFERENT = 1


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui demo`."""
    parser = add_command(
        commands,
        "demo",
        "Try it: simulated devices on loopback SSH, in a throw-away home",
        run_demo,
        examples="vctui demo\nvctui demo --headless --devices 200\n"
        "vctui demo --headless --recordings ./recordings",
    )
    parser.add_argument("--headless", action="store_true", help="run the jobs and print what came of them")
    parser.add_argument("--json", action="store_true", help="headless, printing one event a line as JSON")
    fleet = parser.add_mutually_exclusive_group()
    fleet.add_argument("--devices", metavar="N", type=positive, help="a fleet of N devices")
    fleet.add_argument(
        "--recordings",
        metavar="DIR",
        type=Path,
        help="a fleet of recorded sessions (vctui run --record DIR), asked what they were asked then",
    )


def run_demo(args: argparse.Namespace) -> int:
    """Open the full-screen program on a demo home, or run its jobs headless and check what came of them."""
    import threading

    from vctui.cli.logs import open_log
    from vctui.cli.output import is_terminal, narrate
    from vctui.cli.signals import StopSignals

    headless = args.headless or args.json
    if not headless and not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        narrate("no terminal here, so the demo runs headless")
        headless = True
    narrate("starting simulated devices on loopback addresses")
    cancel = threading.Event()
    with StopSignals(cancel) as signals, _make_home(args) as home:
        open_log(home.settings)
        code = 0
        if headless and not cancel.is_set():
            code = _run_headless(home, cancel, as_json=args.json, workers=WORKERS if args.devices else None)
        if headless or signals.exit_code:
            return signals.exit_code or code
        signals.release()
        from vctui.cli.screen import open_on

        return open_on(home.settings, home.resolver)


def _make_home(args: argparse.Namespace) -> DemoHome:
    from vctui.demo import DemoHome, ReplayHome

    if args.recordings is None:
        return DemoHome(args.devices)
    return ReplayHome(args.recordings.expanduser())


class _Outcomes:
    """Passes events on, and keeps the outcomes of each job."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._jobs: dict[int, str] = {}
        self.finished: dict[str, list[DeviceFinished]] = {}

    def __call__(self, event: Event) -> None:
        from vctui.events import DeviceFinished, RunStarted

        if isinstance(event, RunStarted):
            self._jobs[event.run] = event.job
            self.finished[event.job] = []
        elif isinstance(event, DeviceFinished):
            self.finished[self._jobs[event.run]].append(event)
        self._sink(event)


def _run_headless(home: DemoHome, cancel: threading.Event, *, as_json: bool, workers: int | None) -> int:
    """Run the jobs; 0 when every device ended as it was built to, else 1 with the differences named."""
    from vctui.cli.output import narrate
    from vctui.cli.progress import open_display
    from vctui.jobs import BatchRunner, JobRunner

    with open_display(as_json=as_json, quiet=False, several=True, bar=False) as display:
        outcomes = _Outcomes(display)

        def make_runner() -> JobRunner:
            return JobRunner(
                home.resolver,
                settings=home.settings,
                sink=outcomes,
                cancel=cancel,
                workers=workers,
                allow_any_command=True,  # nothing here is real
            )

        batch = BatchRunner(home.resolver, settings=home.settings, make_runner=make_runner).run(home.jobs)
    for result in batch.results:
        if result.error:
            narrate(f"vctui: {result.job_id}: {result.error}")
    if cancel.is_set():
        return 0
    return _tell(outcomes, _compare(home, outcomes), home.right, as_json=as_json)


def _compare(home: DemoHome, outcomes: _Outcomes) -> dict[str, list[str]]:
    """For each job, how its outcomes differ from what they must be."""
    return {ref: home.differences(ref, outcomes.finished.get(ref, [])) for ref in home.jobs}


def _print_summary(outcomes: _Outcomes, differences: dict[str, list[str]], right: str) -> None:
    from collections import Counter

    from vctui.cli.output import print_line, print_table

    rows = []
    for ref, lines in differences.items():
        events = outcomes.finished.get(ref, [])
        counts = Counter(event.status for event in events)
        verdict = right if not lines else f"{len(lines)} not {right}"
        rows.append((ref, len(events), counts["ok"], counts["skipped"], counts["failed"], verdict))
    print_line("")
    print_table(("JOB", "DEVICES", "OK", "SKIPPED", "FAILED", "OUTCOMES"), rows)


def _tell(outcomes: _Outcomes, differences: dict[str, list[str]], right: str, *, as_json: bool) -> int:
    """Print the summary, name the differences, and return the exit code."""
    from vctui.cli.output import narrate

    if not as_json:
        _print_summary(outcomes, differences, right)
    for ref, lines in differences.items():
        for line in lines:
            narrate(f"not {right}: {ref}: {line}")
    return DIFFERENT if any(differences.values()) else 0
