"""Builds and runs the simulated fleet of benchmarks/devsim: every address of 127.0.0.0/8 is a device.

It needs Debian's packages golang and golang-golang-x-crypto-dev.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_SOURCE = Path(__file__).with_name("devsim")
_PACKAGES = Path("/usr/share/gocode")
"""Where Debian puts the sources of packaged Go libraries."""
_FIRST = int(ipaddress.IPv4Address("127.1.0.1"))


class NoSimulator(RuntimeError):
    """The simulator cannot be built here."""


def build() -> Path:
    """The simulator's program, built when its source has changed."""
    sources = sorted(_SOURCE.glob("*.go"))
    mark = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    program = Path(tempfile.gettempdir()) / f"vctui-devsim-{os.getuid()}" / mark
    if program.is_file():
        return program
    if shutil.which("go") is None or not (_PACKAGES / "src/golang.org/x/crypto").is_dir():
        raise NoSimulator("the simulator needs: apt-get install golang golang-golang-x-crypto-dev")
    program.parent.mkdir(mode=0o700, exist_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(_PACKAGES), "GOFLAGS": ""}
    environment.setdefault("GOCACHE", str(program.parent / "cache"))
    fresh = program.with_suffix(".new")
    subprocess.run(["go", "build", "-o", str(fresh), "."], cwd=_SOURCE, env=environment, check=True)
    fresh.replace(program)
    return program


@dataclass(frozen=True, slots=True)
class Settings:
    """How the devices of a fleet behave. Durations are in seconds; see devsim's own flags."""

    think: float = 0.0
    rtt: float = 0.0
    login: float = 0.0
    chunk: int = 0
    lines: int = 60
    run_kib: int = 2048
    kex: str = ""
    ciphers: str = ""
    macs: str = ""
    host_key: str = "ed25519"
    interactive: bool = False
    pager: bool = False

    def flags(self) -> list[str]:
        """The same for devsim's command line."""
        values: dict[str, object] = {
            "think": f"{self.think}s",
            "rtt": f"{self.rtt}s",
            "login": f"{self.login}s",
            "chunk": self.chunk,
            "lines": self.lines,
            "runkb": self.run_kib,
            "kex": self.kex,
            "ciphers": self.ciphers,
            "macs": self.macs,
            "hostkey": self.host_key,
            "kbi": str(self.interactive).lower(),
            "pager": str(self.pager).lower(),
        }
        return [f"-{name}={value}" for name, value in values.items()]


class Fleet:
    """A running simulator; it ends with the `with` block, and with this process in any case."""

    user = "admin"
    password = "pw"

    def __init__(self, settings: Settings, cores: Iterable[int] = ()) -> None:
        self._settings = settings
        self._cores = set(cores)

    def __enter__(self) -> Self:
        command = [str(build()), f"-user={self.user}", f"-password={self.password}"]
        self._process = subprocess.Popen(
            command + self._settings.flags(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=self._pin,
        )
        greeting = self._read()
        self.port: int = greeting["port"]
        self.keys: list[str] = greeting["keys"]
        return self

    def _pin(self) -> None:
        if self._cores:
            os.sched_setaffinity(0, self._cores)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NoSimulator("the simulator ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def stats(self) -> dict[str, int]:
        """What the fleet has seen: connections, at_once, most, logins, refused, commands."""
        assert self._process.stdin is not None
        self._process.stdin.write("stats\n")
        self._process.stdin.flush()
        return self._read()

    def known_hosts(self, path: Path, hosts: Iterable[str]) -> Path:
        """Write a known_hosts file in which these devices are known."""
        lines = [f"[{host}]:{self.port} {key}\n" for host in hosts for key in self.keys]
        path.write_text("".join(lines))
        return path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def hosts(count: int) -> list[str]:
    """The addresses of so many devices."""
    return [str(ipaddress.IPv4Address(_FIRST + number)) for number in range(count)]
