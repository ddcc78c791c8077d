"""Before the shell: reaching a device, trusting it, logging in once, and saying exactly what failed."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.fixtures.ssh_device import (
    CREDENTIALS,
    PASSWORD,
    USER,
    WAIT,
    Device,
    Plain,
    Rules,
    Terminal,
    cli,
    closed_port,
    host_key,
    silent,
)
from vctui.errors import DeviceError
from vctui.records import SSHCredentials, bare_address
from vctui.ssh import (
    ExecutionResult,
    ExecutorOptions,
    KnownHosts,
    Place,
    ScannedKey,
    SSHExecutorPool,
    Target,
    scan_host_key,
    scan_host_keys,
)
from vctui.ssh import transport as transport_module
from vctui.ssh.algorithms import KEX
from vctui.ssh.connect import shake_hands
from vctui.ssh.packets import Outbound

ARP = {"show arp": "10.0.0.1\r\n"}


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Nothing that a session starts outlives it."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not left, left


@dataclass
class Runner:
    """Runs single targets against one known_hosts file."""

    known_hosts: KnownHosts
    phases: list[str] = field(default_factory=list)

    def __call__(
        self, port: int, *, host: str = "127.0.0.1", options: dict[str, Any] | None = None, **target: Any
    ) -> ExecutionResult:
        values: dict[str, Any] = {
            "credentials": CREDENTIALS,
            "timeout": 5.0,
            "commands": ("show arp",),
        } | target
        results: list[ExecutionResult] = []
        pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=self.known_hosts.path, **(options or {})))
        pool.run(
            [Target("r1", host, port=port, **values)],
            on_phase=lambda _, phase: self.phases.append(phase),
            on_result=lambda _, result: results.append(result),
        )
        (result,) = results
        assert result.success == (result.error_kind is None)
        assert (result.next_step is None) == result.success
        return result


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(KnownHosts(tmp_path / "known_hosts"))


# Reaching it


def test_a_closed_port(run: Runner) -> None:
    with closed_port() as port:
        assert run(port).error_kind == "connection_refused"
    assert run.phases == ["connecting"]


@pytest.mark.parametrize("host", ["no such host", "-oProxyCommand=x", "a;b", "r1\nr2", "", "[::1"])
def test_what_is_no_host_is_not_looked_up(run: Runner, host: str) -> None:
    result = run(22, host=host)
    assert result.error_kind == "dns_failure"
    assert "\n" not in str(result.error)


def test_a_name_that_does_not_resolve(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    result = run(22, host="r1.example.net")
    assert result.error_kind == "dns_failure"
    assert "r1.example.net" in str(result.error)


def test_a_resolver_that_hangs(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*args: object, **kwargs: object) -> list[object]:
        released.wait(WAIT)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    result = run(22, host="r1.example.net", options={"connect_timeout": 0.2})
    released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("resolve-"):
            thread.join(WAIT)
    assert result.error_kind == "dns_failure"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(113, "No route to host"), "unreachable"),
        (OSError(101, "Network is unreachable"), "unreachable"),
        (ConnectionRefusedError(111, "Connection refused"), "connection_refused"),
        (TimeoutError(110, "Connection timed out"), "connection_timeout"),
        (ConnectionResetError(104, "Connection reset by peer"), "disconnected"),
        (OSError(24, "Too many open files"), "internal"),
    ],
)
def test_errors_of_the_network(
    run: Runner, monkeypatch: pytest.MonkeyPatch, error: OSError, kind: str
) -> None:
    class Failing(socket.socket):
        def connect_ex(self, address: Any) -> int:
            return error.errno or 0

    monkeypatch.setattr(socket, "socket", Failing)
    result = run(22)
    assert result.error_kind == kind


@pytest.fixture
def blackhole() -> Iterator[int]:
    """A port whose queue of connections is full: it does not answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(address)
        yield int(address[1])
        for client in clients:
            client.close()


def test_a_port_that_does_not_answer(run: Runner, blackhole: int) -> None:
    result = run(blackhole, options={"connect_timeout": 0.2})
    assert result.error_kind == "connection_timeout"


def test_the_timeout_of_the_job_bounds_connecting(run: Runner, blackhole: int) -> None:
    assert run(blackhole, timeout=0.2).error_kind == "connection_timeout"


def test_a_port_that_is_out_of_range(run: Runner) -> None:
    assert run(70_000).error_kind == "unreachable"


