"""The connection without threads: broken in every place, with new keys in between, and over other streams."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.common import cMSG_CHANNEL_DATA, cMSG_CHANNEL_WINDOW_ADJUST, cMSG_DEBUG, cMSG_IGNORE
from paramiko.message import Message

from tests.fixtures.meddler import Ending, Meddler
from tests.fixtures.ssh_device import CREDENTIALS, WAIT, Device, Plain, Rules, Terminal, cli, host_key, silent
from vctui.errors import DeviceError, UsageError
from vctui.questions import HEADLESS
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, ScannedKey, SSHExecutorPool, Target
from vctui.ssh.asking import Asking
from vctui.ssh.auth import Login
from vctui.ssh.connect import hang_up, shake_hands
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.packetizer import Packets
from vctui.ssh.pump import PumpedTransport, transport_class
from vctui.ssh.transport import Transport
from vctui.ssh.wire import wire

LINES = [f"Internet  10.0.{n // 250}.{n % 250}  {n % 60}  Vlan{n}" for n in range(4000)]
ARP = "\r\n".join(LINES[:40]) + "\r\n"
LONG = "\r\n".join(LINES) + "\r\n"
GCM = {"ciphers": ["aes128-ctr", "aes192-ctr", "aes256-ctr"]}
CTR_ETM = {"ciphers": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"], "macs": ["hmac-sha2-256"]}
CTR = {
    "ciphers": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
    "macs": ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256"],
}
FAMILIES = {"gcm": GCM, "ctr-etm": CTR_ETM, "ctr": CTR}
each_family = pytest.mark.parametrize("disabled", FAMILIES.values(), ids=list(FAMILIES))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither threads nor sockets outlive a session; and these tests are about the fast transport."""
    monkeypatch.setenv("VCTUI_SSH_TRANSPORT", "fast")
    before, files = set(threading.enumerate()), open_files()
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not left, left
    if open_files() > files:
        gc.collect()
    assert open_files() <= files


Collect = Callable[..., ExecutionResult]


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """Run `show arp` against a trusted device, at another port when something stands in between."""

    def run(device: Device, port: int | None = None, *, stall: float = 5.0, **target: Any) -> ExecutionResult:
        known_hosts = KnownHosts(tmp_path / "known_hosts")
        key = device.rules.key
        place = port or device.port
        known_hosts.add([ScannedKey("127.0.0.1", place, key.get_name(), key.asbytes())])
        results: list[ExecutionResult] = []
        options = ExecutorOptions(known_hosts=known_hosts.path, banner_timeout=stall, auth_timeout=stall)
        values: dict[str, Any] = {"device_type": "cisco_ios", "timeout": stall, "commands": ("show arp",)}
        values |= target
        SSHExecutorPool(options=options).run(
            [Target("r1", "127.0.0.1", CREDENTIALS, port=place, **values)],
            on_result=lambda _, result: results.append(result),
        )
        (result,) = results
        return result

    return run


def arp_device(disabled: dict[str, list[str]] | None = None, output: str = ARP, **rules: Any) -> Device:
    return Device(cli("r1#", {"show arp": output}), Rules(disabled=disabled, **rules))


def is_whole(result: ExecutionResult, output: str = ARP) -> bool:
    lines = output.replace("\r\n", "\n")
    return result.success and result.outputs[0].text == f"r1#show arp\n{lines}r1#"


# Ciphers and pieces


@each_family
@pytest.mark.parametrize("piece", [1, 5, 65536])
def test_each_family_in_any_pieces(collect: Collect, disabled: dict[str, list[str]], piece: int) -> None:
    with arp_device(disabled) as device, Meddler(device.port, piece=piece) as meddler:
        assert is_whole(collect(device, meddler.port))
    assert meddler.carried > 2000


