"""The vault's life: made, unlocked, filled, asked, emptied; and what it refuses to hold."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.fixtures.vault import ED25519, FAST, MASTER, collector, fresh_vault, key_text, run_sql
from vctui.errors import CredentialNotFound, DataError, HomeError, VaultError, VaultLocked, WrongPassword
from vctui.records import CredentialInfo, SSHCredentials
from vctui.vault import CredentialResolver, FieldRefused, PassphraseNeeded, Vault
from vctui.vault.schemes import PASSPHRASE


def defaults(vault: Vault) -> list[str]:
    return [info.name for info in vault.list() if info.is_default]


def test_a_credential_comes_back_as_it_was_put_in(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    text = key_text(passphrase="open sesame")
    added = vault.add(
        "core-rw",
        "CORP\\netops",
        password="pä55 wörd\n☂",
        private_key=text,
        passphrase="open sesame",
        enable_secret="enable me",
    )
    assert added == CredentialInfo(1, "core-rw", "CORP\\netops", True, True, True, True)
    later = Vault(vault.path, kdf=FAST)
    assert later.list() == [added]
    later.unlock(MASTER)
    got = later.get("core-rw")
    assert got == SSHCredentials(
        "CORP\\netops", "core-rw", 1, "pä55 wörd\n☂", text, "open sesame", "enable me"
    )
    assert later.get() == later.get(id=1) == got
    assert later.get_many([1]) == {1: got}
    with pytest.raises(CredentialNotFound, match="id 9"):
        later.get_many([1, 9])


def test_nothing_secret_is_stored_in_the_clear(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="CANARY-password", enable_secret="CANARY-enable")
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert b"CANARY" not in stored
    assert MASTER.encode() not in stored
    token = run_sql(vault.path, "SELECT password_encrypted FROM credentials")[0][0]
    assert token.startswith("vctui1:")
    assert not run_sql(vault.path, "SELECT * FROM vault_metadata"), "no verifier beside the slots"


def test_only_the_right_password_unlocks(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="x")
    vault.lock()
    for wrong in ("", "wrong horse", MASTER + " ", MASTER.upper()):
        with pytest.raises(WrongPassword):
            vault.unlock(wrong)
        assert not vault.is_unlocked
    vault.unlock(MASTER)
    assert vault.get().password == "x"


def test_a_wrong_password_leaves_an_unlocked_vault_unlocked(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    with pytest.raises(WrongPassword):
        vault.unlock("wrong horse")
    assert vault.is_unlocked


def test_locked_means_no_secrets_and_no_changes(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="x")
    vault.lock()
    assert [info.name for info in vault.list()] == ["lab"]
    for forbidden in (
        lambda: vault.get(),
        lambda: vault.add("b", "b", password="b"),
        lambda: vault.remove("lab"),
    ):
        with pytest.raises(VaultLocked):
            forbidden()
    assert [info.name for info in vault.list()] == ["lab"]


def test_a_vault_is_made_once(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="x")
    with pytest.raises(VaultError, match="exists already"):
        vault.init("another password")
    vault.lock()
    vault.unlock(MASTER)
    assert vault.get().password == "x"


def test_without_a_vault_every_answer_says_how_to_make_one(tmp_path: Path) -> None:
    vault = Vault(collector(tmp_path), kdf=FAST)
    assert not vault.is_initialized()
    assert vault.status().scheme is None
    assert vault.list() == []
    with pytest.raises(VaultError, match="vctui vault init"):
        vault.unlock(MASTER)
    with pytest.raises(VaultLocked):
        vault.get()


def test_a_missing_home_is_no_vault_and_is_not_created(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "no" / "collector.db", kdf=FAST)
    assert not vault.is_initialized()
    assert vault.list() == []
    with pytest.raises(HomeError, match="vctui init"):
        vault.unlock(MASTER)
    with pytest.raises(HomeError, match="vctui init"):
        vault.init(MASTER)
    assert not (tmp_path / "no").exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "collector.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataError, match="is not an SQLite database"):
        Vault(path).is_initialized()


def test_a_vault_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    path = fresh_vault(tmp_path).path
    run_sql(path, "UPDATE vctui_vault SET format = 2")
    with pytest.raises(VaultError, match="Upgrade vctui"):
        Vault(path, kdf=FAST).unlock(MASTER)


def test_there_is_exactly_one_default(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("one", "u", password="1")
    vault.add("two", "u", password="2")
    assert defaults(vault) == ["one"]
    vault.add("three", "u", password="3", default=True)
    assert defaults(vault) == ["three"]
    vault.set_default("two")
    assert defaults(vault) == ["two"]
    assert vault.get().name == "two"
    with pytest.raises(CredentialNotFound, match="'four'"):
        vault.set_default("four")
    assert defaults(vault) == ["two"]


def test_the_default_goes_only_as_the_last(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("one", "u", password="1")
    vault.add("two", "u", password="2")
    with pytest.raises(VaultError, match="set-default"):
        vault.remove("one")
    assert defaults(vault) == ["one"]
    vault.remove("two")
    vault.remove("one")
    assert vault.list() == []
    with pytest.raises(CredentialNotFound, match="holds no credentials"):
        vault.get()
    vault.add("three", "u", password="3")
    assert defaults(vault) == ["three"]
    assert vault.get().id == 3, "ids are never used twice"


def test_removing_what_is_not_there_says_so(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    with pytest.raises(CredentialNotFound, match="'ghost'"):
        vault.remove("ghost")
    with pytest.raises(CredentialNotFound, match="'ghost'"):
        vault.get("ghost")
    with pytest.raises(CredentialNotFound, match="id 9"):
        vault.get(id=9)


def test_removed_credentials_leave_no_trace_in_the_file(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("keep", "u", password="1")
    vault.add("zzmarker", "marker-user", password="2")
    token = run_sql(vault.path, "SELECT password_encrypted FROM credentials WHERE name = 'zzmarker'")[0][0]
    vault.remove("zzmarker")
    for file in (one for one in tmp_path.iterdir() if one.is_file()):
        for trace in (b"marker-user", token.encode()):
            assert trace not in file.read_bytes(), file
    assert vault.get("keep").password == "1"


def test_names_are_unique(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="1")
    with pytest.raises(VaultError, match="exists already"):
        vault.add("lab", "other", password="2")
    assert vault.get("lab").username == "admin"
    assert len(vault.list()) == 1


@pytest.mark.parametrize(
    "name", ["", " ", " lab", "lab ", "-lab", "a\nb", "a\tb", "a\x1b[31m", "a\u202eb", "x" * 101]
)
def test_names_that_could_mislead_are_refused(name: str, tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    with pytest.raises(VaultError) as caught:
        vault.add(name, "admin", password="x")
    assert str(caught.value).isprintable()
    assert vault.list() == []


@pytest.mark.parametrize(
    "username",
    [
        "",
        "-oProxyCommand=x",
        "a b",
        "a\tb",
        "a\nb",
        "a;b",
        "a$b",
        "a`b",
        "a|b",
        "a&b",
        "a'b",
        'a"b',
        "a(b",
        "a\\",
        "a\x00b",
        "a\u00a0b",
        "a\u200bb",
        "x" * 257,
        "\ud800",
    ],
)
def test_user_names_that_could_be_taken_for_something_else_are_refused(username: str, tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    with pytest.raises(VaultError, match="user name") as caught:
        vault.add("lab", username, password="x")
    assert str(caught.value).replace("\xa0", " ").isprintable()
    assert vault.list() == []


@pytest.mark.parametrize(
    "username", ["admin", "net-ops_1", "CORP\\bob", "bob@corp.example", "a+cte", "ops%tenant#x", "ops/1"]
)
def test_user_names_in_real_use_are_accepted(username: str, tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", username, password="x")
    assert vault.get().username == username


def test_a_credential_needs_something_to_log_in_with(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    for password, enable_secret in ((None, None), ("", None), (None, "e")):
        with pytest.raises(VaultError, match="needs a password, a private key or the SSH agent"):
            vault.add("lab", "admin", password=password, enable_secret=enable_secret)
    with pytest.raises(VaultError, match="without a private key"):
        vault.add("lab", "admin", password="p", passphrase="pp")
    with pytest.raises(VaultError, match="larger than 64 KiB"):
        vault.add("lab", "admin", password="x" * 65_537)
    with pytest.raises(VaultError, match="UTF-8"):
        vault.add("lab", "admin", password="caf\udce9")


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_protected_keys_ask_for_their_passphrase(form: PrivateFormat, tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    text = key_text(form, "open sesame")
    with pytest.raises(PassphraseNeeded):
        vault.add("lab", "admin", private_key=text)
    with pytest.raises(FieldRefused, match="does not open the private key") as caught:
        vault.add("lab", "admin", private_key=text, passphrase="shut")
    assert caught.value.field == PASSPHRASE
    vault.add("lab", "admin", private_key=text, passphrase="open sesame")
    assert vault.get().private_key == text


def test_keys_are_kept_with_plain_line_ends(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    text = key_text()
    vault.add("lab", "admin", private_key="\n" + text.strip().replace("\n", "\r\n"))
    assert vault.get().private_key == text


def test_old_pem_keys_are_accepted(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    key = rsa.generate_private_key(65537, 2048)
    text = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"pp")
    ).decode()
    with pytest.raises(PassphraseNeeded):
        vault.add("lab", "admin", private_key=text)
    vault.add("lab", "admin", private_key=text, passphrase="pp")
    assert vault.get().private_key == text


def test_what_is_no_usable_key_is_refused_with_the_reason(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    public = ED25519.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    ed448_key = ed448.Ed448PrivateKey.generate()
    unusable = ed448_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for text, reason in (
        ("hello", "not a private key"),
        (public, "not a private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen"),
        (key_text()[:200] + "\n-----END OPENSSH PRIVATE KEY-----\n", "cannot be read"),
        (unusable, "only RSA, ECDSA and Ed25519"),
    ):
        with pytest.raises(VaultError, match=reason):
            vault.add("lab", "admin", private_key=text)
    with pytest.raises(VaultError, match="has no passphrase"):
        vault.add("lab", "admin", private_key=key_text(), passphrase="pp")
    assert vault.list() == []


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    first = fresh_vault(tmp_path)
    second = Vault(first.path, kdf=FAST)
    second.unlock(MASTER)
    threads = [
        threading.Thread(target=vault.add, args=(f"{label}{number}", "u"), kwargs={"password": label})
        for number in range(5)
        for label, vault in (("a", first), ("b", second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(first.list()) == 10
    assert len(defaults(first)) == 1
    assert {first.get(info.name).password for info in second.list()} == {"a", "b"}


def test_a_vault_replaced_while_unlocked_has_to_be_unlocked_again(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path / "a")
    vault.add("lab", "admin", password="x")
    other = fresh_vault(tmp_path / "b")
    other.path.replace(vault.path)
    with pytest.raises(VaultLocked, match="Unlock it again"):
        vault.get()


def test_a_first_write_leaves_velocitycollectors_tables_as_they_are(tmp_path: Path) -> None:
    path = collector(tmp_path)
    query = "SELECT name, sql FROM sqlite_master WHERE name IN ('credentials', 'vault_metadata')"
    before = run_sql(path, query)
    vault = Vault(path, kdf=FAST)
    vault.init(MASTER)
    vault.add("lab", "admin", password="x", enable_secret="e")
    assert run_sql(path, query) == before


def test_the_resolver_finds_its_home_and_locks_at_the_end(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path / "home")
    vault.add("one", "u", password="1")
    vault.add("two", "u", password="2")
    with CredentialResolver(tmp_path / "home") as resolver:
        resolver.vault = Vault(resolver.vault.path, kdf=FAST)
        assert resolver.is_initialized
        assert not resolver.is_unlocked
        assert [info.name for info in resolver.credentials()] == ["one", "two"]
        with pytest.raises(WrongPassword):
            resolver.unlock_vault("wrong horse")
        assert resolver.unlock_vault(MASTER)
        assert resolver.get_ssh_credentials().password == "1"
        assert resolver.get_ssh_credentials("two").password == "2"
        assert resolver.get_ssh_credentials(id=2).name == "two"
    assert not resolver.is_unlocked
    with pytest.raises(VaultLocked):
        resolver.get_ssh_credentials()


def test_the_resolver_takes_the_collector_of_the_configuration(tmp_path: Path) -> None:
    home = tmp_path / "home"
    elsewhere = fresh_vault(tmp_path / "elsewhere")
    home.mkdir()
    (home / "config.yaml").write_text(f"collector_db: {elsewhere.path}\n")
    assert CredentialResolver(home).vault.path == elsewhere.path
