"""`vctui vault` and `vctui audit` from the command line: exit codes, words, and what is done."""

from __future__ import annotations

import functools
import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.vault import FAST, LEGACY_PASSWORD, LEGACY_TOKEN, key_text, legacy_collector, run_sql
from vctui.cli.main import main
from vctui.config import load_settings
from vctui.jobs import new_row
from vctui.storage import Audit, Inventory, JobStore, init_home
from vctui.vault import Vault

MASTER = "correct horse"
SECRET = "CANARY-secret"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a vault that holds `lab`; keys are derived cheaply."""
    home = tmp_path / "home"
    init_home(load_settings(home, {}), defaults=False)
    for module in ("resolver", "transfer"):
        monkeypatch.setattr(f"vctui.vault.{module}.Vault", functools.partial(Vault, kdf=FAST))
    vault = Vault(home / "collector.db", kdf=FAST)
    vault.init(MASTER)
    vault.add("lab", "admin", password=SECRET)
    return home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; `unlock` and `password` are the lines of --unlock-fd and --password-fd."""

    def call(
        *arguments: str, unlock: str = MASTER, password: str = "", stdin: str = "", at: Path = home
    ) -> Any:
        descriptors = []
        options = []
        for option, lines in (("--unlock-fd", unlock), ("--password-fd", password)):
            if lines:
                reader, writer = os.pipe()
                os.write(writer, f"{lines}\n".encode())
                os.close(writer)
                descriptors.append(reader)
                options += [option, str(reader)]
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            code = main([*arguments, *options, "--home", str(at)])
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        captured = capsys.readouterr()
        assert SECRET not in captured.out + captured.err
        return code, captured.out, captured.err

    return call


def opened(home: Path, password: str = MASTER) -> Vault:
    vault = Vault(home / "collector.db", kdf=FAST)
    vault.unlock(password)
    return vault


def kinds(home: Path) -> list[str]:
    return [entry["kind"] for entry in Audit(home).entries()]


def test_a_login_is_added_with_everything(home: Path, run: Any) -> None:
    arguments = ["vault", "add", "core", "-u", "netops", "--password-stdin", "--enable-secret-stdin"]
    arguments += ["--agent", "SHA256:abc", "--scope", "site:lab network:10.0.0.0/8", "--default"]
    code, _, said = run(*arguments, stdin="pw\nen\n")
    assert (code, said) == (0, "core added and made the default\n")
    got = opened(home).get("core")
    assert (got.password, got.enable_secret, got.agent_key) == ("pw", "en", "SHA256:abc")
    assert str(got.scope) == "network:10.0.0.0/8 site:lab"
    code, out, _ = run("vault", "list", "--json", unlock="")
    assert [row["scope"] for row in json.loads(out)] == ["network:10.0.0.0/8 site:lab", ""]
    assert run("vault", "add", "x", "-u", "y", "--agent", "--scope", "nonsense")[0] == 2


def test_editing_keeps_what_is_not_named(home: Path, run: Any) -> None:
    assert run("vault", "edit", "lab", "-u", "netops")[0] == 0
    got = opened(home).get("lab")
    assert (got.username, got.password) == ("netops", SECRET)
    assert run("vault", "edit", "lab", "--password-stdin", "--agent", stdin="new\n")[0] == 0
    assert run("vault", "edit", "lab", "--no-password", "--scope", "name:core-*")[0] == 0
    got = opened(home).get("lab")
    assert (got.password, got.agent, str(got.scope)) == (None, True, "name:core-*")
    assert run("vault", "edit", "lab", "--scope", "")[0] == 0
    assert str(opened(home).get("lab").scope) == ""
    code, _, said = run("vault", "edit", "lab", "--no-agent")
    assert code == 12
    assert "needs a password" in said
    code, _, said = run("vault", "edit", "lab")
    assert code == 2
    assert "nothing is to be changed" in said
    assert run("vault", "edit", "nobody", "-u", "x")[0] == 12
    assert run("vault", "rename", "lab", "core")[0] == 0
    assert [info.name for info in opened(home).list()] == ["core"]


