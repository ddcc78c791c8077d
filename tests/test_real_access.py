"""Logging in at real servers: one attempt each, codes, certificates, an agent, old algorithms, jump hosts."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests.fixtures.lab import HOST, Lab, Server, keygen, stop
from tests.fixtures.person import Person
from vctui.questions import HEADLESS, Desk
from vctui.records import SSHCredentials
from vctui.ssh import (
    ExecutionResult,
    ExecutorOptions,
    Hop,
    JumpStatus,
    KnownHosts,
    SSHExecutorPool,
    Target,
    scan_host_key,
)

pytestmark = pytest.mark.real
OLD_PARAMIKO = paramiko.__version__.startswith("4.")
UNIX = "auth required pam_unix.so nodelay\n"
REST = "account required pam_permit.so\nsession required pam_permit.so\n"
OATH = Path("/usr/lib").glob("*/security/pam_oath.so")


class Run:
    """Collects from real servers, whose keys it trusts."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self.lab = lab
        self.known = KnownHosts(folder / "known_hosts")
        self.status: list[JumpStatus] = []

    @property
    def login(self) -> SSHCredentials:
        return SSHCredentials(self.lab.user, name="lab", password=self.lab.password)

    def target(
        self, server: Server, login: SSHCredentials | None = None, n: int = 1, **more: object
    ) -> Target:
        values = {"commands": ("show arp",), "device_type": "cisco_ios", "timeout": 20.0} | more
        return Target(f"r{n}", HOST, login or self.login, port=server.port, **values)  # type: ignore[arg-type]

    def __call__(
        self, *targets: Target, trust: tuple[Server, ...] = (), desk: Desk = HEADLESS, workers: int = 60
    ) -> list[ExecutionResult]:
        self.known.add([server.key for server in trust])
        results: dict[str, ExecutionResult] = {}
        pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=self.known.path), max_workers=workers)
        pool.run(
            targets,
            on_result=lambda target, result: results.update({target.device: result}),
            on_jump=self.status.append,
            desk=desk,
        )
        return [results[target.device] for target in targets]


@pytest.fixture
def run(tmp_path: Path, lab: Lab) -> Run:
    return Run(tmp_path, lab)


def one(results: list[ExecutionResult]) -> ExecutionResult:
    (result,) = results
    return result


# One attempt

OFFERS = {
    "password": "PasswordAuthentication yes\nKbdInteractiveAuthentication no",
    "keyboard-interactive": "PasswordAuthentication no\nKbdInteractiveAuthentication yes",
    "both": "PasswordAuthentication yes\nKbdInteractiveAuthentication yes",
}


@pytest.fixture(scope="session")
def servers(lab: Lab) -> dict[str, Server]:
    """OpenSSH with PAM, offering one way or the other, or both."""
    return {name: lab.sshd(name, settings, pam=UNIX + REST) for name, settings in OFFERS.items()}


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("right", [True, False])
def test_the_server_counts_one_attempt(run: Run, servers: dict[str, Server], offer: str, right: bool) -> None:
    server = servers[offer]
    before = len(server.attempts)
    login = run.login if right else SSHCredentials(run.lab.user, password="not it")
    result = one(run(run.target(server, login), trust=(server,)))
    assert result.error_kind == (None if right else "auth_failed"), result.error
    assert [attempt.split()[0] for attempt in server.attempts[before:]] == ["Accepted" if right else "Failed"]


# Codes


def hotp(secret: bytes, counter: int) -> str:
    """The code that a token of RFC 4226 shows."""
    digest = hmac.digest(secret, counter.to_bytes(8), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4]) & 0x7FFFFFFF) % 1_000_000:06}"


@pytest.fixture(scope="session")
def token_server(lab: Lab) -> Server:
    """Password, then a code of a token, each of which is good for one login."""
    if not any(OATH):
        pytest.skip("libpam-oath is not installed")
    users = lab.folder / "oath"
    users.write_text(f"HOTP {lab.user} - {b'12345678901234567890'.hex()}\n")
    users.chmod(0o600)
    oath = f"auth required pam_oath.so usersfile={users} window=20 digits=6\n"
    settings = "PasswordAuthentication no\nKbdInteractiveAuthentication yes"
    return lab.sshd("token", settings, pam=UNIX + oath + REST)


def test_the_codes_of_a_token(run: Run, token_server: Server) -> None:
    """Three devices, three codes; a code that was used is refused, and without a person nothing is tried."""
    codes = [hotp(b"12345678901234567890", counter) for counter in range(4)]
    person = Person(*codes[:3])
    targets = [run.target(token_server, n=n) for n in range(3)]
    results = run(*targets, trust=(token_server,), desk=person.desk, workers=1)
    assert [result.error for result in results] == [None] * 3
    assert [question.once for question in person.asked] == [True] * 3
    again = one(run(targets[0], desk=Person(codes[0]).desk))
    assert again.error_kind == "auth_failed"
    alone = one(run(targets[0]))
    assert "more than a password" in str(alone.error)
    kinds = [attempt.split()[0] for attempt in token_server.attempts]
    assert kinds == ["Accepted"] * 3 + ["Failed"]


