"""How long a large known_hosts file takes to load, and a host to be looked up in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ssh_work import Client, Done, Work
from vctui.ssh import KnownHosts

_PARAMIKO_LINES = 2000
"""Its time grows with the square: 100,000 lines would take hours."""


def write_known_hosts(path: Path, lines: int, *, hashed: bool) -> None:
    """As many lines as asked, each with a key of its own; hashed ones have a salt of their own, too."""
    with path.open("w") as file:
        for number in range(lines):
            key = hashlib.sha256(b"%d" % number).digest()
            blob = (11).to_bytes(4) + b"ssh-ed25519" + (32).to_bytes(4) + key
            name = _hashed(_address(number), key[:20]) if hashed else f"sw-{number},{_address(number)}"
            file.write(f"{name} ssh-ed25519 {base64.b64encode(blob).decode()}\n")


def _hashed(name: str, salt: bytes) -> str:
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def own(work: Work, done: Done) -> None:
    """This project's reader."""
    path = Path(work.folder) / "many_hosts"
    write_known_hosts(path, work.devices, hashed=work.command == "hashed")
    started = time.perf_counter()
    known = KnownHosts(path)
    known.lookup(_address(0))
    done.extra["load s"] = time.perf_counter() - started
    _look_up(work.devices, 100, lambda host: bool(known.lookup(host)), done)


def paramiko_keys(work: Work, done: Done) -> None:
    """paramiko's own HostKeys."""
    from paramiko.hostkeys import HostKeys

    lines = min(work.devices, _PARAMIKO_LINES)
    path = Path(work.folder) / "fewer_hosts"
    write_known_hosts(path, lines, hashed=work.command == "hashed")
    started = time.perf_counter()
    known = HostKeys(str(path))
    done.extra["load s"] = time.perf_counter() - started
    _look_up(lines, 20, lambda host: known.lookup(host) is not None, done)


def _look_up(lines: int, times: int, found: Callable[[str], bool], done: Done) -> None:
    started = time.perf_counter()
    for number in range(1, times + 1):
        if not found(_address(number * 97 % lines)):
            done.fail("a host that is there was not found")
    done.extra["look-up ms"] = (time.perf_counter() - started) * 1000 / times
    done.extra["lines"] = lines


KEYS: dict[str, Client] = {"vctui": own, "paramiko HostKeys": paramiko_keys}