KINDS_OF_A_CUT = {"disconnected", "auth_failed", "not_ssh", "channel_refused"}
KINDS_OF_A_FLIP = KINDS_OF_A_CUT | {
    "kex_mismatch", "connection_timeout", "host_key_changed", "prompt_not_found", "command_timeout",
    "auth_timeout",
}  # fmt: skip


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every session is as long as the one before: its questions have the same number of blanks."""
    monkeypatch.setattr("vctui.ssh.arrival.BLANKS", (7,))


def length_of_a_session(collect: Collect, device: Device) -> int:
    with Meddler(device.port) as meddler:
        assert is_whole(collect(device, meddler.port))
    return meddler.carried


@pytest.mark.parametrize(
    ("disabled", "ending"),
    [(GCM, "eof"), (CTR_ETM, "eof"), (CTR, "eof"), (GCM, "reset")],
    ids=["gcm", "ctr-etm", "ctr", "reset"],
)
def test_cut_off_at_every_stage(
    collect: Collect, disabled: dict[str, list[str]], ending: Ending, alike: None
) -> None:
    """A connection that ends early is a typed failure, wherever it is: never a success with less in it."""
    kinds: dict[str | None, int] = {}
    with arp_device(disabled) as device:
        length = length_of_a_session(collect, device)
        for cut in range(0, length, 31):
            with Meddler(device.port, cut_after=cut or 1, ending=ending) as meddler:
                result = collect(device, meddler.port)
            assert result.error_kind in KINDS_OF_A_CUT or is_whole(result), (cut, result)
            kinds[result.error_kind] = kinds.get(result.error_kind, 0) + 1
    assert kinds["disconnected"] > 5
    assert kinds["auth_failed"] > 0, "a login that ends the connection is a refusal"
    assert kinds.get(None, 0) < 12


@each_family
def test_a_changed_byte_at_every_stage(collect: Collect, disabled: dict[str, list[str]], alike: None) -> None:
    with arp_device(disabled) as device:
        length = length_of_a_session(collect, device)
        for at in range(3, length, 97):
            with Meddler(device.port, flip_at=at) as meddler:
                result = collect(device, meddler.port, stall=0.2)
            assert result.error_kind in KINDS_OF_A_FLIP or is_whole(result), (at, result)


def test_a_bad_mac_is_named(collect: Collect) -> None:
    with arp_device(output=LONG) as device, Meddler(device.port, flip_at=100_000) as meddler:
        result = collect(device, meddler.port)
    assert (result.error_kind, result.error) == ("disconnected", "the connection broke: Mismatched MAC")
    assert LONG.replace("\r\n", "\n").startswith(result.partial.removeprefix("r1#show arp\n"))
    assert len(result.partial) > 30_000


# New keys


class Rekeying(Device):
    """Changes keys after so many bytes, and counts the changes."""

    limit = 20_000
    exchanges = 0

    def serve(self, sock: socket.socket) -> None:
        device = self

        class Packetizer(paramiko.packet.Packetizer):
            REKEY_BYTES = device.limit

            def set_inbound_cipher(self, *args: Any, **kwargs: Any) -> None:
                device.exchanges += 1
                super().set_inbound_cipher(*args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("paramiko.transport.Packetizer", Packetizer)
            super().serve(sock)


@each_family
@pytest.mark.parametrize("who", ["server", "client", "both"])
def test_keys_are_changed_in_the_middle_of_an_output(
    collect: Collect, monkeypatch: pytest.MonkeyPatch, disabled: dict[str, list[str]], who: str
) -> None:
    device = Rekeying(cli("r1#", {"show arp": LONG}), Rules(disabled=disabled))
    with device:
        device.limit = 2**29 if who == "client" else 20_000
        if who != "server":
            monkeypatch.setattr(Packets, "REKEY_BYTES", 30_000)
        assert is_whole(collect(device), LONG)
    assert device.exchanges >= 2


def test_a_command_during_a_key_exchange_follows_it(
    collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly each packet asks for new keys, so that ours are sent while they are exchanged."""
    monkeypatch.setattr(Packets, "REKEY_PACKETS", 6)
    device = Rekeying(cli("r1#", {"show arp": ARP}))
    with device:
        device.limit = 2**29
        assert is_whole(collect(device))
    assert device.exchanges >= 3


