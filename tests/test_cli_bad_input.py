"""Bad input: one clear line, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from vctui.cli.main import main

JOB = {
    "version": "2.0",
    "job_id": 1,
    "capture_type": "arp",
    "vendor": "arista",
    "commands": {"command": "show ip arp", "output_directory": "arp"},
}
DEVICES = "name,primary_ip4,platform,site\nsw1,127.0.0.1,arista_eos,lab\n"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    home = folder / "home"
    (folder / "devices.csv").write_text(DEVICES)
    assert main(["--home", str(home), "init"]) == 0
    assert main(["--home", str(home), "devices", "import", str(folder / "devices.csv")]) == 0
    (home / "jobs" / "job.json").write_text(json.dumps(JOB))
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", PASSWORD)
    shutil.copytree(prepared, tmp_path / "home")
    return tmp_path / "home"


def refused(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and the one line of a refusal; the home is as it was."""
    before = content(home)
    capsys.readouterr()
    code = main(["--home", str(home), *arguments])
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if "VCOLLECTOR_VAULT_PASS can be read" not in line]
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("vctui: ")
    assert "Traceback" not in lines[0]
    assert content(home) == before
    return code, lines[0]


def content(home: Path) -> dict[Path, bytes]:
    """Every file but SQLite's own bookkeeping and the audit trail, which notes attempts."""
    if not home.is_dir():
        return {}
    return {
        file: file.read_bytes()
        for file in home.rglob("*")
        if file.is_file()
        and not file.name.endswith(("-journal", "-wal", "-shm", ".lock"))
        and not file.name.startswith("audit.")
    }


@pytest.mark.parametrize("ref", ["nothing", "99", "/absent/job.json", "../../etc/passwd", "\x1b[2J"])
def test_unknown_job(home: Path, capsys: pytest.CaptureFixture[str], ref: str) -> None:
    code, line = refused(home, capsys, "run", "--job", ref)
    assert code == 2
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"version": "2.0",\n  "job_id": }', "line 2"),
        ("[]", "object"),
        (json.dumps({**JOB, "version": "9"}), "version"),
        (json.dumps({**JOB, "commands": {"command": 7}}), "commands.command"),
        (json.dumps({**JOB, "execution": {"timeout": "soon"}}), "execution.timeout"),
        (json.dumps({**JOB, "device_filter": {"name_pattern": "("}}), "device_filter.name_pattern"),
        (
            json.dumps({**JOB, "commands": {"command": "show x", "output_directory": "/etc"}}),
            "output_directory",
        ),
    ],
)
def test_malformed_job(home: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    file = home / "jobs" / "bad.json"
    file.write_text(text)
    code, line = refused(home, capsys, "run", "--job", str(file))
    assert code == 2
    assert str(file) in line
    assert told in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("execution: {timeout: [", "line"),
        ("execution: {timeout: soon}", "execution.timeout"),
        ("- a list\n", "key: value"),
        ("host_keys: never", "host_keys"),
        ("collector_db: 5", "collector_db"),
    ],
)
def test_malformed_configuration(
    home: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    (home / "config.yaml").write_text(text)
    code, line = refused(home, capsys, "jobs", "list")
    assert code == 2
    assert "config.yaml" in line
    assert told in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,site\nsw2,lab\n", "primary_ip4"),
        ("", "name"),
        (b"\xff\xfe\x00", "UTF-8"),
        ('name,primary_ip4,platform,site\n"sw2,192.0.2.1,x,lab\n', "line 2"),
    ],
)
def test_malformed_csv(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, told: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    code, line = refused(home, capsys, "devices", "import", str(file))
    assert code == 2
    assert told in line


def test_absent_csv(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(home, capsys, "devices", "import", "/absent.csv")[0] == 2


@pytest.mark.parametrize("name", ["collector.db", "dcim.db"])
@pytest.mark.parametrize(
    "content", [b"this is no database, just text\n" * 200, b"", b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_database_that_is_not_one(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (home / name).write_bytes(content)
    code, line = refused(home, capsys, "run", "--job", "job.json")
    if not content and name == "collector.db":
        assert code in (12, 13)  # an empty file is an empty database: no vault in it
    else:
        assert code == 13
        assert name in line


def test_templates_that_are_no_database(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "tfsm_templates.db").write_bytes(b"no database" * 500)
    assert refused(home, capsys, "templates", "list")[0] == 13


@pytest.mark.parametrize(("name", "table"), [("dcim.db", "dcim_device"), ("collector.db", "job_history")])
def test_a_database_with_missing_columns(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, table: str
) -> None:
    database = sqlite3.connect(home / name)
    with database:
        for view in database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
            database.execute(f"DROP VIEW {view[0]}")
        database.execute(f"DROP TABLE {table}")
        database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, other TEXT)")
    database.close()
    command = ("devices", "list") if name == "dcim.db" else ("runs", "list")
    code, line = refused(home, capsys, *command)
    assert code == 13
    assert table in line


@pytest.mark.parametrize(
    "command", [("jobs", "list"), ("run", "--job", "x"), ("vault", "init"), ("runs", "list")]
)
def test_a_home_that_is_not_initialised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    code, line = refused(tmp_path / "absent", capsys, *command)
    assert code == 10
    assert "vctui init" in line
    assert not (tmp_path / "absent").exists()


def test_a_home_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file", capsys, "jobs", "list")[0] == 10
    assert refused(tmp_path / "file", capsys, "init")[0] == 10
    assert refused(tmp_path / "file" / "below", capsys, "init")[0] in (10, 14)


def test_no_devices(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "jobs" / "none.json").write_text(json.dumps({**JOB, "vendor": "nobody"}))
    code, line = refused(home, capsys, "run", "--job", "none.json")
    assert code == 4
    assert "--dry-run" in line


def test_an_unknown_device_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(home, capsys, "run", "--job", "job.json", "--devices", "sw1,sw9")
    assert code == 2
    assert "sw9" in line


def test_no_vault(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(home, capsys, "run", "--job", "job.json")
    assert code == 12
    assert "vctui vault init" in line


def test_no_credentials(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "vault", "init"]) == 0
    code, line = refused(home, capsys, "run", "--job", "job.json")
    assert code == 12
    assert "vctui vault add" in line


def test_wrong_master_password(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--home", str(home), "vault", "init"]) == 0
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "wrong horse battery")
    code, line = refused(home, capsys, "run", "--job", "job.json")
    assert code == 12
    assert "wrong" in line
    assert "horse" not in line


def test_a_run_that_does_not_exist(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(home, capsys, "runs", "show", "5")[0] == 2
    assert refused(home, capsys, "run", "--retry-failed", "5")[0] == 2


@pytest.mark.parametrize(
    "command",
    [
        ("templates", "import", "/absent"),
        ("validate", "/absent", "--filter", "x"),
        ("devices", "show", "absent"),
        ("devices", "add", "sw2"),
        ("devices", "edit", "sw1"),
        ("devices", "edit", "sw1", "--ip", "300.1.1.1"),
        ("jobs", "edit", "absent", "--timeout", "5"),
        ("jobs", "export", "absent"),
        ("hosts", "trust", "absent", "-y"),
        ("run", "--jobs-dir", "/absent"),
        ("run", "--jobs", "nothing-*"),
    ],
)
def test_what_does_not_exist_is_usage(
    home: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert refused(home, capsys, *command)[0] == 2
