"""A full run at DEBUG against devices that send back what they are sent: no canary in anything it leaves."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import paramiko
import pytest

import tests.fixtures.ssh_device as fixture
from tests.fixtures.ssh_device import Device, Rules, Terminal, cli
from tests.fixtures.vault import key_text
from vctui.config import load_settings
from vctui.storage import Inventory, init_home
from vctui.vault import Vault

ROOT = Path(__file__).parents[1]
MASTER = "CANARY-master-Zq1"
PASSWORD = "CANARY-ssh-Zq2"
ENABLE = "CANARY-enable-Zq3"
PASSPHRASE = "CANARY-phrase-Zq4"
SNMP = "CANARY-snmp-Zq5"
CODE = "CANARY-code-Zq6"
"""Typed by a person during the run."""
KEY = key_text(passphrase=PASSPHRASE)
KEY_LINES = [line for line in KEY.splitlines() if not line.startswith("-----")]
FILE_PASSWORD = "CANARY-file-Zq7"
CANARIES = [MASTER, PASSWORD, ENABLE, PASSPHRASE, SNMP, CODE, FILE_PASSWORD, *KEY_LINES]
JOB = {
    "version": "2.0",
    "job_id": 1,
    "capture_type": "configs",
    "vendor": "cisco",
    "device_filter": {"source": "database"},
    "commands": {"command": "show running-config", "output_directory": "configs"},
    "validation": {"use_tfsm": False, "store_failures": True},
}
TIMEOUT = 60.0
READY = """
from vctui.ssh import crew
def wait_until_ready(self, setup, size):
    self._members = [crew._Member(setup) for _ in range(size)]
    for member in self._members:
        while not member.is_ready:
            member._reader.join(0.01)
