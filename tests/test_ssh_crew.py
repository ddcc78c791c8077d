"""Processes that share the sessions of a run: the same results, and nothing lost when one of them dies."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.ssh_device import CREDENTIALS, PASSWORD, WAIT, Device, Rules, Terminal, cli, closed_port
from vctui.errors import DeviceError, HostKeyRefused, StorageError
from vctui.questions import Desk
from vctui.records import SSHCredentials
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.ssh.crew import crew_size
from vctui.ssh.crew_calls import described, raised
from vctui.ssh.crew_frames import Frames
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import LoginOutcome

ARP = "10.0.0.1\r\n"


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Neither threads nor processes outlive a run."""
    before, files = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    yield
    assert not [thread for thread in threading.enumerate() if thread not in before]
    assert not children()
    assert len(os.listdir("/proc/self/fd")) <= files  # noqa: PTH208


def children(of: int | None = None) -> list[int]:
    """The process ids of the crew, of this process or of another one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            line = path.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if fields[1] == str(of or os.getpid()) and b"crew_child" in line and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


@dataclass
class Crowd:
    """Runs targets in one process besides this one, once that is ready."""

    known_hosts: KnownHosts
    phases: list[tuple[str, str]] = field(default_factory=list)
    results: list[ExecutionResult] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    on_phase: Callable[[Target, str], None] = lambda target, phase: None

    def __call__(
        self, targets: list[Target], *, options: dict[str, Any] | None = None, workers: int = 4, **more: Any
    ) -> dict[int, ExecutionResult]:
        def on_phase(target: Target, phase: str) -> None:
            self.phases.append((target.device, phase))
            self.seen.update(children())
            self.on_phase(target, phase)

        pool = SSHExecutorPool(
            options=ExecutorOptions(known_hosts=self.known_hosts.path, processes=1, **(options or {})),
            max_workers=workers,
        )
        pool.run(targets, on_phase=on_phase, on_result=lambda _, r: self.results.append(r), **more)
        assert len({result.key for result in self.results}) == len(self.results)
        return {result.key: result for result in self.results}


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Waits for its process before it begins, which a run does not."""
    from vctui.ssh import crew

    def wait_until_ready(self: crew.Crew, setup: Any, size: int) -> None:
        self._members = [crew._Member(setup) for _ in range(size)]
        for member in self._members:
            while not member.is_ready and not member._over:
                member._reader.join(0.01)

    monkeypatch.setattr(crew.Crew, "__init__", wait_until_ready)
    return Crowd(KnownHosts(tmp_path / "known_hosts"))


def target(device: Device, key: int = 0, **values: Any) -> Target:
    made: dict[str, Any] = {"timeout": 5.0, "device_type": "cisco_ios", "commands": ("show arp",)}
    made |= values
    return Target(f"r{key}", "127.0.0.1", CREDENTIALS, port=device.port, key=key, **made)


def test_sessions_take_place_in_another_process(crowd: Crowd) -> None:
    extra = {n: object() for n in range(6)}
    with Device(cli("r1#", {"show arp": ARP})) as device, closed_port() as closed:
        crowd.known_hosts.add([device.scanned])
        targets = [target(device, n, extra_data=extra[n]) for n in range(6)]
        targets.append(replace(targets[0], key=6, port=closed))
        results = crowd(targets)
    assert {key: result.error_kind for key, result in results.items()} == {
        **dict.fromkeys(range(6)), 6: "connection_refused",
    }  # fmt: skip
    assert all(results[n].extra_data is extra[n] for n in range(6))
    assert results[3].outputs[0].text == "r1#show arp\n10.0.0.1\nr1#"
    assert [phase for name, phase in crowd.phases if name == "r2"] == [
        "connecting", "host_key", "authenticating", "prompt", "command",
    ]  # fmt: skip
    assert len(crowd.seen) == 1
    assert device.connections == 6


def test_several_jobs_share_a_session_there_too(crowd: Crowd) -> None:
    with Device(cli("r1#", {"show arp": ARP, "show clock": "12:00\r\n"})) as device:
        crowd.known_hosts.add([device.scanned])
        others = tuple(
            replace(target(device, n), commands=(command,), extra_data=n)
            for n, command in ((7, "show clock"), (9, "show nothing"), (4, "show clock"))
        )
        results = crowd([target(device, 2, also=others)])
    assert device.connections == 1
    assert {n: (r.device, r.error_kind, r.extra_data) for n, r in results.items()} == {
        2: ("r2", None, None), 7: ("r7", None, 7), 9: ("r9", "command_rejected", 9), 4: ("r4", None, 4),
    }  # fmt: skip