def test_a_jump_host_with_a_token(run: Run, token_server: Server, crowd: Server) -> None:
    """One code opens the way for all the devices behind it."""
    person = Person(hotp(b"12345678901234567890", 10))
    hop = Hop("gate", HOST, run.login, token_server.port)
    targets = [run.target(crowd, n=n, jump=(hop,)) for n in range(12)]
    results = run(*targets, trust=(token_server, crowd), desk=person.desk)
    assert [result.error for result in results] == [None] * 12
    assert len(person.asked) == 1


# Keys


@pytest.fixture(scope="session")
def certified(lab: Lab) -> Server:
    """Lets in whoever has a certificate of its authority, and nobody else."""
    keygen(lab.folder / "authority")
    return lab.sshd(
        "certified",
        f"TrustedUserCAKeys {lab.folder / 'authority.pub'}\nAuthorizedKeysFile none\n"
        "AuthenticationMethods publickey",
    )


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_user_certificates(run: Run, certified: Server, tmp_path: Path, kind: str) -> None:
    key = keygen(tmp_path / "key", kind)
    authority = str(run.lab.folder / "authority")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "x", "-n", run.lab.user, f"{key}.pub"], check=True
    )
    certificate = (tmp_path / "key-cert.pub").read_text()
    with_it = SSHCredentials(run.lab.user, private_key=key.read_text() + certificate)
    result = one(run(run.target(certified, with_it), trust=(certified,)))
    assert result.success, result.error
    without = SSHCredentials(run.lab.user, private_key=key.read_text())
    assert one(run(run.target(certified, without))).error_kind == "auth_failed"


