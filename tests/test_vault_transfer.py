"""Credentials in a file: sealed, versioned, whole or refused; and what becomes of them in another vault."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.vault import (
    FAST,
    LEGACY_PASSWORD,
    LEGACY_SECRET,
    MASTER,
    fresh_vault,
    key_text,
    legacy_collector,
    run_sql,
)
from vctui.errors import CredentialNotFound, DataError, UsageError, VaultError, VaultLocked, WrongPassword
from vctui.scope import parse_scope
from vctui.storage import Audit
from vctui.vault import Conflict, Imported, Item, Vault, import_items, kdf, transfer
from vctui.vault.transfer import export_vault, read_database, read_export, read_file, read_items, write_export

PASSWORD = "of the file"
KEY = key_text(passphrase="pp")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = fresh_vault(tmp_path / "home")
    vault.add("lab", "admin", password="CANARY-secret", enable_secret="CANARY-enable")
    vault.add("keys", "netops", private_key=KEY, scope=parse_scope("site:lab"), passphrase="", default=True)
    vault.add("agent", "me", agent="*")
    return vault


def items_of(vault: Vault) -> list[Item]:
    return read_items(vault, vault.require_scheme())[0]


def test_a_file_carries_everything_to_another_vault(vault: Vault, tmp_path: Path) -> None:
    file = tmp_path / "export"
    assert export_vault(vault, file, PASSWORD).names == ("lab", "keys", "agent")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = fresh_vault(tmp_path / "other")
    result = import_items(other, read_export(read_file(file), PASSWORD, FAST))
    assert sorted(result.added) == ["agent", "keys", "lab"]
    for info in vault.list():
        theirs = other.get(info.name)
        mine = vault.get(info.name)
        assert (theirs.password, theirs.private_key, theirs.agent) == (
            mine.password,
            mine.private_key,
            mine.agent,
        )
        assert (theirs.scope, theirs.enable_secret) == (mine.scope, mine.enable_secret)
    assert [info.name for info in other.list() if info.is_default] == ["keys"]


def test_some_can_be_chosen_and_the_rest_stays(vault: Vault, tmp_path: Path) -> None:
    export_vault(vault, tmp_path / "export", PASSWORD, names=["lab"])
    assert [i.name for i in read_export((tmp_path / "export").read_bytes(), PASSWORD, FAST)] == ["lab"]
    with pytest.raises(CredentialNotFound, match="nobody"):
        export_vault(vault, tmp_path / "more", PASSWORD, names=["nobody"])


def test_nothing_of_it_is_readable(vault: Vault, tmp_path: Path) -> None:
    export_vault(vault, tmp_path / "export", PASSWORD)
    data = (tmp_path / "export").read_bytes()
    for part in (b"CANARY", b"lab", b"admin", b"netops", b"PRIVATE", b"site"):
        assert part not in data
    assert data.startswith(b"vctui vault export 1\n")
    head = json.loads(data.splitlines()[1])
    assert head.keys() == {"kdf", "salt", "m", "t", "p"}


def test_a_file_of_production_costs_what_the_vault_costs() -> None:
    head = json.loads(write_export([], PASSWORD).splitlines()[1])
    assert (head["kdf"], head["m"], head["t"], head["p"]) == ("argon2id", 65_536, 3, 4)


def test_no_flipped_bit_goes_unnoticed() -> None:
    data = write_export([Item("lab", "admin", "", True, {"password": "x"})], PASSWORD, FAST)
    for at in range(len(data)):
        for bit in (1, 32, 128):
            changed = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            with pytest.raises((DataError, WrongPassword)):
                read_export(changed, PASSWORD, FAST)


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "the end cut": lambda data: data[:-1],
    "a line added": lambda data: data + b"\n",
    "a newer version": lambda data: data.replace(b"export 1", b"export 2"),
    "turned round": lambda data: b"\n".join(reversed(data.split(b"\n"))),
    "one line": lambda data: data.splitlines(keepends=True)[0],
    "no text": lambda data: b"\xff" * 100,
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_no_whole_export_is_refused_before_deriving(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_export([], PASSWORD, FAST)
    monkeypatch.setattr(transfer, "derive", lambda *arguments: pytest.fail("derived"))
    with pytest.raises(DataError):
        read_export(SPOILT[how](data), PASSWORD, FAST)


@pytest.mark.parametrize(
    "change",
    [{"m": 2_000_000}, {"m": 8}, {"t": 1}, {"t": 11}, {"p": 17}, {"kdf": "none"}, {"salt": ""}],
    ids=str,
)
def test_costs_out_of_bounds_are_refused_before_deriving(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, head, token, _ = write_export([], PASSWORD).decode().split("\n")
    monkeypatch.setattr(transfer, "derive", lambda *arguments: pytest.fail("derived"))
    changed = json.dumps(json.loads(head) | change)
    with pytest.raises(DataError):
        read_export(f"{first}\n{changed}\n{token}\n".encode(), PASSWORD)
    assert kdf.PRODUCTION.highest.memory_kib == 1_048_576


def test_the_header_is_bound_as_it_is_written() -> None:
    first, head, token, _ = write_export([], PASSWORD, FAST).decode().split("\n")
    for changed in (json.dumps(json.loads(head)), json.dumps(json.loads(head) | {"note": "x"}), f"{head} "):
        with pytest.raises(WrongPassword):
            read_export(f"{first}\n{changed}\n{token}\n".encode(), PASSWORD, FAST)


def test_a_wrong_password_opens_nothing() -> None:
    with pytest.raises(WrongPassword):
        read_export(write_export([], PASSWORD, FAST), "another one", FAST)
    with pytest.raises(VaultError, match="at least 8"):
        write_export([], "short", FAST)


def test_a_file_that_is_there_is_not_overwritten(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "export").write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        export_vault(vault, tmp_path / "export", PASSWORD)
    assert (tmp_path / "export").read_text() == "precious"
    vault.lock()
    with pytest.raises(VaultLocked):
        export_vault(vault, tmp_path / "other", PASSWORD)


def test_a_damaged_credential_is_left_out_and_named(vault: Vault, tmp_path: Path) -> None:
    run_sql(vault.path, "UPDATE credentials SET username = 'other' WHERE name = 'lab'")
    done = export_vault(vault, tmp_path / "export", PASSWORD)
    assert (done.names, done.damaged) == (("keys", "agent"), ("lab",))


CONFLICTS: dict[Conflict, Imported] = {
    "skip": Imported(skipped=["lab"]),
    "rename": Imported(renamed=[("lab", "lab-2")]),
    "replace": Imported(replaced=["lab"]),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_names_that_are_taken(conflict: Conflict, vault: Vault, tmp_path: Path) -> None:
    other = fresh_vault(tmp_path / "other")
    other.add("lab", "somebody", password="else", enable_secret="en")
    before = other.get("lab")
    theirs = Item("lab", "admin", "site:core", False, {"password": "theirs"})
    assert import_items(other, [theirs], conflict=conflict) == CONFLICTS[conflict]
    got = {info.name: other.get(info.name) for info in other.list()}
    if conflict == "replace":
        assert (got["lab"].username, got["lab"].password, got["lab"].enable_secret) == (
            "admin",
            "theirs",
            None,
        )
        assert got["lab"].id == before.id
        assert str(got["lab"].scope) == "site:core"
    else:
        assert got["lab"] == before
    assert list(got) == (["lab", "lab-2"] if conflict == "rename" else ["lab"])
    content = [info.name for info in other.list()]
    again = import_items(other, [theirs], conflict=conflict)
    assert again.unchanged == ([] if conflict == "skip" else ["lab"])
    assert [info.name for info in other.list()] == content, "to do it again changes nothing"


def test_what_cannot_be_used_is_named_and_the_rest_comes_in(vault: Vault) -> None:
    items = [
        Item("-x", "admin", "", False, {"password": "x"}),
        Item("bad scope", "admin", "nonsense", False, {"password": "x"}),
        Item("no secret", "admin", "", False, {}),
        Item("bad key", "admin", "", False, {"ssh_key": "nonsense"}),
        Item("good", "admin", "", False, {"password": "x"}),
    ]
    result = import_items(vault, items)
    assert result.added == ["good"]
    assert [name for name, _ in result.refused] == ["-x", "bad scope", "no secret", "bad key"]


def test_a_collector_of_velocitycollector_is_read_and_left_as_it_is(vault: Vault, tmp_path: Path) -> None:
    source = legacy_collector(tmp_path / "theirs")
    run_sql(
        source, "INSERT INTO credentials (name, username, password_encrypted) VALUES ('bad', 'x', 'torn')"
    )
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    assert transfer.is_database(read_file(source))
    items, damaged = read_database(source, LEGACY_PASSWORD)
    assert damaged == ("bad",)
    vault.remove("lab")
    assert import_items(vault, items).added == ["lab"]
    assert vault.get("lab").password == LEGACY_SECRET
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before
    assert [file.name for file in source.parent.iterdir()] == ["collector.db"]
    with pytest.raises(WrongPassword):
        read_database(source, MASTER)


def test_an_export_is_noted_before_it_is_made(vault: Vault, tmp_path: Path) -> None:
    noted = Vault(vault.path, kdf=FAST, audit=Audit(tmp_path))
    noted.unlock(MASTER)
    export_vault(noted, tmp_path / "export", PASSWORD)
    last = list(Audit(tmp_path).entries())[-1]
    assert (last["kind"], last["names"]) == ("vault_exported", ["lab", "keys", "agent"])
    assert "CANARY" not in (tmp_path / "audit.jsonl").read_text()
