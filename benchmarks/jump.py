"""Sixty devices behind OpenSSH jump hosts with their default limits: how many come through, run after run.

    sudo python -m benchmarks.jump [--runs 10] [--devices 60] [--hops 2]

Beside it, what most tools do: a login at the jump host for each device.
"""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import ExitStack
from pathlib import Path

from tests.fixtures.lab import HOST, Lab, Server
from vctui.records import SSHCredentials
from vctui.ssh import ExecutionResult, ExecutorOptions, Hop, JumpStatus, KnownHosts, SSHExecutorPool, Target


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--devices", type=int, default=60)
    parser.add_argument("--hops", type=int, default=2)
    args = parser.parse_args()
    with ExitStack() as stack:
        lab = Lab(stack)
        gates = [lab.sshd(f"gate{number}") for number in range(args.hops)]
        device = lab.sshd("crowd", "MaxStartups 500\nMaxSessions 500")
        known = KnownHosts(lab.folder / "known_hosts")
        known.add([server.key for server in (*gates, device)])
        login = SSHCredentials(lab.user, name="lab", password=lab.password)
        for shared in (True, False):
            print("a few connections for all" if shared else "a login at the jump host for each device")
            for _ in range(args.runs):
                _run(known, gates, device, login, args.devices, shared=shared)


def _run(
    known: KnownHosts, gates: list[Server], device: Server, login: SSHCredentials, count: int, *, shared: bool
) -> None:
    before = sum(len(gate.attempts) for gate in gates)
    targets = []
    for number in range(count):
        # A name of its own makes a way of its own.
        path = tuple(
            Hop(f"gate{at}" if shared else f"gate{at}-{number}", HOST, login, gate.port)
            for at, gate in enumerate(gates)
        )
        targets.append(
            Target(
                f"r{number}", HOST, login, ("show arp",), device.port, "cisco_ios", timeout=30.0, jump=path
            )
        )
    results: list[ExecutionResult] = []
    status: list[JumpStatus] = []
    pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=Path(known.path)), max_workers=count)
    started = time.monotonic()
    pool.run(targets, on_result=lambda _, result: results.append(result), on_jump=status.append)
    seconds = time.monotonic() - started
    ok = sum(result.success for result in results)
    logins = sum(len(gate.attempts) for gate in gates) - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    errors = sorted({result.error or "" for result in results if not result.success})
    print(
        f"{ok} of {count} in {seconds:.1f} s, {logins} logins at jump hosts, at most "
        f"{max(each.channels for each in status)} channels, {memory} MB {'; '.join(errors)[:300]}",
        flush=True,
    )


if __name__ == "__main__":
    main()