def ipv6_addresses() -> list[str]:
    """Loopback, and one that needs a scope, as far as this machine has them."""
    file = Path("/proc/net/if_inet6")
    found: list[str] = []
    for line in file.read_text().splitlines() if file.exists() else ():
        digits, _, _, scope, _, name = line.split()
        address = ":".join(digits[n : n + 4] for n in range(0, 32, 4))
        if scope in ("10", "20"):
            found.append(bare_address(address + (f"%{name}" if scope == "20" else "")))
    return found


@pytest.mark.skipif(not ipv6_addresses(), reason="this machine has no IPv6")
def test_ipv6(run: Runner) -> None:
    for host in ipv6_addresses():
        with Device(cli("r1#", ARP), host=host) as device:
            assert run(device.port, host=host, options={"host_keys": "accept-new"}).success
            assert run(device.port, host=host).success, "its key is known now"
        assert f"[{host}]:{device.port} " in run.known_hosts.path.read_text()


def test_addresses_of_the_inventory() -> None:
    assert bare_address("192.0.2.1/24") == "192.0.2.1"
    assert bare_address("2001:DB8:0::1/64") == "2001:db8::1"
    assert bare_address("fe80::1%eth0/64") == bare_address("fe80::1%eth0") == "fe80::1%eth0"
    assert [bare_address(name) for name in ("r1.example.net", "r1/x", "")] == ["r1.example.net", "r1/x", ""]


# Shaking hands


def says(data: bytes, *, close: bool = True) -> Callable[[socket.socket, Device], None]:
    def talk(sock: socket.socket, device: Device) -> None:
        sock.sendall(data)
        if close:
            sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass

    return talk


@pytest.mark.parametrize(
    ("greeting", "closes", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", True, "not_ssh"),
        (b"220 mail.example.net ESMTP\r\n" * 60, False, "not_ssh"),
        (b"no line end", True, "not_ssh"),
        (b"\xff\xfb\x01\xff\xfb\x03login: \n", False, "not_ssh"),
        (b"x" * 100_000, False, "not_ssh"),
        (b"SSH-1.5-Cisco-1.25\r\n", False, "kex_mismatch"),
        (b"", True, "disconnected"),
        (b"SSH-2.0-x\r\n", True, "disconnected"),
        (b"SSH-2.0-x\r\n" + b"\0" * 64, False, "kex_mismatch"),
    ],
    ids=["http", "mail", "no line", "telnet", "flood", "ssh1", "nothing", "ident only", "no packets"],
)
def test_what_is_not_ssh(run: Runner, greeting: bytes, closes: bool, kind: str) -> None:
    with Plain(says(greeting, close=closes)) as device:
        result = run(device.port, timeout=2.0)
    assert result.error_kind == kind, result.error
    assert run.phases == ["connecting", "host_key"]


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-x\r\n", b"SSH-"], ids=["silent", "kex", "half"])
def test_a_handshake_that_stalls(run: Runner, greeting: bytes) -> None:
    with Plain(says(greeting, close=False)) as device:
        result = run(device.port, options={"banner_timeout": 0.2})
    assert result.error_kind == "connection_timeout"


def test_a_message_from_the_device_is_made_safe(run: Runner) -> None:
    with Plain(says(b"SSH-1.5-\x1b]0;x\x07\r\n", close=False)) as device:
        result = run(device.port)
    assert str(result.error).isprintable()


def test_no_algorithm_in_common(run: Runner) -> None:
    ours = [*KEX]
    with Device(None, Rules(disabled={"kex": ours})) as device:
        result = run(device.port)
    assert result.error_kind == "kex_mismatch"
    assert "key exchange" in str(result.error)
    assert device.counts.total == 0


NEW: dict[str, list[str]] = {
    "kex": ["curve25519-sha256", "kex-strict-s-v00@openssh.com"],
    "keys": ["ssh-ed25519"],
    "ciphers": ["aes128-ctr"],
    "macs": ["hmac-sha2-256"],
}


def offers(**lists: list[str]) -> Callable[[socket.socket, Device], None]:
    """A server that says which algorithms it has, and nothing more."""
    has = NEW | lists
    kexinit = paramiko.Message()
    kexinit.add_bytes(b"\x14" + bytes(16))
    for name in ("kex", "keys", "ciphers", "ciphers", "macs", "macs"):
        kexinit.add_list(has[name])
    for _ in range(2):
        kexinit.add_list(["none"])
    kexinit.add_bytes(bytes(13))
    return says(b"SSH-2.0-Cisco-1.25\r\n" + Outbound().seal(kexinit.asbytes()), close=False)


