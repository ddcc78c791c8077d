"""The two measurements that plain TextFSM takes long for: a huge table, and templates that never return."""

from __future__ import annotations

import gc
import io
import math
import random
import resource
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import textfsm

from vctui.validation import ValidationWorker
from vctui.validation.frames import uncollected
from vctui.validation.machine import Machine, records

MEGABYTE = 1024 * 1024
BAITS = {
    "cisco_ios_show_capability_feature_routing": "word" * 10 + ": " + "word " * 30 + ":-\n",
    "cisco_ios_show_aliases": "word" * 20 + "   aliases:\n",
    "cisco_s300_show_vlan": "Vlan Name Ports Created by\n" + "-" * 60 + "x\n" + " -" * 40 + "x\n",
}
"""For each template that is known to hang, lines that make it try every way to part them.

The last one cannot be made to hang any more: its looser rule and its own let the same lines through.
"""


def route_table(size: int) -> str:
    """A `show ip route` of about so many characters."""
    chance = random.Random(5)  # noqa: S311 (a table, not a secret)
    lines = [
        "Codes: L - local, C - connected, S - static, R - RIP\n",
        "Gateway of last resort is not set\n\n",
    ]
    length = 0
    while length < size:
        a, b, c = (chance.randrange(1, 250) for _ in range(3))
        lines.append(
            f"O E2     10.{a}.{b}.0/24 [110/{c}] via 192.0.2.{c}, {a % 24:02}:{b % 60:02}:11, Vlan{a}\n"
        )
        length += len(lines[-1])
    return "".join(lines)


def large(content: str, database: Path, row: Callable[[str, str, str], None]) -> None:
    """Time and memory of a 5 MB route table beside plain TextFSM, and whether time is linear in lines.

    Processor time, the best of three, in turns: others may be using the machine.
    """
    machine = Machine(content)
    plain = textfsm.TextFSM(io.StringIO(content))
    ours: dict[float, float] = {}
    theirs = math.inf
    for megabytes in (1.25, 2.5, 5.0):
        text = route_table(int(megabytes * MEGABYTE))
        machine.parse(text[:10_000].splitlines())
        for _ in range(3):
            start = time.process_time()
            with uncollected(len(text)):
                parsed = machine.parse(text.splitlines())
                found = records(parsed)
            seconds = time.process_time() - start
            ours[megabytes] = min(seconds, ours.get(megabytes, seconds))
            del parsed, found
            gc.collect()
            if megabytes < 5.0:
                continue
            plain.Reset()
            start = time.process_time()
            rows = plain.ParseTextToDicts(text)
            theirs = min(theirs, time.process_time() - start)
            count = len(rows)
            del rows
            gc.collect()
    row(
        f"5 MB route table, {count} routes",
        f"ours {ours[5.0]:.2f} s, plain {theirs:.2f} s, {theirs / ours[5.0]:.2f} x faster",
        ">= 2 x faster",
    )
    row(
        "seconds for 1.25, 2.5, 5 MB",
        ", ".join(f"{value:.2f}" for value in ours.values())
        + f"; 4 x the lines: {ours[5.0] / ours[1.25]:.1f} x",
        "linear",
    )
    tracemalloc.start()
    found = records(machine.parse(text.splitlines()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del found
    row("memory at its highest", f"{peak / MEGABYTE:.0f} MB = {peak / len(text):.1f} x the text", "<= 20 x")
    with ValidationWorker(database) as worker:
        worker.validate("x", None, timeout=30)
        start = time.perf_counter()
        result = worker.validate(text, "cisco_ios_show_ip_route", timeout=30)
        seconds = time.perf_counter() - start
    row("5 MB through the validation process", f"{seconds:.2f} s, {result.record_count} records", "")


GOOD = "Protocol  Address          Age (min)  Hardware Addr   Type   Interface\n" + "".join(
    f"Internet  192.0.2.{i}               5   0200.5e00.53{i:02x}  ARPA   Vlan10\n" for i in range(1, 61)
)


def thousands(database: Path, devices: int, row: Callable[[str, str, str], None]) -> None:
    """The same table from very many devices, as two threads of a run hand it to the pool."""
    pids = set()
    with ValidationWorker(database) as worker:

        def one(_: int) -> bool:
            result = worker.validate(GOOD, "cisco_ios_show_ip_arp", timeout=5.0)
            pids.add(worker.pid)
            return result.is_valid

        start = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            valid = sum(pool.map(one, range(devices)))
        total = time.perf_counter() - start
        text = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    used = next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))
    row(
        f"{devices} devices, 60 rows each",
        f"{valid} valid in {total:.1f} s: {1000 * total / devices:.2f} ms each",
        "",
    )
    row("processes of that run", f"{len(pids - {None})}, of {int(used) // 1024} MB at most", "few")


def hanging(database: Path, devices: int, row: Callable[[str, str, str], None]) -> None:
    """Outputs of many devices, some of them hanging their template, from two threads as in a run."""
    names = list(BAITS)
    outcome: Counter[str] = Counter()
    longest = [0.0]
    lock = threading.Lock()
    with ValidationWorker(database) as worker:

        def one(number: int) -> None:
            bait = number % 100 == 7
            name = names[(number // 100) % len(names)] if bait else "cisco_ios_show_ip_arp"
            start = time.perf_counter()
            result = worker.validate(BAITS[name] if bait else GOOD, name, timeout=5.0)
            seconds = time.perf_counter() - start
            if bait:
                kind = "hostile and named" if name in (result.reason or "") else "hostile, not named"
            else:
                kind = "valid" if result.is_valid else "lost"
            with lock:
                outcome[kind] += 1
                longest[0] = max(longest[0], seconds)

        start = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, range(devices)))
        total = time.perf_counter() - start
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.items()))
    row(f"{devices} devices, some hostile", told, "none lost, each named")
    row("time of that run", f"{total:.1f} s; longest wait {longest[0]:.1f} s", "")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    row("largest child process", f"{used} MB", "<= 512 MB")