# What a server may say in between, and must not


def misbehaving(misbehave: Callable[[paramiko.Transport, Terminal], None]) -> Device:
    """A device that does something of its own at the transport before it answers."""

    def reply(terminal: Terminal) -> None:
        misbehave(terminal.channel.get_transport(), terminal)
        terminal.write(ARP)

    return Device(cli("r1#", {"show arp": reply}))


def message(kind: bytes, *numbers: int, data: bytes | None = None) -> Message:
    made = Message()
    made.add_byte(kind)
    for number in numbers:
        made.add_int(number)
    if data is not None:
        made.add_string(data)
    return made


def harmless(transport: paramiko.Transport, terminal: Terminal) -> None:
    transport.send_ignore(20)
    debug = message(cMSG_DEBUG)
    debug.add_boolean(True)
    debug.add_string("hello")
    debug.add_string("en")
    transport._send_message(debug)  # type: ignore[attr-defined]
    transport._send_message(message(b"\xc8"))  # type: ignore[attr-defined] # not a message of SSH
    transport.global_request("keepalive@openssh.com", wait=True)


def test_what_a_server_may_say_in_between(collect: Collect) -> None:
    with misbehaving(harmless) as device:
        assert is_whole(collect(device))


BROKEN: dict[str, Callable[[paramiko.Transport, Terminal], Message]] = {
    "data for no channel": lambda transport, terminal: message(cMSG_CHANNEL_DATA, 77, data=b"x"),
    "data cut short": lambda transport, terminal: message(cMSG_CHANNEL_DATA, 0, 1000),
    "more data than it says": lambda transport, terminal: message(cMSG_CHANNEL_DATA, 0, 2, 3),
    "no data at all": lambda transport, terminal: message(cMSG_CHANNEL_DATA),
    "a window for no channel": lambda transport, terminal: message(cMSG_CHANNEL_WINDOW_ADJUST, 77, 1),
    "a list that is no text": lambda transport, terminal: message(b"\x14", 0, 0, 0, 0, data=b"\xff\xfe"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_message_that_makes_no_sense_ends_the_connection(collect: Collect, name: str) -> None:
    def misbehave(transport: paramiko.Transport, terminal: Terminal) -> None:
        transport._send_message(BROKEN[name](transport, terminal))  # type: ignore[attr-defined]

    with misbehaving(misbehave) as device:
        result = collect(device)
    assert result.error_kind == "disconnected"
    assert str(result.error).startswith("the connection broke: ")


def test_the_reason_of_a_server_that_hangs_up(collect: Collect) -> None:
    def misbehave(transport: paramiko.Transport, terminal: Terminal) -> None:
        bye = message(b"\x01", 11)
        bye.add_string("going down \x1b[31mnow")
        bye.add_string("en")
        transport._send_message(bye)  # type: ignore[attr-defined]
        terminal.hang_up()

    with misbehaving(misbehave) as device:
        result = collect(device)
    assert result.error_kind == "disconnected"
    assert result.error == "the device closed the connection: going down \ufffd[31mnow"


@pytest.mark.parametrize("noise", [cMSG_IGNORE, cMSG_DEBUG], ids=["ignore", "debug"])
def test_nothing_may_come_before_the_first_keys(
    collect: Collect, monkeypatch: pytest.MonkeyPatch, noise: bytes
) -> None:
    """Strict key exchange, which keeps an attacker from taking packets away (CVE-2023-48795)."""
    original = paramiko.Transport._send_kex_init  # type: ignore[attr-defined]

    def send(transport: paramiko.Transport) -> None:
        original(transport)
        if transport.server_mode:
            transport._send_message(message(noise, data=b""))  # type: ignore[attr-defined]

    monkeypatch.setattr(paramiko.Transport, "_send_kex_init", send)
    with arp_device() as device:
        result = collect(device)
    assert result.error_kind == "kex_mismatch"
    assert device.counts.total == 0


# Who is spoken to, and when


class Heard(Device):
    """Notes the numbers of the messages that a client sends."""

    def __init__(self) -> None:
        super().__init__(cli("r1#", {"show arp": ARP}))
        self.messages: list[int] = []

    def serve(self, sock: socket.socket) -> None:
        device = self

        class Packetizer(paramiko.packet.Packetizer):
            def read_message(self) -> tuple[int, Message]:
                kind, message = super().read_message()
                device.messages.append(kind)
                return kind, message

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("paramiko.transport.Packetizer", Packetizer)
            super().serve(sock)


KEXINIT, NEWKEYS, ECDH_INIT, SERVICE_REQUEST, USERAUTH_REQUEST = 20, 21, 30, 5, 50


@pytest.mark.parametrize("known", ["nothing", "another key"])
def test_no_login_is_asked_for_before_the_host_key_is_accepted(tmp_path: Path, known: str) -> None:
    known_hosts = KnownHosts(tmp_path / "known_hosts")
    with Heard() as device:
        if known == "another key":
            other = host_key("other")
            known_hosts.add([ScannedKey("127.0.0.1", device.port, other.get_name(), other.asbytes())])
        results: list[ExecutionResult] = []
        target = Target("r1", "127.0.0.1", CREDENTIALS, ("show arp",), port=device.port)
        SSHExecutorPool(options=ExecutorOptions(known_hosts=known_hosts.path)).run(
            [target], on_result=lambda _, result: results.append(result)
        )
    assert results[0].error_kind == ("host_key_changed" if known == "another key" else "host_key_unknown")
    assert set(device.messages) <= {KEXINIT, ECDH_INIT, NEWKEYS}


def test_the_login_leaves_with_the_new_keys() -> None:
    with Heard() as device, connected(device) as transport:
        assert NEWKEYS not in device.messages
        logged_in(transport)
        at = device.messages.index(NEWKEYS)
        assert device.messages[at : at + 3] == [NEWKEYS, SERVICE_REQUEST, USERAUTH_REQUEST]


def test_a_login_is_not_granted_without_the_servers_new_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the server says in their place ends the connection."""

    def activate(transport: paramiko.Transport) -> None:
        if transport.server_mode:
            transport._send_message(message(b"\x34"))  # type: ignore[attr-defined] # logged in, it says
        original(transport)

    original = paramiko.Transport._activate_outbound  # type: ignore[attr-defined]
    monkeypatch.setattr(paramiko.Transport, "_activate_outbound", activate)
    with Device() as device, pytest.raises(DeviceError) as caught, connected(device) as transport:
        logged_in(transport)
    assert caught.value.kind in {"kex_mismatch", "disconnected"}, "before or after the login is asked for"
    assert device.counts.total == 0


# Writing


def test_a_device_that_takes_nothing_more() -> None:
    """Its window is closed and nothing arrives: sending times out, and the connection lives on."""

    def shut(terminal: Terminal) -> None:
        silent(terminal)

    with Device(shut) as device, connected(device) as transport:
        channel = logged_in(transport)
        channel.window = 0
        channel.settimeout(0.05)
        with pytest.raises(TimeoutError):
            channel.sendall(b"x")
        assert transport.is_active()


def connected(device: Device) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def opened() -> Iterator[PumpedTransport]:
        with socket.create_connection(("127.0.0.1", device.port)) as sock:
            transport = shake_hands(sock, ident_timeout=WAIT, kex_timeout=WAIT, make=PumpedTransport)
            try:
                yield transport
            finally:
                hang_up(transport)

    return opened()


def logged_in(transport: PumpedTransport) -> Any:
    patience, asking = Deadline(WAIT), Asking(HEADLESS, "r1", Lifeline(), ())
    Login(transport, patience, lambda: CREDENTIALS, asking).run(CREDENTIALS, None)
    return transport.open_shell(80, 24, WAIT)


def test_a_wire_says_what_it_could_not_write() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        line = wire(left)
        data = os.urandom(200_000)
        rest = line.write(data, 0.01)
        assert 0 < len(rest) < len(data)
        right.setblocking(False)
        got = bytearray()
        while len(got) < len(data):
            try:
                got += right.recv(65536)
            except BlockingIOError:
                rest = line.write(rest, 0.01)
        assert bytes(got) == data
        assert not rest


def test_a_wire_waits_no_longer_than_it_may() -> None:
    left, right = socket.socketpair()
    with left, right:
        line = wire(left)
        assert line.read(0) is None
        assert line.read(0.02) is None
        right.send(b"x")
        assert line.read(0) == b"x"
        right.send(b"y" * 100_000)
        assert sum(len(line.read(WAIT) or b"") for _ in range(3)) > 16_384 * 2
        right.close()
        while piece := line.read(WAIT):
            assert set(piece) == {ord("y")}
        assert line.read(WAIT) == b""


class Stream:
    """Has what a channel of another connection has: settimeout, recv, send and close."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.settimeout, self.recv, self.send = sock.settimeout, sock.recv, self._send
        self.close, self.fileno = sock.close, sock.fileno

    def _send(self, data: bytes) -> int:
        return self._sock.send(data[:1000])

    @property
    def _closed(self) -> bool:
        return self._sock.fileno() < 0


def test_a_session_over_another_stream(collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    from vctui.ssh.connect import open_socket

    monkeypatch.setattr("vctui.ssh.jump.open_socket", lambda *args: Stream(open_socket(*args)))
    with arp_device(output=LONG) as device:
        assert is_whole(collect(device), LONG)


# Which one


def test_the_environment_chooses_the_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCTUI_SSH_TRANSPORT", "stock")
    assert transport_class("fast") is Transport
    monkeypatch.delenv("VCTUI_SSH_TRANSPORT")
    assert transport_class(None) is transport_class("fast") is PumpedTransport
    assert transport_class("stock") is Transport
    monkeypatch.setenv("VCTUI_SSH_TRANSPORT", "quick")
    with pytest.raises(UsageError, match="quick"):
        transport_class(None)


@pytest.mark.parametrize("kind", ["fast", "stock"])
def test_the_option_chooses_the_transport(
    collect: Collect, monkeypatch: pytest.MonkeyPatch, kind: str, tmp_path: Path
) -> None:
    monkeypatch.delenv("VCTUI_SSH_TRANSPORT")
    threads: list[str] = []

    def look(target: Target, phase: str) -> None:
        if phase == "command":
            threads.extend(type(thread).__name__ for thread in threading.enumerate())

    with arp_device() as device:
        known_hosts = KnownHosts(tmp_path / "known")
        known_hosts.add([device.scanned])
        options = ExecutorOptions(known_hosts=known_hosts.path, transport=kind)  # type: ignore[arg-type]
        target = Target("r1", "127.0.0.1", CREDENTIALS, ("show arp",), port=device.port)
        SSHExecutorPool(options=options).run([target], on_phase=look, on_result=lambda *_: None)
    # one paramiko thread is the device's own
    assert threads.count("Transport") == (2 if kind == "stock" else 1)


def test_a_handshake_waits_for_nobody_else() -> None:
    """Two connections in one thread: one that stalls does not hold up the other one."""

    def stall(sock: socket.socket, device: Device) -> None:
        device.over.wait(WAIT)

    with Plain(stall) as stuck, Device() as device:
        with socket.create_connection(("127.0.0.1", stuck.port)) as sock:
            with pytest.raises(DeviceError) as caught:
                shake_hands(sock, ident_timeout=0.05, kex_timeout=WAIT, make=PumpedTransport)
            assert caught.value.kind == "connection_timeout"
        with connected(device) as transport:
            assert transport.is_active()
        stuck.over.set()