SHA1 = "Allow" if paramiko.__version__ < "5" else "pip install 'vctui[legacy]'"


@pytest.mark.parametrize(
    ("lists", "what", "step"),
    [
        ({"kex": ["diffie-hellman-group1-sha1"]}, "key exchange", SHA1),
        ({"kex": ["diffie-hellman-group14-sha1", "ext-info-s"]}, "key exchange", SHA1),
        ({"keys": ["ssh-rsa", "ssh-dss"]}, "host key", SHA1),
        ({"ciphers": ["aes128-cbc", "3des-cbc"]}, "cipher", "legacy_algorithms"),
        ({"macs": ["hmac-sha1", "hmac-md5"]}, "MAC", "legacy_algorithms"),
        ({"ciphers": ["arcfour"]}, "cipher", "Update the device"),
    ],
)
def test_what_an_old_device_has_is_named(
    run: Runner, lists: dict[str, list[str]], what: str, step: str
) -> None:
    with Plain(offers(**lists)) as device:
        result = run(device.port)
    assert result.error_kind == "kex_mismatch"
    names = [name for each in lists.values() for name in each if not name.startswith("ext-")]
    assert result.error == f"the device has no {what} that is taken here, only {', '.join(names)}"
    assert step in str(result.next_step)


def offered(**options: Any) -> dict[str, tuple[str, ...]]:
    left, right = socket.socketpair()
    with left, right:
        transport = transport_module.Transport(left, **options)
        return {
            "kex": tuple(transport.preferred_kex),
            "keys": tuple(transport.preferred_keys),
            "ciphers": tuple(transport.preferred_ciphers),
            "macs": tuple(transport.preferred_macs),
            "pubkeys": tuple(transport.preferred_pubkeys),
        }


def test_no_weak_algorithm_is_offered() -> None:
    before = offered()
    every = [name for names in before.values() for name in names]
    assert len(every) > 20
    assert not [n for n in every if "sha1" in n or "cbc" in n or "3des" in n or "md5" in n or n == "ssh-rsa"]
    assert before["kex"][0].startswith("curve25519")
    legacy = offered(legacy=True)
    assert "aes128-cbc" in legacy["ciphers"]
    assert legacy["ciphers"][0] == before["ciphers"][0]
    assert offered() == before, "a legacy session must not change the others"


