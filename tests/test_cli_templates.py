"""`vctui templates`: imported, tested on outputs, saved, removed, written out; and `vctui validate`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fixtures.captures import ARP_TEMPLATE, CaptureHome, arp
from vctui.cli.main import main
from vctui.storage import content_hash

Run = Callable[..., tuple[int, str, str]]
BROKEN = "Value ADDRESS (\\S+)\nValue BAD (\n\nStart\n  ^${ADDRESS} -> Record Nowhere\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[CaptureHome]:
    with closing(CaptureHome(tmp_path)) as made:
        yield made


@pytest.fixture
def run(home: CaptureHome, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = main(["--home", str(home.settings.home), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def listed(run: Run, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run("templates", "list", "--search", name, "--json")[1])[0]
    return found


def test_ones_own_templates_survive_what_is_imported_again(run: Run, tmp_path: Path) -> None:
    assert run("templates", "import", "--ntc")[0] == 0
    assert "0 added, 0 updated" in run("templates", "import", "--ntc")[2]
    assert listed(run, "arista_eos_show_ip_arp")["source"] == "custom"
    facts = listed(run, "cisco_ios_show_ip_arp")
    text = run("templates", "show", "cisco_ios_show_ip_arp")[1]
    assert facts["source"] == "ntc-templates"
    assert (facts["hash"], facts["changed_since_import"]) == (content_hash(text), False)
    (tmp_path / "own.textfsm").write_text(text + "  # mine\n")
    assert run("templates", "save", "cisco_ios_show_ip_arp", str(tmp_path / "own.textfsm"))[0] == 0
    assert "3 of your own kept" in run("templates", "import", "--ntc")[2]
    assert run("templates", "show", "cisco_ios_show_ip_arp")[1].endswith("# mine\n")
    assert "3 updated" in run("templates", "import", "--ntc", "--replace")[2]
    assert listed(run, "cisco_ios_show_ip_arp")["hash"] == facts["hash"]


def test_a_template_is_refused_with_its_lines_before_it_is_saved(run: Run) -> None:
    code, _, said = run("templates", "save", "acme_show_thing", "-", stdin=BROKEN)
    assert code == 2
    assert said.splitlines()[0].startswith("-: line 2: ")
    assert run("templates", "show", "acme_show_thing")[0] == 2
    good = "Value A (\\S+)\n\nStart\n  ^${A}: x -> Record\n  ^. -> Error\n"
    assert run("templates", "save", "acme_show_thing", "-", stdin=good)[0] == 0
    assert listed(run, "acme_show_thing")["source"] == "custom"
    assert run("templates", "save", "../evil", "-", stdin=good)[0] == 2
    assert run("templates", "remove", "acme_show_thing", "-y")[0] == 0
    assert run("templates", "remove", "acme_show_thing", "-y")[0] == 2


def test_templates_are_written_into_a_folder(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert run("templates", "export", str(folder))[0] == 0
    assert (folder / "arista_eos_show_ip_arp.textfsm").read_text() == ARP_TEMPLATE
    assert (folder / "arista_eos_show_ip_arp.textfsm").stat().st_mode & 0o777 == 0o600
    (folder / "arista_eos_show_ip_arp.textfsm").write_text("changed\n")
    assert run("templates", "export", str(folder))[0] == 2
    assert run("templates", "export", str(folder), "--force")[0] == 0


def test_candidates_are_ranked_for_a_capture_and_for_a_file(
    home: CaptureHome, run: Run, tmp_path: Path
) -> None:
    home.run({"lab-sw1": arp(1, 2)})
    code, text, _ = run("templates", "test", "lab-sw1", "--type", "arp", "--json")
    found = json.loads(text)
    assert (code, found["filter"]) == (0, "arista_eos_show_ip_arp")
    assert [one["name"] for one in found["candidates"]] == ["arista_eos_show_ip_arp"]
    assert found["candidates"][0]["parts"]["explained"] > 0.3
    assert found["verdict"]["records"][0]["address"] == "192.0.2.1"
    file = tmp_path / "out.txt"
    file.write_text(arp(3))
    run("templates", "import", "--ntc")
    ranked = json.loads(run("templates", "test", str(file), "--filter", "arp", "--json")[1])["candidates"]
    assert ranked[0]["name"] == "arista_eos_show_ip_arp"
    assert [one["score"] for one in ranked if not one["reason"]] == sorted(
        (one["score"] for one in ranked if not one["reason"]), reverse=True
    )
    named = json.loads(
        run("templates", "test", str(file), "--filter", "arista_eos_show_version", "--json")[1]
    )
    assert not named["verdict"]["is_valid"]
    assert [one["name"] for one in named["candidates"]][:2] == [
        "arista_eos_show_version",
        "arista_eos_show_ip_arp",
    ]
    assert run("templates", "test", str(file), "--platform", "arista_eos")[0] == 2


def test_one_output_of_a_file_with_several_is_tested(home: CaptureHome, run: Run) -> None:
    commands = ("show version", "show ip arp")
    home.run({"lab-sw1": ("Software image version: 4.30.1F\n", arp(1))}, "both", commands)
    code, text, said = run("templates", "test", "lab-sw1", "--json")
    assert (code, json.loads(text)["filter"]) == (0, "arista_eos_show_version")
    assert "choose among show version, show ip arp" in said
    found = json.loads(run("templates", "test", "lab-sw1", "--command", "show ip arp", "--json")[1])
    assert (found["filter"], found["verdict"]["record_count"]) == ("arista_eos_show_ip_arp", 1)
    assert run("templates", "test", "lab-sw1", "--command", "show clock")[0] == 2


def test_validate_tells_the_parts_of_the_score(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    file.write_text(f"sw1#show ip arp\r\n{arp(1)}sw1#".replace("\n", "\r\n"))
    code, text, _ = run("validate", str(file), "--filter", "arista_eos_show_ip_arp")
    assert code == 0
    assert "explained 0." in text
    assert "header 0." in text
    assert run("validate", str(file), "--platform", "arista_eos")[0] == 2


def test_an_output_is_taken_from_standard_input_and_an_error_names_no_template(run: Run) -> None:
    code, text, _ = run("validate", "-", "--json", stdin=arp(1, 2))
    assert (code, json.loads(text)["record_count"]) == (0, 2)
    assert run("templates", "test", "-", "--filter", "arp", stdin=arp(1))[0] == 0
    refused = json.loads(run("validate", "-", "--json", stdin="% Invalid input detected\n")[1])
    assert (refused["is_valid"], refused["template"]) == (False, None)


def test_what_textfsm_refuses_in_a_folder_is_left_out_and_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "acme_show_bad.textfsm").write_text(BROKEN)
    (tmp_path / "acme_show_good.textfsm").write_text(ARP_TEMPLATE)
    code, _, said = run("templates", "import", str(tmp_path))
    assert code == 3
    assert "acme_show_bad.textfsm: line 2: " in said
    assert "1 added" in said
    assert run("templates", "show", "acme_show_bad")[0] == 2
