"""The simulated fleet: every device listens on its own loopback address and speaks real SSH.

It runs as a process of its own (`python -m vctui.demo.fleet`), so that its work never holds the
interpreter of the program under demonstration. It reads a description as one JSON line, answers with one
JSON line when every device listens, and ends when its standard input closes: it cannot outlive its parent.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_UNKNOWN_CHANNEL_TYPE, OPEN_SUCCEEDED
from paramiko.packet import Packetizer

from vctui.demo.console import Console, Said
from vctui.demo.devices import SimDevice
from vctui.demo.faults import Fault
from vctui.demo.recording import End, Recording, load_recording
from vctui.demo.vocabulary import fill
from vctui.errors import DataError

KEY_TYPE = "ssh-ed25519"
MAX_SESSIONS = 600
"""Shells that run at once; further logins wait for a prompt until one ends."""
WANTED_FILES = 65_536
BACKLOG = 128
IDLE_POLL = 5.0
"""Seconds between paramiko's looks at an idle connection; its own 0.1 costs 6 % of a core at 200 sessions."""
PARENT_POLL = 1.0
NOT_SSH_ANSWER = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_KEX = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")


def host_key_seed(fleet_seed: str, device: str) -> bytes:
    """32 bytes from which a device's host key is made: the same for the same fleet and name."""
    return hashlib.sha256(f"{fleet_seed}\0{device}".encode()).digest()


def public_key(seed: bytes) -> bytes:
    """The public half of the host key of `seed`, as SSH sends it."""
    raw = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return b"".join(len(part).to_bytes(4, "big") + part for part in (KEY_TYPE.encode(), raw))


def _private_key(seed: bytes) -> paramiko.Ed25519Key:
    pem = Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    return paramiko.Ed25519Key(file_obj=StringIO(pem.decode()))


class _NoTimer(Packetizer):
    """Paramiko guards each handshake with a thread of its own; the fleet's clients are its own as well."""

    def start_handshake(self, timeout: float) -> None:
        """Start nothing."""


class _Login(paramiko.ServerInterface):
    """Who may log in to one device, and what starts then."""

    def __init__(
        self, device: SimDevice, recording: Recording, fleet: FleetServer, sock: socket.socket
    ) -> None:
        self._device = device
        self._recording = recording
        self._fleet = fleet
        self._sock = sock

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        good = username == self._device.username and hmac.compare_digest(
            password.encode(), self._device.password.encode()
        )
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def get_banner(self) -> tuple[str | None, str | None]:
        banner = fill(self._recording.banner, {"hostname": self._device.name})
        return (banner.replace("\n", "\r\n"), "en") if banner else (None, None)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_pty_request(self, *args: object) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        self._fleet.pool.submit(self._play, channel)
        return True

    def _play(self, channel: paramiko.Channel) -> None:
        if play(Console(self._device, self._recording), channel) is End.DROP:
            # Waking paramiko's reader this way ends the connection now, not at its next poll.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        else:
            channel.close()


def play(console: Console, channel: paramiko.Channel) -> End:
    """Play one session in real time; returns how it ended."""
    said = console.start()
    try:
        while True:
            for piece in said:
                if isinstance(piece, End):
                    return piece
                _do(piece, channel)
            data = channel.recv(4096)
            if not data:
                return End.CLOSE
            said = console.feed(data)
    except OSError:
        return End.CLOSE


def _do(piece: Said, channel: paramiko.Channel) -> None:
    if isinstance(piece, bytes):
        channel.sendall(piece)
    elif isinstance(piece, int | float):
        time.sleep(piece)


