"""Commands on a real home: init, devices, jobs, vault, templates, validate, doctor."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vctui.cli.main import main
from vctui.errors import HomeError
from vctui.questions import HEADLESS
from vctui.ssh.asking import Asking
from vctui.ssh.keys import KeyRing
from vctui.ssh.lifeline import Lifeline
from vctui.vault import CredentialResolver

PASSWORD = "correct horse battery"
Run = Callable[..., tuple[int, str, str]]

INVENTORY = """\
name,primary_ip4,platform,site,role,status
core-1,192.0.2.1,arista_eos,lab,core,active
core-2,192.0.2.2,arista_eos,lab,core,active
edge-1,192.0.2.3,cisco_ios,field,edge,offline
bare-1,,cisco_ios,field,edge,active
"""
JOB = {
    "version": "2.0",
    "job_id": 300,
    "capture_type": "arp",
    "vendor": "arista",
    "device_filter": {"vendor": "arista", "name_pattern": None},
    "commands": {
        "paging_disable": "terminal length 0",
        "command": "show ip arp,,",
        "output_directory": "arp",
    },
    "validation": {"use_tfsm": True, "tfsm_filter": "arista_eos_show_ip_arp", "min_score": 1},
    "execution": {"max_workers": 12, "timeout": 60, "inter_command_time": 1},
    "storage": {"base_path": "~/.vcollector/collections", "filename_pattern": "{device_name}.txt"},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `vctui init` makes it."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    assert main(["--home", str(home), "init"]) == 0
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "home"
    shutil.copytree(prepared, copy)
    copy.chmod(0o700)
    return copy


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line on the home; `stdin` is what it reads there."""

    def call(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main(["--home", str(home), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def inventory(run: Run, tmp_path: Path) -> Path:
    file = tmp_path / "inventory.csv"
    file.write_text(INVENTORY)
    assert run("devices", "import", str(file))[0] == 0
    return file


@pytest.fixture
def vault(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", PASSWORD)
    assert run("vault", "init")[0] == 0
    assert run("vault", "add", "lab", "-u", "admin", "--password-stdin", stdin="secret-1\n")[0] == 0


def test_init_makes_a_private_home(home: Path) -> None:
    for name in ("config.yaml", "collector.db", "dcim.db", "tfsm_templates.db"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_init_refuses_a_home_that_exists(run: Run, home: Path) -> None:
    before = (home / "config.yaml").read_bytes()
    code, _, text = run("init")
    assert code == 10
    assert text.count("\n") == 1
    assert (home / "config.yaml").read_bytes() == before


def test_init_without_defaults_has_no_platforms_and_templates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "empty")
    assert main(["--home", home, "init", "--no-defaults"]) == 0
    capsys.readouterr()
    assert main(["--home", home, "templates", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_devices_are_imported_listed_shown_and_exported(run: Run, inventory: Path, tmp_path: Path) -> None:
    code, text, _ = run("devices", "list", "--json")
    devices = json.loads(text)
    assert code == 0
    assert [device["name"] for device in devices] == ["bare-1", "edge-1", "core-1", "core-2"]
    assert json.loads(run("devices", "show", "core-1", "--json")[1])["primary_ip4"] == "192.0.2.1"
    file = tmp_path / "out.csv"
    assert run("devices", "export", str(file))[0] == 0
    with file.open(newline="") as rows:
        assert {row["name"] for row in csv.DictReader(rows)} == {"bare-1", "edge-1", "core-1", "core-2"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--vendor", "arista"], ["core-1", "core-2"]),
        (["--site", "field"], ["bare-1", "edge-1"]),
        (["--status", "active"], ["bare-1", "core-1", "core-2"]),
        (["--name-pattern", "^(core|edge)-1$"], ["edge-1", "core-1"]),
    ],
)
def test_devices_are_filtered(run: Run, inventory: Path, options: list[str], names: list[str]) -> None:
    found = json.loads(run("devices", "list", "--json", *options)[1])
    assert [device["name"] for device in found] == names


def test_a_bad_row_is_named_and_skipped(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(INVENTORY + "bad-1,not-an-address,cisco_ios,lab,core,active\n")
    code, _, text = run("devices", "import", str(file))
    assert code == 3
    assert "line 6: primary_ip4" in text
    assert "4 added" in text


def test_strict_imports_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(INVENTORY + "bad-1,not-an-address,cisco_ios,lab,core,active\n")
    assert run("devices", "import", str(file), "--strict")[0] == 3
    assert json.loads(run("devices", "list", "--json")[1]) == []


def test_devices_are_added_changed_and_removed(run: Run, vault: None) -> None:
    assert (
        run("devices", "add", "sw1", "--ip", "192.0.2.9", "--platform", "arista_eos", "--site", "lab")[0] == 0
    )
    assert run("devices", "edit", "sw1", "--port", "2222", "--credential", "lab", "--rename", "sw2")[0] == 0
    device = json.loads(run("devices", "show", "sw2@lab", "--json")[1])
    assert (device["port"], device["credential_id"], device["platform"]) == (2222, 1, "arista_eos")
    code, _, text = run("devices", "remove", "sw2")
    assert (code, "Add -y" in text) == (2, True)
    assert run("devices", "remove", "sw2", "-y")[0] == 0
    assert run("devices", "show", "sw2")[0] == 2


def test_job_files_are_imported_and_exported_again(run: Run, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "arp.json").write_text(json.dumps(JOB))
    (tmp_path / "jobs" / "bad.json").write_text("{]")
    code, text, _ = run("jobs", "import", str(tmp_path / "jobs"))
    assert code == 3
    assert "imported as arista-arp-300" in text
    assert "bad.json: line 1" in text
    exported = json.loads(run("jobs", "export", "arista-arp-300")[1])
    assert exported["job_id"] == 300
    assert exported["commands"] == JOB["commands"]
    assert exported["validation"]["tfsm_filter"] == "arista_eos_show_ip_arp"
    (tmp_path / "again.json").write_text(json.dumps(exported))
    assert run("jobs", "validate", str(tmp_path / "again.json"))[0] == 0
    assert run("jobs", "import", str(tmp_path / "again.json"))[0] == 2
    assert run("jobs", "import", str(tmp_path / "again.json"), "--replace")[0] == 0
    bad = tmp_path / "jobs" / "bad.json"
    code, text, _ = run("jobs", "validate", str(bad))
    assert (code, text.count(str(bad))) == (2, 1)


def test_an_export_says_what_a_job_file_cannot_hold(run: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "arp.json").write_text(json.dumps(JOB))
    run("jobs", "import", str(tmp_path / "arp.json"))
    assert run("jobs", "export", "arista-arp-300")[2] == ""
    with sqlite3.connect(home / "collector.db") as database:
        database.execute(
            "INSERT INTO job_commands (job_id, sequence, command, output_directory) VALUES (1, 0, ?, ?)",
            ("show interfaces", "interfaces"),
        )
    database.close()
    code, text, told = run("jobs", "export", "arista-arp-300")
    assert (code, json.loads(text)["commands"]["command"]) == (0, ["show interfaces"])
    assert "one folder and one template" in told


def test_jobs_are_created_changed_and_removed(run: Run, vault: None) -> None:
    created = run(
        *("jobs", "create", "--vendor", "arista", "--type", "arp", "--command", "show ip arp"),
        *(
            "--template",
            "arista_eos_show_ip_arp",
            "--credential",
            "lab",
            "--platform",
            "arista_eos",
            "--json",
        ),
    )
    row = json.loads(created[1])
    assert (row["slug"], row["use_textfsm"], row["credential_id"]) == ("arista-arp", 1, 1)
    assert run("jobs", "edit", "arista-arp", "--timeout", "120", "--set", "vendor=")[0] == 0
    job = json.loads(run("jobs", "show", "arista-arp", "--json")[1])
    assert (job["timeout"], job["filter"]["vendor"]) == (120, None)
    assert job["filter"]["platform_id"] == row["device_filter_platform_id"]
    assert run("jobs", "disable", "arista-arp")[0] == 0
    assert json.loads(run("jobs", "list", "--json")[1])[0]["job"]["enabled"] is False
    assert run("jobs", "remove", "arista-arp")[0] == 2
    assert run("jobs", "remove", "arista-arp", "-y")[0] == 0
    assert run("jobs", "show", "arista-arp")[0] == 2


def test_commands_with_commas_are_kept_apart(run: Run) -> None:
    first, second = "show ip route | include 1,2", "show version"
    assert run("jobs", "create", "--type", "x", "--command", first, "--command", second)[0] == 0
    job = json.loads(run("jobs", "show", "multi-x", "--json")[1])
    assert [step["command"] for step in job["steps"]] == [first, second]
    assert run("jobs", "edit", "multi-x", "--command", "show clock,show version")[0] == 0
    job = json.loads(run("jobs", "show", "multi-x", "--json")[1])
    assert [step["command"] for step in job["steps"]] == ["show clock", "show version"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["--type", "arp"], "command"),
        (["--command", "show ip arp"], "capture_type"),
        (["--type", "arp", "--command", "x", "--name-pattern", "("], "name_pattern"),
        (["--type", "arp", "--command", "x", "--workers", "many"], "max_workers"),
        (["--type", "arp", "--command", "x", "--output-directory", "../up"], "output_directory"),
        (["--type", "arp", "--command", "x", "--set", "nonsense=1"], "nonsense"),
        (["--type", "arp", "--command", "x", "--site", "nowhere"], "site"),
    ],
)
def test_a_bad_field_is_named_and_nothing_saved(run: Run, options: list[str], field: str) -> None:
    code, _, text = run("jobs", "create", *options)
    assert code == 2
    assert field in text
    assert text.count("\n") == 1
    assert json.loads(run("jobs", "list", "--json")[1]) == []


def test_logins_are_added_listed_and_removed(run: Run, vault: None, home: Path) -> None:
    listed = json.loads(run("vault", "list", "--json")[1])
    assert [(c["name"], c["username"], c["is_default"], c["has_enable"]) for c in listed] == [
        ("lab", "admin", True, False)
    ]
    added = run(
        *("vault", "add", "core", "-u", "ops", "--password-stdin", "--enable-secret-stdin", "--default"),
        stdin="secret-2\nsecret-3\n",
    )
    assert added[0] == 0
    listed = {c["name"]: c for c in json.loads(run("vault", "list", "--json")[1])}
    assert listed["core"]["is_default"]
    assert listed["core"]["has_enable"]
    assert run("vault", "set-default", "lab")[0] == 0
    assert run("vault", "set-default", "absent")[0] == 12
    assert run("vault", "remove", "core", "-y")[0] == 0
    assert json.loads(run("vault", "status", "--json")[1])["credentials"] == 1
    for file in home.rglob("*"):
        if file.is_file():
            assert b"secret-" not in file.read_bytes(), file


def test_wrong_master_password_adds_nothing(run: Run, vault: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "wrong horse battery")
    code, _, text = run("vault", "add", "x", "-u", "u", "--password-stdin", stdin="p\n")
    assert code == 12
    assert "wrong" in text.splitlines()[-1]
    assert len(json.loads(run("vault", "list", "--json")[1])) == 1


def test_a_key_file_that_is_none_is_refused(run: Run, vault: None, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not a key\n")
    assert run("vault", "add", "k", "-u", "u", "--key-file", str(tmp_path / "key"))[0] == 12
    assert run("vault", "add", "k", "-u", "u", "--key-file", str(tmp_path / "absent"))[0] == 2


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_the_certificate_beside_a_key_file_goes_with_it(
    run: Run, home: Path, vault: None, tmp_path: Path
) -> None:
    for name in ("key", "authority"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True
        )
    arguments = ["-s", str(tmp_path / "authority"), "-I", "x", "-n", "u", str(tmp_path / "key.pub")]
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True)
    assert run("vault", "add", "k", "-u", "u", "--key-file", str(tmp_path / "key"))[0] == 0
    with CredentialResolver(home) as resolver:
        resolver.unlock_vault(PASSWORD)
        login = resolver.get_ssh_credentials("k")
    key = KeyRing().key(login, Asking(HEADLESS, "r1", Lifeline()))
    assert key is not None
    assert key.public_blob is not None
    assert key.public_blob.key_type == "ssh-ed25519-cert-v01@openssh.com"


def test_templates_are_imported_listed_and_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "acme_show_thing.textfsm").write_text("Value A (\\S+)\n\nStart\n  ^${A} -> Record\n")
    assert run("templates", "import", str(tmp_path / "own"))[0] == 0
    found = json.loads(run("templates", "list", "--search", "acme", "--json")[1])
    assert [template["name"] for template in found] == ["acme_show_thing"]
    assert run("templates", "show", "acme_show_thing")[1].splitlines()[0] == "Value A (\\S+)"
    assert run("templates", "show", "absent")[0] == 2
    (tmp_path / "none").mkdir()
    assert run("templates", "import", str(tmp_path / "none"))[0] == 2


ARP = """\
Protocol  Address          Age (min)  Hardware Addr   Type   Interface
Internet  192.0.2.1               -   0050.56bf.0001  ARPA   Vlan1
Internet  192.0.2.2              10   0050.56bf.0002  ARPA   Vlan1
"""


def test_a_file_is_validated(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "arp.txt"
    file.write_text(ARP)
    code, text, _ = run(
        "validate", str(file), "--platform", "cisco_ios", "--command", "show ip arp", "--json"
    )
    result = json.loads(text)
    assert (code, result["template"], result["record_count"]) == (0, "cisco_ios_show_ip_arp", 2)
    file.write_text("\x1b]0;owned\x07nothing here\n")
    code, text, _ = run("validate", str(file), "--filter", "cisco_ios_show_ip_arp")
    assert code == 3
    assert "\x1b" not in text
    assert run("validate", str(tmp_path / "absent"))[0] == 2


def test_doctor_finds_a_sound_home_and_names_damage(run: Run, home: Path) -> None:
    code, text, _ = run("doctor", "--json")
    states = {finding["what"]: finding["state"] for finding in json.loads(text)}
    assert code == 0
    assert states["collector.db"] == states["permissions"] == states["Argon2id"] == "ok"
    (home / "dcim.db").write_bytes(b"no database" * 100)
    (home / "collector.db").chmod(0o644)
    code, text, _ = run("doctor", "--json")
    findings = json.loads(text)
    assert code == 14
    assert {f["what"] for f in findings if f["state"] == "bad"} == {"dcim.db", "permissions"}
    assert all(f["remedy"] for f in findings if f["state"] == "bad")


def test_doctor_names_what_a_login_limit_cannot_mean(run: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "inventory.csv"
    file.write_text(INVENTORY)
    assert run("devices", "import", str(file))[0] == 0
    domain = "{sites: [lab, nowhere], credentials: [lost], at_once: 2}"
    (home / "config.yaml").write_text(f"politeness: {{aaa_domains: {{eu: {domain}}}}}\n")
    code, text, _ = run("doctor", "--json")
    found = [row["detail"] for row in json.loads(text) if row["what"] == "politeness"]
    assert code == 2
    assert found[0] == "aaa_domains.eu.sites: there is no nowhere"
    assert found[1] == "aaa_domains.eu.credentials: there is no lost"


@pytest.mark.parametrize(("name", "table"), [("collector.db", "jobs"), ("dcim.db", "dcim_device")])
def test_doctor_names_a_column_that_is_missing(run: Run, home: Path, name: str, table: str) -> None:
    with sqlite3.connect(home / name) as database:
        for (view,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
            database.execute(f"DROP VIEW {view}")
        database.execute(f"ALTER TABLE {table} RENAME COLUMN name TO label")
    database.close()
    code, text, _ = run("doctor", "--json")
    (bad,) = [finding for finding in json.loads(text) if finding["state"] == "bad"]
    assert (code, bad["what"]) == (13, name)
    assert f"table {table} has no column name" in bad["detail"]


def test_a_home_whose_log_cannot_be_written_can_be_read(run: Run, home: Path) -> None:
    (home / "logs" / "not-a-file").mkdir()
    (home / "config.yaml").write_text("logging:\n  file: logs/not-a-file\n")
    code, text, told = run("devices", "list", "--json")
    assert (code, text) == (0, "[]\n")
    assert told.startswith("vctui: log file ")
    assert told.count("\n") == 1
    code, text, _ = run("doctor", "--json")
    assert code == 14
    assert [finding["what"] for finding in json.loads(text) if finding["state"] == "bad"] == ["log"]


def test_what_a_list_prints_cannot_act_on_the_terminal(run: Run, home: Path) -> None:
    run("devices", "add", "sw1", "--ip", "192.0.2.9", "--site", "lab")
    with sqlite3.connect(home / "dcim.db") as database:
        database.execute("UPDATE dcim_device SET name = ?", ("sw\x1b]0;owned\x07\u202e",))
    database.close()
    _, text, _ = run("devices", "list")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert json.loads(run("devices", "list", "--json")[1])[0]["name"] == "sw\x1b]0;owned\x07\u202e"


COMMANDS = (
    *(["vault", "list"], ["vault", "add", "x", "-u", "y", "--unlock-fd", "9"], ["creds", "status"]),
    *(["jobs", "list"], ["devices", "list"], ["run", "--job", "x"], ["audit", "list"], ["runs", "list"]),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_home_that_somebody_else_can_change_is_refused(
    command: list[str], prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    link = tmp_path / "link"
    link.symlink_to(home)

    def refused(at: Path, why: str) -> None:
        assert main(["--home", str(at), *command]) == 10
        captured = capsys.readouterr()
        assert captured.out == ""
        assert why in captured.err
        assert captured.err.count("\n") == 1

    refused(link, f"is a symbolic link. Name the folder itself: --home {home}")
    for mode in (0o770, 0o707, 0o1777):
        home.chmod(mode)
        refused(home, f"can be changed by other users. Close it with: chmod go-w {home}")
    home.chmod(0o755)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("vctui.storage.files.os.geteuid", lambda: home.stat().st_uid + 1)
        refused(home, "belongs to another user")
    main(["--home", str(home), *command])
    assert "can be changed" not in capsys.readouterr().err


def test_a_vault_in_a_home_that_somebody_else_can_change_is_refused_to_scripts(
    prepared: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    CredentialResolver(home).lock()
    home.chmod(0o777)
    with pytest.raises(HomeError, match="can be changed by other users"):
        CredentialResolver(home)