def test_removing_names_who_uses_it(home: Path, run: Any) -> None:
    with Inventory(home / "dcim.db") as inventory:
        table = home / "devices.csv"
        table.write_text(
            "name,primary_ip4,platform,site,role,status,credential\nsw1,192.0.2.1,x,y,z,active,lab\n"
        )
        inventory.import_csv(table, credential_id={"lab": 1}.get)
    with JobStore(home / "collector.db") as jobs:
        jobs.save(
            {
                **new_row(),
                "name": "Arp",
                "slug": "arp",
                "capture_type": "arp",
                "command": "x",
                "credential_id": 1,
            }
        )
    (home / "config.yaml").write_text("jump_hosts: {ams: {host: 192.0.2.9, credential: lab}}\n")
    code, _, said = run("vault", "remove", "lab")
    assert code == 2
    assert "It is used by 1 device (sw1) and 1 job (arp) and 1 jump host (ams)" in said
    code, _, said = run("vault", "rename", "lab", "core")
    assert code == 0
    assert "still calls it lab, for jump host ams" in said
    assert run("vault", "rename", "core", "lab")[0] == 0
    (home / "config.yaml").write_text("")
    code, _, said = run("vault", "remove", "lab", "-y")
    assert code == 0
    assert "1 device (sw1) and 1 job (arp) will use" in said
    assert opened(home).list() == []


def test_the_master_password_is_changed(home: Path, run: Any) -> None:
    code, _, said = run("vault", "change-password", unlock=f"{MASTER}\nbattery staple")
    assert code == 0
    assert "changed" in said
    assert opened(home, "battery staple").get().password == SECRET
    code, _, said = run("vault", "change-password", unlock=f"{MASTER}\nanother one")
    assert code == 12
    assert "wrong" in said
    assert kinds(home) == ["vault_password_changed", "vault_unlock_failed"]


def test_a_vault_of_velocitycollector_is_upgraded(home: Path, run: Any, tmp_path: Path) -> None:
    old = tmp_path / "old"
    legacy_collector(old)
    run_sql(
        old / "collector.db",
        "INSERT INTO credentials (name, username, password_encrypted) VALUES ('bad', 'x', ?)",
        LEGACY_TOKEN[:-6],
    )
    code, _, said = run("vault", "upgrade", unlock=LEGACY_PASSWORD, at=old)
    assert code == 2
    assert "VelocityCollector cannot open it any more" in said
    code, _, said = run("vault", "upgrade", "-y", unlock=LEGACY_PASSWORD, at=old)
    assert code == 3
    assert "bad: a secret does not open" in said
    assert "2 logins moved to vctui's own scheme" in said
    assert "the old vault is still in" in said
    code, _, said = run("vault", "upgrade", "-y", unlock=LEGACY_PASSWORD, at=old)
    assert (code, said) == (0, "the vault is in vctui's own scheme already\n")


def test_logins_travel_in_a_file(home: Path, run: Any, tmp_path: Path) -> None:
    file = tmp_path / "logins.vault"
    code, _, said = run("vault", "export", str(file), password="of the file")
    assert code == 0
    assert "1 login written" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("vault", "export", str(file), password="of the file")[0] == 2
    assert run("vault", "import", str(file), password="wrong password")[0] == 12
    code, _, said = run("vault", "import", str(file), password="of the file")
    assert code == 0
    assert "1 unchanged" in said
    assert run("vault", "edit", "lab", "-u", "other")[0] == 0
    code, out, _ = run("vault", "import", str(file), "--json", password="of the file")
    assert code == 3
    assert json.loads(out)["skipped"] == ["lab"]
    assert run("vault", "import", str(file), "--on-conflict", "rename", password="of the file")[0] == 0
    assert [info.name for info in opened(home).list()] == ["lab", "lab-2"]
    legacy = legacy_collector(tmp_path / "old")
    assert run("vault", "import", str(legacy), "--on-conflict", "replace", password=LEGACY_PASSWORD)[0] == 0
    assert opened(home).get("lab").password == "goodpw"
    assert run("vault", "import", str(home / "config.yaml"), password="x")[0] in (2, 13)
    assert SECRET not in (home / "audit.jsonl").read_text()


@pytest.mark.parametrize("text", ["8", "0h", "1s", "31d", "99999d", "8 h"])
def test_times_that_are_none(text: str, run: Any) -> None:
    code, _, said = run("vault", "remember", "--for", text)
    assert code == 2
    assert "30d" in said


