"""OpenSSH with one algorithm of each kind, on both transports: it works, in large outputs too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from paramiko.transport import Transport as ParamikoTransport

from tests.fixtures.openssh_shell import PROMPT, ShellServer, ShellServers
from vctui.config import SSHTransport
from vctui.ssh import ExecutionResult, ExecutorOptions, SSHExecutorPool, Target
from vctui.ssh.algorithms import CIPHERS, KEX, MACS

pytestmark = pytest.mark.real
TRANSPORTS: tuple[SSHTransport, ...] = ("fast", "stock")
HAS_SHA_1 = "diffie-hellman-group14-sha1" in vars(ParamikoTransport)["_kex_info"]
"""Paramiko 4 has it, 5 has not; .ci/run runs these tests with both."""
KEX_OF_OPENSSH = [name for name in KEX if not name.startswith("mlkem")]


@pytest.fixture(autouse=True)
def chosen_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VCTUI_SSH_TRANSPORT", raising=False)


def collect(
    server: ShellServer,
    tmp_path: Path,
    transport: SSHTransport,
    device_type: str = "",
    platforms: Path | None = None,
) -> ExecutionResult:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(server.known_hosts)
    results: list[ExecutionResult] = []
    target = Target(
        "real-1", "127.0.0.1", server.credentials, ("show log",), port=server.port, timeout=20.0,
        device_type=device_type,
    )  # fmt: skip
    options = ExecutorOptions(known_hosts=known_hosts, transport=transport, platforms=platforms)
    SSHExecutorPool(options=options).run([target], on_result=lambda _, result: results.append(result))
    return results[0]


def assert_complete(server: ShellServer, tmp_path: Path, transport: SSHTransport, **options: Any) -> None:
    result = collect(server, tmp_path, transport, **options)
    assert (result.error_kind, result.error) == (None, None)
    assert result.outputs[0].text == f"{PROMPT}show log\n{server.output}{PROMPT}"


@pytest.mark.parametrize("name", KEX_OF_OPENSSH)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_key_exchange(
    shell_servers: ShellServers, tmp_path: Path, name: str, transport: SSHTransport
) -> None:
    with shell_servers.start(f"KexAlgorithms {name}") as server:
        assert_complete(server, tmp_path, transport)


SEALED = [(name, None) for name in CIPHERS if "gcm" in name] + [("aes128-ctr", name) for name in MACS]


@pytest.mark.parametrize(("cipher", "mac"), [*SEALED, ("aes256-ctr", None)])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_cipher_with_new_keys_in_between(
    shell_servers: ShellServers, tmp_path: Path, cipher: str, mac: str | None, transport: SSHTransport
) -> None:
    """New keys every 64 KiB, six times in one output."""
    macs = [f"MACs {mac}"] if mac else []
    with shell_servers.start(f"Ciphers {cipher}", "RekeyLimit 64K", *macs) as server:
        assert_complete(server, tmp_path, transport)


@pytest.mark.parametrize("kind", [("rsa", "-b", "3072"), ("ecdsa", "-b", "256"), ("ecdsa", "-b", "521")])
def test_each_host_key(shell_servers: ShellServers, tmp_path: Path, kind: tuple[str, ...]) -> None:
    with shell_servers.start(host_key=kind) as server:
        assert_complete(server, tmp_path, "fast")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_only_speaks_sha_1(
    shell_servers: ShellServers, tmp_path: Path, transport: SSHTransport
) -> None:
    """Refused before any login, with the one line that helps."""
    old = ("KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa")
    with shell_servers.start(*old, host_key=("rsa", "-b", "2048")) as server:
        result = collect(server, tmp_path, transport)
    assert result.error_kind == "kex_mismatch"
    assert result.error == (
        "the device has no key exchange that is taken here, only diffie-hellman-group14-sha1"
    )
    assert ("legacy_algorithms" if HAS_SHA_1 else "pip install 'vctui[legacy]'") in str(result.next_step)


def use_sha_1(servers: ShellServers, tmp_path: Path, transport: SSHTransport) -> None:
    platforms = tmp_path / "platforms"
    platforms.mkdir()
    rules = "names: [antique]\nprompts: ['[\\w.-]+#']\nlegacy_algorithms: true\n"
    (platforms / "antique.yaml").write_text(rules)
    old = ("KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa", "MACs hmac-sha1")
    with servers.start(*old, host_key=("rsa", "-b", "2048")) as server:
        assert_complete(server, tmp_path, transport, device_type="antique", platforms=platforms)


if HAS_SHA_1:

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_a_platform_may_use_sha_1(
        shell_servers: ShellServers, tmp_path: Path, transport: SSHTransport
    ) -> None:
        use_sha_1(shell_servers, tmp_path, transport)