def test_the_known_type_of_key_is_asked_for_first() -> None:
    assert offered(known=["ssh-rsa"])["keys"][:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert offered(known=["ecdsa-sha2-nistp384"])["keys"][0] == "ecdsa-sha2-nistp384"
    assert offered()["keys"][0] == "ssh-ed25519"


def test_delay_is_turned_off(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def spy(sock: socket.socket, *args: Any, **kwargs: Any) -> Any:
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return shake_hands(sock, *args, **kwargs)

    monkeypatch.setattr("vctui.ssh.session.shake_hands", spy)
    with Device(cli("r1#", ARP)) as device:
        run.known_hosts.add([device.scanned])
        assert run(device.port).success
    assert seen == [1]


# Trusting it


@pytest.mark.parametrize("policy", ["ask", "strict"])
def test_an_unknown_host_gets_no_login(run: Runner, policy: str) -> None:
    with Device(cli("r1#", ARP)) as device:
        result = run(device.port, options={"host_keys": policy})
    assert result.error_kind == "host_key_unknown"
    assert device.scanned.fingerprint in str(result.error)
    assert device.counts.total == 0
    assert run.phases == ["connecting", "host_key"]
    assert not run.known_hosts.path.exists()


def test_first_contact_is_stored_by_accept_new(run: Runner) -> None:
    with Device(cli("r1#", ARP)) as device:
        assert run(device.port, options={"host_keys": "accept-new"}).success
        assert run.known_hosts.is_known("127.0.0.1", device.port)
        assert run(device.port, options={"host_keys": "strict"}).success
    assert len(run.known_hosts.path.read_text().splitlines()) == 1


@pytest.mark.parametrize("policy", ["ask", "strict", "accept-new"])
def test_a_changed_key_gets_no_login(run: Runner, policy: str) -> None:
    with Device(cli("r1#", ARP), Rules(key=host_key("second"))) as device:
        old = replace(device.scanned, blob=host_key("first").asbytes())
        run.known_hosts.add([old])
        result = run(device.port, options={"host_keys": policy})
    assert result.error_kind == "host_key_changed"
    assert device.counts.total == 0
    message = str(result.error)
    assert old.fingerprint in message
    assert device.scanned.fingerprint in message
    assert f"{run.known_hosts.path}:1" in message


def test_a_key_of_another_type_counts_as_changed(run: Runner) -> None:
    with Device(cli("r1#", ARP)) as device:
        key = ed25519.Ed25519PrivateKey.generate().public_key()
        line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        run.known_hosts.path.write_text(f"[127.0.0.1]:{device.port} {line}\n")
        result = run(device.port, options={"host_keys": "accept-new"})
    assert result.error_kind == "host_key_changed"
    assert device.counts.total == 0


def test_a_revoked_key_gets_no_login(run: Runner) -> None:
    with Device(cli("r1#", ARP)) as device:
        line = device.scanned.line
        run.known_hosts.path.write_text(f"{line}\n@revoked * {line.split(' ', 1)[1]}\n")
        result = run(device.port, options={"host_keys": "accept-new"})
    assert result.error_kind == "host_key_changed"
    assert "revoked" in str(result.error)
    assert device.counts.total == 0


def test_a_server_with_several_keys_is_compared_by_the_known_one(run: Runner) -> None:
    rsa_key = paramiko.RSAKey.generate(2048)

    class Both(Device):
        def serve(self, sock: socket.socket) -> None:
            original = paramiko.Transport.add_server_key

            def add(transport: paramiko.Transport, key: paramiko.PKey) -> None:
                original(transport, key)
                original(transport, rsa_key)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(paramiko.Transport, "add_server_key", add)
                super().serve(sock)

    with Both(cli("r1#", ARP)) as device:
        run.known_hosts.add([ScannedKey("127.0.0.1", device.port, "ssh-rsa", rsa_key.asbytes())])
        assert run(device.port).error_kind is None


def test_scanning_logs_in_nowhere() -> None:
    with Device() as device:
        key = scan_host_key("127.0.0.1", device.port, 5.0)
    assert key == device.scanned
    assert key.fingerprint.startswith("SHA256:")
    assert device.counts.total == 0


def test_scanning_many_at_once(run: Runner) -> None:
    seen: list[Place] = []
    with Device() as one, Device(None, Rules(key=host_key("second"))) as two, closed_port() as closed:
        places = [Place("127.0.0.1", port) for port in (one.port, closed, two.port, one.port)]
        results = scan_host_keys(places, run.known_hosts, on_result=lambda place, result: seen.append(place))
    assert list(results) == places[:3]
    assert results[places[0]] == one.scanned
    assert results[places[2]] == two.scanned
    failure = results[places[1]]
    assert isinstance(failure, DeviceError)
    assert failure.kind == "connection_refused"
    assert set(seen) == set(places[:3])
    assert len(seen) == 3
    assert one.connections == 1


def test_a_scan_can_be_cancelled(run: Runner) -> None:
    cancel = threading.Event()

    def talk(sock: socket.socket, device: Device) -> None:
        cancel.set()
        while sock.recv(4096):
            pass

    with Plain(talk) as device:
        options = ExecutorOptions(connect_timeout=60.0)
        places = [Place("127.0.0.1", device.port)]
        results = scan_host_keys(places, run.known_hosts, options=options, cancel=cancel)
    (failure,) = results.values()
    assert isinstance(failure, DeviceError)
    assert failure.kind == "cancelled"


# Logging in


def trusted(run: Runner, device: Device) -> int:
    run.known_hosts.add([device.scanned])
    return device.port


@pytest.mark.parametrize(
    "methods", ["password", "keyboard-interactive", "publickey,password,keyboard-interactive"]
)
@pytest.mark.parametrize("right", [True, False])
def test_exactly_one_attempt(run: Runner, methods: str, right: bool) -> None:
    credentials = CREDENTIALS if right else replace(CREDENTIALS, password="wrong")
    with Device(cli("r1#", ARP), Rules(methods=methods)) as device:
        result = run(trusted(run, device), credentials=credentials)
    assert result.error_kind == (None if right else "auth_failed"), result.error
    assert device.counts.total == 1
    assert device.counts.interactive == (methods == "keyboard-interactive")


@pytest.mark.parametrize("repeats", [True, False])
def test_a_wrong_password_is_not_given_twice(run: Runner, repeats: bool) -> None:
    rules = Rules(methods="keyboard-interactive", repeats_question=repeats)
    with Device(cli("r1#", ARP), rules) as device:
        result = run(trusted(run, device), credentials=replace(CREDENTIALS, password="wrong"))
    assert result.error_kind == "auth_failed"
    assert device.counts.total == 1


@pytest.mark.parametrize(
    "questions",
    [(("PASSCODE: ", True),), (("Password: ", False), ("Token: ", False))],
)
def test_other_questions_are_not_answered(run: Runner, questions: tuple[tuple[str, bool], ...]) -> None:
    rules = Rules(methods="keyboard-interactive", questions=questions)
    with Device(cli("r1#", ARP), rules) as device:
        result = run(trusted(run, device))
    assert result.error_kind == "auth_failed"
    assert "more than a password" in str(result.error)
    assert device.counts.total == 0


def test_a_server_that_takes_nothing_we_have(run: Runner) -> None:
    with Device(cli("r1#", ARP), Rules(methods="publickey,gssapi-with-mic")) as device:
        result = run(trusted(run, device))
    assert result.error_kind == "auth_failed"
    assert "publickey" in str(result.error)
    assert device.counts.total == 0


def test_a_server_that_asks_for_no_login(run: Runner) -> None:
    with Device(cli("r1#", ARP), Rules(methods="none")) as device:
        assert run(trusted(run, device)).success
    assert device.counts.total == 0


def test_a_login_that_is_not_answered(run: Runner) -> None:
    with Device(cli("r1#", ARP), Rules(stalls_login=True)) as device:
        result = run(trusted(run, device), options={"auth_timeout": 0.3})
        device.over.set()
    assert result.error_kind == "auth_timeout"


def test_a_login_that_ends_the_connection_is_a_refusal(run: Runner) -> None:
    """Devices with one attempt only hang up instead of saying no: it must not be tried again as a fault."""
    with Device(cli("r1#", ARP)) as device:
        port = trusted(run, device)

        def hang_up(server: object, username: str, password: str) -> int:
            device.counts.password += 1
            raise EOFError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.fixtures.ssh_device._Server.check_auth_password", hang_up)
            result = run(port)
    assert result.error_kind == "auth_failed"
    assert device.counts.total == 1


PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KEYS: dict[str, PrivateKey] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}


def pem(key: PrivateKey, passphrase: str | None, form: serialization.PrivateFormat) -> str:
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, form, lock).decode()


