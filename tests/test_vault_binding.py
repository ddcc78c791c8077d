"""What somebody with write access to the database can do to the vault: be found out."""

# ruff: noqa: S608 - the tables and columns in these statements are this file's own

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.fixtures.vault import FAST, MASTER, fresh_vault, key_text, run_sql
from vctui.errors import DataError, VctuiError
from vctui.vault import Vault
from vctui.vault.seal import PREFIX, SealBroken, binding, canonical, seal, unseal

COLUMNS = {
    "password_encrypted": "credentials",
    "ssh_key_encrypted": "credentials",
    "ssh_key_passphrase_encrypted": "credentials",
    "enable_secret_encrypted": "vctui_credentials",
    "agent_encrypted": "vctui_credentials",
}
KEY = bytes(32)
PROTECTED_KEY = key_text(PrivateFormat.PKCS8, "pp")
BOUND = binding("vault", "uuid", "password", "lab", "admin", "", 1)


def id_column(table: str) -> str:
    return "id" if table == "credentials" else "credential_id"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """Two credentials, `lab` (1, the default) and `prod` (2), each with every kind of secret."""
    vault = fresh_vault(tmp_path / "home")
    for name in ("lab", "prod"):
        vault.add(
            name,
            f"{name}-user",
            password=f"{name}-password",
            private_key=PROTECTED_KEY,
            passphrase="pp",
            enable_secret=f"{name}-enable",
            agent=f"SHA256:{name}",
        )
    return vault


def refuses(vault: Vault, name: str) -> None:
    """Nothing comes out, and the error names the credential."""
    with pytest.raises(DataError, match=f"'{name}'") as caught:
        vault.get(name)
    assert caught.value.exit_code == 13


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_moved_from_another_row_does_not_open(column: str, vault: Vault) -> None:
    table = COLUMNS[column]
    id = id_column(table)
    run_sql(
        vault.path,
        f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE {id} = 2) WHERE {id} = 1",
    )
    refuses(vault, "lab")
    assert vault.get("prod").password == "prod-password"


@pytest.mark.parametrize("column", COLUMNS)
def test_two_swapped_values_do_not_open(column: str, vault: Vault) -> None:
    table = COLUMNS[column]
    rows = dict(run_sql(vault.path, f"SELECT {id_column(table)}, {column} FROM {table}"))
    for id, other in ((1, 2), (2, 1)):
        run_sql(vault.path, f"UPDATE {table} SET {column} = ? WHERE {id_column(table)} = ?", rows[other], id)
    refuses(vault, "lab")
    refuses(vault, "prod")


@pytest.mark.parametrize("source", COLUMNS)
@pytest.mark.parametrize("target", COLUMNS)
def test_a_value_moved_to_another_field_does_not_open(source: str, target: str, vault: Vault) -> None:
    if source == target:
        return
    query = f"SELECT {source} FROM {COLUMNS[source]} WHERE {id_column(COLUMNS[source])} = 1"
    token = run_sql(vault.path, query)[0][0]
    table = COLUMNS[target]
    run_sql(vault.path, f"UPDATE {table} SET {target} = ? WHERE {id_column(table)} = 1", token)
    refuses(vault, "lab")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [None, "", "plain", "vctui1:", "vctui1:AAAA", "gAAAAABrBIWrcC7UlyRT1dU9"])
def test_a_value_that_was_removed_or_replaced_is_noticed(
    column: str, value: str | None, vault: Vault
) -> None:
    table = COLUMNS[column]
    run_sql(vault.path, f"UPDATE {table} SET {column} = ? WHERE {id_column(table)} = 1", value)
    refuses(vault, "lab")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credentials SET username = 'prod-user' WHERE id = 1",
        "UPDATE credentials SET name = 'la' WHERE id = 1",
        "UPDATE credentials SET id = 9 WHERE id = 1",
        "UPDATE vctui_credentials SET scope = '192.0.2.0/24' WHERE credential_id = 1",
        "UPDATE vctui_credentials SET version = 2 WHERE credential_id = 1",
        "UPDATE vctui_credentials SET version = 0 WHERE credential_id = 1",
        "UPDATE vctui_credentials SET uuid = 'x' WHERE credential_id = 1",
        "DELETE FROM vctui_credentials WHERE credential_id = 1",
        "DELETE FROM credentials WHERE id = 1",
    ],
)
def test_a_record_that_was_edited_is_named(statement: str, vault: Vault) -> None:
    run_sql(vault.path, statement)
    refuses(vault, "lab")