class FleetServer:
    """Listening sockets of all devices in one selector, a paramiko transport for each connection."""

    def __init__(self, devices: Sequence[SimDevice], seed: str) -> None:
        self.pool = ThreadPoolExecutor(MAX_SESSIONS, thread_name_prefix="shell")
        self._recordings = {file: load_recording(Path(file)) for file in {one.recording for one in devices}}
        self._seed = seed
        self._keys: dict[str, paramiko.Ed25519Key] = {}
        self._selector = selectors.DefaultSelector()
        self._bound: list[tuple[SimDevice, socket.socket]] = []
        for device in devices:
            sock = _open(device)
            self._bound.append((device, sock))
            if device.fault is not Fault.CLOSED_PORT:
                self._selector.register(sock, selectors.EVENT_READ, device)

    def addresses(self) -> list[dict[str, Any]]:
        """Where each device listens and the host key it shows."""
        found: list[dict[str, Any]] = []
        for device, sock in self._bound:
            host, port = sock.getsockname()
            key = public_key(host_key_seed(self._seed, device.name)).hex()
            found.append({"name": device.name, "host": host, "port": port, "key": key})
        return found

    def serve(self, lifeline: int) -> None:
        """Accept until the file descriptor `lifeline` reaches its end or the parent is gone."""
        self._selector.register(lifeline, selectors.EVENT_READ, None)
        parent = os.getppid()
        while os.getppid() == parent:
            for key, _ in self._selector.select(PARENT_POLL):
                if key.data is None:
                    if not os.read(lifeline, 4096):
                        return
                elif isinstance(key.fileobj, socket.socket):
                    self._accept(key.fileobj, key.data)

    def _accept(self, listener: socket.socket, device: SimDevice) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return  # gone again, or no file descriptor left: the client sees it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if device.fault is Fault.NOT_SSH:
            self.pool.submit(_answer_as_web_server, sock)
            return
        recording = self._recordings[device.recording]
        transport = paramiko.Transport(sock, packetizer_class=_NoTimer)
        transport.local_version = recording.ssh_version
        sock.settimeout(IDLE_POLL)
        # Finite-field groups would hold this interpreter for 30 to 110 ms a login.
        transport.get_security_options().kex = _KEX
        transport.add_server_key(self._host_key(device))
        with contextlib.suppress(RuntimeError):  # no thread left: the client sees the connection end
            transport.start_server(threading.Event(), _Login(device, recording, self, sock))

    def _host_key(self, device: SimDevice) -> paramiko.Ed25519Key:
        key = self._keys.get(device.name)
        if key is None:
            key = self._keys[device.name] = _private_key(host_key_seed(self._seed, device.name))
        return key


def _open(device: SimDevice) -> socket.socket:
    """A socket on the device's own loopback address, at the port it asks for or at another.

    Where 127.0.0.1 is the only loopback address, as on macOS, each device has a port of its own there.
    """
    for port in (device.port, 0):
        with contextlib.suppress(OSError):
            return _open_at((device.host, port), listening=device.fault is not Fault.CLOSED_PORT)
    return _open_at(("127.0.0.1", 0), listening=device.fault is not Fault.CLOSED_PORT)


def _open_at(address: tuple[str, int], *, listening: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if listening:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(BACKLOG)
            sock.setblocking(False)
        else:
            # Bound only, it refuses connections and keeps others off the port.
            sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _answer_as_web_server(sock: socket.socket) -> None:
    with sock, contextlib.suppress(OSError):
        sock.settimeout(IDLE_POLL)
        sock.recv(4096)
        sock.sendall(NOT_SSH_ANSWER)
        sock.shutdown(socket.SHUT_WR)
        # Until the client hangs up: closing over unread data would reset the connection.
        while sock.recv(4096):
            pass


def raise_file_limit() -> None:
    """Lift the soft limit on open files as far as the hard one: each device and each session is a file."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """Serve the fleet described on standard input until it closes."""
    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
    raise_file_limit()
    description = json.loads(sys.stdin.buffer.readline())
    try:
        server = FleetServer(
            [SimDevice.from_dict(values) for values in description["devices"]], description["seed"]
        )
    except DataError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    except OSError as error:
        print(json.dumps({"error": f"a device cannot listen: {error.strerror or error}"}), flush=True)
        return 1
    print(json.dumps({"devices": server.addresses()}), flush=True)
    server.serve(sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    code = main()
    # Sessions may still wait for their clients; they end with the process.
    sys.stdout.flush()
    os._exit(code)