def public(key: PrivateKey) -> paramiko.PKey:
    blob = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    kind, text = blob.decode().split()[:2]
    return paramiko.PKey.from_type_string(kind, base64.b64decode(text))


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("passphrase", [None, "open sesame"])
@pytest.mark.parametrize("form", [serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.PKCS8])
def test_private_keys(
    run: Runner, name: str, passphrase: str | None, form: serialization.PrivateFormat
) -> None:
    credentials = SSHCredentials(
        USER, password=PASSWORD, private_key=pem(KEYS[name], passphrase, form), passphrase=passphrase
    )
    rules = Rules(methods="publickey,password", accepts_key=public(KEYS[name]))
    with Device(cli("r1#", ARP), rules) as device:
        result = run(trusted(run, device), credentials=credentials)
    assert result.success, result.error
    assert (device.counts.publickey, device.counts.password) == (1, 0)


def test_a_refused_key_is_the_one_attempt(run: Runner) -> None:
    text = pem(KEYS["ed25519"], None, serialization.PrivateFormat.OpenSSH)
    credentials = SSHCredentials(USER, password=PASSWORD, private_key=text)
    with Device(cli("r1#", ARP), Rules(methods="publickey,password")) as device:
        result = run(trusted(run, device), credentials=credentials)
    assert result.error_kind == "auth_failed"
    assert (device.counts.publickey, device.counts.password) == (1, 0)


def test_a_key_and_a_password_as_two_factors(run: Runner) -> None:
    text = pem(KEYS["ed25519"], None, serialization.PrivateFormat.OpenSSH)
    credentials = SSHCredentials(USER, password=PASSWORD, private_key=text)
    rules = Rules(methods="publickey", accepts_key=public(KEYS["ed25519"]), second_factor="password")
    with Device(cli("r1#", ARP), rules) as device:
        result = run(trusted(run, device), credentials=credentials)
    assert result.success, result.error
    assert device.counts.password == 1


