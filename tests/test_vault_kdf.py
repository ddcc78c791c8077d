"""Key derivation: the costs of new vaults, the bounds on stored ones, and hosts without Argon2."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf import argon2

from tests.fixtures.vault import FAST, MASTER, collector, fresh_vault, run_sql
from vctui.errors import DataError, VaultError, WrongPassword
from vctui.vault import Vault, kdf
from vctui.vault.kdf import FALLBACK_NOTE, PRODUCTION, Costs, KdfParams, derive, derive_new, parse_params
from vctui.vault.slots import MAX_PASSWORD_SLOTS

SALT = "AAAAAAAAAAAAAAAAAAAAAA=="


def test_new_vaults_cost_what_is_promised(tmp_path: Path) -> None:
    path = collector(tmp_path)
    assert Vault(path).init(MASTER) == ()
    header = json.loads(run_sql(path, "SELECT header FROM vctui_vault_slots")[0][0])
    salt = header.pop("salt")
    assert header == {"format": 1, "kdf": "argon2id", "m": 65_536, "t": 3, "p": 4}
    assert len(parse_params(json.dumps(header | {"salt": salt})).salt) == 16
    assert Vault(path).status().derivation == "Argon2id, 65536 KiB, 3 passes, 4 lanes"
    vault = Vault(path)
    vault.unlock(MASTER)
    assert vault.is_unlocked


def test_every_parameter_counts() -> None:
    base = Costs(64, 1, 1)
    keys = {
        derive(b"password", KdfParams("argon2id", salt, costs))
        for salt in (b"0" * 16, b"1" * 16)
        for costs in (base, Costs(128, 1, 1), Costs(64, 2, 1), Costs(64, 1, 2))
    }
    assert len(keys) == 8
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize(
    "head",
    [
        {"kdf": "argon2id", "m": 1_048_577, "t": 3, "p": 4},
        {"kdf": "argon2id", "m": 19_455, "t": 3, "p": 4},
        {"kdf": "argon2id", "m": 65_536, "t": 11, "p": 4},
        {"kdf": "argon2id", "m": 65_536, "t": 1, "p": 4},
        {"kdf": "argon2id", "m": 65_536, "t": 3, "p": 17},
        {"kdf": "argon2id", "m": 65_536, "t": 3, "p": 0},
        {"kdf": "argon2id", "m": True, "t": 3, "p": 4},
        {"kdf": "argon2id", "m": 65_536.0, "t": 3, "p": 4},
        {"kdf": "argon2id", "m": 65_536, "t": 3},
        {"kdf": "scrypt", "log_n": 16, "r": 8, "p": 1},
        {"kdf": "scrypt", "log_n": 21, "r": 8, "p": 1},
        {"kdf": "scrypt", "log_n": 17, "r": 1, "p": 1},
        {"kdf": "scrypt", "log_n": 17, "r": 8, "p": 1000},
        {"kdf": "pbkdf2", "rounds": 1},
        {},
    ],
)
def test_headers_out_of_bounds_are_refused_before_deriving(
    head: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collector(tmp_path)
    Vault(path, kdf=FAST).init(MASTER)
    run_sql(path, "UPDATE vctui_vault_slots SET header = ?", json.dumps(head | {"salt": SALT}))

    def never(password: bytes, params: KdfParams) -> NoReturn:
        raise AssertionError("derived")

    monkeypatch.setattr(kdf, "_compute", never)
    with pytest.raises(DataError, match="a slot's header"):
        Vault(path).unlock(MASTER)


@pytest.mark.parametrize(
    "header", ["", "[]", "{", "[" * 100_000, '{"kdf": "scrypt", "salt": "AA=="}', '{"kdf": 1}']
)
def test_unreadable_headers_are_refused(header: str) -> None:
    with pytest.raises(DataError, match="a slot's header"):
        parse_params(header)


def test_vaults_made_in_production_do_not_accept_the_costs_of_tests(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    with pytest.raises(DataError, match="asks for m outside"):
        Vault(vault.path).unlock(MASTER)


def test_one_hostile_slot_among_good_ones_is_refused_before_deriving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fresh_vault(tmp_path).path
    head = {"kdf": "argon2id", "m": 2_097_152, "t": 3, "p": 4, "salt": SALT}
    run_sql(
        path,
        "INSERT INTO vctui_vault_slots (uuid, vault, kind, header, wrapped_key)"
        " SELECT 'x', vault, kind, ?, wrapped_key FROM vctui_vault_slots",
        json.dumps(head),
    )
    monkeypatch.setattr(kdf, "_compute", None)
    with pytest.raises(DataError, match="asks for m outside"):
        Vault(path, kdf=FAST).unlock("wrong horse")


def test_many_password_slots_are_refused_before_deriving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fresh_vault(tmp_path).path
    for number in range(MAX_PASSWORD_SLOTS):
        run_sql(
            path,
            "INSERT INTO vctui_vault_slots (uuid, vault, kind, header, wrapped_key)"
            " SELECT ?, vault, kind, header, wrapped_key FROM vctui_vault_slots LIMIT 1",
            str(number),
        )
    monkeypatch.setattr(kdf, "_compute", None)
    with pytest.raises(DataError, match="9 password slots"):
        Vault(path, kdf=FAST).unlock(MASTER)


class NoArgon2:
    """Stands in for Argon2id where it cannot be used."""

    problem: type[Exception] = UnsupportedAlgorithm

    def __init__(self, **_: object) -> None:
        raise self.problem("not here")


@pytest.mark.parametrize("problem", [UnsupportedAlgorithm, MemoryError, ImportError])
def test_without_argon2_a_new_vault_uses_scrypt_and_says_so(
    problem: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NoArgon2, "problem", problem)
    monkeypatch.setattr(argon2, "Argon2id", NoArgon2)
    path = collector(tmp_path)
    vault = Vault(path, kdf=FAST)
    assert vault.init(MASTER) == (FALLBACK_NOTE,)
    assert vault.status().derivation == "scrypt, N=2^4, r=8, p=1"
    vault.lock()
    vault.unlock(MASTER)
    with pytest.raises(WrongPassword):
        vault.unlock(MASTER + "x")


def test_the_fallback_of_production_is_scrypt_2_17(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2, "Argon2id", NoArgon2)
    key, params, note = derive_new(b"password", PRODUCTION)
    assert params.header() | {"salt": ""} == {"kdf": "scrypt", "salt": "", "log_n": 17, "r": 8, "p": 1}
    assert note == FALLBACK_NOTE
    assert derive(b"password", parse_params(json.dumps(params.header()))) == key


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (UnsupportedAlgorithm, "lacks Argon2"),
        (ImportError, "lacks Argon2"),
        (MemoryError, "not enough memory"),
    ],
)
def test_without_argon2_an_argon2_vault_says_what_is_missing(
    problem: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fresh_vault(tmp_path).path
    before = path.read_bytes()
    monkeypatch.setattr(NoArgon2, "problem", problem)
    monkeypatch.setattr(argon2, "Argon2id", NoArgon2)
    with pytest.raises(VaultError, match=message) as caught:
        Vault(path, kdf=FAST).unlock(MASTER)
    assert caught.value.exit_code == 12
    assert not isinstance(caught.value, WrongPassword)
    assert path.read_bytes() == before


@pytest.mark.parametrize("password", ["", "seven77", "1234567"])
def test_short_master_passwords_are_refused(password: str, tmp_path: Path) -> None:
    vault = Vault(collector(tmp_path), kdf=FAST)
    with pytest.raises(VaultError, match="at least 8 characters"):
        vault.init(password)
    assert not vault.is_initialized()


def test_a_password_that_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    with pytest.raises(VaultError, match="not valid UTF-8"):
        vault.unlock("caf\udce9 latin")


LITTLE_MEMORY = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
from vctui.cli.main import main
reader, writer = os.pipe()
os.write(writer, b"correct horse\\n")
os.close(writer)
command = ["vault", "edit", "lab", "-u", "x"]
sys.exit(main([*command, "--home", sys.argv[1], "--unlock-fd", str(reader)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS holds on Linux")
def test_a_header_that_asks_for_more_memory_than_there_is_ends_in_one_line(tmp_path: Path) -> None:
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="x")
    head = {"format": 1, "kdf": "argon2id", "m": 1_048_576, "p": 4, "salt": SALT, "t": 3}
    run_sql(vault.path, "UPDATE vctui_vault_slots SET header = ?", json.dumps(head))
    (tmp_path / "dcim.db").touch()
    tmp_path.chmod(0o700)
    before = vault.path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (12, "")
    assert done.stderr.startswith("vctui: there is not enough memory to derive the vault's key")
    assert done.stderr.count("\n") == 1
    assert vault.path.read_bytes() == before


def test_nothing_that_comes_from_the_password_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[bytes] = []
    compute = kdf._compute

    def noting(password: bytes, params: KdfParams) -> bytes:
        derived.append(compute(password, params))
        return derived[-1]

    monkeypatch.setattr(kdf, "_compute", noting)
    vault = fresh_vault(tmp_path)
    vault.add("lab", "admin", password="x", enable_secret="y")
    with pytest.raises(WrongPassword):
        Vault(vault.path, kdf=FAST).unlock("wrong horse")
    Vault(vault.path, kdf=FAST).unlock(MASTER)
    assert len(derived) == 3, "once for each attempt, right or wrong"
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    for value in (MASTER.encode(), *derived):
        for made in (value, hashlib.sha256(value).digest(), hashlib.sha512(value).digest()):
            for told in (made, made.hex().encode(), base64.b64encode(made), base64.urlsafe_b64encode(made)):
                assert told not in stored
    columns = {
        name: {row[1] for row in run_sql(vault.path, f"PRAGMA table_info({name})")}
        for (name,) in run_sql(vault.path, "SELECT name FROM sqlite_master WHERE name LIKE 'vctui_vault%'")
        if not name.startswith("sqlite_")
    }
    assert columns == {
        "vctui_vault": {"id", "format", "uuid", "manifest", "created_at"},
        "vctui_vault_slots": {"uuid", "vault", "kind", "header", "wrapped_key", "created_at"},
    }
    header = json.loads(run_sql(vault.path, "SELECT header FROM vctui_vault_slots")[0][0])
    assert header.keys() == {"format", "kdf", "salt", "m", "t", "p"}
