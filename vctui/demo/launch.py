"""Starting and ending the fleet's processes from the program that is demonstrated."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import vctui
from vctui.demo.devices import SimDevice
from vctui.errors import VctuiError

KEY_TYPE = "ssh-ed25519"
END_SECONDS = 5.0
_KEPT_FROM_CHILD = ("VCOLLECTOR_VAULT_PASS", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT")


@dataclass(frozen=True, slots=True)
class FleetHost:
    """Where a simulated device listens, and its host key."""

    name: str
    host: str
    port: int
    key: bytes
    """The public key as SSH sends it; its type is ssh-ed25519."""


class Fleet:
    """The simulated devices, in a child process that ends with this object (or with this process).

    One process: with the client on the second of two cores, another one was not measurably faster.
    """

    def __init__(self, devices: Sequence[SimDevice], *, seed: str | None = None) -> None:
        self._devices = list(devices)
        self._seed = seed or secrets.token_hex(16)
        self._child: subprocess.Popen[bytes] | None = None
        self.hosts: dict[str, FleetHost] = {}
        """By device name, in the order given; empty until started."""

    @property
    def pid(self) -> int | None:
        """The process that plays the devices, while it runs."""
        return self._child.pid if self._child else None

    def start(self) -> Fleet:
        """Start every device and wait until all listen. Raises VctuiError when they cannot."""
        self._child = self._spawn()
        try:
            description = {
                "seed": self._seed,
                "devices": [asdict(device) for device in self._devices],
            }
            with contextlib.suppress(BrokenPipeError):  # it ended already; its answer tells
                _pipe(self._child.stdin).write(json.dumps(description).encode() + b"\n")
                _pipe(self._child.stdin).flush()
            for found in _ready(self._child):
                host = FleetHost(found["name"], found["host"], found["port"], bytes.fromhex(found["key"]))
                self.hosts[host.name] = host
        except BaseException:
            self.close()
            raise
        return self

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if name not in _KEPT_FROM_CHILD}
        environment["PYTHONPATH"] = str(Path(vctui.__file__).resolve().parent.parent)
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "vctui.demo.fleet"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                # Ctrl-C on the terminal is for the program; the fleet ends when its input closes.
                start_new_session=True,
            )
        except OSError as error:
            raise VctuiError(f"the simulated devices cannot start: {error.strerror}") from error

    def close(self) -> None:
        """End the process; a second call does nothing."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(OSError):
            _pipe(child.stdin).close()
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        _pipe(child.stdout).close()

    def __enter__(self) -> Fleet:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # not with PIPE
        raise VctuiError("the simulated devices have no pipe")
    return stream


def _ready(child: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    try:
        answer = json.loads(_pipe(child.stdout).readline())
    except ValueError:
        raise VctuiError(
            "the simulated devices did not start", "Run: python -m vctui.demo.fleet </dev/null"
        ) from None
    if "error" in answer:
        raise VctuiError(f"the simulated devices did not start: {answer['error']}", "Ask for fewer devices")
    devices: list[dict[str, Any]] = answer["devices"]
    return devices
