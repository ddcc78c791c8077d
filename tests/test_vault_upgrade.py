"""From VelocityCollector's scheme to vctui's own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.fixtures.upstream import Upstream
from tests.fixtures.vault import (
    FAST,
    LEGACY_HASH,
    LEGACY_PASSWORD,
    LEGACY_SECRET,
    LEGACY_TOKEN,
    fresh_vault,
    key_text,
    legacy_collector,
    rows_of,
    run_sql,
)
from vctui.errors import DataError, StorageError, WrongPassword
from vctui.records import SSHCredentials
from vctui.scope import parse_scope
from vctui.vault import Edit, Vault, upgrade

LONG_KEY = key_text() + "# " + "x" * 16_000 + "\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Five credentials as VelocityCollector and vctui have left them."""
    path = legacy_collector(tmp_path)
    vault = Vault(path)
    vault.unlock(LEGACY_PASSWORD)
    vault.add("utf8", "admin", password="pä55 wörd ☂")
    vault.add("keys", "netops", private_key=key_text(passphrase="pp"), passphrase="pp")
    vault.add("both", "netops", password="x", private_key=LONG_KEY, enable_secret="en")
    vault.add("agent", "me", agent="*")
    run_sql(path, "INSERT INTO credentials (name, username) VALUES ('empty', 'nobody')")
    return path


def logins(vault: Vault) -> list[SSHCredentials]:
    return [vault.get(id=info.id) for info in vault.list()]


def test_everything_moves_and_keeps_its_id(path: Path) -> None:
    old = Vault(path)
    old.unlock(LEGACY_PASSWORD)
    before = logins(old)
    vault = Vault(path, kdf=FAST)
    done = upgrade(vault, LEGACY_PASSWORD)
    assert done is not None
    assert (done.changed.credentials, done.changed.damaged) == (6, ())
    later = Vault(path, kdf=FAST)
    later.unlock(LEGACY_PASSWORD)
    assert logins(vault) == logins(later) == before
    assert later.status().scheme == "vctui"
    assert [info.name for info in later.list() if info.is_default] == ["lab"]
    later.edit("lab", Edit(scope=parse_scope("site:lab")))


def test_nothing_of_the_old_scheme_stays_in_the_file(path: Path) -> None:
    upgrade(Vault(path, kdf=FAST), LEGACY_PASSWORD)
    whole = path.read_bytes()
    for gone in (LEGACY_HASH.encode(), LEGACY_TOKEN.encode(), b"gAAAAA"):
        assert gone not in whole
    assert not Upstream(path).is_initialized()


def test_the_old_vault_is_kept_in_copies_that_are_named(path: Path) -> None:
    done = upgrade(Vault(path, kdf=FAST), LEGACY_PASSWORD)
    assert done is not None
    backup = path.with_name("collector.db.before-upgrade")
    assert backup in done.old_copies
    assert path.with_name("collector.db.before-vctui") in done.old_copies
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    upstream = Upstream(backup)
    assert upstream.unlock(LEGACY_PASSWORD)
    assert upstream.credential(7)[2] == LEGACY_SECRET


def test_doing_it_again_is_harmless(path: Path) -> None:
    upgrade(Vault(path, kdf=FAST), LEGACY_PASSWORD)
    content = path.read_bytes()
    assert upgrade(Vault(path, kdf=FAST), LEGACY_PASSWORD) is None
    assert path.read_bytes() == content
    own = fresh_vault(path.parent / "own")
    assert upgrade(own, "correct horse") is None


def test_a_damaged_secret_is_named_and_the_others_move(path: Path) -> None:
    run_sql(
        path,
        "UPDATE credentials SET password_encrypted = ? WHERE name = 'utf8'",
        LEGACY_TOKEN[:-8] + "AAAAAAA=",
    )
    done = upgrade(Vault(path, kdf=FAST), LEGACY_PASSWORD)
    assert done is not None
    assert done.changed.damaged == ("utf8",)
    vault = Vault(path, kdf=FAST)
    vault.unlock(LEGACY_PASSWORD)
    with pytest.raises(DataError, match="'utf8'"):
        vault.get("utf8")
    assert vault.get("lab").password == LEGACY_SECRET
    assert vault.get("both").enable_secret == "en"
    vault.edit("utf8", Edit(secrets={"password": "anew"}))
    assert vault.get("utf8").password == "anew"


def test_a_wrong_password_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(WrongPassword):
        upgrade(Vault(path, kdf=FAST), "wrong horse")
    assert path.read_bytes() == before


def test_what_cannot_be_read_back_is_not_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [rows_of(path, table) for table in ("credentials", "vault_metadata")]
    monkeypatch.setattr(
        "vctui.vault.schemes.SealedScheme.unseal", lambda scheme, record, name, token: "something else"
    )
    with pytest.raises(DataError, match="cannot be read back"):
        upgrade(Vault(path, kdf=FAST), LEGACY_PASSWORD)
    assert [rows_of(path, table) for table in ("credentials", "vault_metadata")] == before
    assert Vault(path).status().scheme == "velocitycollector"


def test_without_room_for_the_copy_nothing_is_changed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def fail(file: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vctui.storage.backup.sync_file", fail)
    with pytest.raises(StorageError, match="No space left"):
        upgrade(Vault(path, kdf=FAST), LEGACY_PASSWORD)
    assert path.read_bytes() == before
    assert not path.with_name("collector.db.before-upgrade").exists()
