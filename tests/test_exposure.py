"""What other processes can see of this one, and who can read the files it makes."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.ssh_device import PASSWORD, USER, Device, cli
from tests.fixtures.vault import legacy_collector

ROOT = Path(__file__).parents[1]
NOBODY = 65534
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and prctl are Linux's")

HARDENED = """
import ctypes, os, resource, signal, sys
from vctui.vault import harden_process
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # another user's process is not dumpable to begin with
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
if sys.argv[1] == "hardened":
    harden_process()
print("ready", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGSEGV)
"""
CURIOUS = """
import ctypes, os, sys
pid = int(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for name in ("environ", "mem", "maps"):
    try:
        open(f"/proc/{pid}/{name}", "rb").close()
        print("read", name)
    except OSError:
        pass
if ctypes.CDLL(None).ptrace(16, pid, 0, 0) == 0:
    print("attached")
    os.waitpid(pid, 0)
    ctypes.CDLL(None).ptrace(17, pid, 0, 0)
"""


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", script, *arguments]


@pytest.mark.parametrize("mode", ["hardened", "plain"])
def test_a_process_of_the_same_user_can_look_into_it_only_when_it_is_not_hardened(mode: str) -> None:
    with subprocess.Popen(
        python(HARDENED, mode), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        looked = subprocess.run(
            python(CURIOUS, str(process.pid)), cwd=ROOT, capture_output=True, text=True, check=True
        )
        owner = Path(f"/proc/{process.pid}/environ").stat().st_uid
        process.communicate()
    assert process.returncode == -signal.SIGSEGV
    if mode == "hardened":
        assert looked.stdout == ""
        assert owner == 0
        assert list(ROOT.glob("core*")) == []
    else:
        assert "read environ" in looked.stdout, "the test can see what it looks for"


@pytest.mark.parametrize(
    ("arguments", "prompt"), [(["vault", "init"], b"New master password: "), ([], b"Enter ")]
)
def test_it_is_hardened_before_the_first_secret_is_asked_for(
    arguments: list[str], prompt: bytes, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-m", "vctui", "--home", str(home), "init", "--no-defaults"], cwd=ROOT, check=True
    )
    master, slave = pty.openpty()
    start = f"import os, sys; os.open({os.ttyname(slave)!r}, os.O_RDWR); from vctui.cli.main import main;"
    process = subprocess.Popen(
        [*python(f"{start} sys.exit(main(sys.argv[1:]))"), "--home", str(home), *arguments],
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        start_new_session=True,
    )
    os.close(slave)
    try:
        seen = b""
        while prompt not in seen:
            assert select.select([master], [], [], 60)[0], seen
            seen += os.read(master, 65536)
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0", limits)
    finally:
        process.kill()
        process.wait()
        os.close(master)


VISITING = """
import ctypes, os, resource
from vctui.ssh import crew_child

class Child:
    def __init__(self, frames):
        self.output = frames

    def serve(self):
        state = resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
        os.write(self.output, repr(state).encode())

crew_child._Child, crew_child.Frames = Child, lambda source, output: output
crew_child.main()
"""


def test_a_process_that_visits_devices_is_hardened_before_it_is_told_a_secret() -> None:
    done = subprocess.run(python(VISITING), cwd=ROOT, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"((0, 0), 0)", b"")


EVERYTHING = """
import io, os, sys
mask, home, old, folder, user, password = sys.argv[1:]
os.umask(int(mask, 8))
from vctui.cli.main import main

def run(*arguments, at=home, unlock="", other="", stdin=""):
    options = []
    for option, text in (("--unlock-fd", unlock), ("--password-fd", other)):
        if text:
            reader, writer = os.pipe()
            os.write(writer, f"{text}\\n".encode())
            os.close(writer)
            options += [option, str(reader)]
    sys.stdin = io.StringIO(stdin)
    code = main([*arguments, *options, "--home", at])
    assert code == 0, (arguments, code)

master = "correct horse"
run("init")
run("devices", "import", f"{folder}/devices.csv")
run("vault", "init", unlock=master)
run("vault", "add", "lab", "-u", user, "--password-stdin", unlock=master, stdin=password + "\\n")
run("vault", "export", f"{home}/out.vault", unlock=master, other="of the file")
run("jobs", "create", "--name", "Arp", "--type", "arp", "--vendor", "cisco", "--command", "show ip arp")
run("run", "--job", "cisco-arp", "--debug", "--host-keys", "accept-new", unlock=master)
run("run", "--job", "cisco-arp", "--json", unlock=master)
run("vault", "upgrade", "-y", at=old, unlock="masterpw1")
"""


@pytest.mark.real
@pytest.mark.parametrize("mask", ["000", "022", "077"])
def test_files_are_their_owners_alone_from_the_first_byte(mask: str, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    home, trace = tmp_path / "home", tmp_path / "trace"
    legacy = legacy_collector(tmp_path / "old")
    legacy.chmod(0o600)
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(trace), "-e", "trace=openat,mkdir,mkdirat"]
    with Device(cli(replies={"show ip arp": "Address Age\r\n192.0.2.1 5\r\n"})) as device:
        (tmp_path / "devices.csv").write_text(
            "name,primary_ip4,ssh_port,platform,site,role,status\n"
            f"sw1,127.0.0.1,{device.port},cisco_ios,s,r,active\n"
        )
        places = [str(home), str(legacy.parent), str(tmp_path)]
        done = subprocess.run(
            [*(strace if mask == "000" else ()), *python(EVERYTHING, mask, *places, USER, PASSWORD)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    for file in [home, *home.rglob("*")]:
        wanted = 0o700 if file.is_dir() else 0o600
        assert stat.S_IMODE(file.stat().st_mode) == wanted, file
    for name in ("audit.jsonl", "collector.db.before-upgrade", "collector.db.before-vctui"):
        assert stat.S_IMODE((legacy.parent / name).stat().st_mode) == 0o600
    if mask != "000":
        return
    created = created_in(trace.read_text(), home, legacy.parent)
    names = {Path(name).name for name in created}
    assert {"collector.db", "audit.jsonl", "known_hosts", "vctui-debug.log", "out.vault"} <= {
        re.sub(r"^\.|\.[0-9a-f]+\.tmp$", "", name) for name in names
    }
    assert any(name.endswith("-journal") for name in names)
    assert {name: oct(mode) for name, mode in created.items() if mode & 0o077} == {}


def created_in(trace: str, *folders: Path) -> dict[str, int]:
    """The modes that files and folders below these were first created with, before the umask."""
    found: dict[str, int] = {}
    for line in trace.splitlines():
        call = re.search(
            r'(openat|open|mkdir|mkdirat|creat)\((?:AT_FDCWD, |\d+, )?"([^"]+)", (.*)\) += \d', line
        )
        if call is None or ("mkdir" not in call[1] and "O_CREAT" not in call[3]):
            continue
        if not any(call[2].startswith(str(folder)) for folder in folders):
            continue
        mode = re.search(r"(0[0-7]+)$", call[3])
        assert mode, line
        found.setdefault(call[2], int(mode[1], 8))
    return found
