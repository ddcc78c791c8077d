"""A new master password: the old one opens nothing any more, and nothing else is touched that need not be."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.upstream import Upstream
from tests.fixtures.vault import (
    FAST,
    LEGACY_PASSWORD,
    LEGACY_SALT,
    LEGACY_SECRET,
    MASTER,
    fresh_vault,
    key_text,
    legacy_collector,
    put_rows,
    rows_of,
    run_sql,
)
from vctui.errors import DataError, StorageError, VaultError, WrongPassword
from vctui.storage import Audit
from vctui.vault import Vault, change_password, slots, tables

NEW = "battery staple"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = fresh_vault(tmp_path / "home")
    vault.add("lab", "admin", password="secret")
    return vault


def opens(vault: Vault, password: str) -> bool:
    try:
        Vault(vault.path, kdf=FAST).unlock(password)
    except WrongPassword:
        return False
    return True


def test_one_row_is_rewritten_and_a_thousand_credentials_are_not(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path / "home")
    vault.add("login", "admin", password="secret", enable_secret="enable")
    theirs, ours = rows_of(vault.path, "credentials")[0], rows_of(vault.path, "vctui_credentials")[0]
    numbers = range(2, 1001)
    put_rows(vault.path, "credentials", [(n, f"login{n}", *theirs[2:]) for n in numbers])
    put_rows(vault.path, "vctui_credentials", [(n, f"uuid{n}", *ours[2:]) for n in numbers])
    tables = ("credentials", "vctui_credentials", "vctui_vault", "vault_metadata")
    before = {table: rows_of(vault.path, table) for table in tables}
    slots = rows_of(vault.path, "vctui_vault_slots")
    changed = change_password(Vault(vault.path, kdf=FAST), MASTER, NEW)
    assert changed.credentials == 1000
    assert {table: rows_of(vault.path, table) for table in tables} == before
    after = rows_of(vault.path, "vctui_vault_slots")
    assert [row[0] for row in after] == [row[0] for row in slots]
    assert len(after) == 1
    assert after != slots
    assert not opens(vault, MASTER)
    assert opens(vault, NEW)


def test_the_old_slot_is_not_in_the_file_any_more(vault: Vault) -> None:
    old = run_sql(vault.path, "SELECT wrapped_key FROM vctui_vault_slots")[0][0]
    change_password(vault, MASTER, NEW)
    for file in vault.path.parent.iterdir():
        assert old.encode() not in file.read_bytes(), file


def test_an_unlocked_vault_stays_unlocked(vault: Vault) -> None:
    change_password(vault, MASTER, NEW)
    assert vault.get().password == "secret"
    other = Vault(vault.path, kdf=FAST)
    change_password(other, NEW, MASTER)
    assert other.is_unlocked
    assert vault.get().password == "secret", "the key is the same"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("wrong horse", NEW, WrongPassword),
        (MASTER, "short", VaultError),
        (MASTER, MASTER, VaultError),
        (MASTER, "not text \udce9", VaultError),
    ],
)
def test_what_is_refused_changes_nothing(old: str, new: str, error: type[Exception], vault: Vault) -> None:
    before = vault.path.read_bytes()
    with pytest.raises(error):
        change_password(vault, old, new)
    assert vault.path.read_bytes() == before


def test_two_changes_at_once_leave_one_password(vault: Vault) -> None:
    passwords = [f"password number {n}" for n in range(4)]
    outcomes: list[str] = []

    def change(new: str) -> None:
        try:
            change_password(Vault(vault.path, kdf=FAST), MASTER, new)
            outcomes.append(new)
        except VaultError:
            pass

    threads = [threading.Thread(target=change, args=(new,)) for new in passwords]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [password for password in [MASTER, *passwords] if opens(vault, password)] == outcomes
    assert len(outcomes) == 1


def test_a_password_that_was_changed_meanwhile_is_not_changed_again(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap = slots.wrap_with_password

    def slow(*arguments: Any, **named: Any) -> Any:
        monkeypatch.undo()
        change_password(Vault(vault.path, kdf=FAST), MASTER, "the other's new one")
        return wrap(*arguments, **named)

    monkeypatch.setattr(slots, "wrap_with_password", slow)
    with pytest.raises(VaultError, match="changed meanwhile"):
        change_password(vault, MASTER, NEW)
    assert [opens(vault, password) for password in (MASTER, NEW, "the other's new one")] == [
        False,
        False,
        True,
    ]


def test_a_legacy_header_that_cannot_be_read_back_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = legacy_collector(tmp_path)
    before = [rows_of(path, table) for table in ("credentials", "vault_metadata")]
    write = tables.write_metadata
    monkeypatch.setattr(tables, "write_metadata", lambda db, rows: write(db, {**rows, "salt": LEGACY_SALT}))
    with pytest.raises(DataError, match="cannot be read back"):
        change_password(Vault(path), LEGACY_PASSWORD, NEW)
    assert [rows_of(path, table) for table in ("credentials", "vault_metadata")] == before


def test_what_cannot_be_noted_is_not_done(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    careful = Vault(vault.path, kdf=FAST, audit=Audit(tmp_path))
    with pytest.raises(StorageError):
        change_password(careful, MASTER, NEW)
    with pytest.raises(StorageError):
        careful.unlock(MASTER)
    assert not careful.is_unlocked
    assert opens(vault, MASTER)
    assert not opens(vault, NEW)


def test_velocitycollectors_vault_opens_there_with_the_new_password_only(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    vault = Vault(path)
    vault.unlock(LEGACY_PASSWORD)
    key = key_text(passphrase="pp")
    vault.add("keys", "netops", password="pässwörd", private_key=key, passphrase="pp", enable_secret="en")
    changed = change_password(vault, LEGACY_PASSWORD, NEW)
    assert (changed.credentials, changed.damaged) == (2, ())
    upstream = Upstream(path)
    assert not upstream.unlock(LEGACY_PASSWORD)
    assert upstream.unlock(NEW)
    assert upstream.credential(7) == ("lab", "admin", LEGACY_SECRET, None, None)
    assert upstream.credential(8) == ("keys", "netops", "pässwörd", key, "pp")
    later = Vault(path)
    later.unlock(NEW)
    assert later.get("keys").enable_secret == "en"
    assert later.get("lab").id == 7
    assert vault.get("lab").password == LEGACY_SECRET
    with pytest.raises(WrongPassword):
        Vault(path).unlock(LEGACY_PASSWORD)


def test_a_damaged_secret_is_named_and_left_as_it_was(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    run_sql(
        path, "INSERT INTO credentials (name, username, password_encrypted) VALUES ('bad', 'x', 'gAAAAAtorn')"
    )
    changed = change_password(Vault(path), LEGACY_PASSWORD, NEW)
    assert changed.damaged == ("bad",)
    assert run_sql(path, "SELECT password_encrypted FROM credentials WHERE name = 'bad'") == [("gAAAAAtorn",)]
    later = Vault(path)
    later.unlock(NEW)
    assert later.get("lab").password == LEGACY_SECRET
