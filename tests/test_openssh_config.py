"""An OpenSSH client configuration says where a host is and through which others; ssh -G agrees."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vctui.errors import UsageError
from vctui.ssh.openssh_config import OpenSSHConfig

SSH = shutil.which("ssh")
TEXT = """\
# how to get around
User everywhere

Host ams-* !ams-9 !ams-jump
    ProxyJump ams-jump
    Port 2222

host ams-jump
    HostName = "jump.ams.example.net"
    User jumper
    IdentityFile ~/.ssh/id_ams
    IdentityFile %d/.ssh/%h-%r
    ProxyJump root@bastion.example.net:2022

Host bastion.example.net
    HostName 192.0.2.1

Host *.lab
    HostName %h.example.net
    ProxyJump a,b@[2001:db8::1]:2200,c

Host uri.lab
    ProxyJump ssh://u@h.example.net:2200

Host direct.lab
Host far
    ProxyJump none

Match originalhost two,three
    Port 23
Match host 192.0.2.*
    User by-address
Match all
    Port 22
    IdentityFile none
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the user's `.ssh`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh"


def config(home: Path, text: str, name: str = "config") -> OpenSSHConfig:
    path = home / name
    path.write_text(text)
    path.chmod(0o600)
    return OpenSSHConfig(path)


def test_what_is_said_of_a_host(home: Path) -> None:
    found = config(home, TEXT)
    jump = found.lookup("ams-jump")
    assert (jump.host, jump.port, jump.user) == ("jump.ams.example.net", 22, "everywhere")
    assert jump.identity_files == (home / "id_ams", home / "jump.ams.example.net-everywhere")
    assert found.lookup("x.lab").host == "x.lab.example.net"
    assert [found.lookup(name).port for name in ("ams-1", "ams-9", "TWO", "AMS-2")] == [2222, 22, 23, 22]
    assert found.warnings == []


def test_ways_through_jump_hosts(home: Path) -> None:
    found = config(home, TEXT)
    assert [hop.host for hop in found.path("ams-1")] == ["192.0.2.1", "jump.ams.example.net"]
    bastion = found.path("ams-1")[0]
    assert (bastion.name, bastion.user, bastion.port) == ("bastion.example.net", "root", 2022)
    assert found.path("ams-9") == found.path("far") == found.path("nowhere") == ()
    assert [(hop.host, hop.port, hop.user) for hop in found.path("x.lab")] == [
        ("a", 22, "everywhere"),
        ("2001:db8::1", 2200, "b"),
        ("c", 22, "everywhere"),
    ]


@pytest.mark.skipif(SSH is None, reason="OpenSSH's client is not installed")
@pytest.mark.parametrize(
    "name",
    [
        "ams-1",
        "ams-9",
        "AMS-2",
        "ams-jump",
        "bastion.example.net",
        "x.lab",
        "direct.lab",
        "far",
        "two",
        "other",
    ],
)
def test_ssh_agrees(home: Path, name: str) -> None:
    found = config(home, TEXT).lookup(name)
    run = subprocess.run(
        ["ssh", "-G", "-F", str(home / "config"), name], check=True, capture_output=True, text=True
    )
    theirs = dict(line.split(" ", 1) for line in run.stdout.splitlines() if " " in line)
    assert (found.host.lower(), str(found.port), found.user) == (
        theirs["hostname"].lower(),
        theirs["port"],
        theirs["user"],
    )


def test_includes(home: Path) -> None:
    (home / "conf.d").mkdir()
    for name, text in (("b", "Host r2\nPort 2\n"), ("a", "Host r1\nPort 1\n\nHost *\nUser a\n")):
        (home / "conf.d" / name).write_text(text)
        (home / "conf.d" / name).chmod(0o600)
    found = config(home, "Include conf.d/*\nInclude nowhere\nHost r3\n  Include conf.d/b\n  Port 3\n")
    assert [found.lookup(f"r{n}").port for n in (1, 2, 3)] == [1, 2, 3]
    assert found.lookup("r9").user == "a"
    with pytest.raises(UsageError, match="deep"):
        config(home, "Include ~/.ssh/config\n")


def test_commands_are_never_run(home: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    text = f"""\
Match exec "touch {touched}"
    ProxyJump evil
Match host r1 exec 'touch {touched}'
    ProxyJump evil
Match user root
    ProxyJump evil
Host r1
    ProxyCommand touch {touched}
"""
    found = config(home, text)
    assert found.path("r1") == ()
    assert found.lookup("r1").has_command
    assert not touched.exists()
    assert len(found.warnings) == 3
    assert "exec is never run" in found.warnings[0]
    assert found.warnings[0].startswith(f"{home / 'config'}:1: ")


@pytest.mark.parametrize(
    "line",
    [
        "ProxyJump -oProxyCommand=x",
        "ProxyJump $(touch x)",
        "ProxyJump a;b",
        "ProxyJump a,,b",
        "ProxyJump u|x@a",
        "ProxyJump -l@a",
        "ProxyJump a:99999",
        "HostName -x",
        "HostName 'a b'",
        "HostName %x",
        "HostName `x`",
        "Port 0",
        "Port x",
        "User -x",
        "User 'a;b'",
        "User 'open",
        "ProxyJump r1",
    ],
)
def test_what_cannot_be_is_named_by_its_line(home: Path, line: str) -> None:
    def look() -> None:
        found = config(home, f"# first\nHost r1\n  {line}\n")
        found.lookup("r1")
        found.path("r1")

    with pytest.raises(UsageError) as caught:
        look()
    assert f"{home / 'config'}:3: " in str(caught.value)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(home: Path, mode: int) -> None:
    config(home, TEXT)
    (home / "config").chmod(mode)
    with pytest.raises(UsageError, match="others may write"):
        OpenSSHConfig(home / "config")


def test_files_that_cannot_be_read(home: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        OpenSSHConfig(home / "nowhere")
    with pytest.raises(UsageError, match="larger"):
        config(home, "#" * 2_000_000)
    assert config(home, "\x00\xff nonsense\nPort\n=\nHost\n").lookup("r1").port is None
    assert os.access(home, os.R_OK)