def test_status_says_where_it_is_remembered(home: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    from tests.test_vault_keyring import MemoryKeyring

    keyring.set_keyring(MemoryKeyring())
    code, _, said = run("vault", "remember", "--for", "8h")
    assert code == 0
    assert "the desktop's keyring, until " in said
    code, out, _ = run("vault", "status", "--json", unlock="")
    status = json.loads(out)
    assert status["in_keyring"]
    assert status["remembered"][0]["where"] == "keyring"
    assert status["remembered"][0]["until"].endswith("+00:00")
    assert "the desktop's keyring, until" in run("vault", "status", unlock="")[1]
    assert run("vault", "edit", "lab", "-u", "x", unlock="")[0] == 0, "opens without the password"
    monkeypatch.setattr("vctui.vault.slots.time.time", lambda: 9e9)
    assert json.loads(run("vault", "status", "--json", unlock="")[1])["remembered"] == []
    assert run("vault", "edit", "lab", "-u", "y", unlock="")[0] == 12, "its time is over"
    assert run("vault", "forget", unlock="") == (0, "", "no keyring unlocks the vault any more\n")
    assert run("vault", "forget", unlock="") == (0, "", "no keyring had a key to the vault\n")


def test_the_trail_is_listed_and_verified(home: Path, run: Any) -> None:
    run("vault", "edit", "lab", "-u", "x", unlock="wrong horse")
    run("vault", "edit", "lab", "-u", "x")
    code, out, _ = run("audit", "list", "--json", unlock="")
    assert code == 0
    assert [entry["kind"] for entry in json.loads(out)] == [
        "credential_edited",
        "vault_unlocked",
        "vault_unlock_failed",
    ]
    assert json.loads(out)[1]["source"] == "unlock-fd"
    code, out, _ = run("audit", "list", "-n", "1", "--kind", "vault_unlocked", unlock="")
    assert out.count("\n") == 2
    assert "source=unlock-fd" in out
    assert run("audit", "verify", unlock="") == (0, "", "the audit trail of 3 entries is whole\n")
    trail = home / "audit.jsonl"
    trail.write_text("".join(trail.read_text().splitlines(keepends=True)[1:]))
    code, out, said = run("audit", "verify", unlock="")
    assert code == 13
    assert "missing" in out
    assert "not as it was written" in said
    assert json.loads(run("audit", "verify", "--json", unlock="")[1])["problems"]


def test_without_options_each_part_is_asked_for(
    home: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = iter(["netops", "site:lab"])
    secrets = iter(["", "new enable"])
    monkeypatch.setattr("vctui.cli.output.has_terminal", lambda: True)
    monkeypatch.setattr("vctui.cli.unlocking.ask_line", lambda prompt: next(lines))
    monkeypatch.setattr("vctui.cli.unlocking.ask_twice", lambda prompt: next(secrets))
    assert run("vault", "edit", "lab")[0] == 0
    got = opened(home).get("lab")
    assert (got.username, got.password, got.enable_secret) == ("netops", SECRET, "new enable")
    assert str(got.scope) == "site:lab"
    lines, secrets = iter(["", "anywhere"]), iter(["", ""])
    assert run("vault", "edit", "lab")[0] == 0
    assert str(opened(home).get("lab").scope) == ""
    assert opened(home).get("lab").username == "netops"


@pytest.mark.parametrize(("typed", "stored"), [("pp", "pp"), ("", None)])
def test_a_protected_key_asks_for_its_passphrase(
    typed: str, stored: str | None, home: Path, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "id"
    file.write_text(key_text(passphrase="pp"))
    monkeypatch.setattr("vctui.vault.ask_secret", lambda prompt: typed)
    code, _, said = run("vault", "add", "keys", "-u", "me", "--key-file", str(file))
    assert code == 0
    assert ("asked for at each run" in said) == (stored is None)
    assert run("vault", "edit", "lab", "--key-file", str(file))[0] == 0
    for name in ("keys", "lab"):
        got = opened(home).get(name)
        assert (got.private_key, got.passphrase) == (file.read_text(), stored)
    assert run("vault", "edit", "lab", "--no-key")[0] == 0
    assert opened(home).get("lab").passphrase is None


def test_one_that_was_removed_outside_vctui_is_taken_off_the_list(home: Path, run: Any) -> None:
    opened(home).add("core", "admin", password="x", default=True)
    run_sql(home / "collector.db", "DELETE FROM credentials WHERE name = 'lab'")
    code, _, said = run("vault", "edit", "core", "-u", "other")
    assert code == 13
    assert "confirm it with: vctui vault remove 'lab'" in said
    assert run("vault", "remove", "lab") == (0, "", "lab removed\n"), "as the message says"
    assert run("vault", "edit", "core", "-u", "other")[0] == 0
    code, _, said = run("vault", "remove", "nobody", "-y")
    assert code == 12
    assert "no credential named 'nobody'" in said


@pytest.mark.parametrize(
    "command",
    [
        *(["vault", "add", "x", "-u", "y"], ["vault", "change-password"], ["vault", "upgrade", "-y"]),
        *(["vault", "export", "x.vault"], ["vault", "remember"], ["creds", "test", "sw1"]),
    ],
    ids=lambda command: "-".join(command[:2]),
)
def test_without_a_vault_no_password_is_asked_for(
    command: list[str], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(prompt: str) -> str:
        raise AssertionError(prompt)

    monkeypatch.setattr("getpass.getpass", never)
    bare = tmp_path / "bare"
    init_home(load_settings(bare, {}), defaults=False)
    with Inventory(bare / "dcim.db") as inventory:
        table = tmp_path / "devices.csv"
        table.write_text("name,primary_ip4,platform,site,role,status\nsw1,192.0.2.1,x,y,z,active\n")
        inventory.import_csv(table)
    code, out, said = run(*command, at=bare, unlock="")
    assert (code, out) == (12, "")
    assert "vctui: the vault is not initialised" in said or "the vault holds no credentials" in said
    assert said.count("\n") == 1


def test_a_file_that_is_there_is_named_before_a_password_is_asked_for(run: Any, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for name, why in (("there", "exists already"), ("nowhere/x", "is not a folder")):
        code, _, said = run("vault", "export", str(tmp_path / name), unlock="")
        assert code == 2
        assert why in said


@pytest.mark.parametrize(
    "words",
    [
        *(["-p", SECRET], [f"-p{SECRET}"], ["--password", SECRET], [f"--password={SECRET}"]),
        *([SECRET], ["--passphrase", SECRET], ["--unknown", SECRET], [f"--unknown={SECRET}"]),
    ],
)
def test_no_secret_is_taken_from_the_arguments_or_repeated(words: list[str], home: Path, run: Any) -> None:
    code, _, said = run("vault", "add", "core", "-u", "admin", *words)
    assert code == 2
    assert said.startswith("vctui: ")
    assert said.count("\n") == 1
    assert SECRET not in said
    assert [info.name for info in opened(home).list()] == ["lab"]


def test_a_wrong_password_is_one_attempt_and_no_other_source_is_tried(
    home: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", MASTER)
    code, out, said = run("vault", "edit", "lab", "-u", "x", unlock=f"wrong horse\n{MASTER}")
    assert (code, out, said) == (12, "", "vctui: the master password is wrong\n")
    assert kinds(home) == ["vault_unlock_failed"]
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "wrong horse")
    assert run("vault", "edit", "lab", "-u", "x", unlock="")[0] == 12
    assert kinds(home) == ["vault_unlock_failed"] * 2


def test_removing_names_the_copies_that_still_hold_it(run: Any, tmp_path: Path) -> None:
    old = tmp_path / "old"
    path = legacy_collector(old)
    more = ["vault", "add", "later", "-u", "x", "--password-stdin", "--default"]
    assert run(*more, unlock=LEGACY_PASSWORD, stdin="pw\n", at=old)[0] == 0
    files = sorted(old.iterdir())
    code, _, said = run("vault", "remove", "lab", "-y", unlock=LEGACY_PASSWORD, at=old)
    assert (code, said) == (
        0,
        f"lab removed\nan older copy of the database still holds it, sealed: {path}.before-vctui\n",
    )
    holding = [file.name for file in old.iterdir() if LEGACY_TOKEN.encode() in file.read_bytes()]
    assert holding == ["collector.db.before-vctui"], "nothing else does"
    assert sorted(old.iterdir()) == files
    assert run("vault", "remove", "later", "-y", unlock=LEGACY_PASSWORD, at=old)[2] == "later removed\n"
