"""The kernel's keyring, for hosts without a desktop: in tmux, over ssh, until the login or the time ends."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.vault import FAST, MASTER, fresh_vault, run_sql
from vctui.vault import Vault, kernel_keyring, keyring_slot
from vctui.vault.keyrings import KeyringUnavailable

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.real]

SCRIPT = """
import sys
import keyring, keyring.backends.fail
keyring.set_keyring(keyring.backends.fail.Keyring())
from tests.fixtures.vault import FAST, MASTER
from vctui.vault import Vault, find_unlock_source, forget, keyring_slot, remember
path, *steps = sys.argv[1:]
for step in steps:
    vault = Vault(path, kdf=FAST)
    if step.startswith("remember"):
        vault.unlock(MASTER)
        print(remember(vault, seconds=int(step[8:] or 600)).where)
    elif step == "status":
        print(*(str(one).partition(", until")[0] for one in keyring_slot.remembered(vault)))
    elif step == "forget":
        print(forget(vault))
    else:
        source = find_unlock_source(vault, environ={})
        if source is not None:
            source.unlock(vault)
        print("open" if vault.is_unlocked else "closed")
"""


@pytest.fixture(autouse=True)
def needs_keyutils() -> None:
    if sys.platform != "linux" or shutil.which("keyctl") is None:
        pytest.skip("keyctl is not installed")
    if subprocess.run(["keyctl", "show"], capture_output=True, check=False).returncode:
        pytest.skip("this kernel, or container, lets nobody use its keyring")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = fresh_vault(tmp_path / "home")
    vault.add("lab", "admin", password="secret")
    return vault


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    return file


def command(script: Path, vault: Vault, *steps: str) -> str:
    return " ".join([sys.executable, str(script), str(vault.path), *steps])


def in_login(shell: str) -> list[str]:
    """Run a shell in a session keyring of its own, as a login through PAM has it; what it printed."""
    done = subprocess.run(
        ["keyctl", "session", "-", "sh", "-c", shell],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def kept_keys(vault: Vault) -> list[str]:
    keys = Path("/proc/keys").read_text().splitlines()
    return [line for line in keys if f"vctui:{vault.identity}" in line and not re.search(r" I\S*[iRD]", line)]


def test_one_unlock_lasts_for_the_login_and_ends_with_it(vault: Vault, script: Path) -> None:
    remember, look = command(script, vault, "remember"), command(script, vault, "unlock")
    assert in_login(f"{look}; {remember}; {look}; {look}") == ["closed", "login", "open", "open"]
    assert in_login(look) == ["closed"], "another login has none of it"
    status = command(script, vault, "status")
    assert in_login(status) == ["the kernel's keyring of another login"]
    assert in_login(f"{remember}; {status}") == [
        "login",
        "the kernel's keyring of another login the kernel's keyring of this login",
    ]
    rows = run_sql(vault.path, "SELECT header FROM vctui_vault_slots WHERE kind = 'keyring'")
    assert ['"where":"login"' in header for (header,) in rows] == [True, True]


def test_it_is_forgotten_at_once(vault: Vault, script: Path) -> None:
    forget, look = command(script, vault, "remember", "forget"), command(script, vault, "unlock")
    assert in_login(f"{forget}; {look}") == ["login", "True", "closed"]
    assert kept_keys(vault) == []


def test_the_kernel_itself_ends_it_at_its_time(vault: Vault, script: Path) -> None:
    remember, look = command(script, vault, "remember1"), command(script, vault, "unlock")
    name = f"vctui:{vault.identity}"
    wait = f"while keyctl search @s user {name} >/dev/null 2>&1; do :; done"
    assert in_login(f"{remember}; {wait}; {look}") == ["login", "closed"]


def test_a_tmux_that_outlived_its_login_gets_a_new_key(vault: Vault, script: Path) -> None:
    remember, look = command(script, vault, "remember"), command(script, vault, "unlock")
    forget = command(script, vault, "forget")
    # pam_keyinit revokes the session's keyring at logout; what runs on is left without one.
    said = in_login(f"{remember}; keyctl revoke @s; {look}; {remember}; {look}; {forget}; {look}")
    assert said == ["login", "closed", "user", "open", "True", "closed"]
    assert kept_keys(vault) == []


def test_it_outlasts_the_program_where_logins_have_no_keyring_of_their_own(
    vault: Vault, script: Path
) -> None:
    def run(step: str) -> str:
        # Whatever the test itself runs in: under cron, in a container or by su there is no session keyring.
        done = subprocess.run(
            [sys.executable, str(script), str(vault.path), step],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    where = run("remember")
    assert where in ("login", "user")
    assert run("unlock") == "open"
    assert run("status") == f"the kernel's keyring of this {where}"
    assert run("forget") == "True"
    assert run("unlock") == "closed"
    assert kept_keys(vault) == []


def test_two_logins_have_a_key_each(vault: Vault, script: Path) -> None:
    remember, look = command(script, vault, "remember"), command(script, vault, "unlock")
    inner = f"keyctl session - sh -c '{remember}; {look}'"
    assert in_login(f"{remember}; {inner} 2>/dev/null; {look}") == ["login", "login", "open", "open"]


def test_renewing_replaces_the_key_of_this_login_only(vault: Vault, script: Path) -> None:
    in_login(command(script, vault, "remember", "remember", "remember"))
    rows = run_sql(vault.path, "SELECT count(*) FROM vctui_vault_slots WHERE kind = 'keyring'")
    assert rows == [(1,)]


def test_windows_of_one_tmux_share_it(vault: Vault, script: Path, tmp_path: Path) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    remember, look = command(script, vault, "remember"), command(script, vault, "unlock")
    out = tmp_path / "out"
    tmux = f"tmux -L vctui-{os.getpid()} -f /dev/null"
    window = f"{look} >> {out}; tmux -L vctui-{os.getpid()} wait-for -S done"
    said = in_login(
        f"{tmux} new-session -d '{remember} >> {out}; {tmux} wait-for -S first; exec cat';"
        f"{tmux} wait-for first; {tmux} new-window '{window}'; {tmux} wait-for done; {tmux} kill-server;"
        f"cat {out}"
    )
    assert said == ["login", "open"]


def test_what_cannot_be_used_counts_as_absent(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.unlock(MASTER)
    with pytest.raises(KeyringUnavailable, match="no kernel keyring") as caught:
        keyring_slot.remember(vault)
    assert "keyutils" in str(caught.value)

    class Forbidden:
        """A container's seccomp filter forbids these calls."""

        def __getattr__(self, name: str) -> object:
            def call(*arguments: object) -> int:
                ctypes.set_errno(1)
                return -1

            return call

    monkeypatch.setattr(kernel_keyring, "_library", Forbidden)
    with pytest.raises(KeyringUnavailable, match="Operation not permitted"):
        keyring_slot.remember(vault)
    assert keyring_slot.find_key(Vault(vault.path, kdf=FAST)) is None
