"""The keyring: holds a random key, is refused when it does not encrypt, and never holds anybody up."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.backends.chainer
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from tests.fixtures.vault import (
    FAST,
    LEGACY_PASSWORD,
    LEGACY_SECRET,
    MASTER,
    fresh_vault,
    legacy_collector,
    run_sql,
)
from vctui.errors import DataError, VaultError, WrongPassword
from vctui.vault import Vault, find_unlock_source, forget, keyring_slot, keyrings, remember


class MemoryKeyring(KeyringBackend):
    """A keyring that works."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.entries:
            raise PasswordDeleteError("not found")
        del self.entries[service, username]


class PlaintextKeyring(MemoryKeyring):
    """Stands in for the file of keyrings.alt."""


PlaintextKeyring.__module__ = "keyrings.alt.file"


class LockedKeyring(MemoryKeyring):
    """A keyring nobody unlocks."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("locked")


class BrokenKeyring(MemoryKeyring):
    """A keyring whose daemon died."""

    def get_password(self, service: str, username: str) -> str | None:
        raise ConnectionResetError("gone")


class HangingKeyring(MemoryKeyring):
    """A keyring that never answers, until the test ends."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.released.wait(60)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.released.wait(60)


@pytest.fixture
def memory() -> MemoryKeyring:
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    return backend


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = fresh_vault(tmp_path / "home")
    vault.add("lab", "admin", password="secret")
    return vault


def again(vault: Vault) -> Vault:
    """The same vault, as the next process sees it."""
    return Vault(vault.path, kdf=FAST)


def test_a_remembered_vault_opens_without_a_password(vault: Vault, memory: MemoryKeyring) -> None:
    remember(vault)
    later = again(vault)
    assert keyring_slot.unlock(later)
    assert later.get().password == "secret"
    assert later.status().in_keyring
    source = find_unlock_source(again(vault), environ={})
    assert source is not None
    assert source.kind == "keyring"


def test_the_keyring_holds_neither_the_password_nor_the_vaults_key(
    vault: Vault, memory: MemoryKeyring
) -> None:
    remember(vault)
    held = "".join(f"{service}{username}{entry}" for (service, username), entry in memory.entries.items())
    assert len(memory.entries) == 1
    assert MASTER not in held
    assert "secret" not in held
    key = vault.require_scheme().key
    first = dict(memory.entries)
    held_keys = [base64.b64decode(entry.partition(":")[2]) for entry in memory.entries.values()]
    remember(vault)
    held_keys += [base64.b64decode(entry.partition(":")[2]) for entry in memory.entries.values()]
    assert {len(held_key) for held_key in held_keys} == {32}
    assert len({key, *held_keys}) == 3, "random each time, and never the vault's own"
    assert memory.entries.keys() == first.keys()
    assert memory.entries != first, "each time a new key"


def test_renewing_takes_the_old_key_its_power(vault: Vault, memory: MemoryKeyring) -> None:
    remember(vault)
    old = dict(memory.entries)
    remember(vault)
    memory.entries = old
    assert not keyring_slot.unlock(again(vault))
    slot_rows = run_sql(vault.path, "SELECT count(*) FROM vctui_vault_slots WHERE kind = 'keyring'")
    assert slot_rows == [(1,)]


def test_forgetting_makes_a_copied_key_worthless(vault: Vault, memory: MemoryKeyring) -> None:
    remember(vault)
    copied = dict(memory.entries)
    assert forget(again(vault)), "needs no password"
    assert memory.entries == {}
    memory.entries = copied
    assert not keyring_slot.unlock(again(vault))
    assert not forget(vault)
    later = again(vault)
    later.unlock(MASTER)
    assert later.get().password == "secret"


def test_forgetting_works_where_the_keyring_is_gone(vault: Vault, memory: MemoryKeyring) -> None:
    remember(vault)
    keyring.set_keyring(BrokenKeyring())
    assert forget(vault)
    keyring.set_keyring(memory)
    assert not keyring_slot.unlock(again(vault))


def test_only_an_unlocked_vault_can_be_remembered(vault: Vault, memory: MemoryKeyring) -> None:
    with pytest.raises(VaultError, match="locked"):
        remember(again(vault))
    assert memory.entries == {}


def test_a_damaged_entry_opens_nothing_and_is_no_error(vault: Vault, memory: MemoryKeyring) -> None:
    remember(vault)
    account, entry = next(iter(memory.entries.items()))
    slot, _, key = entry.partition(":")
    for damaged in (
        "",
        ":",
        "x",
        f"{slot}:",
        f"{slot}:AAAA",
        f"{slot}:é",
        f"other:{key}",
        f"{slot}:{'A' * 43}=",
    ):
        memory.entries[account] = damaged
        assert not keyring_slot.unlock(again(vault)), damaged


def test_a_slot_key_cannot_be_used_as_a_password(vault: Vault, memory: MemoryKeyring) -> None:
    remember(vault)
    entry = next(iter(memory.entries.values()))
    with pytest.raises(WrongPassword):
        again(vault).unlock(entry.partition(":")[2])