def test_what_fails_alike_has_a_result_each(crowd: Crowd) -> None:
    with closed_port() as closed, Device() as device:
        first = replace(target(device), port=closed)
        results = crowd([replace(first, also=(replace(first, key=1), replace(first, key=2)))])
    assert [results[n].error_kind for n in range(3)] == ["connection_refused"] * 3


def test_first_contact_is_kept_by_the_program(crowd: Crowd) -> None:
    with Device(cli("r1#", {"show arp": ARP})) as device:
        assert crowd([target(device)], options={"host_keys": "accept-new"})[0].success
        assert crowd.known_hosts.is_known("127.0.0.1", device.port)
        crowd.results.clear()
        with Device(cli("r1#"), Rules(key=device.rules.key)) as other:
            result = crowd([target(other)], options={"host_keys": "strict"})[0]
    assert result.error_kind == "host_key_unknown"
    assert other.counts.total == 0


class Guard:
    """Notes what it is asked; refuses the device of a key."""

    def __init__(self, refused: int = -1, instead: SSHCredentials | None = None) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.refused = refused
        self.instead = instead
        self.lines: list[Lifeline] = []

    def approach(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> None:
        self.said.append(("approach", target.key))

    def admit(self, target: Target, lifeline: Lifeline, deadline: Deadline) -> SSHCredentials | None:
        assert 0 < deadline.remaining() <= target.limit
        self.lines.append(lifeline)
        self.said.append(("admit", target.key))
        if target.key == self.refused:
            raise DeviceError("breaker_open", "no more of this one")
        return self.instead

    def report(self, target: Target, outcome: LoginOutcome) -> None:
        self.said.append(("report", target.key, outcome))


def test_the_guard_of_the_logins_is_the_programs_own(crowd: Crowd) -> None:
    wrong = replace(CREDENTIALS, password="wrong")
    guard = Guard(refused=1, instead=CREDENTIALS)
    with Device(cli("r1#", {"show arp": ARP})) as device:
        crowd.known_hosts.add([device.scanned])
        targets = [replace(target(device, n), credentials=wrong) for n in range(3)]
        results = crowd(targets, workers=1, guard=guard)
    assert [results[n].error_kind for n in range(3)] == [None, "breaker_open", None]
    assert results[1].error == "no more of this one"
    assert [said for said in guard.said if said[0] != "approach"] == [
        ("admit", 0), ("report", 0, "accepted"), ("admit", 1), ("admit", 2), ("report", 2, "accepted"),
    ]  # fmt: skip
    assert device.counts.total == 2


def test_a_question_reaches_the_programs_desk(crowd: Crowd) -> None:
    def answer() -> None:
        for question in desk.open():
            desk.answer(question.key, "123456")

    desk = Desk(answer)
    rules = Rules(methods="keyboard-interactive", questions=(("One-time code: ", False),))
    with Device(cli("r1#", {"show arp": ARP}), rules) as device, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.fixtures.ssh_device.PASSWORD", "123456")
        crowd.known_hosts.add([device.scanned])
        result = crowd([target(device)], desk=desk)[0]
    desk.close()
    assert result.success, result.error


@pytest.mark.parametrize("where", ["connecting", "command"])
def test_cancelling_reaches_the_other_process(crowd: Crowd, where: str) -> None:
    cancel = threading.Event()

    def wait(terminal: Terminal) -> None:
        terminal.write("10.0")
        while True:
            terminal.read_key()

    crowd.on_phase = lambda target, phase: cancel.set() if phase == where else None
    with Device(cli("r1#", {"show arp": wait})) as device:
        crowd.known_hosts.add([device.scanned])
        results = crowd([target(device, n, timeout=60.0) for n in range(6)], cancel=cancel)
        device.over.set()
    assert {n: result.error_kind for n, result in results.items()} == dict.fromkeys(range(6), "cancelled")


def test_a_process_that_dies_loses_nothing(crowd: Crowd) -> None:
    """Its devices have results that say so, their logins are reported, and the others are visited here."""

    def die(terminal: Terminal) -> None:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        while True:
            terminal.read_key()

    guard = Guard()
    with Device(cli("r1#", {"show arp": die})) as fatal, Device(cli("r1#", {"show arp": ARP})) as device:
        crowd.known_hosts.add([fatal.scanned, device.scanned])
        targets = [target(fatal, 0), *(target(device, n) for n in range(1, 5))]
        results = crowd(targets, workers=1, guard=guard)
    assert (results[0].error_kind, results[0].error) == ("internal", "the process that visited it has ended")
    assert [results[n].error_kind for n in range(1, 5)] == [None] * 4
    assert ("report", 0, "accepted") in guard.said
    assert sum(said[0] == "admit" for said in guard.said) == sum(said[0] == "report" for said in guard.said)


def test_a_login_that_is_under_way_when_its_process_dies_is_reported(crowd: Crowd) -> None:
    def die(server: object, username: str, password: str) -> int:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        raise EOFError

    guard = Guard()
    with Device(cli("r1#")) as device, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.fixtures.ssh_device._Server.check_auth_password", die)
        crowd.known_hosts.add([device.scanned])
        crowd([target(device)], guard=guard)
    assert guard.said[-2:] == [("admit", 0), ("report", 0, "unknown")]


def test_secrets_are_in_no_argument_and_no_environment(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "a master password")
    shown: list[bytes] = []
    limits: list[str] = []

    def look(target: Target, phase: str) -> None:
        for pid in children():
            place = Path(f"/proc/{pid}")
            shown.extend((place / name).read_bytes() for name in ("cmdline", "environ"))
            limits.append((place / "limits").read_text())

    crowd.on_phase = look
    with Device(cli("r1#", {"show arp": ARP})) as device:
        crowd.known_hosts.add([device.scanned])
        assert crowd([target(device)])[0].success
    assert shown
    assert not [text for text in shown if PASSWORD.encode() in text or b"a master password" in text]
    assert all("Max core file size        0                    0" in text for text in limits)


def test_warnings_of_the_other_process_are_logged_here(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    with Device() as device:
        crowd.known_hosts.add([device.scanned])
        result = crowd([target(device, commands=(7,))])[0]
    assert result.error_kind == "internal"
    assert "session with" in caplog.text


# What travels


def test_only_plain_data_is_taken_out_of_a_message() -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("true",)

    for data in (Evil(), os.path.join, Frames):
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb"), os.fdopen(writing, "wb"):
            Frames(reading, writing).send([("say", data)]) if not isinstance(data, Evil) else os.write(
                writing, (lambda body: len(body).to_bytes(8) + body)(pickle.dumps([("say", data)]))
            )
            with pytest.raises(pickle.UnpicklingError, match="no plain data"):
                next(Frames(reading, writing).read())


@pytest.mark.parametrize(
    "error",
    [
        DeviceError("breaker_open", "stopped", "wait", passing=True),
        DeviceError("jump_failed", "gone"),
        HostKeyRefused("another key", "look"),
        StorageError("no room", "make some"),
    ],
)
def test_errors_travel_whole(error: Any) -> None:
    copy = raised(pickle.loads(pickle.dumps(described(error))))  # noqa: S301
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)


def test_a_bug_travels_as_what_it_is() -> None:
    error = raised(described(ZeroDivisionError(PASSWORD)))
    assert isinstance(error, DeviceError)
    assert (error.kind, error.message) == ("internal", "ZeroDivisionError")


def test_processes_are_started_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    options = ExecutorOptions()
    assert crew_size(options, 10_000, 500) == 4
    assert crew_size(options, 999, 500) == 0
    assert crew_size(options, 10_000, 12) == 0
    assert crew_size(replace(options, processes=3), 1, 1) == 3
    assert crew_size(replace(options, processes=0), 10_000, 500) == 0
    for cores, size in ({0, 1, 2}, 2), ({0, 1}, 0), ({0}, 0):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: cores)
        assert crew_size(options, 10_000, 500) == size


