"""`vctui run` and `vctui hosts` against simulated devices on loopback, each run a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vctui.cli.main import main
from vctui.demo import Fault, Fleet, SimDevice
from vctui.demo.recording import load_recording
from vctui.sample import sample_data_dir

EOS = str(sample_data_dir() / "transcripts" / "arista_eos" / "device.yaml")
PASSWORD = "correct horse battery"
FAULTS = {
    "good-1": Fault.NONE,
    "good-2": Fault.NONE,
    "shut-1": Fault.CLOSED_PORT,
    "web-1": Fault.NOT_SSH,
    "mute-1": Fault.SILENT,
    "odd-1": Fault.UNPARSEABLE,
}
JOB = {
    "version": "2.0",
    "job_id": 300,
    "capture_type": "arp",
    "vendor": "arista",
    "commands": {"command": "show ip arp", "output_directory": "arp"},
    "validation": {"use_tfsm": True, "tfsm_filter": "arista_eos_show_ip_arp"},
    "execution": {"max_workers": 6, "timeout": 30, "inter_command_time": 0},
}

EVENT_KEYS = {
    "run_started": {"event", "run", "job", "job_file", "total", "at"},
    "device_phase": {"event", "run", "device", "host", "phase"},
    "device_finished": {"event", "run", "device", "host", "status", "verdict", "error_kind", "error"}
    | {"next_step", "duration_ms", "credential", "path", "size", "sha256", "template", "score", "records"},
    "run_finished": {"event", "run", "status", "job_file", "job_id", "success_count", "failed_count"}
    | {"skipped_count", "cancelled_count", "total_devices", "duration_ms", "error", "saved_files"}
    | {"validation_failures", "history_id"},
}


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Home:
    """A home whose devices answer, and the program on it."""

    path: Path

    def command(self, *arguments: str) -> list[str]:
        """A command line for a process of its own."""
        return [sys.executable, "-m", "vctui", "--home", str(self.path), *arguments]

    def run(self, *arguments: str) -> Done:
        """Run a command line in this process, without a terminal."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["--home", str(self.path), *arguments])
        return Done(code, out.getvalue(), err.getvalue())

    def job(self, **changes: Any) -> str:
        """A job file."""
        file = self.path / "jobs" / f"{changes.get('job_id', 300)}.json"
        file.write_text(json.dumps({**JOB, **changes}))
        return str(file)

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("runs", "list", "--json").stdout)
        return found


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    devices = [
        SimDevice(name, EOS, f"127.21.0.{number}", fault=fault)
        for number, (name, fault) in enumerate(FAULTS.items(), start=1)
    ]
    with Fleet(devices) as running:
        yield running


