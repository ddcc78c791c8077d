"""The process in which one client does its work once: `Work` comes in as JSON, `Done` goes out."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import resource
import sys
import time
from dataclasses import asdict

from benchmarks.ssh_work import Client, Done, Ticking, Work, cpu_seconds, peak_rss

WARM = {
    "ssh2-python": "ssh2.session",
    "asyncssh": "asyncssh",
    "paramiko raw": "paramiko",
    "paramiko SSHClient": "paramiko",
    "netmiko": "netmiko",
    "scrapli": "scrapli",
    "VelocityCollector's waits": "paramiko",
    "paramiko, a login each": "paramiko",
    "paramiko HostKeys": "paramiko.hostkeys",
}
"""What each client imports, which is not its work."""


def find_client(name: str, kind: str) -> Client:
    """The client of that name; nothing but what it needs is imported."""
    if name in WARM:
        importlib.import_module(WARM[name])
    if kind == "keys":
        from benchmarks.ssh_keys import KEYS

        return KEYS[name]
    if name.startswith("vctui"):
        from benchmarks.ssh_own import OWN

        return OWN[name]
    from benchmarks.ssh_peers import PEERS

    return PEERS[name]


def measure(work: Work, client: Client) -> Done:
    """Do the work once, counting from the first session to the last."""
    done = Done()
    ticking = Ticking()
    with ticking if work.ticking else contextlib.nullcontext():
        used, done.started = cpu_seconds(), time.perf_counter()
        client(work, done)
        done.seconds = time.perf_counter() - done.started
        done.cpu = cpu_seconds() - used
    if work.ticking:
        done.late = ticking.figures()
    done.rss = peak_rss()
    return done


def main() -> None:
    """Read the work, do it, print what came of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logging.disable(logging.CRITICAL)
    kind = sys.argv[1]
    work = Work(**json.load(sys.stdin))
    # Whatever a library prints must not stand in the way of the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    done = measure(work, find_client(work.client, kind))
    answer.write(json.dumps(asdict(done)))
    answer.close()
    os._exit(0)  # a library's stray threads are not waited for


if __name__ == "__main__":
    main()
