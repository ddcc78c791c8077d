"""SSH collection beside its peers: the same work, in one run, in turn, with vctui's targets.

    python -m benchmarks.ssh                      every row
    python -m benchmarks.ssh --only 12 --clients vctui,ssh2-python
    python -m benchmarks.ssh --quick --json
    python -m benchmarks.ssh --into docs/ssh.md   every row, and the tables into the documentation

The devices are simulated (benchmarks/devsim, in Go: apt-get install golang golang-golang-x-crypto-dev); the
peers come with `pip install -e '.[bench]'`. Each client runs in a process of its own, once a round, the
rounds in turn; a figure is the median. Where a row says so, client and simulator have a core each. CPU time
is the system's account of the client's process and its children, without its imports. Differences of rates
under 15 % are noise; so is much more when the machine has other work, which is why the load is printed, and
what a new file costs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.ssh_fleet import NoSimulator, build
from benchmarks.ssh_measure import Bench, Measured, bench_folder, reached
from benchmarks.ssh_report import put_into, report, shown
from benchmarks.ssh_rows import FIGURES, ROWS, Figure, Row

_STANDS_ON = {
    "ssh2-python": "ssh2-python",
    "asyncssh": "asyncssh",
    "paramiko raw": "paramiko",
    "paramiko SSHClient": "paramiko",
    "paramiko, a login each": "paramiko",
    "netmiko": "netmiko",
    "scrapli": "scrapli",
}


def installed() -> dict[str, str]:
    """The version of each library that is here."""
    found = {"vctui": version("vctui"), "cryptography": version("cryptography")}
    for name in sorted(set(_STANDS_ON.values())):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def file_cost(files: int = 50) -> float:
    """CPU of making and syncing a small file where the homes are, in ms: a part of every device saved."""
    with bench_folder() as folder, tempfile.TemporaryDirectory(dir=folder) as home:
        began = time.thread_time()
        for number in range(files):
            with Path(home, str(number)).open("xb") as file:
                file.write(b"x" * 3000)
                file.flush()
                os.fsync(file.fileno())
        return (time.thread_time() - began) * 1000 / files


def named(text: str) -> set[str]:
    """The clients that a list names, some of which have a comma in their names."""
    found = set()
    for name in sorted({name for row in ROWS for name in row.clients}, key=len, reverse=True):
        if name in text:
            found.add(name)
            text = text.replace(name, "")
    if rest := text.strip(" ,"):
        raise SystemExit(f"no such client: {rest}")
    return found


def print_row(row: Row, found: dict[str, Measured], rounds: int, devices: int, pinned: bool) -> None:
    """The clients below one another, then the targets."""
    where = "client and simulator a core each" if pinned else "no cores pinned"
    if row.kind != "sessions":
        where = "no network"
    print(f"\n## {row.name}: {row.title}")
    print(f"   {where}; {devices:,} devices, rounds: {rounds}")
    print(f"{'':26}" + "".join(f"{FIGURES[column]:>12}" for column in row.columns))
    for name, measured in found.items():
        figures = "".join(f"{shown(measured.value(column)):>12}" for column in row.columns)
        few = f"  ({measured.work.devices} devices, 1 round)" if name in row.fewer else ""
        print(f"{name:26}{figures}{few}")
    for name, measured in found.items():
        failures = [done for done in measured.rounds if done.failed]
        if failures:
            counts = ", ".join(str(done.failed) for done in failures)
            print(f"  {name} failed in {len(failures)} of {len(measured.rounds)} rounds ({counts}): "
                  f"{failures[0].error[:120]}")  # fmt: skip
    for goal in row.goals:
        value = reached(goal, found)
        mark = "-" if value is None else "ok" if goal.is_met(value) else "MISSED"
        print(f"  {mark:7}{goal.text}: {shown(value)}  (target {goal.bound})")


def as_dict(row: Row, found: dict[str, Measured], pinned: bool) -> dict[str, Any]:
    """Everything, every round of it included."""
    columns: Sequence[Figure] = row.columns
    return {
        "row": row.name,
        "title": row.title,
        "pinned": pinned,
        "clients": {
            name: {
                "devices": measured.work.devices,
                "workers": measured.work.workers,
                "medians": {column: measured.value(column) for column in columns},
                "rounds": [{**asdict(done), "each": sorted(done.each)} for done in measured.rounds],
            }
            for name, measured in found.items()
        },
        "targets": [
            {
                "target": goal.text,
                "bound": goal.bound,
                "value": (value := reached(goal, found)),
                "met": None if value is None else goal.is_met(value),
            }
            for goal in row.goals
        ],
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ssh",
        description="SSH collection beside its peers, with vctui's targets.",
        epilog="rows: " + "; ".join(f"{row.name} ({row.title})" for row in ROWS),
    )
    names = [row.name for row in ROWS]
    parser.add_argument(
        "--only", metavar="ROW", action="append", choices=names, help="this row; may be repeated"
    )
    parser.add_argument("--clients", metavar="NAME,...", help="only these clients")
    parser.add_argument("--rounds", type=int, help="rounds of each row")
    parser.add_argument("--quick", action="store_true", help="one round, fewer devices; no VelocityCollector")
    parser.add_argument("--into", metavar="FILE", type=Path, help="put the results' tables into this file")
    parser.add_argument("--json", action="store_true", help="one object a row, with every round's figures")
    return parser.parse_args()


def main() -> int:
    """Measure and print; 1 when a target is missed, 2 when nothing can be measured."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    arguments = parse()
    try:
        build()
    except NoSimulator as error:
        print(error, file=sys.stderr)
        return 2
    bench, versions = Bench(), installed()
    machine = {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(bench.cores),
        "load": round(os.getloadavg()[0], 2),
        "new file ms": round(file_cost(), 3),
        **versions,
    }
    print(json.dumps(machine) if arguments.json else ", ".join(f"{k} {v}" for k, v in machine.items()))
    missed, results = 0, []
    wanted = named(arguments.clients) if arguments.clients else None
    for row in ROWS:
        if arguments.only and row.name not in arguments.only:
            continue
        clients = [
            name
            for name in row.clients
            if (wanted is None or name in wanted)
            and _STANDS_ON.get(name, "vctui") in versions
            and not (arguments.quick and name in row.fewer)
        ]
        if not clients:
            continue
        rounds = arguments.rounds or (1 if arguments.quick else row.rounds)
        devices = row.quick_devices if arguments.quick else row.devices
        found = bench.measure(row, clients, rounds, devices)
        results.append((row, found))
        pinned = row.pinned and bench.can_pin
        if arguments.json:
            print(json.dumps(as_dict(row, found, pinned)), flush=True)
        else:
            print_row(row, found, rounds, devices, pinned)
        values = [(goal, reached(goal, found)) for goal in row.goals]
        missed += sum(value is not None and not goal.is_met(value) for goal, value in values)
    if not arguments.json:
        print(f"\n{report(machine, results)}")
    if arguments.into is not None:
        put_into(arguments.into, report(machine, results))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