@pytest.fixture(scope="module")
def prepared(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the fleet's devices and host keys, a vault and a login."""
    folder = tmp_path_factory.mktemp("prepared")
    rows = ["name,primary_ip4,platform,site,role,status,ssh_port"]
    rows += [f"{h.name},{h.host},arista_eos,lab,core,active,{h.port}" for h in fleet.hosts.values()]
    rows.append("bare-1,,arista_eos,lab,core,active,22")
    (folder / "inventory.csv").write_text("\n".join(rows) + "\n")
    home = Home(folder / "home")
    assert home.run("init").returncode == 0
    assert home.run("devices", "import", str(folder / "inventory.csv")).returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VCOLLECTOR_VAULT_PASS", PASSWORD)
        patch.setattr(sys, "stdin", io.StringIO("demo\n"))
        assert home.run("vault", "init").returncode == 0
        assert home.run("vault", "add", "lab", "-u", "demo", "--password-stdin").returncode == 0
        assert home.run("hosts", "trust", "good-1", "good-2", "mute-1", "odd-1", "-y").returncode == 0
    return home.path


@pytest.fixture
def ready(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", PASSWORD)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parent.parent))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    shutil.copytree(prepared, tmp_path / "home")
    return Home(tmp_path / "home")


def test_a_run_saves_what_is_good_and_names_what_is_not(ready: Home) -> None:
    done = ready.run("run", "--job", ready.job(), "--devices", "good-1,good-2,shut-1,web-1,odd-1")
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert done.returncode == 3, done.stderr
    assert lines.keys() == {"good-1", "good-2", "shut-1", "web-1", "odd-1"}
    capture = ready.path / "collections" / "arp" / "good-1.txt"
    assert " ok " in lines["good-1"]
    assert f" {capture.stat().st_size} bytes arista_eos_show_ip_arp " in lines["good-1"]
    assert " failed " in lines["shut-1"]
    assert "connection_refused" in lines["shut-1"]
    assert "not_ssh" in lines["web-1"]
    assert " skipped " in lines["odd-1"]
    assert not (ready.path / "collections" / "arp" / "odd-1.txt").exists()
    assert "partial: 2 ok, 1 skipped, 2 failed of 5" in done.stderr.splitlines()[-1]
    shown = json.loads(ready.run("runs", "show", "1", "--json").stdout)
    assert {d["device"]: d["error_kind"] for d in shown["devices"]}["web-1"] == "not_ssh"


def test_json_is_exactly_the_events(ready: Home) -> None:
    done = ready.run("run", "--job", ready.job(), "--devices", "good-1,shut-1", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3
    assert events[0]["event"] == "run_started"
    assert events[0]["total"] == 2
    assert events[-1]["event"] == "run_finished"
    assert (events[-1]["status"], events[-1]["success_count"]) == ("partial", 1)
    for event in events:
        assert set(event) == EVENT_KEYS[event["event"]]
    assert {e["device"]: e["status"] for e in events if e["event"] == "device_finished"} == {
        "good-1": "ok",
        "shut-1": "failed",
    }


def test_a_dry_run_says_who_and_why_not_and_touches_nothing(
    ready: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = ready
    monkeypatch.delenv("VCOLLECTOR_VAULT_PASS")
    before = sorted((file, file.stat().st_mtime_ns) for file in home.path.rglob("*"))
    job = home.job(device_filter={"vendor": "arista", "name_pattern": "1$"})
    before.append((Path(job), Path(job).stat().st_mtime_ns))
    done = home.run("run", "--job", job, "--dry-run", "--json")
    (plan,) = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert {item["device"] for item in plan["devices"]} == {"good-1", "shut-1", "web-1", "mute-1", "odd-1"}
    assert plan["left_out"] == [
        {"device": "bare-1", "reason": "no address"},
        {"device": "good-2", "reason": "name does not match 1$"},
    ]
    assert plan["devices"][0]["template"] == "arista_eos_show_ip_arp"
    assert plan["devices"][0]["path"].endswith("/collections/arp/good-1.txt")
    assert {file for file in home.path.rglob("*") if file.suffix != ".json"} == {
        file for file, _ in before if file.suffix != ".json"
    }
    told = home.run("run", "--job", job, "--dry-run")
    text = told.stdout
    # The job_id of a file would name a row of the database: the hint has to name the file.
    assert f"2 host keys are unknown. Scan and trust: vctui hosts trust --job {job}" in told.stderr
    assert "left out: good-2: name does not match 1$" in text
    assert "command: show ip arp" in text


def test_a_command_that_may_write_needs_a_yes(ready: Home) -> None:
    job = ready.job(commands={"command": "reload", "output_directory": "x"})
    done = ready.run("run", "--job", job, "--devices", "good-1", "-y")
    assert done.returncode == 2
    assert "--allow-any-command" in done.stderr
    assert "needs --allow-any-command" in ready.run("run", "--job", job, "--dry-run").stdout


def test_unknown_host_keys_are_refused_then_trusted_by_job(ready: Home) -> None:
    (ready.path / "known_hosts").unlink()
    job = ready.job(device_filter={"vendor": "arista", "name_pattern": "^good"})
    done = ready.run("run", "--job", job)
    assert done.returncode == 5
    assert done.stdout.count("host_key_unknown") == 2
    asked = ready.run("hosts", "trust", "--job", job)
    assert (asked.returncode, "Add -y" in asked.stderr) == (2, True)
    assert asked.stdout.count("SHA256:") == 2
    assert ready.run("hosts", "trust", "--job", job, "-y").returncode == 0
    assert ready.run("run", "--job", job).returncode == 0
    listed = json.loads(ready.run("hosts", "list", "--json").stdout)
    assert sum(bool(host["fingerprint"]) for host in listed) == 2


def test_accept_new_stores_first_contacts(ready: Home) -> None:
    (ready.path / "known_hosts").unlink()
    done = ready.run("run", "--job", ready.job(), "--devices", "good-1", "--host-keys", "accept-new")
    assert done.returncode == 0, done.stdout
    assert ready.run("run", "--job", ready.job(), "--devices", "good-1").returncode == 0


def test_a_changed_key_is_refused_and_replaced_only_with_its_fingerprint(ready: Home) -> None:
    known = ready.path / "known_hosts"
    scanned = {h["device"]: h for h in json.loads(ready.run("hosts", "scan", "good-1", "--json").stdout)}
    lines = known.read_text().splitlines()
    ports = [line.split()[0] for line in lines]
    keys = [line.split(" ", 1)[1] for line in lines]
    known.write_text("\n".join(f"{p} {k}" for p, k in zip(ports, keys[1:] + keys[:1], strict=True)) + "\n")
    assert ready.run("run", "--job", ready.job(), "--devices", "good-1").returncode == 5
    assert ready.run("hosts", "scan", "good-1").returncode == 5
    refused = ready.run("hosts", "trust", "good-1", "-y")
    assert refused.returncode == 5
    assert "hosts replace" in refused.stderr
    wrong = ready.run("hosts", "replace", "good-1", "--fingerprint", "SHA256:" + "A" * 43)
    assert wrong.returncode == 5
    right = scanned["good-1"]["fingerprint"]
    assert ready.run("hosts", "replace", "good-1", "--fingerprint", right).returncode == 0
    assert ready.run("run", "--job", ready.job(), "--devices", "good-1").returncode == 0


def test_scanning_what_is_no_ssh_names_it(ready: Home) -> None:
    done = ready.run("hosts", "scan", "web-1", "shut-1", "good-1", "--json")
    assert done.returncode == 3
    found = {host["device"]: host for host in json.loads(done.stdout)}
    assert found["good-1"]["status"] == "ok"
    assert found["web-1"]["status"] == "not_ssh"
    assert found["shut-1"]["status"] == "connection_refused"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_and_leaves_it_tidy(ready: Home, number: signal.Signals) -> None:
    command = ready.command("run", "--job", ready.job(), "--devices", "good-1,mute-1", "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            event = json.loads(line)
            if (event.get("device"), event.get("phase")) == ("mute-1", "command"):
                break
        program.send_signal(number)
        events = [json.loads(line) for line in program.stdout]
        assert program.wait(20) == 128 + number
    assert events[-1]["status"] == "cancelled"
    run = ready.runs()[0]
    assert (run["status"], run["cancelled"] >= 1) == ("cancelled", True)
    devices = json.loads(ready.run("runs", "show", "1", "--json").stdout)["devices"]
    assert {d["device"]: d["status"] for d in devices}["mute-1"] == "cancelled"
    assert ready.run("run", "--job", ready.job(), "--devices", "good-1").returncode == 0


def test_a_second_run_of_the_job_is_refused_and_the_first_resumed(ready: Home) -> None:
    first = subprocess.Popen(
        ready.command("run", "--job", ready.job(), "--devices", "mute-1,good-1", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with first:
        assert first.stdout is not None
        for line in first.stdout:
            if json.loads(line).get("phase") == "command" and "mute-1" in line:
                break
        second = ready.run("run", "--job", ready.job(), "--devices", "good-1")
        first.terminate()
        first.stdout.read()
    assert second.returncode == 11
    assert second.stderr.count("\n") <= 2
    resumed = ready.run("run", "--resume", "1", "--devices", "good-2", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert '"device": "good-2"' in resumed.stdout
    assert "good-1" not in resumed.stdout


def test_only_the_failed_devices_are_tried_again(ready: Home) -> None:
    assert ready.run("run", "--job", ready.job(), "--devices", "good-1,shut-1").returncode == 3
    again = ready.run("run", "--retry-failed", "1")
    assert again.returncode == 4
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["shut-1"]
    assert ready.run("run", "--retry-failed", "99").returncode == 2


def test_several_jobs_run_and_the_worst_code_wins(ready: Home) -> None:
    only = {"vendor": "arista", "name_pattern": "^good"}
    ready.job(job_id=1, device_filter=only)
    ready.job(job_id=2, device_filter=only, capture_type="arp2")
    done = ready.run("run", "--jobs-dir", str(ready.path / "jobs"), "-q")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    ready.job(job_id=3, device_filter={"vendor": "nobody"}, capture_type="arp3")
    done = ready.run("run", "--jobs-dir", str(ready.path / "jobs"))
    assert done.returncode == 3
    assert "no device matches" in done.stderr
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == [
        *("arista-arp-1", "arista-arp-1", "arista-arp2-2", "arista-arp2-2")
    ]


def test_a_reader_that_goes_away_does_not_stop_the_run(ready: Home) -> None:
    job = ready.job(device_filter={"vendor": "arista", "name_pattern": "^good"})
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            ready.command("run", "--job", job, "--json"),
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        listed = subprocess.run(
            ready.command("templates", "list"), stdout=closed, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr + listed.stderr
    assert "BrokenPipe" not in done.stderr + listed.stderr
    assert ready.runs()[0]["ok"] == 2


ON_ITS_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def on_terminal(command: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal of its own, answering each question once: exit code, and all it showed."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "VCOLLECTOR_VAULT_PASS"}
    with subprocess.Popen(
        [sys.executable, "-c", ON_ITS_TERMINAL, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm"},
        start_new_session=True,
    ) as program:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux tells the end
            while data := os.read(ours, 65536):
                shown += data
                for question in [text for text in answers if text.encode() in shown]:
                    os.write(ours, f"{answers.pop(question)}\n".encode())
        os.close(ours)
        return program.wait(20), shown.decode()


def test_a_terminal_is_asked_for_the_password_and_shows_a_bar(ready: Home) -> None:
    command = ready.command("run", "--job", ready.job(), "--devices", "good-1,shut-1")
    code, shown = on_terminal(command, {"Master password: ": PASSWORD})
    assert code == 3
    assert PASSWORD not in shown
    assert "shut-1 127.21.0.3 failed" in shown
    assert "2/2" in shown
    assert "1 failed, 1 ok" in shown


def test_a_terminal_that_is_closed_ends_the_run_and_its_books(ready: Home) -> None:
    command = ready.command("run", "--job", ready.job(), "--devices", "good-1,mute-1")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_ITS_TERMINAL, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    ) as program:
        os.close(theirs)
        shown = b""
        while b"1/2" not in shown:
            shown += os.read(ours, 65536)
        os.close(ours)
        assert program.wait(20) == 128 + signal.SIGHUP
    run = ready.runs()[0]
    assert (run["status"], run["ok"], run["cancelled"]) == ("cancelled", 1, 1)
    assert not (ready.path / "logs" / "vctui-crash.log").exists()


def test_a_no_to_a_writing_command_runs_nothing(ready: Home) -> None:
    job = ready.job(commands={"command": "reload", "output_directory": "x"})
    code, shown = on_terminal(ready.command("run", "--job", job, "--devices", "good-1"), {"[y/N]": "n"})
    assert code == 2
    assert "Master password" not in shown
    assert ready.runs() == []


def test_a_run_never_loads_the_screens(ready: Home) -> None:
    arguments = ["vctui", "--home", str(ready.path), "run", "--job", ready.job(), "--devices", "good-1"]
    program = (
        "import sys\n"
        f"sys.argv = {arguments!r}\n"
        "from vctui.__main__ import main\n"
        "code = main()\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        'sys.exit(f\'{loaded & {"textual", "screens", "rich"}}\' if code == 0 and '
        "loaded & {'textual', 'screens', 'rich'} else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_debug_logs_the_sessions_to_a_private_file_without_secrets(ready: Home) -> None:
    command = ready.command("run", "--job", ready.job(), "--devices", "good-1", "--debug")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    log = ready.path / "logs" / "vctui-debug.log"
    assert done.returncode == 0, done.stderr
    assert str(log) in done.stderr
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line["logger"].startswith("paramiko") for line in lines)
    assert {"run_started", "device_phase", "device_finished"} <= {line["message"] for line in lines}
    assert PASSWORD not in log.read_text()
    assert "INSERT" not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_no_secret_and_no_escape_reaches_the_output(ready: Home) -> None:
    done = ready.run("run", "--job", ready.job(), "--json", "--devices", "good-1,odd-1,web-1")
    for text in (done.stdout, done.stderr):
        assert "\x1b" not in text
        assert PASSWORD not in text
        assert '"demo"' not in text


def test_sessions_are_recorded(ready: Home, tmp_path: Path) -> None:
    """Also one that fails; never over another, for nobody else to read, and without a secret."""
    folder = tmp_path / "new" / "recordings"
    job = ready.job(execution={"timeout": 2})
    run = ("run", "--job", job, "--devices", "good-1,mute-1,shut-1", "--record", str(folder))
    done = ready.run(*run)
    assert done.returncode == 3, done.stderr
    assert f"2 sessions recorded in {folder}" in done.stderr
    ready.run(*run[:4], "good-1", *run[5:])
    files = {file.name: file for file in folder.iterdir()}
    assert files.keys() == {"good-1.yaml", "good-1-2.yaml", "mute-1.yaml"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not any(b"demo" in file.read_bytes() for file in files.values())
    first, silent = load_recording(files["good-1.yaml"]), load_recording(files["mute-1.yaml"])
    capture = (ready.path / "collections" / "arp" / "good-1.txt").read_text()
    assert list(first.checks()) == [("show ip arp", capture, "")]
    assert list(silent.checks()) == [("show ip arp", None, "command_timeout")]
    assert (first.platform, first.ssh_version[:8]) == ("arista_eos", "SSH-2.0-")


def test_recordings_that_cannot_be_written(ready: Home, tmp_path: Path) -> None:
    """Nothing is run when that is known before; else the run goes on, and the end says so."""
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    run = ("run", "--job", ready.job(), "--devices", "good-1", "--record")
    done = ready.run(*run, str(in_the_way / "recordings"))
    assert done.returncode == 14
    assert not ready.runs()
    full = tmp_path / "full"
    full.mkdir()
    tiny = 'mount -t tmpfs -o size=4k,nr_inodes=2 none "$0" && exec "$@"'
    code = subprocess.run(
        ["unshare", "-rm", "sh", "-c", tiny, str(full), *ready.command(*run, str(full))],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert code.returncode == 14, code.stderr
    assert "not every session was recorded" in code.stderr
    assert (ready.path / "collections" / "arp" / "good-1.txt").exists()