def test_swapped_names_and_user_names_are_noticed(vault: Vault) -> None:
    for column in ("name", "username"):
        run_sql(vault.path, f"UPDATE credentials SET {column} = 'spare' WHERE id = 1")
        run_sql(vault.path, f"UPDATE credentials SET {column} = 'lab' WHERE id = 2")
        run_sql(vault.path, f"UPDATE credentials SET {column} = 'prod' WHERE id = 1")
        with pytest.raises(DataError, match=r"'lab'|'prod'"):
            vault.get("lab")
        with pytest.raises(DataError, match=r"'lab'|'prod'"):
            vault.get("prod")


def test_swapped_ids_are_noticed(vault: Vault) -> None:
    """Devices and jobs name their credential by its id."""
    for table in ("credentials", "vctui_credentials"):
        id = id_column(table)
        for old, new in ((1, 99), (2, 1), (99, 2)):
            run_sql(vault.path, f"UPDATE {table} SET {id} = ? WHERE {id} = ?", new, old)
    with pytest.raises(DataError, match="'lab'"):
        vault.get(id=1)


def test_a_deleted_record_stops_every_use_until_it_is_confirmed(vault: Vault) -> None:
    vault.set_default("prod")
    run_sql(vault.path, "DELETE FROM credentials WHERE name = 'lab'")
    with pytest.raises(DataError, match="vctui vault remove 'lab'"):
        vault.get()
    vault.remove("lab")
    assert vault.get().name == "prod"


def test_a_record_that_comes_back_is_not_used(vault: Vault) -> None:
    saved = {
        table: run_sql(vault.path, f"SELECT * FROM {table} WHERE {id_column(table)} = 2")[0]
        for table in ("credentials", "vctui_credentials")
    }
    vault.remove("prod")
    for table, row in saved.items():
        run_sql(vault.path, f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)
    refuses(vault, "prod")
    assert vault.get("lab").password == "lab-password"


def test_an_old_list_of_records_is_noticed(vault: Vault) -> None:
    manifest = run_sql(vault.path, "SELECT manifest FROM vctui_vault")[0][0]
    vault.remove("prod")
    run_sql(vault.path, "UPDATE vctui_vault SET manifest = ?", manifest)
    refuses(vault, "prod")


def test_a_row_of_another_vault_does_not_open(vault: Vault, tmp_path: Path) -> None:
    other = fresh_vault(tmp_path / "other")
    other.add("lab", "lab-user", password="theirs", private_key=key_text(), enable_secret="theirs")
    token = run_sql(other.path, "SELECT password_encrypted FROM credentials")[0][0]
    run_sql(vault.path, "UPDATE credentials SET password_encrypted = ? WHERE id = 1", token)
    refuses(vault, "lab")


def test_a_slot_of_another_vault_does_not_open(vault: Vault, tmp_path: Path) -> None:
    other = fresh_vault(tmp_path / "other")
    slot = run_sql(other.path, "SELECT header, wrapped_key FROM vctui_vault_slots")[0]
    run_sql(vault.path, "UPDATE vctui_vault_slots SET header = ?, wrapped_key = ?", *slot)
    with pytest.raises(VctuiError):
        Vault(vault.path, kdf=FAST).unlock(MASTER)


def test_a_record_somebody_else_added_is_named_and_disturbs_no_other(vault: Vault) -> None:
    run_sql(vault.path, "INSERT INTO credentials (name, username) VALUES ('extra', 'root')")
    refuses(vault, "extra")
    assert vault.get("lab").password == "lab-password"
    vault.remove("extra")
    assert [info.name for info in vault.list()] == ["lab", "prod"]


def test_a_damaged_record_can_be_removed_and_added_anew(vault: Vault) -> None:
    run_sql(vault.path, "UPDATE credentials SET password_encrypted = 'x' WHERE name = 'prod'")
    vault.remove("prod")
    vault.add("prod", "prod-user", password="new")
    assert vault.get("prod").password == "new"


def opens(vault: Vault) -> bool:
    """Whether the credential `lab` can be had with the master password."""
    try:
        vault.unlock(MASTER)
        vault.get("lab")
    except VctuiError:
        return False
    return True


AUTHENTICATED = {
    "vctui_vault": ("uuid", "manifest"),
    "vctui_vault_slots": ("uuid", "vault", "kind", "header", "wrapped_key"),
    "vctui_credentials": ("uuid", "enable_secret_encrypted"),
    "credentials": ("name", "username", "password_encrypted"),
}