def test_a_keyring_slot_passed_off_as_a_password_slot_opens_nothing(
    vault: Vault, memory: MemoryKeyring
) -> None:
    remember(vault)
    run_sql(vault.path, "DELETE FROM vctui_vault_slots WHERE kind = 'password'")
    run_sql(vault.path, "UPDATE vctui_vault_slots SET kind = 'password'")
    with pytest.raises(DataError, match="a slot's header"):
        again(vault).unlock(MASTER)


def test_velocitycollectors_vaults_can_be_remembered_too(tmp_path: Path, memory: MemoryKeyring) -> None:
    vault = Vault(legacy_collector(tmp_path / "home"))
    vault.unlock(LEGACY_PASSWORD)
    remember(vault)
    later = Vault(vault.path)
    assert keyring_slot.unlock(later)
    assert later.get().password == LEGACY_SECRET
    run_sql(vault.path, "UPDATE vault_metadata SET value = 'AAAAAAAAAAAAAAAAAAAAAA==' WHERE key = 'salt'")
    assert not keyring_slot.unlock(Vault(vault.path)), "the vault was made anew"


@pytest.mark.parametrize("kind", [PlaintextKeyring, keyring.backends.null.Keyring])
def test_keyrings_that_do_not_encrypt_are_never_used(
    kind: Callable[[], KeyringBackend], vault: Vault
) -> None:
    backend = kind()
    keyring.set_keyring(backend)
    with pytest.raises(VaultError, match="no keyring") as caught:
        remember(vault)
    assert caught.value.exit_code == 12
    assert getattr(backend, "entries", {}) == {}
    assert not vault.status().in_keyring


def test_a_child_of_a_plaintext_keyring_is_refused_too(vault: Vault) -> None:
    class Disguised(PlaintextKeyring):
        pass

    keyring.set_keyring(Disguised())
    with pytest.raises(VaultError, match="no keyring"):
        remember(vault)


def chained(*backends: KeyringBackend) -> KeyringBackend:
    class Chain(keyring.backends.chainer.ChainerBackend):
        pass

    Chain.backends = list(backends)  # type: ignore[assignment]
    return Chain()  # type: ignore[no-untyped-call]


def test_a_chain_of_refused_keyrings_is_refused(vault: Vault) -> None:
    plaintext = PlaintextKeyring()
    keyring.set_keyring(chained(plaintext))
    with pytest.raises(VaultError, match="no keyring"):
        remember(vault)
    assert plaintext.entries == {}


def test_of_a_chain_only_the_trusted_keyring_is_used(vault: Vault) -> None:
    plaintext, trusted = PlaintextKeyring(), MemoryKeyring()
    keyring.set_keyring(chained(plaintext, trusted))
    remember(vault)
    assert plaintext.entries == {}
    assert len(trusted.entries) == 1
    assert keyring_slot.unlock(again(vault))


@pytest.mark.parametrize("kind", [LockedKeyring, BrokenKeyring])
def test_a_keyring_that_fails_counts_as_absent(
    kind: Callable[[], MemoryKeyring], vault: Vault, memory: MemoryKeyring
) -> None:
    remember(vault)
    keyring.set_keyring(kind())
    assert not keyring_slot.unlock(again(vault))
    assert find_unlock_source(again(vault), environ={}) is None


