"""Where the master password comes from: the order of the sources, and that nothing waits for nobody."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keyring
import pytest

from tests.fixtures.vault import MASTER, fresh_vault
from tests.test_vault_keyring import MemoryKeyring
from vctui.errors import VaultError, WrongPassword
from vctui.vault import CredentialResolver, UnlockSource, Vault, find_unlock_source, remember
from vctui.vault.unlock import ENVIRONMENT_NOTE

ROOT = Path(__file__).parents[1]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = fresh_vault(tmp_path / "home")
    vault.add("lab", "admin", password="secret")
    return vault


@contextmanager
def pipe_with(data: bytes) -> Iterator[int]:
    """A descriptor from which `data` can be read, and then the end."""
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


def credentials_directory(folder: Path, data: bytes) -> dict[str, str]:
    folder.mkdir()
    (folder / "vctui").write_bytes(data)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_the_sources_are_asked_in_their_order(vault: Vault, tmp_path: Path) -> None:
    environ = {"VCOLLECTOR_VAULT_PASS": "from-environment"}
    assert found(vault, environ) == ("environment", "from-environment")
    keyring.set_keyring(MemoryKeyring())
    remember(vault)
    assert found(vault, environ) == ("keyring", "")
    environ |= credentials_directory(tmp_path / "systemd", b"from-systemd\n")
    assert found(vault, environ) == ("credentials-directory", "from-systemd")
    with pipe_with(b"from-fd\n") as descriptor:
        assert found(vault, environ, descriptor) == ("unlock-fd", "from-fd")


def found(vault: Vault, environ: dict[str, str], unlock_fd: int | None = None) -> tuple[str, str]:
    source = find_unlock_source(vault, unlock_fd=unlock_fd, environ=environ)
    assert source is not None
    return source.kind, source.password


def test_every_source_unlocks(vault: Vault, tmp_path: Path) -> None:
    keyring.set_keyring(MemoryKeyring())
    remember(vault)
    with pipe_with(MASTER.encode()) as descriptor:
        sources = [
            find_unlock_source(vault, unlock_fd=descriptor),
            find_unlock_source(
                vault, environ=credentials_directory(tmp_path / "s", f"{MASTER}\r\n".encode())
            ),
            find_unlock_source(vault, environ={}),
        ]
    assert [source.kind for source in sources if source] == ["unlock-fd", "credentials-directory", "keyring"]
    for source in sources:
        assert source is not None
        resolver = CredentialResolver(vault.path.parent)
        resolver.vault = vault
        resolver.lock()
        resolver.unlock_with(source)
        assert resolver.get_ssh_credentials().password == "secret"


def test_the_environment_comes_with_a_note_and_the_others_do_not(vault: Vault, tmp_path: Path) -> None:
    source = find_unlock_source(vault, environ={"VCOLLECTOR_VAULT_PASS": MASTER})
    assert source is not None
    assert source.note == ENVIRONMENT_NOTE
    assert "--unlock-fd" in source.note
    assert MASTER not in source.note
    source = find_unlock_source(vault, environ=credentials_directory(tmp_path / "s", b"x"))
    assert source is not None
    assert source.note is None


def test_nothing_found_is_nothing(vault: Vault, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for environ in ({}, {"VCOLLECTOR_VAULT_PASS": ""}, {"CREDENTIALS_DIRECTORY": str(empty)}):
        assert find_unlock_source(vault, environ=environ) is None


def test_a_wrong_password_is_tried_once_and_not_replaced_by_another_source(vault: Vault) -> None:
    with pipe_with(b"wrong horse") as descriptor:
        source = find_unlock_source(vault, unlock_fd=descriptor, environ={"VCOLLECTOR_VAULT_PASS": MASTER})
    assert source is not None
    vault.lock()
    with pytest.raises(WrongPassword):
        source.unlock(vault)
    assert not vault.is_unlocked


def test_the_descriptor_is_read_to_the_end_of_its_line_only(vault: Vault) -> None:
    with pipe_with(b"pass word\nsecond line\n") as descriptor:
        assert found(vault, {}, descriptor) == ("unlock-fd", "pass word")
        assert os.read(descriptor, 100) == b"second line\n"


@pytest.mark.parametrize("data", [b"", b"\n", b"x" * 4097, b"caf\xe9\n"])
def test_a_named_source_without_a_password_is_an_error(data: bytes, vault: Vault, tmp_path: Path) -> None:
    with pipe_with(data) as descriptor, pytest.raises(VaultError, match="--unlock-fd"):
        find_unlock_source(vault, unlock_fd=descriptor)
    with pytest.raises(VaultError, match="vctui holds no"):
        find_unlock_source(vault, environ=credentials_directory(tmp_path / "s", data))


def test_a_descriptor_that_is_not_open_is_named(vault: Vault) -> None:
    with pytest.raises(VaultError, match="--unlock-fd 9999 cannot be read: Bad file descriptor"):
        find_unlock_source(vault, unlock_fd=9999)


def test_a_terminal_is_no_descriptor_to_unlock_from(vault: Vault) -> None:
    master, slave = pty.openpty()
    try:
        with pytest.raises(VaultError, match="is a terminal"):
            find_unlock_source(vault, unlock_fd=slave)
    finally:
        os.close(master)
        os.close(slave)


def test_a_credential_that_cannot_be_read_is_named(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "vctui").mkdir()
    with pytest.raises(VaultError, match="cannot be read"):
        find_unlock_source(vault, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_no_source_shows_its_secret(vault: Vault) -> None:
    keyring.set_keyring(MemoryKeyring())
    remember(vault)
    source = find_unlock_source(vault, environ={})
    assert source is not None
    assert source.slot_key is not None
    shown = repr(source) + repr(source.slot_key) + repr(UnlockSource("prompt", password="CANARY"))
    assert "CANARY" not in shown
    assert repr(source.slot_key.key) not in shown


SCRIPT = """
import sys
from vctui.errors import VaultError
from vctui.vault import Vault, require_unlock_source
try:
    source = require_unlock_source(Vault(sys.argv[1]), environ={})
    print(source.kind, len(source.password), source.password == "typed in")
