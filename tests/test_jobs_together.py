"""Several jobs, one login: each keeps what it would have kept alone."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.served_home import Heard, runner, serve_home
from tests.fixtures.small_home import add_job
from tests.fixtures.ssh_device import CREDENTIALS, PASSWORD, USER, Device, Reply, Terminal, cli
from tests.fixtures.vault import FAST
from vctui.config import Settings
from vctui.errors import StorageError
from vctui.events import DeviceFinished, Event, RunFinished, RunStarted
from vctui.jobs import BatchRunner, Job, JobResult, JobRunner, JobSource, Plan, PlanItem
from vctui.jobs.together import in_turn, parties, rounds, shared_devices
from vctui.records import Device as Row
from vctui.storage import CaptureBatch, History, Pending, job_lock
from vctui.vault import CredentialResolver, Vault

REPLIES: dict[str, Reply] = {"show arp": "10.0.0.1\r\n", "show clock": "12:00\r\n", "show users": "root\r\n"}
JOBS = ("arp", "clock", "users")


class Fleet:
    """A home with two devices and three jobs that mean both."""

    def __init__(self, settings: Settings, devices: dict[str, Device]) -> None:
        self.settings = settings
        self.devices = devices
        for name in JOBS:
            add_job(settings, name, command=f"show {name}", capture_type=name)
        self.heard = Heard()

    def run(self, *jobs: str, **options: object) -> list[JobResult]:
        one = runner(self.settings, self.heard, **options)
        return one.run_plans([one.plan_ref(job) for job in jobs or JOBS], at_once=2)

    @property
    def logins(self) -> list[int]:
        return [device.counts.total for device in self.devices.values()]


@contextmanager
def fleet(tmp_path: Path, **replies: Reply) -> Iterator[Fleet]:
    known = REPLIES | {f"show {name}": reply for name, reply in replies.items()}
    with Device(cli("r1#", known)) as one, Device(cli("r2#", known)) as two:
        devices = {"r1": one, "r2": two}
        yield Fleet(serve_home(tmp_path / "home", devices), devices)


def test_each_device_is_logged_in_to_once(tmp_path: Path) -> None:
    with fleet(tmp_path) as home:
        results = home.run()
        assert home.logins == [1, 1]
    assert [result.job_id for result in results] == list(JOBS)
    assert [(result.status, result.success_count) for result in results] == [("success", 2)] * 3
    assert len({result.history_id for result in results}) == 3
    with History(home.settings.collector_db) as history:
        for result in results:
            number = result.history_id or 0
            row = history.run(number)
            assert row is not None
            assert (row.job_id, row.status, row.ok, row.total) == (result.job_id, "success", 2, 2)
            assert {device.device for device in history.run_devices(number)} == {"r1", "r2"}
            assert len(history.captures(run=number)) == 2
            assert set(home.heard.finished(number)) == {"r1", "r2"}
            assert home.heard.phases("r1", number)[:4] == [
                "connecting", "host_key", "authenticating", "prompt",
            ]  # fmt: skip
    for name, text in (("arp", "10.0.0.1\n"), ("clock", "12:00\n"), ("users", "root\n")):
        assert (home.settings.collections_dir / name / "r2.txt").read_text() == text
    said = [type(e).__name__ for e in home.heard.events if isinstance(e, RunStarted | RunFinished)]
    assert said == ["RunStarted"] * 3 + ["RunFinished"] * 3


def test_it_is_what_each_would_have_kept_alone(tmp_path: Path) -> None:
    def told(event: DeviceFinished) -> dict[str, object]:
        fields = event.to_dict()
        return {name: fields[name] for name in fields if name not in ("run", "duration_ms", "path")}

    with fleet(tmp_path / "a") as home:
        together = {r.job_id: home.heard.finished(r.history_id) for r in home.run(*JOBS)}
    with fleet(tmp_path / "b") as home:
        alone = {r.job_id: home.heard.finished(r.history_id) for name in JOBS for r in home.run(name)}
        assert home.logins == [3, 3]
    for name in JOBS:
        for device in ("r1", "r2"):
            assert told(together[name][device]) == told(alone[name][device])


def test_a_refused_command_fails_its_own_job(tmp_path: Path) -> None:
    with fleet(tmp_path, clock="              ^\r\n% Invalid input detected at '^' marker.\r\n\r\n") as home:
        results = home.run()
        assert home.logins == [1, 1]
    assert [result.status for result in results] == ["success", "failed", "success"]
    assert results[1].error_kinds == {"command_rejected"}


def test_a_lost_session_fails_its_own_job(tmp_path: Path) -> None:
    def leave(terminal: Terminal) -> None:
        terminal.hang_up()

    with fleet(tmp_path, clock=leave) as home:
        results = home.run()
        assert home.logins == [2, 2]
    assert [(r.status, r.error_kinds) for r in results] == [
        ("success", set()),
        ("failed", {"disconnected"}),
        ("success", set()),
    ]


def test_a_locked_job_does_not_keep_the_others(tmp_path: Path) -> None:
    with fleet(tmp_path) as home:
        source = JobSource(home.settings).resolve("clock").source
        with job_lock(home.settings.home, source):
            results = home.run()
        assert home.logins == [1, 1]
    assert [result.exit_code for result in results] == [0, 11, 0]
    assert results[1].history_id is None


def test_a_job_that_is_there_twice_runs_twice(tmp_path: Path) -> None:
    with fleet(tmp_path) as home:
        results = home.run("arp", "clock", "arp")
        assert home.logins == [2, 2]
    assert [result.status for result in results] == ["success"] * 3


def test_another_credential_has_a_login_of_its_own(tmp_path: Path) -> None:
    with fleet(tmp_path) as home:
        with CredentialResolver(home.settings) as resolver:
            resolver.vault = Vault(home.settings.collector_db, kdf=FAST)
            resolver.vault.init("correct horse")
            resolver.vault.add("lab", USER, password=PASSWORD, default=True)
            other = resolver.vault.add("old", USER, password="wrong")
            add_job(home.settings, "log", command="show arp", capture_type="log", credential_id=other.id)
            one = JobRunner(resolver, settings=home.settings, sink=home.heard)
            results = one.run_plans([one.plan_ref(name) for name in ("arp", "log", "clock")])
        assert home.logins == [2, 2]
    assert [result.status for result in results] == ["success", "failed", "success"]
    assert results[1].error_kinds == {"auth_failed"}


def test_a_session_that_gets_more_rights_is_not_shared(tmp_path: Path) -> None:
    with fleet(tmp_path) as home:
        for device in home.devices.values():
            device.script = cli("r1#", {**REPLIES, "enable": ""})
        add_job(home.settings, "enabled", commands=["enable", "show arp"], capture_type="enabled")
        results = home.run("arp", "enabled", "clock")
        assert home.logins == [2, 2]
    assert [result.status for result in results] == ["success"] * 3


def test_a_run_ends_with_its_own_last_device(tmp_path: Path) -> None:
    ended = threading.Event()
    heard = Heard()

    def wait(terminal: Terminal) -> None:
        assert ended.wait(20)
        terminal.write("12:00\r\n")

    def sink(event: Event) -> None:
        heard(event)
        if isinstance(event, RunFinished) and event.job_id == "arp":
            ended.set()

    with fleet(tmp_path, clock=wait) as home:
        one = runner(home.settings, sink)
        results = one.run_plans([one.plan_ref("arp"), one.plan_ref("clock")])
    assert [result.status for result in results] == ["success", "success"]


def test_cancelling_ends_every_run(tmp_path: Path) -> None:
    cancel = threading.Event()

    def stop(terminal: Terminal) -> None:
        cancel.set()
        terminal.read_key()

    with fleet(tmp_path, arp=stop) as home:
        results = home.run(cancel=cancel)
    assert [(result.status, result.cancelled_count) for result in results] == [("cancelled", 2)] * 3


def test_a_full_disk_ends_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = CaptureBatch.write

    def full(self: CaptureBatch, base: Path, name: str, data: bytes, **options: Any) -> Pending:
        if name.startswith("arp/"):
            raise StorageError("disk full") from OSError(errno.ENOSPC, "No space left on device")
        return write(self, base, name, data, **options)

    def wait(terminal: Terminal) -> None:
        terminal.read_key()

    monkeypatch.setattr(CaptureBatch, "write", full)
    with fleet(tmp_path, clock=wait) as home:
        results = home.run("arp", "clock")
    assert results[0].exit_code == 14
    assert results[1].cancelled_count == 2


@pytest.mark.parametrize("separate", [False, True])
def test_a_batch_of_a_script(tmp_path: Path, separate: bool) -> None:
    with fleet(tmp_path) as home:
        batch = BatchRunner(CREDENTIALS, settings=home.settings, separate_logins=separate)
        result = batch.run(["arp", "nothing", "clock"])
        assert home.logins == ([2, 2] if separate else [1, 1])
    assert [one.status for one in result.results] == ["success", "failed", "success"]
    assert (result.total_jobs, result.successful_jobs, result.total_success) == (3, 2, 4)
    assert "nothing" in (result.results[1].error or "")


def plan(name: str, *writing: str, hosts: str = "") -> Plan:
    job = Job(source=name, ref=name, name=name, slug=name, capture_type="x", steps=(), output_directory="x")
    items = tuple(
        PlanItem(
            device=Row(id=1, name=host), host=host, port=22, device_type="cisco_ios", credential="lab",
            credential_id=1, commands=(), template=None, path=Path("x"), host_known=True,
        )
        for host in hosts
    )  # fmt: skip
    return Plan(job, items, (), writing)


def names(groups: list[list[Plan]]) -> list[str]:
    return ["".join(plan.job.source for plan in group) for group in groups]


def test_a_job_that_may_change_something_runs_alone() -> None:
    a, b, w, c = plan("a"), plan("b"), plan("w", "reload"), plan("c")
    assert names(rounds([a, b, w, c])) == ["ab", "w", "c"]
    assert names(rounds([w, a, a, b])) == ["w", "a", "ab"]
    assert rounds([]) == []


def test_jobs_are_joined_where_they_share_devices() -> None:
    a, b, c, d = (
        plan(name, hosts=hosts) for name, hosts in (("a", "12"), ("b", "3"), ("c", "24"), ("d", "5"))
    )
    assert names(parties([a, b, c, d])) == ["ac", "b", "d"]
    assert names(parties([a, b, plan("e", hosts="13"), d])) == ["abe", "d"]
    assert parties([]) == []
    assert shared_devices([a, b, c, d]) == 1
    assert shared_devices([a, plan("e", hosts="12"), plan("w", "reload", hosts="3"), b]) == 2


def test_no_more_jobs_at_a_time_than_asked_for() -> None:
    lock, most, now = threading.Lock(), 0, 0
    met = threading.Barrier(2)

    def do(party: list[Plan]) -> None:
        nonlocal most, now
        with lock:
            now += len(party)
            most = max(most, now)
        if len(party) == 1:
            met.wait(20)
        with lock:
            now -= len(party)

    singles = [[plan(name)] for name in "abcd"]
    in_turn(
        [singles[0], singles[1], [plan("e"), plan("f"), plan("g")], *singles[2:]], 3, do, threading.Event()
    )
    assert most == 3