@pytest.mark.parametrize(
    ("text", "passphrase", "words"),
    [
        (pem(KEYS["ed25519"], "right", serialization.PrivateFormat.OpenSSH), None, "passphrase"),
        (pem(KEYS["ed25519"], "right", serialization.PrivateFormat.OpenSSH), "wrong", "cannot be read"),
        (pem(KEYS["rsa"], "right", serialization.PrivateFormat.PKCS8), "wrong", "cannot be read"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
            None,
            "cannot be read",
        ),
        ("not a key", None, "cannot be read"),
        (
            pem(ec.generate_private_key(ec.SECP256K1()), None, serialization.PrivateFormat.PKCS8),
            None,
            "is of a kind that is not used",
        ),
    ],
)
def test_a_key_that_cannot_be_used_reaches_no_device(
    run: Runner, text: str, passphrase: str | None, words: str
) -> None:
    credentials = SSHCredentials(USER, name="lab", private_key=text, passphrase=passphrase)
    with Device(cli("r1#", ARP)) as device:
        result = run(trusted(run, device), credentials=credentials)
    assert result.error_kind == "auth_failed"
    assert words in str(result.error)
    assert "'lab'" in str(result.error)
    assert device.connections == 0


def test_a_passphrase_that_is_not_needed_does_no_harm(run: Runner) -> None:
    for form in (serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.PKCS8):
        text = pem(KEYS["ecdsa"], None, form)
        credentials = SSHCredentials(USER, private_key=text, passphrase="not needed")
        rules = Rules(methods="publickey", accepts_key=public(KEYS["ecdsa"]))
        with Device(cli("r1#", ARP), rules) as device:
            assert run(trusted(run, device), credentials=credentials).success


def test_the_agent_and_the_users_keys_are_left_alone(
    run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "user" / ".ssh"
    folder.mkdir(parents=True)
    (folder / "id_ed25519").write_text(pem(KEYS["ed25519"], None, serialization.PrivateFormat.OpenSSH))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    rules = Rules(methods="publickey,password", accepts_key=public(KEYS["ed25519"]))
    with Device(cli("r1#", ARP), rules) as device:
        assert run(trusted(run, device)).success
    assert (device.counts.publickey, device.counts.password) == (0, 1)


# Stopping


STUCK = ("connecting", "greeting", "login", "prompt", "command", "pause")


def stuck_device(where: str, cancel: threading.Event) -> Device:
    """A device that sets the event and then leaves the session waiting there."""

    def greet(sock: socket.socket, device: Device) -> None:
        cancel.set()
        while sock.recv(4096):
            pass

    def stop(terminal: Terminal) -> None:
        cancel.set()
        silent(terminal)

    def confirmed(terminal: Terminal) -> None:
        terminal.write("r1#")
        assert terminal.read_line().strip() == ""
        cancel.set()

    match where:
        case "greeting":
            return Plain(greet)
        case "login":
            return Device(None, Rules(stalls_login=True))
        case "prompt":
            return Device(stop)
        case "pause":
            return Device(cli("r1#", {"show arp": confirmed}))
    return Device(cli("r1#", {"show arp": stop}))


@pytest.mark.parametrize("stuck", STUCK)
def test_cancel_wherever_it_is_stuck(run: Runner, blackhole: int, stuck: str) -> None:
    """Each wait would last a minute; setting the event ends it."""
    cancel = threading.Event()
    results: list[ExecutionResult] = []

    def on_phase(target: Target, phase: str) -> None:
        if (stuck, phase) in {("connecting", "connecting"), ("login", "authenticating")}:
            cancel.set()

    with stuck_device(stuck, cancel) as device:
        run.known_hosts.add([device.scanned])
        pause = 60.0 if stuck == "pause" else 0.0
        target = Target("r", "127.0.0.1", CREDENTIALS, ("show arp", "show arp"), timeout=60.0)
        target = replace(target, port=blackhole if stuck == "connecting" else device.port)
        targets = [replace(target, inter_command_delay=pause, key=n) for n in range(3)]
        options = ExecutorOptions(
            known_hosts=run.known_hosts.path, connect_timeout=60.0, banner_timeout=60.0, auth_timeout=60.0
        )
        pool = SSHExecutorPool(options=options, max_workers=2)
        pool.run(targets, on_phase=on_phase, on_result=lambda _, r: results.append(r), cancel=cancel)
        device.over.set()
    assert sorted(result.key for result in results) == [0, 1, 2]
    assert {result.error_kind for result in results} == {"cancelled"}