def test_without_processes_the_program_does_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", refuse)
    with Device(cli("r1#", {"show arp": ARP})) as device:
        crowd = Crowd(KnownHosts(tmp_path / "known_hosts"))
        crowd.known_hosts.add([device.scanned])
        assert crowd([target(device)])[0].success
    assert "no processes" in caplog.text


def test_until_they_are_ready_the_program_begins(tmp_path: Path) -> None:
    crowd = Crowd(KnownHosts(tmp_path / "known_hosts"))
    with Device(cli("r1#", {"show arp": ARP})) as device:
        crowd.known_hosts.add([device.scanned])
        assert crowd([target(device)], workers=1)[0].success
    assert device.connections == 1
    assert WAIT


def test_memory_is_bounded_there_too(crowd: Crowd) -> None:
    """What all sessions of a process hold has its limit; who sends little has its result all the same."""
    block = b"%SYS-5-CONFIG_I: Configured from console by admin on vty0\r\n" * 400

    def flood(terminal: Terminal) -> None:
        while True:
            terminal.write(block)

    limits = {"max_held": 600 * 1024, "max_output": 8 * 1024 * 1024}
    with Device(cli("r1#", {"show flood": flood, "show arp": ARP})) as device:
        crowd.known_hosts.add([device.scanned])
        floods = [target(device, n, commands=("show flood",), timeout=20.0) for n in range(3)]
        results = crowd([*floods, *(target(device, n) for n in range(3, 6))], options=limits, workers=6)
    assert {(results[n].error_kind, results[n].error) for n in range(3)} == {
        ("output_limit", "the outputs of all devices are too large together")
    }
    assert [results[n].error_kind for n in range(3, 6)] == [None] * 3
    assert all(len(results[n].partial) <= limits["max_held"] for n in range(3))


