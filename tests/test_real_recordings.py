"""Sessions with real command lines are recorded, and played again by the demo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.lab import HOST, Lab
from tests.fixtures.openssh import RealServer
from vctui.records import SSHCredentials
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target

pytestmark = pytest.mark.real
DEMO = [sys.executable, "-m", "vctui", "demo", "--headless", "--recordings"]


def collect(targets: list[Target], known_hosts: Path, *, record: bool) -> dict[str, ExecutionResult]:
    results: dict[str, ExecutionResult] = {}
    pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=known_hosts, record=record))
    pool.run(targets, on_result=lambda target, result: results.update({target.device: result}))
    assert [result.error for result in results.values()] == [None] * len(targets)
    return results


def test_vtysh_birdc_and_a_shell_are_played_again(tmp_path: Path, lab: Lab, frr: RealServer) -> None:
    server = lab.sshd("recorded", "PasswordAuthentication yes")
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"{frr.known_hosts_line}\n")
    KnownHosts(known_hosts).add([server.key])

    def target(name: str, platform: str, shell: Path | str, *commands: str) -> Target:
        login = SSHCredentials(lab.add_user(f"rec-{name}", shell), password=lab.password)
        return Target(name, HOST, login, commands, port=server.port, device_type=platform)

    targets = [
        target("bird", "bird", lab.bird(), "show status", "show protocols", "show route"),
        target("dash", "linux", "/bin/dash", "uname -s", "printf '$ \\n$ uname -s\\n'", "seq 1 30"),
        target("bash", "linux", "/bin/bash", "ls -l /usr/bin", f"echo {lab.password}", "seq 1 2000", "id -u"),
        Target(
            "vtysh",
            frr.host,
            SSHCredentials(frr.username, password=frr.password),
            ("show version", "show running-config", "show interface brief"),
            port=frr.port,
            device_type="frr",
        ),
    ]
    folder = tmp_path / "recordings"
    folder.mkdir()
    plain, results = (collect(targets, known_hosts, record=record) for record in (False, True))
    for name in ("vtysh", "dash", "bash"):
        assert [output.text for output in plain[name].outputs] == [o.text for o in results[name].outputs]
    for name, result in results.items():
        (folder / f"{name}.yaml").write_text(result.recording)
        assert not any(secret in result.recording for secret in (lab.password, frr.password))
    assert f"\n{lab.password}\n" in results["bash"].output
    done = subprocess.run([*DEMO, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as recorded") == 4


def test_what_a_terminal_shows_at_once_is_attributed_to_nobody_else(tmp_path: Path, lab: Lab) -> None:
    """dash leaves the echo to its terminal: what is typed ahead is shown before it is read."""
    server = lab.sshd("at-once", "PasswordAuthentication yes\nMaxStartups 100")
    known_hosts = tmp_path / "known_hosts"
    KnownHosts(known_hosts).add([server.key])
    login = SSHCredentials(lab.add_user("at-once", "/bin/dash"), password=lab.password)
    targets = [
        Target(f"dash-{number}", HOST, login, ("uname -s", "seq 1 3"), port=server.port, device_type="linux")
        for number in range(32)
    ]
    for result in collect(targets, known_hosts, record=False).values():
        assert [output.text for output in result.outputs] == [
            "$ uname -s\nLinux\n$ ",
            "$ seq 1 3\n1\n2\n3\n$ ",
        ]
