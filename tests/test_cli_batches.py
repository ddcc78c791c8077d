"""`vctui batches`: what is in a batch file, and what writes and runs one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from vctui.cli.main import main
from vctui.config import Settings, load_settings
from vctui.jobs import JobSource
from vctui.sample import sample_data_dir
from vctui.storage import init_home


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = load_settings(tmp_path / "home")
    init_home(settings)
    JobSource(settings).import_files([sample_data_dir() / "jobs"])
    return settings


def vctui(home: Settings, *arguments: str) -> int:
    return main(["--home", str(home.home), *arguments])


def told(
    home: Settings, capsys: pytest.CaptureFixture[str], arguments: Sequence[str]
) -> list[dict[str, object]]:
    capsys.readouterr()
    assert vctui(home, *arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    return found if isinstance(found, list) else [found]


def test_a_batch_is_created_listed_and_shown(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    file = home.batches_dir / "every-night.yaml"
    assert (
        vctui(
            home,
            "batches",
            "create",
            "Every Night",
            "arista-arp-103",
            "huawei-version-102",
            "--description",
            "é",
        )
        == 0
    )
    assert yaml.safe_load(file.read_text()) == {
        "name": "Every Night",
        "jobs": ["arista-arp-103", "huawei-version-102"],
        "description": "é",
    }
    assert file.stat().st_mode & 0o777 == 0o600
    [batch] = told(home, capsys, ["batches", "list"])
    assert (batch["name"], batch["jobs"]) == ("Every Night", ["arista-arp-103", "huawei-version-102"])
    assert told(home, capsys, ["batches", "show", "Every Night"]) == [batch]
    assert told(home, capsys, ["batches", "show", "every-night"]) == [batch]


def test_a_name_in_use_and_an_unknown_job_write_nothing(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vctui(home, "batches", "create", "night", "arista-arp-103") == 0
    before = {file.name: file.read_bytes() for file in home.batches_dir.iterdir()}
    for arguments in (
        ["night", "huawei-version-102"],
        ["Night", "huawei-version-102"],
        ["other", "nope"],
        ["!!!", "arista-arp-103"],
    ):
        capsys.readouterr()
        assert vctui(home, "batches", "create", *arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert {file.name: file.read_bytes() for file in home.batches_dir.iterdir()} == before


def test_a_batch_with_lost_jobs_or_damage_is_still_listed(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (home.batches_dir / "a.yaml").write_text("jobs: [gone, arista-arp-103, gone]")
    (home.batches_dir / "b.yaml").write_text("jobs: [")
    lost, damaged = told(home, capsys, ["batches", "list"])
    assert (lost["name"], lost["unknown"], lost["error"]) == ("a", ["gone"], None)
    assert "line 1" in str(damaged["error"])
    assert vctui(home, "batches", "show", "a") == 0
    assert "gone (there is no such job)" in capsys.readouterr().out
    assert vctui(home, "batches", "show", "b") == 2


def test_running_one_takes_the_options_of_run(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    vctui(home, "batches", "create", "night", "arista-arp-103", "huawei-version-102")
    capsys.readouterr()
    assert vctui(home, "batches", "run", "night", "--dry-run", "--json") == 4
    assert [plan["job"] for plan in json.loads(capsys.readouterr().out)] == [
        "arista-arp-103",
        "huawei-version-102",
    ]
