"""VelocityCollector's own vault: opened as it stands, and added to so that it can read what is new."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.fixtures.vault import (
    FAST,
    LEGACY_HASH,
    LEGACY_PASSWORD,
    LEGACY_SALT,
    LEGACY_SECRET,
    LEGACY_TOKEN,
    MASTER,
    collector,
    legacy_collector,
    run_sql,
)
from vctui.errors import DataError, VaultError, WrongPassword
from vctui.vault import CredentialResolver, Vault


def their_fernet(password: str = LEGACY_PASSWORD) -> Fernet:
    """Their key, computed apart from the code under test."""
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(LEGACY_SALT), 480_000, 32)
    return Fernet(base64.urlsafe_b64encode(key))


def test_an_existing_vault_opens(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    before = path.read_bytes()
    with CredentialResolver(tmp_path) as resolver:
        assert resolver.is_initialized
        assert resolver.unlock_vault(LEGACY_PASSWORD)
        got = resolver.get_ssh_credentials()
        assert (got.id, got.name, got.username, got.password) == (7, "lab", "admin", LEGACY_SECRET)
        assert resolver.get_ssh_credentials(id=7) == got
        assert resolver.vault.status().scheme == "velocitycollector"
    assert path.read_bytes() == before, "reading changes nothing"


@pytest.mark.parametrize("wrong", ["masterpw2", "", "MASTERPW1"])
def test_a_wrong_password_is_told_apart(wrong: str, tmp_path: Path) -> None:
    vault = Vault(legacy_collector(tmp_path))
    with pytest.raises(WrongPassword):
        vault.unlock(wrong)
    assert not vault.is_unlocked


def test_what_vctui_adds_velocitycollector_reads(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    vault = Vault(path)
    vault.unlock(LEGACY_PASSWORD)
    added = vault.add("core", "netops", password="pässword", enable_secret="enable me")
    assert (added.id, added.is_default) == (8, False)
    rows = run_sql(
        path, "SELECT password_encrypted, ssh_key_encrypted, is_default FROM credentials WHERE id = 8"
    )
    token, key, is_default = rows[0]
    assert their_fernet().decrypt(token).decode() == "pässword"
    assert (key, is_default) == (None, 0)
    assert vault.get("core").enable_secret == "enable me"
    assert run_sql(path, "SELECT password_encrypted FROM credentials WHERE id = 7") == [(LEGACY_TOKEN,)]
    metadata = run_sql(path, "SELECT key, value FROM vault_metadata ORDER BY key")
    assert metadata == [("password_hash", LEGACY_HASH), ("salt", LEGACY_SALT)]


def test_enable_secrets_live_beside_it_and_are_bound_to_their_login(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    vault = Vault(path)
    vault.unlock(LEGACY_PASSWORD)
    vault.add("core", "netops", password="p", enable_secret="CANARY-enable")
    token = run_sql(path, "SELECT enable_secret_encrypted FROM vctui_credentials")[0][0]
    assert token.startswith("vctui1:")
    assert b"CANARY" not in path.read_bytes()
    run_sql(path, "UPDATE credentials SET username = 'other' WHERE id = 8")
    with pytest.raises(DataError, match="'core'"):
        vault.get("core")
    assert vault.get("lab").password == LEGACY_SECRET


def test_what_velocitycollector_deletes_takes_its_enable_secret_along(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    vault = Vault(path)
    vault.unlock(LEGACY_PASSWORD)
    vault.add("core", "netops", password="p", enable_secret="e")
    vault.add("spare", "netops", password="p")
    run_sql(path, "DELETE FROM credentials WHERE name = 'core'")
    assert [info.name for info in vault.list()] == ["lab", "spare"]
    vault.lock()
    vault.remove("spare")
    assert run_sql(path, "SELECT * FROM vctui_credentials") == []


def test_names_and_defaults_need_no_password(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    run_sql(path, "INSERT INTO credentials (name, username, is_default) VALUES ('two', 'u', 1)")
    vault = Vault(path)
    assert [(info.name, info.is_default) for info in vault.list()] == [("lab", True), ("two", True)]
    vault.set_default("two")
    assert [(info.name, info.is_default) for info in vault.list()] == [("lab", False), ("two", True)]
    vault.remove("lab")
    assert [info.name for info in vault.list()] == ["two"]


def test_a_damaged_token_is_named_and_the_others_open(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    for name, token in (("cut", LEGACY_TOKEN[:-8]), ("odd", "gAAAAABé"), ("empty", "")):
        run_sql(
            path,
            "INSERT INTO credentials (name, username, password_encrypted) VALUES (?, 'u', ?)",
            name,
            token,
        )
    vault = Vault(path)
    vault.unlock(LEGACY_PASSWORD)
    for name in ("cut", "odd"):
        with pytest.raises(DataError, match=f"'{name}'"):
            vault.get(name)
    assert vault.get("empty").password is None
    assert vault.get("lab").password == LEGACY_SECRET


@pytest.mark.parametrize(
    ("key", "value"), [("salt", "AAAA"), ("salt", None), ("password_hash", "?"), ("salt", "ü")]
)
def test_a_damaged_header_is_named(key: str, value: str | None, tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    run_sql(path, "UPDATE vault_metadata SET value = ? WHERE key = ?", value, key)
    with pytest.raises(DataError, match=key):
        Vault(path).unlock(LEGACY_PASSWORD)


def test_a_second_vault_is_not_made_over_it(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    with pytest.raises(VaultError, match="exists already"):
        Vault(path, kdf=FAST).init(MASTER)


def test_vctuis_own_vault_wins_when_velocitycollector_made_one_over_it(tmp_path: Path) -> None:
    path = collector(tmp_path)
    vault = Vault(path, kdf=FAST)
    vault.init(MASTER)
    vault.add("mine", "u", password="p")
    for key, value in (("salt", LEGACY_SALT), ("password_hash", LEGACY_HASH)):
        run_sql(path, "INSERT INTO vault_metadata (key, value) VALUES (?, ?)", key, value)
    run_sql(
        path,
        "INSERT INTO credentials (name, username, password_encrypted) VALUES ('theirs', 'u', ?)",
        LEGACY_TOKEN,
    )
    vault.lock()
    with pytest.raises(WrongPassword):
        vault.unlock(LEGACY_PASSWORD)
    vault.unlock(MASTER)
    assert vault.get("mine").password == "p"
    with pytest.raises(DataError, match="'theirs' was not added by vctui"):
        vault.get("theirs")