@pytest.mark.parametrize(
    ("table", "column"), [(t, c) for t, columns in AUTHENTICATED.items() for c in columns]
)
def test_no_changed_character_goes_unnoticed(table: str, column: str, tmp_path: Path) -> None:
    path = fresh_vault(tmp_path / "home").path
    vault = Vault(path, kdf=FAST)
    vault.unlock(MASTER)
    vault.add("lab", "admin", password="x", enable_secret="e")
    text = run_sql(path, f"SELECT {column} FROM {table}")[0][0]
    assert opens(Vault(path, kdf=FAST))
    for position in range(len(text)):
        flipped = chr(ord(text[position]) ^ 1 << position % 7)
        run_sql(path, f"UPDATE {table} SET {column} = ?", text[:position] + flipped + text[position + 1 :])
        assert not opens(Vault(path, kdf=FAST)), f"{table}.{column}: a change at {position} went unnoticed"


def test_no_flipped_bit_of_a_token_goes_unnoticed() -> None:
    token = seal(KEY, b"secret", BOUND)
    assert unseal(KEY, token, BOUND) == b"secret"
    for position in range(len(token)):
        for bit in range(8):
            flipped = token[:position] + chr(ord(token[position]) ^ 1 << bit) + token[position + 1 :]
            with pytest.raises(SealBroken):
                unseal(KEY, flipped, BOUND)


def test_only_the_one_spelling_of_a_token_opens() -> None:
    for length in range(6):
        token = seal(KEY, b"x" * length, BOUND)
        for other in (token[:-1], token + "=", token + "A", token + "\n", " " + token):
            with pytest.raises(SealBroken):
                unseal(KEY, other, BOUND)


def test_the_spare_bits_of_base64_carry_nothing() -> None:
    token = seal(KEY, b"", BOUND)
    sealed = base64.urlsafe_b64decode(token.removeprefix(PREFIX))
    assert token.endswith("==")
    respelled = next(
        candidate
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if (candidate := f"{token[:-3]}{letter}==") != token
        and base64.urlsafe_b64decode(candidate.removeprefix(PREFIX)) == sealed
    )
    with pytest.raises(SealBroken):
        unseal(KEY, respelled, BOUND)


def test_every_part_of_the_binding_counts() -> None:
    token = seal(KEY, b"secret", BOUND)
    for position in range(6):
        parts = ["vault", "uuid", "password", "lab", "admin", ""]
        assert unseal(KEY, token, canonical("field", 1, *parts, 1)) == b"secret"
        parts[position] = "other"
        with pytest.raises(SealBroken):
            unseal(KEY, token, canonical("field", 1, *parts, 1))
    for version in (0, 2):
        with pytest.raises(SealBroken):
            unseal(
                KEY, token, canonical("field", 1, "vault", "uuid", "password", "lab", "admin", "", version)
            )


def test_no_two_lists_are_encoded_alike() -> None:
    lists = [
        ("a", "b"),
        ("ab", ""),
        ("", "ab"),
        ("a,b",),
        ('a","b',),
        ("a", "b", ""),
        ("a", None),
        ("1",),
        (1,),
    ]
    assert len({canonical(*parts) for parts in lists}) == len(lists)


NONCES = """
import os, sys
from vctui.vault.seal import seal
key = bytes(32)

def write(count):
    for _ in range(count):
        os.write(1, seal(key, b"", b"").encode() + b"\\n")

write(20_000)
for _ in range(4):
    if os.fork() == 0:
        write(20_000)
        os._exit(0)
    os.wait()
"""


def test_nonces_do_not_repeat_after_a_fork_either() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NONCES], cwd=Path(__file__).parents[1], capture_output=True, check=True
    )
    tokens = done.stdout.decode().split()
    nonces = {base64.urlsafe_b64decode(token.removeprefix(PREFIX))[:12] for token in tokens}
    assert len(nonces) == len(tokens) == 100_000


def test_a_restored_backup_does_not_repeat_a_nonce(vault: Vault, tmp_path: Path) -> None:
    backup = vault.path.read_bytes()
    tokens: list[str] = []
    for _ in range(3):
        vault.path.write_bytes(backup)
        vault.add("new", "admin", password="the same")
        tokens += run_sql(vault.path, "SELECT password_encrypted FROM credentials WHERE name = 'new'")[0]
    assert len({token[:23] for token in tokens}) == 3
