"""`vctui platforms`: what is known of each kind of device, and files of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from vctui.cli.main import main
from vctui.ssh import load_platforms


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / "platforms").mkdir(parents=True)
    folder.chmod(0o700)
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_list_names_every_platform(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "platforms" / "my_os.yaml").write_text("names: [my_os]\nlike: cisco_ios\n")
    code, out, _ = call(capsys, "platforms", "list", "--home", str(home), "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert set(rows) == {"my_os"} | {platform.name for platform in load_platforms().values()}
    assert rows["my_os"]["source"] == str(home / "platforms" / "my_os.yaml")
    assert rows["cisco_ios"]["source"] == "built in"
    code, out, _ = call(capsys, "platforms", "list", "--home", str(home), "--search", "my_")
    assert (code, len(out.splitlines())) == (0, 2)


def test_show_prints_a_file_that_is_good(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "platforms", "show", "juniper-junos", "--home", str(home))
    assert code == 0
    assert yaml.safe_load(out)["paging_off"] == ["set cli screen-length 0"]
    file = home / "platforms" / "mine.yaml"
    file.write_text(out)
    assert call(capsys, "platforms", "validate", str(file), "--home", str(home))[0] == 0
    code, out, _ = call(capsys, "platforms", "show", "juniper", "--home", str(home), "--json")
    assert (code, json.loads(out)["source"]) == (0, str(file))


def test_show_of_what_is_not_known(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "platforms", "show", "no_such_os", "--home", str(home))
    assert code == 2
    assert "vctui platforms list" in err


def test_validate_says_everything_that_is_wrong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "bad.yaml"
    file.write_text("names: [x]\nprompts: ['(']\ncolour: red\nnewline: y\n")
    code, out, err = call(capsys, "platforms", "validate", str(file), "--home", str(home))
    assert (code, out) == (2, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == ["colour", "prompts", "newline"]
    code, out, _ = call(capsys, "platforms", "validate", str(file), "--home", str(home), "--json")
    assert code == 2
    assert json.loads(out)["valid"] is False
    assert len(json.loads(out)["problems"]) == 3


def test_doctor_names_bad_files_and_unknown_platforms(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(home), "init"]) == 0
    inventory = tmp_path / "inventory.csv"
    inventory.write_text(
        "name,primary_ip4,platform,site,role,status\nr1,192.0.2.1,no_such_os,lab,core,active\n"
    )
    assert main(["--home", str(home), "devices", "import", str(inventory)]) == 0
    (home / "platforms" / "bad.yaml").write_text("names: [x]\nprompts: ['(']\n")
    (home / "platforms" / "good.yaml").write_text("names: [y]\nlike: cisco_ios\n")
    code, out, _ = call(capsys, "doctor", "--home", str(home), "--json")
    findings = {(f["what"], f["state"]): f for f in json.loads(out)}
    assert code == 2
    assert "bad.yaml: prompts: '('" in findings["platform file", "bad"]["detail"]
    assert "good.yaml" in findings["platform file", "ok"]["detail"]
    assert "r1" in findings["platforms", "note"]["detail"]
