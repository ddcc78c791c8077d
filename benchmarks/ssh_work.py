"""What a client is given to do, and what is measured of it; both travel as JSON between two processes."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ssh_fleet import hosts

TICK = 0.005
"""Seconds between two looks of the thread that measures how late it is."""


@dataclass(frozen=True, slots=True)
class Work:
    """Log in to each device, turn paging off, run the command `repeat` times, close."""

    client: str
    port: int
    folder: str
    """A folder for the client's files; `known_hosts` is in it."""
    devices: int
    workers: int
    user: str = "admin"
    password: str = "pw"
    command: str = "show ip arp"
    repeat: int = 1
    sign: str = "Internet"
    signs: int = 60
    """How often `sign` stands in a complete output."""
    patience: float = 60.0
    ticking: bool = False

    @property
    def hosts(self) -> list[str]:
        return hosts(self.devices)

    @property
    def known_hosts(self) -> Path:
        return Path(self.folder) / "known_hosts"

    def check(self, output: str | bytes) -> None:
        """Raise ValueError unless the output is complete."""
        found = output.count(self.sign) if isinstance(output, str) else output.count(self.sign.encode())
        if found != self.signs:
            raise ValueError(f"{found} of {self.signs} lines")


@dataclass(slots=True)
class Done:
    """What one client took for all of its work. Times are in seconds."""

    seconds: float = 0.0
    cpu: float = 0.0
    """By the system's account of the process and of the children it has waited for."""
    rss: float = 0.0
    """Peak, in MiB."""
    each: list[float] = field(default_factory=list)
    """From the start of a session to its end, for each that went well."""
    last: float = 0.0
    """When the last of them ended, so that a login that hangs and fails costs its client no rate."""
    started: float = field(default_factory=time.perf_counter)
    failed: int = 0
    error: str = ""
    """The first failure."""
    late: list[float] = field(default_factory=list)
    """How late the ticking thread was: p50, p99, max."""
    note: str = ""
    extra: dict[str, float] = field(default_factory=dict)
    """Figures that only some work has."""

    def add(self, seconds: float) -> None:
        """Count a session that went well."""
        self.each.append(seconds)
        self.last = time.perf_counter() - self.started

    def fail(self, error: BaseException | str) -> None:
        self.failed += 1
        self.error = self.error or (error if isinstance(error, str) else f"{type(error).__name__}: {error}")


Client = Callable[[Work, Done], None]
"""Does the work, and adds to `each` and `failed`."""
Collect = Callable[[Work, str], Sequence[str | bytes]]
"""One device, start to end, for clients that block: the outputs."""


def in_threads(collect: Collect) -> Client:
    """A client that works in as many threads as it may."""

    def client(work: Work, done: Done) -> None:
        lock = threading.Lock()

        def one(host: str) -> None:
            started = time.perf_counter()
            try:
                for output in collect(work, host):
                    work.check(output)
            except Exception as error:  # noqa: BLE001 - whatever a library raises is a failed device
                with lock:
                    done.fail(error)
            else:
                with lock:
                    done.add(time.perf_counter() - started)

        with ThreadPoolExecutor(work.workers) as pool:
            list(pool.map(one, work.hosts))

    return client


class Ticking:
    """A thread that asks to be woken every 5 ms: how late it is, another thread's user would have waited."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticking")

    def _run(self) -> None:
        while not self._stop.is_set():
            before = time.perf_counter()
            time.sleep(TICK)
            self._late.append(time.perf_counter() - before - TICK)

    def __enter__(self) -> Ticking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def figures(self) -> list[float]:
        """p50, p99 and max."""
        late = sorted(self._late)
        return [late[min(len(late) - 1, int(share * len(late)))] for share in (0.5, 0.99, 1.0)]


def cpu_seconds() -> float:
    """Of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak_rss() -> float:
    """Of this process, in MiB; ru_maxrss would remember the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
