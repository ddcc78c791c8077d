"""OpenSSH jump hosts with their default limits before the simulated fleet, and how peers go through them."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.ssh_work import Work

FILE = "jump.json"


@dataclass(frozen=True, slots=True)
class Jump:
    """How to log in to the jump hosts, one behind the other; it stands in a file beside known_hosts."""

    ports: tuple[int, ...]
    user: str
    key: str
    """The private key, in OpenSSH's format."""
    host: str = "127.0.0.1"

    @classmethod
    def of(cls, work: Work) -> Jump | None:
        """The jump hosts of a work, if there are any."""
        file = Path(work.folder) / FILE
        return cls(**json.loads(file.read_text())) if file.is_file() else None


class JumpHosts:
    """Running sshds whose only user is who runs the benchmark; nothing of their limits is changed."""

    def __init__(self, folder: Path, count: int, cores: Iterable[int]) -> None:
        self._folder = folder
        self._count = count
        self._cores = set(cores)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if sshd is None:
            raise RuntimeError("the jump host needs: apt-get install openssh-server")
        host_key, user_key = (_keygen(self._folder / name) for name in ("jump_host", "jump_user"))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        ports = tuple(self._start(sshd, host_key, user_key) for _ in range(self._count))
        jump = Jump(ports, getpass.getuser(), user_key.read_text())
        (self._folder / FILE).write_text(json.dumps(asdict(jump)))
        kind, blob, *_ = host_key.with_suffix(".pub").read_text().split()
        self.known_hosts = "".join(f"[127.0.0.1]:{port} {kind} {blob}\n" for port in ports)
        return self

    def _start(self, sshd: str, host_key: Path, user_key: Path) -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
        config = self._folder / f"jump_sshd_{port}"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"HostKey {host_key}\nAuthorizedKeysFile {user_key}.pub\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        )
        process = subprocess.Popen(
            [sshd, "-D", "-f", str(config)],
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
        )
        self._processes.append(process)
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                return port
            if process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the jump host does not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(10.0)


def _keygen(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def paramiko_through(work: Work, host: str) -> Sequence[bytes]:
    """paramiko with a login to the jump host for each device, as most people write it."""
    import io

    import paramiko

    from benchmarks.ssh_peers import run_commands

    jump = Jump.of(work)
    assert jump is not None
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - as most people write it
    try:
        client.connect(
            jump.host,
            jump.ports[0],
            jump.user,
            pkey=paramiko.Ed25519Key.from_private_key(io.StringIO(jump.key)),
            timeout=work.patience,
            banner_timeout=work.patience,
            auth_timeout=work.patience,
            look_for_keys=False,
            allow_agent=False,
        )
        tunnel = client.get_transport()
        assert tunnel is not None
        way = tunnel.open_channel("direct-tcpip", (host, work.port), ("127.0.0.1", 0))
        device = paramiko.SSHClient()
        device.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507
        device.connect(
            host, work.port, work.user, work.password, sock=way, look_for_keys=False, allow_agent=False
        )
        channel = device.invoke_shell(width=511)
        channel.settimeout(work.patience)
        outputs = run_commands(work, channel.sendall, lambda: channel.recv(65536))
        device.close()
        return outputs
    finally:
        client.close()