crew.Crew.__init__ = wait_until_ready
"""
"""Run in the program: a run begins without its processes, and takes them in when they are ready."""


def echoing(terminal: Terminal, known: str = PASSWORD) -> None:
    """Says what it was sent, in pieces: in the greeting, at the enable prompt (in sight), in the output."""
    prompt = "r1>"
    terminal.write(f"\r\nlast login with {known}\r\n{prompt}")
    while True:
        line = terminal.read_line().strip()
        if line == "enable":
            terminal.write("Password: ")
            secret = terminal.read_line()
            prompt = "r1#"
            terminal.write(f"ok {secret}\r\n")
        elif line == "show running-config":
            terminal.write(f"hostname r1\r\nsnmp-server community {SNMP}\r\nend\r\n")
        terminal.write(prompt)


def keyed(terminal: Terminal) -> None:
    """Was sent no password, and knows none."""
    echoing(terminal, "a key")


def complaining(terminal: Terminal) -> None:
    """Rejects the command, and repeats the password doing so."""
    cli("r2#", error=f"% Invalid input: you are {PASSWORD} and {ENABLE}\r\n")(terminal)


class Sweep:
    """A home whose credentials are canaries, and devices that know them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        init_home(load_settings(self.home, {}), defaults=True)
        vault = Vault(self.home / "collector.db")
        vault.init(MASTER)
        vault.add("lab", fixture.USER, password=PASSWORD, enable_secret=ENABLE, default=True)
        vault.add("keys", fixture.USER, private_key=KEY, passphrase=PASSPHRASE)
        vault.lock()
        public = paramiko.Ed25519Key.from_private_key_file
        key_file = folder / "key"
        key_file.write_text(key_text())
        rules = {
            "echoing": Rules(banner=f"you will send {PASSWORD}\n", chunk=3),
            "complaining": Rules(),
            "refusing": Rules(
                methods="keyboard-interactive", questions=((f"Passcode, not {PASSWORD}: ", False),)
            ),
            "keyed": Rules(methods="publickey", accepts_key=public(str(key_file))),
        }
        scripts = {"echoing": echoing, "complaining": complaining, "refusing": None, "keyed": keyed}
        key_file.unlink()
        self.devices = {
            name: stack.enter_context(Device(scripts[name], rule)) for name, rule in rules.items()
        }
        rows = ["name,primary_ip4,ssh_port,platform,site,role,status,manufacturer,credential"]
        for name, device in self.devices.items():
            login = "keys" if name == "keyed" else "lab"
            rows.append(f"{name},127.0.0.1,{device.port},cisco_ios,s,r,active,Cisco,{login}")
        table = folder / "devices.csv"
        table.write_text("\n".join(rows) + "\n")
        with Inventory(self.home / "dcim.db") as inventory:
            report = inventory.import_csv(table, strict=True, credential_id={"lab": 1, "keys": 2}.get)
        assert not report.errors
        (self.home / "jobs" / "job.json").write_text(json.dumps(JOB))
        self.seen_in_proc = b""
        self.crew_limits: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *options: str, first: str = "") -> bytes:
        """The job on a terminal of its own, where the master password is typed; what came to it."""
        command = ["run", "--job", "job.json", "--debug", "--host-keys", "accept-new", *options]
        return self.watch(command, [(b"Master password: ", MASTER + "\n")], first=first)

    def watch(self, command: list[str], script: list[tuple[bytes, str]], *, first: str = "") -> bytes:
        """Start the program, and type as soon as what is waited for is on the screen; all that came."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TMPDIR": str(self.tmp), "TERM": "xterm", "PYTHONPATH": str(ROOT)}
        # A session leader's first terminal becomes its controlling one: /dev/tty.
        start = f"import os, sys; os.open({os.ttyname(slave)!r}, os.O_RDWR)\n{first}\n"
        start += "from vctui.cli.main import main; sys.exit(main(sys.argv[1:]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, "--home", str(self.home), *command],
            cwd=self.folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        output, seen, left = b"", 0, list(script)
        while select.select([master], [], [], TIMEOUT)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            output += data
            if left and left[0][0] in output[seen:]:
                seen = len(output)
                os.write(master, left.pop(0)[1].encode())
            if len(left) < len(script):
                self.look_into_proc()
        os.close(master)
        if left:
            self.process.kill()
            self.process.wait()
        assert not left, f"{left[0][0]!r} did not come: {output[-3000:].decode(errors='replace')}"
        self.process.wait(TIMEOUT)
        return output

    def check(self, output: bytes) -> None:
        """No canary on the terminal, in the sight of other processes, or in a file that is no capture."""
        assert hits(output) == []
        assert hits(self.seen_in_proc) == []
        assert self.seen_in_proc, "the program was looked at while it ran"
        captured = (self.home / "collections" / "configs" / "echoing.txt").read_bytes()
        assert hits(captured) == [SNMP], "what was asked for is kept as it came, and nothing of the login"
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        raw = {self.home / folder for folder in ("collections", "rejected", "versions")}
        outward = [file for file in files if not raw & set(file.parents)]
        assert {file.name for file in outward} >= {"collector.db", "audit.jsonl", "vctui-debug.log"}
        for file in outward:
            assert hits(file.read_bytes()) == [], file
        log = (self.home / "logs" / "vctui-debug.log").read_text()
        assert "********" in log, "the devices did send it back"
        assert self.devices["echoing"].terminals[0].lines.count(ENABLE) == 1

    def look_into_proc(self) -> None:
        """The arguments and environments of the program and of all its children."""
        assert self.process is not None
        session = os.getsid(self.process.pid) if self.process.poll() is None else -1
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getsid(int(folder.name)) != session and _parent(folder) != self.process.pid:
                    continue
                command = (folder / "cmdline").read_bytes()
                self.seen_in_proc += command + (folder / "environ").read_bytes()
                if b"crew_child" in command:
                    self.crew_limits.append((folder / "limits").read_text())
            except OSError:
                continue


def _parent(folder: Path) -> int:
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sweep]:
    monkeypatch.setattr(fixture, "PASSWORD", PASSWORD)
    with ExitStack() as stack:
        yield Sweep(tmp_path, stack)


def hits(data: bytes) -> list[str]:
    return [canary for canary in CANARIES if canary.encode() in data]


@pytest.mark.parametrize(
    ("options", "processes"), [(("--json",), 0), ((), 0), ((), 1)], ids=["json", "plain", "other process"]
)
def test_no_canary_comes_out(sweep: Sweep, options: tuple[str, ...], processes: int) -> None:
    (sweep.home / "config.yaml").write_text(f"ssh: {{processes: {processes}}}\n")
    output = sweep.run(*options, "--record", str(sweep.folder / "tapes"), first=READY if processes else "")
    assert bool(sweep.crew_limits) == bool(processes)
    assert all(re.search(r"Max core file size +0 +0", limits) for limits in sweep.crew_limits[-1:])
    assert (b"2 failed" in output) if not options else (b'"failed_count": 2' in output), output.decode()
    for name in ("complaining", "refusing"):
        assert name.encode() in output
    typed = [(b"Master password: ", MASTER), (b"for the file: ", FILE_PASSWORD), (b"again: ", FILE_PASSWORD)]
    export = ["vault", "export", str(sweep.folder / "logins.vault")]
    output += sweep.watch(export, [(prompt, f"{answer}\n") for prompt, answer in typed])
    assert (sweep.folder / "logins.vault").read_bytes().startswith(b"vctui vault export")
    sweep.check(output)
    tape = (sweep.folder / "tapes" / "echoing.yaml").read_text()
    assert "hostname r1" in tape
    assert "********" in tape


def test_no_canary_comes_out_of_the_full_screen_program(sweep: Sweep) -> None:
    log = sweep.home / "logs" / "vctui-debug.log"
    (sweep.home / "config.yaml").write_text(
        f"host_keys: accept-new\nlogging: {{level: DEBUG, file: {log}}}\n"
    )
    script = [
        (b"Enter unlocks", f"{MASTER}\r"),
        (b"type to filter", "\r"),
        (b"of 4 devices", "\r"),
        (b"Enter answers", f"{CODE}\r"),
        (b"files saved", "\x11"),
    ]
    output = sweep.watch([], script)
    assert b"Passcode, not ********" in output, "the question came from a device that knows the password"
    sweep.check(output)


def test_packets_are_never_logged() -> None:
    """paramiko would write the decrypted password packet into the log."""
    sources = [*(ROOT / "vctui").rglob("*.py"), *(ROOT / "screens").rglob("*.py")]
    assert [file for file in sources if "set_hexdump" in file.read_text()] == []


def test_masks_overlap_and_end() -> None:
    from vctui.mask import HIDDEN, Mask

    mask = Mask()
    with mask.hiding(["secret", None, "sec", ""]), mask.hiding(["secret-longer", "secret"]):
        assert mask.hide("a secret-longer secret sec") == f"a {HIDDEN} {HIDDEN} sec"
        assert mask.hide_all({"x": ["secret", 1, {"y": ("secret",)}]}) == {"x": [HIDDEN, 1, {"y": [HIDDEN]}]}
    assert mask.hide("secret") == "secret"
    with mask.hiding([KEY, "tab\there"]):
        assert mask.hide(KEY_LINES[1]) == HIDDEN
        assert mask.hide("tab\ufffdhere") == HIDDEN
        assert mask.hide("-----BEGIN OPENSSH PRIVATE KEY-----").startswith("-----")
    assert mask._words == ()


def test_masks_are_changed_by_many_threads() -> None:
    from vctui.mask import Mask

    mask = Mask()

    def use(number: int) -> None:
        for _ in range(200):
            with mask.hiding([f"secret{number % 3}"]):
                assert mask.hide(f"secret{number % 3}") == "********"

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mask._words == ()


def test_a_question_of_a_device_hides_what_the_device_was_sent() -> None:
    from vctui.mask import MASK
    from vctui.questions import Desk, Question

    desk = Desk(lambda: None)
    asked = Question("second_factor", "k", "token of r1", f"not {PASSWORD}? ")
    with MASK.hiding([PASSWORD]):
        asker = threading.Thread(
            target=desk.ask, args=(asked, "r1"), kwargs={"seconds": 60, "tie": lambda end: None}
        )
        asker.start()
        while not desk.open():
            pass
        shown = desk.open()[0].question.prompt
        desk.answer("k", "1234")
        asker.join()
    assert shown == "not ********? "


def test_what_a_person_types_is_hidden_when_a_device_sends_it_back(tmp_path: Path) -> None:
    from tests.fixtures.logins import make_home
    from tests.test_breaker import Person
    from vctui.events import DeviceFinished
    from vctui.jobs.run_login import RETYPE
    from vctui.mask import MASK

    typed = "CANARY-typed-Zq6"
    home = make_home(tmp_path)
    home.add_credential("lab", "not-the-password")
    told: list[str] = []
    rules = Rules(knows=lambda password: password == typed)
    with Device(cli(error=f"% Invalid input: you are {typed}\r\n"), rules, host="0.0.0.0") as device:
        home.add(device, 3)
        person = Person(("what to do", RETYPE), ("password", typed))
        home.run(person.desk)
    for event in home.events:
        told.append(repr(event.to_dict()) + repr(event))
    last = [event for event in home.events if isinstance(event, DeviceFinished)][-1]
    assert last.error is not None
    assert "you are ********" in last.error
    assert typed not in "".join(told)
    with sqlite3.connect(home.settings.collector_db) as connection:
        assert typed not in "".join(connection.iterdump())
    assert MASK.hide(typed) == "********", "the run may still have something to say"
    person.desk.close()
    assert MASK.hide(typed) == typed
