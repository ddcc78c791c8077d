"""Changing a credential: what is left out stays, ids stay, and what is bound is bound anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.vault import (
    FAST,
    LEGACY_PASSWORD,
    LEGACY_SECRET,
    MASTER,
    fresh_vault,
    key_text,
    legacy_collector,
    put_rows,
    rows_of,
    run_sql,
)
from vctui.errors import CredentialNotFound, DataError, VaultError, VaultLocked
from vctui.records import SSHCredentials
from vctui.scope import ANYWHERE, parse_scope
from vctui.vault import Edit, PassphraseNeeded, Vault

LAB = parse_scope("site:lab")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = fresh_vault(tmp_path / "home")
    vault.add("lab", "admin", password="secret", enable_secret="enable", scope=LAB)
    vault.add("other", "root", password="other")
    return vault


def again(vault: Vault) -> Vault:
    later = Vault(vault.path, kdf=FAST)
    later.unlock(MASTER)
    return later


def test_what_is_left_out_stays(vault: Vault) -> None:
    before = vault.get("lab")
    after = vault.edit("lab", Edit())
    assert again(vault).get("lab") == before
    assert after.id == before.id
    vault.edit("lab", Edit(username="netops"))
    assert again(vault).get("lab") == SSHCredentials(
        "netops", "lab", before.id, "secret", enable_secret="enable", scope=LAB
    )
    vault.edit("lab", Edit(secrets={"password": "new"}))
    assert again(vault).get("lab").password == "new"
    assert again(vault).get("lab").enable_secret == "enable"
    vault.edit("lab", Edit(secrets={"enable_secret": None}))
    assert again(vault).get("lab").enable_secret is None
    assert not again(vault).list()[0].has_enable
    assert again(vault).get("other").password == "other"


def test_a_new_name_keeps_the_id_and_the_default(vault: Vault) -> None:
    before = vault.list()[0]
    vault.edit("lab", Edit(name="core"))
    later = again(vault)
    assert [(info.id, info.name, info.is_default) for info in later.list()] == [
        (before.id, "core", True),
        (before.id + 1, "other", False),
    ]
    assert later.get(id=before.id).password == "secret"
    with pytest.raises(CredentialNotFound):
        later.get("lab")


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (Edit(name="other"), VaultError, "exists already"),
        (Edit(name=""), VaultError, "must not be empty"),
        (Edit(username="-o"), VaultError, "user name"),
        (Edit(secrets={"password": None}), VaultError, "needs a password"),
        (Edit(secrets={"ssh_key_passphrase": "x"}), VaultError, "without a private key"),
        (Edit(secrets={"ssh_key": key_text(passphrase="pp")}), PassphraseNeeded, "passphrase"),
        (Edit(secrets={"ssh_key": "nonsense"}), VaultError, "not a private key"),
        (Edit(secrets={"agent": "a\nb"}), VaultError, "names no key"),
    ],
)
def test_what_is_refused_changes_nothing(
    change: Edit, error: type[Exception], match: str, vault: Vault
) -> None:
    before = vault.path.read_bytes()
    with pytest.raises(error, match=match):
        vault.edit("lab", change)
    assert vault.path.read_bytes() == before
    with pytest.raises(CredentialNotFound):
        vault.edit("nobody", Edit(username="x"))
    vault.lock()
    with pytest.raises(VaultLocked):
        vault.edit("lab", Edit(username="x"))


def test_each_change_of_method(vault: Vault) -> None:
    protected = key_text(passphrase="pp")
    vault.edit("lab", Edit(secrets={"ssh_key": protected, "ssh_key_passphrase": "pp"}))
    assert vault.get("lab").passphrase == "pp"
    vault.edit("lab", Edit(secrets={"password": None}))
    assert vault.get("lab").password is None
    plain = key_text()
    vault.edit("lab", Edit(secrets={"ssh_key": plain}))
    assert (vault.get("lab").private_key, vault.get("lab").passphrase) == (plain, None)
    vault.edit("lab", Edit(secrets={"ssh_key": protected, "ssh_key_passphrase": ""}))
    assert vault.get("lab").passphrase is None, "asked for at each run"
    vault.edit("lab", Edit(secrets={"agent": "*", "ssh_key": None}))
    got = again(vault).get("lab")
    assert (got.agent, got.agent_key, got.private_key) == (True, "", None)
    vault.edit("lab", Edit(secrets={"agent": "SHA256:abc"}))
    assert vault.get("lab").agent_key == "SHA256:abc"
    assert [info.has_agent for info in vault.list()] == [True, False]


def test_the_scope_is_bound_to_the_secrets(vault: Vault) -> None:
    assert vault.list()[0].scope == LAB
    vault.edit("lab", Edit(scope=parse_scope("network:10.0.0.0/8")))
    assert str(again(vault).get("lab").scope) == "network:10.0.0.0/8"
    run_sql(vault.path, "UPDATE vctui_credentials SET scope = '' WHERE credential_id = 1")
    assert vault.list()[0].scope == ANYWHERE, "that is what the database says"
    with pytest.raises(DataError, match="'lab' was altered"):
        vault.get("lab")


def test_a_scope_that_cannot_be_read_is_nowhere(vault: Vault) -> None:
    run_sql(vault.path, "UPDATE vctui_credentials SET scope = 'nonsense' WHERE credential_id = 1")
    scope = vault.list()[0].scope
    assert scope.refusal(name="sw1", host="192.0.2.1", sites=("lab",), platforms=("cisco_ios",))


def test_that_the_agent_may_sign_cannot_be_added_to_a_credential(vault: Vault) -> None:
    vault.edit("other", Edit(secrets={"agent": "*"}))
    run_sql(
        vault.path,
        "UPDATE vctui_credentials SET agent_encrypted ="
        " (SELECT agent_encrypted FROM vctui_credentials WHERE credential_id = 2) WHERE credential_id = 1",
    )
    with pytest.raises(DataError, match="'lab' was altered"):
        vault.get("lab")


def test_an_older_state_of_a_credential_is_noticed(vault: Vault) -> None:
    tables = ("credentials", "vctui_credentials")
    old = {table: rows_of(vault.path, table)[:1] for table in tables}
    vault.edit("lab", Edit(secrets={"password": "new"}))
    for table, rows in old.items():
        put_rows(vault.path, table, rows)
    with pytest.raises(DataError, match="'lab' was altered"):
        again(vault).get("lab")


def test_a_damaged_secret_is_entered_anew(vault: Vault) -> None:
    run_sql(vault.path, "UPDATE credentials SET password_encrypted = 'vctui1:AAAA' WHERE id = 1")
    with pytest.raises(DataError, match="the password of credential 'lab' does not open"):
        vault.edit("lab", Edit(username="netops"))
    vault.edit("lab", Edit(secrets={"password": "anew"}))
    assert again(vault).get("lab").password == "anew"
    assert again(vault).get("lab").enable_secret == "enable"


def test_what_was_replaced_is_not_in_the_file_any_more(vault: Vault) -> None:
    token = run_sql(vault.path, "SELECT password_encrypted FROM credentials WHERE id = 1")[0][0]
    assert token.encode() in vault.path.read_bytes()
    vault.edit("lab", Edit(secrets={"password": "new"}))
    for file in vault.path.parent.iterdir():
        assert token.encode() not in file.read_bytes(), file


def test_velocitycollectors_credentials_are_edited_in_its_own_scheme(tmp_path: Path) -> None:
    path = legacy_collector(tmp_path)
    vault = Vault(path)
    vault.unlock(LEGACY_PASSWORD)
    vault.edit("lab", Edit(username="netops"))
    vault.edit("lab", Edit(name="core", secrets={"enable_secret": "en"}))
    later = Vault(path)
    later.unlock(LEGACY_PASSWORD)
    assert later.get("core") == SSHCredentials("netops", "core", 7, LEGACY_SECRET, enable_secret="en")
    later.edit("core", Edit(name="lab"))
    assert later.get("lab").enable_secret == "en"
    later.edit("lab", Edit(secrets={"enable_secret": None}))
    assert run_sql(path, "SELECT * FROM vctui_credentials") == []
    assert run_sql(path, "SELECT id, is_default FROM credentials") == [(7, 1)]
    assert run_sql(path, "SELECT password_encrypted FROM credentials")[0][0].startswith("gAAAAA")
    with pytest.raises(VaultError, match="vctui vault upgrade"):
        later.edit("lab", Edit(scope=LAB))
