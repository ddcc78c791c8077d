"""vctui as a client of the benchmark: the pool alone, and whole runs with everything that belongs to them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ssh_jump import Jump
from benchmarks.ssh_peers import run_commands
from benchmarks.ssh_work import Client, Done, Work, in_threads
from vctui.config import Settings, load_settings
from vctui.events import DeviceFinished, Event
from vctui.jobs import JobRunner
from vctui.questions import HEADLESS
from vctui.records import SSHCredentials
from vctui.ssh import ExecutionResult, ExecutorOptions, Hop, SSHExecutorPool, Target
from vctui.ssh.asking import Asking
from vctui.ssh.auth import Login
from vctui.ssh.connect import hang_up, open_socket, shake_hands
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.pump import PumpedTransport
from vctui.ssh.shell import open_channel
from vctui.storage import Inventory, TemplateRow, TemplateStore, init_home
from vctui.validation import ntc_rows


def pool(work: Work, done: Done) -> None:
    """The pool alone: no events, no cleaning, nothing saved."""
    login = SSHCredentials(username=work.user, password=work.password)
    lock = threading.Lock()

    def collect(target: Target, result: ExecutionResult) -> None:
        try:
            if not result.success:
                raise ValueError(f"{result.error_kind}: {result.error}")
            for output in result.outputs:
                work.check(output.text)
        except ValueError as error:
            with lock:
                done.fail(error)
        else:
            with lock:
                done.add(result.duration_ms / 1000)

    targets = [
        Target(
            device=f"sw-{number}",
            host=host,
            port=work.port,
            credentials=login,
            commands=(work.command,) * work.repeat,
            device_type="cisco_ios",
            paging_disable="terminal length 0",
            timeout=work.patience,
            key=number,
            jump=_way(work),
        )
        for number, host in enumerate(work.hosts)
    ]
    options = ExecutorOptions(
        known_hosts=work.known_hosts,
        connect_timeout=work.patience,
        banner_timeout=work.patience,
        auth_timeout=work.patience,
    )
    SSHExecutorPool(options=options, max_workers=work.workers).run(targets, on_result=collect)


def _way(work: Work) -> tuple[Hop, ...]:
    jump = Jump.of(work)
    if jump is None:
        return ()
    login = SSHCredentials(jump.user, private_key=jump.key)
    return tuple(Hop(f"jump-{port}", jump.host, login, port) for port in jump.ports)


def transport(work: Work, host: str) -> Sequence[bytes]:
    """The connection alone, used as the peers are: no look at what comes but for the prompt."""
    patience, lifeline = Deadline(work.patience), Lifeline()
    login = SSHCredentials(username=work.user, password=work.password)
    made = shake_hands(
        open_socket(host, work.port, patience, lifeline),
        ident_timeout=work.patience,
        kex_timeout=work.patience,
        make=PumpedTransport,
    )
    try:
        asking = Asking(HEADLESS, host, lifeline, (patience,))
        Login(made, patience, lambda: login, asking).run(login, None)
        channel = open_channel(made, patience, work.patience)
        channel.settimeout(work.patience)
        return run_commands(work, channel.sendall, lambda: channel.recv(65536))
    finally:
        hang_up(made)


def floods(work: Work, done: Done) -> None:
    """Devices that send without end: each must end with the limit of an output."""
    login = SSHCredentials(username=work.user, password=work.password)

    def collect(target: Target, result: ExecutionResult) -> None:
        if result.error_kind == "output_limit":
            done.add(result.duration_ms / 1000)
        else:
            done.fail(f"{result.error_kind}: {result.error}")

    targets = [
        Target(f"sw-{n}", host, login, (work.command,), work.port, "cisco_ios", timeout=work.patience, key=n)
        for n, host in enumerate(work.hosts)
    ]
    pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=work.known_hosts), max_workers=work.workers)
    pool.run(targets, on_result=collect)


def prepare(work: Work) -> None:
    """A home whose inventory is the fleet, with the job that does this work; known_hosts is there already."""
    settings = _settings(work)
    init_home(settings)
    TemplateStore(settings.templates_db).upsert_many(TemplateRow(**row) for row in ntc_rows())
    table = settings.home / "fleet.csv"
    rows = (f"sw-{n},{host},cisco_ios,lab,switch,active,{work.port}" for n, host in enumerate(work.hosts))
    table.write_text("\n".join(("name,primary_ip4,platform,site,role,status,ssh_port", *rows)) + "\n")
    with Inventory(settings.dcim_db) as inventory:
        inventory.import_csv(table, strict=True)
    for name, validates in (("plain", False), ("validated", True)):
        job = {
            "version": "2.0",
            "job_id": 1,
            "capture_type": "arp",
            "vendor": "cisco",
            "device_filter": {"source": "database", "status": "active"},
            "commands": {
                "command": work.command,
                "output_directory": "arp",
                "paging_disable": "terminal length 0",
            },
            "execution": {"timeout": int(work.patience), "max_workers": min(500, work.workers)},
            "validation": {"use_tfsm": validates, "tfsm_filter": "cisco_ios_show_ip_arp"},
        }
        (settings.jobs_dir / f"{name}.json").write_text(json.dumps(job))


def _settings(work: Work) -> Settings:
    return load_settings(Path(work.folder), environ={})


def job(name: str) -> Client:
    """A run of JobRunner: events, cleaning, saving with fsync, rows, history; `validated` also parses."""

    def client(work: Work, done: Done) -> None:
        settings = _settings(work)
        said = 0

        def hear(event: Event) -> None:
            nonlocal said
            said += 1
            if isinstance(event, DeviceFinished):
                if event.status == "ok":
                    done.add(event.duration_ms / 1000)
                else:
                    done.fail(f"{event.error_kind}: {event.error}")

        runner = JobRunner(
            SSHCredentials(username=work.user, password=work.password), settings=settings, sink=hear
        )
        result = runner.run(settings.jobs_dir / f"{name}.json")
        if result.error:
            done.fail(result.error)
        if result.success_count != work.devices:
            done.fail(f"{result.success_count} of {work.devices} devices ok")
        done.note = f"{said} events, {len(result.saved_files)} files"

    return client


OWN: dict[str, Client] = {
    "vctui": pool,
    "vctui transport": in_threads(transport),
    "vctui floods": floods,
    "vctui run": job("plain"),
    "vctui run, validated": job("validated"),
}


def main() -> None:
    """Make the home of a work that comes on the standard input."""
    prepare(Work(**json.load(sys.stdin)))


if __name__ == "__main__":
    main()
