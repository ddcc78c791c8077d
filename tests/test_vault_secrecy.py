"""No secret in a representation, an exception or a log; and none in what other processes can look at."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.vault import FAST, fresh_vault, key_text, run_sql
from vctui.errors import VctuiError
from vctui.vault import CredentialResolver, Vault

CANARY = "CANARY"
MASTER = f"{CANARY}-master-password"


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that hang on to it."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def raised(call: Callable[[], object]) -> BaseException:
    with pytest.raises(VctuiError) as caught:
        call()
    return caught.value


def test_errors_do_not_repeat_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vault = Vault(fresh_vault(tmp_path).path, kdf=FAST)
    key = key_text(passphrase=f"{CANARY}-right").replace("\n", f"\n{CANARY}\n", 1)

    def add(name: str, username: str) -> None:
        vault.add(name, username, password=f"{CANARY}-p", enable_secret=f"{CANARY}-e")

    errors = [
        raised(lambda: vault.unlock(MASTER)),
        raised(lambda: vault.unlock(f"{MASTER}\udce9")),
        raised(lambda: vault.init(MASTER)),
        raised(lambda: add("lab", "admin")),
    ]
    vault.unlock("correct horse")
    errors += [
        raised(lambda: add("", "admin")),
        raised(lambda: add("lab", "")),
        raised(lambda: vault.add("lab", "admin", password=f"{CANARY}\udce9")),
        raised(lambda: vault.add("lab", "admin", password=CANARY * 20_000)),
        raised(lambda: vault.add("lab", "admin", private_key=CANARY)),
        raised(lambda: vault.add("lab", "admin", private_key=f"-----BEGIN PRIVATE KEY-----\n{CANARY}")),
        raised(lambda: vault.add("lab", "admin", private_key=key)),
        raised(lambda: vault.add("lab", "admin", private_key=key_text(), passphrase=f"{CANARY}-pp")),
    ]
    add("lab", "admin")
    errors.append(raised(lambda: add("lab", "admin")))
    run_sql(vault.path, "UPDATE credentials SET username = 'other'")
    errors.append(raised(lambda: vault.get()))
    for error in errors:
        for link in chain(error):
            assert CANARY not in f"{link} {link!r} {vars(link)}"
        assert f"{CANARY}-" not in "".join(traceback.format_exception(error))
    assert CANARY not in caplog.text


def test_representations_show_no_secrets(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password=CANARY, private_key=key_text(), enable_secret=CANARY)
    resolver = CredentialResolver(tmp_path)
    resolver.vault = vault
    shown = f"{vault!r} {resolver!r} {vault.get()!r} {vault.list()!r} {vault.status()!r}"
    assert CANARY not in shown
    assert "PRIVATE KEY" not in shown


def test_a_locked_vault_holds_no_key(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="x")
    assert [value for value in vars(vault).values() if hasattr(value, "key")]
    vault.lock()
    assert not [value for value in vars(vault).values() if hasattr(value, "key")]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has /proc and prctl")
def test_a_hardened_process_leaves_no_core_and_is_not_dumpable() -> None:
    script = """
import ctypes, resource
from vctui.vault import harden_process
harden_process()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "(0, 0) 0\n"