_PROGRAM = """
import sys
from vctui.records import SSHCredentials
from vctui.ssh import ExecutorOptions, SSHExecutorPool, Target
from vctui.ssh import crew

begin = crew.Crew.__init__

def wait_until_ready(self, setup, size):
    begin(self, setup, size)
    while not self._members[0].is_ready:
        self._members[0]._reader.join(0.01)

crew.Crew.__init__ = wait_until_ready
login = SSHCredentials(sys.argv[2], password=sys.stdin.readline().strip())
options = ExecutorOptions(known_hosts=sys.argv[3], host_keys="accept-new", processes=1)
target = Target("r1", "127.0.0.1", login, ("show arp",), int(sys.argv[1]), "cisco_ios", timeout=60.0)
SSHExecutorPool(options=options).run([target], on_result=print)
"""


def test_no_process_outlives_a_program_that_is_killed(tmp_path: Path) -> None:
    busy = threading.Event()

    def wait(terminal: Terminal) -> None:
        busy.set()
        while True:
            terminal.read_key()

    with Device(cli("r1#", {"show arp": wait})) as device:
        arguments = [str(device.port), CREDENTIALS.username, str(tmp_path / "known_hosts")]
        program = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert program.stdin is not None
        with program.stdin as answers:
            answers.write(f"{PASSWORD}\n".encode())
        assert busy.wait(WAIT)
        (child,) = children(program.pid)
        handle = os.pidfd_open(child)
        try:
            program.kill()
            program.wait()
            ended, _, _ = select.select([handle], [], [], WAIT)
        finally:
            os.close(handle)
    assert ended, "the process goes on without its program"


def test_a_session_for_several_targets_is_recorded_once(crowd: Crowd) -> None:
    """Its recording comes with the last of their results, and tells of what was kept for each."""
    replies = {"show arp": ARP, "show clock": "12:00\r\n"}
    with Device(cli("r1#", replies)) as device:
        crowd.known_hosts.add([device.scanned])
        also = (target(device, 1, commands=("show clock", "show nonsense")), target(device, 2))
        results = crowd([target(device, 0, also=also)], options={"record": True})
    assert [results[key].recording != "" for key in range(3)] == [False, False, True]
    document = yaml.safe_load(results[2].recording)
    kept = [
        (turn["send"], turn["output"], turn.get("fails")) for turn in document["turns"] if "output" in turn
    ]
    assert [(command, fails) for command, _, fails in kept] == [
        ("show arp", None),
        ("show clock", None),
        ("show nonsense", "command_rejected"),
        ("show arp", None),
    ]
    assert kept[0][1] == "10.0.0.1\n"
    assert PASSWORD not in results[2].recording


def test_what_fails_several_targets_is_recorded_once(crowd: Crowd) -> None:
    with Device(cli("Username: ")) as device:
        crowd.known_hosts.add([device.scanned])
        waiting = tuple(target(device, n, timeout=0.5) for n in range(1, 3))
        results = crowd([target(device, 0, timeout=0.5, also=waiting)], options={"record": True})
    assert {result.error_kind for result in results.values()} == {"prompt_not_found"}
    assert sum(result.recording != "" for result in results.values()) == 1