except VaultError as error:
    print(error.exit_code, error)
"""


def run(vault: Vault, script: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-c", script, str(vault.path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        **options,
    )


def test_without_a_terminal_and_a_source_it_ends_at_once(vault: Vault) -> None:
    process = run(vault, SCRIPT, stdin=subprocess.DEVNULL)
    printed, _ = process.communicate(timeout=60)
    assert printed.startswith("12 there is no terminal to ask on")
    assert "--unlock-fd" in printed


def test_the_prompt_is_on_the_terminal_and_does_not_echo(vault: Vault) -> None:
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    # A session leader's first terminal becomes its controlling one: /dev/tty.
    process = run(vault, f"import os; os.open({name!r}, os.O_RDWR)\n{SCRIPT}", stdin=subprocess.DEVNULL)
    seen = b""
    while b"Master password: " not in seen:
        readable, _, _ = select.select([master], [], [], 60)
        assert readable, f"no prompt: {seen!r}"
        seen += os.read(master, 100)
    os.write(master, b"typed in\n")
    printed, _ = process.communicate(timeout=60)
    os.close(slave)
    assert printed == "prompt 8 True\n"
    assert b"typed" not in seen + read_rest(master)


def read_rest(master: int) -> bytes:
    """What a terminal whose other side is closed still holds."""
    rest = b""
    try:
        while chunk := os.read(master, 100):
            rest += chunk
    except OSError:
        pass
    finally:
        os.close(master)
    return rest


def test_a_terminal_that_would_echo_is_refused(vault: Vault) -> None:
    refusing = "import termios\ndef broken(*_): raise termios.error('no')\ntermios.tcgetattr = broken\n"
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    script = f"import os; os.open({name!r}, os.O_RDWR)\n{refusing}{SCRIPT}"
    process = run(vault, script, stdin=subprocess.DEVNULL)
    drain = threading.Thread(target=read_rest, args=(master,), daemon=True)
    drain.start()
    printed, _ = process.communicate(timeout=60)
    os.close(slave)
    assert printed.startswith("12 the terminal would show what is typed")