@pytest.fixture
def agent(tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent with five keys, the right one last."""
    if shutil.which("ssh-agent") is None:
        pytest.skip("ssh-agent is not installed")
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    for n in range(4):
        subprocess.run(["ssh-add", "-q", str(keygen(tmp_path / f"key{n}"))], check=True)
    right = tmp_path / "right"
    shutil.copy(lab.user_key, right)
    right.chmod(0o600)
    subprocess.run(["ssh-add", "-q", str(right)], check=True)
    yield
    stop(process)


def test_one_of_five_keys_of_the_agent(run: Run, servers: dict[str, Server], agent: None) -> None:
    server = servers["both"]
    before = len(server.attempts)
    public = run.lab.user_key.with_suffix(".pub").read_text()
    login = SSHCredentials(run.lab.user, password="not it", agent=True, agent_key=public)
    result = one(run(run.target(server, login), trust=(server,)))
    assert result.success, result.error
    assert server.attempts[before:] == ["Accepted publickey"]
    assert os.environ["SSH_AUTH_SOCK"]


# Certificates of hosts


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_host_certificates(run: Run, lab: Lab, kind: str) -> None:
    """Nobody has ever seen the server's key, but its authority is known."""
    authority, key = lab.folder / f"ca_{kind}", lab.folder / f"certified_{kind}_key"
    keygen(authority)
    server = lab.sshd(f"certified_{kind}", f"HostCertificate {key}-cert.pub", kind=kind, certify_by=authority)
    line = authority.with_suffix(".pub").read_text()
    run.known.path.write_text(f"@cert-authority [127.0.0.*]:* {line}")
    result = one(run(run.target(server)))
    assert result.success, result.error
    assert scan_host_key(HOST, server.port) == server.key, "without an authority it shows the plain key"
    run.known.path.write_text(f"@revoked * {line}@cert-authority [127.0.0.*]:* {line}")
    refused = one(run(run.target(server)))
    assert refused.error_kind == "host_key_changed"
    assert "revoked" in str(refused.error)


# Old algorithms


@pytest.fixture(scope="session")
def old(lab: Lab) -> Server:
    """OpenSSH with SHA-1 only."""
    settings = (
        "KexAlgorithms diffie-hellman-group14-sha1\nHostKeyAlgorithms ssh-rsa\n"
        "PubkeyAcceptedAlgorithms ssh-rsa\nCiphers aes128-cbc\nMACs hmac-sha1\n"
    )
    return lab.sshd("old", settings, kind="rsa")


@pytest.mark.parametrize("by", ["password", "key"])
def test_sha_1_is_for_those_that_may(run: Run, old: Server, by: str, tmp_path: Path) -> None:
    """A device of its own may, although its platform may not; with paramiko 5 nobody can."""
    refused = one(run(run.target(old), trust=(old,)))
    assert refused.error_kind == "kex_mismatch"
    login = run.login
    if by == "key":
        key = keygen(tmp_path / "rsa", "rsa")
        with run.lab.user_key.with_suffix(".pub").open("a") as file:
            file.write(key.with_suffix(".pub").read_text())
        login = SSHCredentials(run.lab.user, private_key=key.read_text())
    result = one(run(run.target(old, login, legacy=True)))
    if OLD_PARAMIKO:
        assert result.success, result.error
    else:
        assert result.error_kind == "kex_mismatch"
        assert "legacy" in str(result.next_step)
    assert not [line for line in old.attempts if line.startswith("Failed")]


# Dropbear, and BIRD's command line


def test_dropbear(run: Run, lab: Lab) -> None:
    lab.list_shell(lab.folder / "device")
    server = lab.dropbear("dropbear")
    result = one(run(run.target(server), trust=(server,)))
    assert result.success, result.error
    assert "10.0.0.8" in result.output
    wrong = one(run(run.target(server, SSHCredentials(lab.user, password="not it"))))
    assert wrong.error_kind == "auth_failed"
    assert server.log.read_text().count("Bad password attempt") == 1
    key = SSHCredentials(lab.user, private_key=lab.user_key.read_text())
    assert one(run(run.target(server, key))).error_kind == "auth_failed"


def test_dropbear_as_a_jump_host(run: Run, lab: Lab, servers: dict[str, Server]) -> None:
    lab.list_shell(lab.folder / "device")
    gate, device = lab.dropbear("dropbear-gate"), servers["password"]
    hop = Hop("gate", HOST, run.login, gate.port)
    results = run(*[run.target(device, n=n, jump=(hop,)) for n in range(8)], trust=(gate, device))
    assert [result.error for result in results] == [None] * 8


def test_bird(run: Run, lab: Lab, servers: dict[str, Server]) -> None:
    """Its terminal redraws the line, sets bracketed paste and sends NULs."""
    user = lab.add_user("bird", lab.bird())
    login = SSHCredentials(user, password=lab.password)
    server = servers["password"]
    target = run.target(server, login, device_type="", commands=("show status", "show protocols"))
    result = one(run(target, trust=(server,)))
    assert result.success, result.error
    status, protocols = (output.text for output in result.outputs)
    assert "Router ID is 192.0.2.1" in status
    assert "Daemon is up and running" in status
    assert "device1" in protocols
    assert all(char.isprintable() or char == "\n" for char in result.output)


# Jump hosts


@pytest.fixture(scope="session")
def gates(lab: Lab) -> tuple[Server, Server]:
    """Two jump hosts with OpenSSH's default limits: MaxStartups 10:30:100, MaxSessions 10."""
    return lab.sshd("near"), lab.sshd("far")


@pytest.fixture(scope="session")
def crowd(lab: Lab) -> Server:
    """A device that many may log in to at a time."""
    return lab.sshd("crowd", "MaxStartups 500\nMaxSessions 500")


def test_sixty_devices_behind_two_jump_hosts(run: Run, gates: tuple[Server, Server], crowd: Server) -> None:
    path = tuple(
        Hop(name, HOST, run.login, gate.port) for name, gate in zip(("near", "far"), gates, strict=True)
    )
    before = [len(gate.attempts) for gate in gates]
    results = run(*[run.target(crowd, n=n, jump=path) for n in range(60)], trust=(*gates, crowd))
    assert [result.error for result in results if not result.success] == []
    logins = [len(gate.attempts) - count for gate, count in zip(gates, before, strict=True)]
    assert all(1 <= count <= 2 for count in logins)
    assert {status.jump for status in run.status} == {"near", "far"}
    assert max(status.channels for status in run.status if status.jump == "far") > 10


def test_a_jump_host_that_is_not_trusted_forwards_nothing(
    run: Run, gates: tuple[Server, Server], crowd: Server
) -> None:
    near, far = gates
    path = (Hop("near", HOST, run.login, near.port), Hop("far", HOST, run.login, far.port))
    seen = (far.connections, crowd.connections)
    result = one(run(run.target(crowd, jump=path), trust=(far, crowd)))
    assert result.error_kind == "jump_failed"
    assert near.key.fingerprint in str(result.error)
    assert (far.connections, crowd.connections) == seen


def test_a_jump_host_that_forbids_forwarding(run: Run, lab: Lab, crowd: Server) -> None:
    gate = lab.sshd("closed", "AllowTcpForwarding no")
    target = run.target(crowd, jump=(Hop("gate", HOST, run.login, gate.port),))
    result = one(run(target, trust=(gate, crowd)))
    assert result.error_kind == "jump_failed"
    assert "refuses to forward" in str(result.error)


def test_a_device_that_the_jump_host_cannot_reach(run: Run, gates: tuple[Server, Server], lab: Lab) -> None:
    from tests.fixtures.ssh_device import closed_port

    near, _ = gates
    with closed_port() as port:
        target = Target(
            "gone", HOST, run.login, ("show arp",), port, jump=(Hop("near", HOST, run.login, near.port),)
        )
        result = one(run(target, trust=(near,)))
    assert result.error_kind == "unreachable"
    assert "Connection refused" in str(result.error)


def test_a_scan_logs_in_nowhere(servers: dict[str, Server]) -> None:
    server = servers["both"]
    before = server.attempts
    assert scan_host_key(HOST, server.port) == server.key
    assert server.attempts == before
