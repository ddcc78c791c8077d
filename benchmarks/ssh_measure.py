"""Runs clients in processes of their own, in turn, and makes one figure of several rounds."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from benchmarks.ssh_fleet import Fleet, hosts
from benchmarks.ssh_jump import FILE, JumpHosts
from benchmarks.ssh_rows import Figure, Goal, Row
from benchmarks.ssh_work import Done, Work

_GET_FLAGS, _SET_FLAGS, _SPREAD = 0x80086601, 0x40086602, 0x20000
"""Linux: FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_TOPDIR_FL."""


@dataclass
class Measured:
    """What a client did in each round."""

    work: Work
    rounds: list[Done] = field(default_factory=list)
    megabytes: float = 0.0

    def value(self, figure: Figure) -> float | None:
        """The median over the rounds, of failures the most; None when the client never came to an end."""
        if figure == "failed":
            return float(max((done.failed for done in self.rounds), default=0))
        values = [value for done in self.rounds if (value := self._one(done, figure)) is not None]
        return statistics.median(values) if values else None

    def _one(self, done: Done, figure: Figure) -> float | None:
        devices = self.work.devices
        if not done.seconds:
            return None
        if figure in done.extra:
            return done.extra[figure]
        if figure == "rate":
            # A whole run ends after its last device, when everything is on disk.
            return len(done.each) / (done.last if done.failed and done.last else done.seconds)
        if figure == "p50":
            return statistics.median(done.each) * 1000 if done.each else None
        if figure == "MB/s":
            return self.megabytes * len(done.each) / done.seconds
        if figure == "CPU ms/MB":
            return done.cpu * 1000 / (self.megabytes * len(done.each)) if done.each else None
        if figure in ("lag p99", "lag max"):
            return done.late[1 if figure == "lag p99" else 2] * 1000 if done.late else None
        return {"cpu": done.cpu * 1000 / devices, "rss": done.rss, "seconds": done.seconds}.get(figure)


@contextlib.contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder for homes, each of which the file system puts where there is room.

    An ext4 without a journal looks at each inode that was deleted in the last minutes before it takes a free
    one. Beside what a test suite has just left behind, a new file costs 50 times as much as elsewhere.
    """
    with tempfile.TemporaryDirectory(prefix="vctui-bench-") as name:
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(OSError):  # another file system has no such flag
            flags = struct.unpack("l", fcntl.ioctl(folder, _GET_FLAGS, bytes(8)))[0]
            fcntl.ioctl(folder, _SET_FLAGS, struct.pack("l", flags | _SPREAD))
        os.close(folder)
        yield Path(name)


class Bench:
    """The harness: which cores are whose, and the processes."""

    def __init__(self) -> None:
        self.cores = sorted(os.sched_getaffinity(0))

    @property
    def can_pin(self) -> bool:
        return len(self.cores) > 1

    def measure(self, row: Row, clients: Iterable[str], rounds: int, devices: int) -> dict[str, Measured]:
        """Every client once a round, in turn, on the same devices."""
        found: dict[str, Measured] = {}
        pinned = row.pinned and self.can_pin
        client_cores = self.cores[:1] if pinned else self.cores
        fleet_cores = self.cores[1:] if pinned else self.cores
        with ExitStack() as stack:
            folder = stack.enter_context(bench_folder())
            fleet = stack.enter_context(Fleet(row.fleet, fleet_cores)) if row.kind == "sessions" else None
            for name in clients:
                found[name] = self._work(row, name, fleet, folder, devices)
            if fleet is not None:
                known = fleet.known_hosts(folder / "known_hosts", hosts(devices))
                if row.hops:
                    jumps = stack.enter_context(JumpHosts(folder, row.hops, fleet_cores))
                    known.write_text(known.read_text() + jumps.known_hosts)
            for number in range(rounds):
                for name, measured in found.items():
                    if number and name in row.fewer:
                        continue
                    if sum(not done.seconds for done in measured.rounds) > 1:
                        continue  # twice it did not end in time
                    with tempfile.TemporaryDirectory(dir=folder) as home:
                        work = replace(measured.work, folder=home)
                        for file in (folder / "known_hosts", folder / FILE):
                            if file.is_file():
                                shutil.copy(file, home)
                        measured.rounds.append(self._one(row, work, client_cores))
        return found

    def _work(self, row: Row, name: str, fleet: Fleet | None, folder: Path, devices: int) -> Measured:
        signs = row.fleet.lines
        megabytes = 0.0
        if row.sign != "Internet":
            signs, size = _running_config(row.fleet.run_kib)
            megabytes = size * row.repeat / 1e6
        work = Work(
            client=name,
            port=fleet.port if fleet is not None else 0,
            folder=str(folder),
            devices=min(devices, row.fewer.get(name, devices)),
            workers=row.workers,
            command=row.command,
            repeat=row.repeat,
            sign=row.sign,
            signs=signs,
            patience=row.patience,
            ticking=row.ticking,
        )
        return Measured(work, megabytes=megabytes)

    def _one(self, row: Row, work: Work, cores: list[int]) -> Done:
        text = json.dumps(asdict(work))
        if row.home and work.client.startswith("vctui run"):
            subprocess.run([sys.executable, "-m", "benchmarks.ssh_own"], input=text, text=True, check=True)
        # Files, not pipes: a long answer would wait for a reader, who waits for the end.
        errors = (Path(work.folder) / "errors").open("w+")
        answers = (Path(work.folder) / "answer").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ssh_child", row.kind],
            stdin=subprocess.PIPE,
            stdout=answers,
            stderr=errors,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        ends = time.monotonic() + row.limit
        peak = 0.0
        while process.poll() is None:
            if time.monotonic() > ends:
                process.kill()
                process.wait()
                return Done(failed=work.devices, error=f"not done after {row.limit:g} s")
            peak = max(peak, sum(map(_rss, _tree(process.pid))))
            time.sleep(0.1)
        with answers:
            answers.seek(0)
            answer = answers.read()
        if not answer:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or [""])[-1]
            return Done(failed=work.devices, error=f"ended with code {process.returncode}: {last}")
        done = Done(**json.loads(answer))
        done.rss = max(done.rss, peak)
        return done


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))
    except OSError:
        return


def _rss(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError):
        return 0.0


def _running_config(kib: int) -> tuple[int, int]:
    """How many interfaces the simulator's show running-config has, and its size."""
    size = len(
        "Building configuration...\r\n\r\nCurrent configuration : 999999 bytes\r\n!\r\nversion 17.9\r\n"
    )
    count = 0
    while size < kib * 1024:
        size += len(
            f"interface GigabitEthernet1/0/{count}\r\n"
            f" description uplink to port #{count} of closet {count % 97}\r\n"
            f" switchport access vlan {count % 4094}\r\n spanning-tree portfast\r\n!\r\n"
        )
        count += 1
    return count, size


def reached(goal: Goal, found: dict[str, Measured]) -> float | None:
    """The goal's value; None where a client is missing, or one of this project's devices failed."""
    if goal.of not in found or (goal.against and goal.against not in found):
        return None
    if goal.figure != "failed" and any(done.failed for done in found[goal.of].rounds):
        return None
    value = found[goal.of].value(goal.figure)
    if goal.against is None or value is None:
        return value
    base = found[goal.against].value(goal.figure)
    return value / base if base else None