def test_a_keyring_that_hangs_is_given_up(
    vault: Vault, memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keyrings.TIMEOUT == 3.0
    remember(vault)
    hanging = HangingKeyring()
    keyring.set_keyring(hanging)
    with monkeypatch.context() as patched:
        patched.setattr(keyrings, "TIMEOUT", 0.01)
        assert not keyring_slot.unlock(again(vault))
        with pytest.raises(VaultError, match="does not answer"):
            remember(vault)
    hanging.released.set()
    keyring.set_keyring(memory)
    assert keyring_slot.unlock(again(vault)), "what was remembered before still stands"


def test_a_vault_that_was_never_remembered_does_not_touch_the_keyring(vault: Vault) -> None:
    class Untouchable(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            raise AssertionError("asked")

    touched = Untouchable()
    keyring.set_keyring(touched)
    assert keyring_slot.find_key(again(vault)) is None


def run_script(
    script: str, vault: Vault, wrapper: list[str], environ: dict[str, str], *arguments: str
) -> str:
    """Run a script in a fresh interpreter that picks its keyring by itself; what it printed."""
    base = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DBUS_", "XDG_", "PYTHON_KEYRING"))
    }
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", script, str(vault.path), *arguments],
        env=base | environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COMMON = """
import sys
import vctui.vault.kernel_keyring
vctui.vault.kernel_keyring._library = lambda: None
from tests.fixtures.vault import FAST, MASTER
from vctui.errors import VaultError
from vctui.vault import Vault, find_unlock_source, forget, keyring_slot, remember
vault = Vault(sys.argv[1], kdf=FAST)
vault.unlock(MASTER)
"""


def test_without_dbus_there_is_no_keyring_and_no_traceback(vault: Vault, tmp_path: Path) -> None:
    script = (
        COMMON
        + """
try:
    remember(vault)
except VaultError as error:
    print("absent:", error)
print(find_unlock_source(Vault(sys.argv[1], kdf=FAST), environ={}))
"""
    )
    home = tmp_path / "nodbus"
    home.mkdir()
    nowhere = {"HOME": str(home), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/none"}
    printed = run_script(script, vault, [], nowhere)
    assert "absent: there is no keyring here" in printed
    assert printed.splitlines()[-1] == "None"
    assert list(home.rglob("*python_keyring*")) == []


ASKING = (
    COMMON
    + """
from vctui.vault import keyrings
keyrings.TIMEOUT = float(sys.argv[2])
try:
    print("in", remember(vault))
except VaultError as error:
    print("absent:", error)
"""
)


def test_a_bus_that_hangs_is_given_up(vault: Vault, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()  # whoever connects is never answered
        address = {"HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/bus"}
        printed = run_script(ASKING, vault, [], address, "0.5")
    assert printed.startswith("absent: the keyring does not answer")


def test_an_installed_plaintext_keyring_is_never_used(vault: Vault, tmp_path: Path) -> None:
    package, written = tmp_path / "site" / "keyrings" / "alt", tmp_path / "plain"
    package.mkdir(parents=True)
    (package / "file.py").write_text(
        "from pathlib import Path\n"
        "from keyring.backend import KeyringBackend\n"
        "class PlaintextKeyring(KeyringBackend):\n"
        "    priority = 9\n"
        f"    def get_password(self, service, name): Path({str(written)!r}).touch()\n"
        f"    def set_password(self, service, name, word): Path({str(written)!r}).touch()\n"
    )
    about = tmp_path / "site" / "keyrings.alt-5.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: keyrings.alt\nVersion: 5.0\n")
    (about / "entry_points.txt").write_text("[keyring.backends]\nfile = keyrings.alt.file\n")
    script = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
    script += "import keyring; print(type(keyring.get_keyring()).__module__)\n"
    nowhere = {"HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/none"}
    chosen, said = run_script(script + ASKING, vault, [], nowhere, "60").splitlines()
    assert chosen == "keyrings.alt.file", "keyring itself would take it"
    assert said.startswith("absent: there is no keyring here")
    assert not written.exists()


@pytest.mark.real
def test_a_keyring_that_nobody_unlocks_is_given_up(vault: Vault, tmp_path: Path) -> None:
    for tool in ("dbus-run-session", "gnome-keyring-daemon"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    start = 'gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1; exec "$@"'
    wrapper = ["dbus-run-session", "--", "sh", "-c", start, "sh"]
    surroundings = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime)}
    printed = run_script(ASKING, vault, wrapper, surroundings, "2")
    assert printed.startswith("absent: ")


@pytest.mark.real
def test_gnome_keyring_holds_the_key(vault: Vault, tmp_path: Path) -> None:
    for tool in ("dbus-run-session", "gnome-keyring-daemon"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    script = (
        COMMON
        + """
import secretstorage
print("in", remember(vault))
later = Vault(sys.argv[1], kdf=FAST)
print(find_unlock_source(later, environ={}).kind)
print(keyring_slot.unlock(later), later.get().password)
with secretstorage.dbus_init() as connection:
    for item in secretstorage.get_default_collection(connection).get_all_items():
        assert MASTER.encode() not in item.get_secret()
        print("item", item.get_attributes()["service"])
print(forget(later), keyring_slot.unlock(Vault(sys.argv[1], kdf=FAST)))
"""
    )
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    start = 'printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec "$@"'
    wrapper = ["dbus-run-session", "--", "sh", "-c", start, "sh"]
    printed = run_script(script, vault, wrapper, {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime)})
    lines = printed.splitlines()
    assert lines[0] == "in the desktop's keyring"
    assert lines[1:] == ["keyring", "True secret", "item vctui", "True False"]


def test_a_key_whose_time_is_over_opens_nothing(
    vault: Vault, memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = remember(vault, seconds=60)
    assert given.until is not None
    slot, _, key = next(iter(memory.entries.values())).partition(":")
    assert again(vault).opens_with(slot, base64.b64decode(key))
    now = time.time()
    monkeypatch.setattr("vctui.vault.slots.time.time", lambda: now + 61)
    assert not again(vault).opens_with(slot, base64.b64decode(key)), "not by the key itself"
    assert keyring_slot.find_key(again(vault)) is None, "nor is the keyring asked"
    assert keyring_slot.remembered(vault) == ()
    header = '{"format":1,"kdf":"none","until":9999999999,"where":"keyring"}'
    run_sql(vault.path, "UPDATE vctui_vault_slots SET header = ? WHERE kind = 'keyring'", header)
    assert not again(vault).opens_with(slot, base64.b64decode(key)), "the time is bound to the key"


def test_logins_have_a_key_each_and_not_too_many(vault: Vault, memory: MemoryKeyring) -> None:
    for _ in range(20):
        memory.entries.clear()  # another login, which knows nothing of the others'
        remember(vault, seconds=600)
    assert run_sql(vault.path, "SELECT count(*) FROM vctui_vault_slots WHERE kind = 'keyring'") == [(16,)]
    assert keyring_slot.unlock(again(vault)), "the newest stays"
