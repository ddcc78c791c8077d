"""`vctui captures`: looked through, compared, checked, written out and parsed again."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fixtures.captures import ARP_TEMPLATE, CaptureHome, arp
from vctui.cli.main import main
from vctui.cli.progress import device_line
from vctui.jobs.compare import unified
from vctui.jobs.search import blocks_of
from vctui.storage import TemplateRow

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[CaptureHome]:
    with closing(CaptureHome(tmp_path)) as made:
        yield made


@pytest.fixture
def run(home: CaptureHome, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--home", str(home.settings.home), "captures", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_lines_are_found_with_their_surroundings(home: CaptureHome, run: Run) -> None:
    home.run({"lab-sw1": arp(1, 2, 3, 4, 5), "lab-sw2": arp(6)})
    code, text, said = run("search", r"192\.0\.2\.3\b", "-C", "1")
    assert code == 0
    lines = text.splitlines()
    assert lines[0].split()[:2] == ["lab-sw1", "arp"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["3-", "192.0.2.2"],
        ["4:", "192.0.2.3"],
        ["5-", "192.0.2.4"],
    ]
    assert said == "1 lines in 1 of 2 captures\n"
    code, text, _ = run("search", "VLAN10", "-i", "--json")
    found = sorted(json.loads(text), key=lambda one: one["count"])
    assert [(one["device"], one["count"]) for one in found] == [("lab-sw2", 1), ("lab-sw1", 5)]
    assert found[0]["lines"] == [{"line": 2, "text": arp(6).splitlines()[1], "found": True}]
    named = run("search", "-l", "Vlan10")[1].splitlines()
    assert sorted(line.split()[0] for line in named) == ["lab-sw1", "lab-sw2"]
    assert run("search", "(sec)")[0] == 0
    assert run("search", "-F", "Age (sec)")[0] == 0
    assert run("search", "Age (sec)")[0] == 4
    assert run("search", "vlan10")[0] == 4
    assert run("search", "Vlan10", "--device", "lab-sw3") == (4, "", "0 lines in 0 of 0 captures\n")
    code, _, said = run("search", "(a")
    assert (code, said.count("\n")) == (2, 1)


def test_a_search_takes_linear_time_and_prints_nothing_a_terminal_obeys(home: CaptureHome, run: Run) -> None:
    home.run(
        {"lab-sw1": "Software image version: 4.1\n" + "a" * 50_000 + "!\n"}, "version", ("show version",)
    )
    assert run("search", "(a+)+$")[0] == 4
    path = home.settings.collections_dir / "version" / "lab-sw1.txt"
    with closing(sqlite3.connect(home.settings.collector_db)) as database:
        database.execute("DELETE FROM vctui_captures")  # as a capture of VelocityCollector has no checksum
        database.commit()
    path.write_bytes(b"\x1b]52;c;eA==\x07 \x9b31m evil \xe2\x80\xae\n")
    code, text, _ = run("search", "evil")
    assert code == 0
    assert all(char.isprintable() or char == "\n" for char in text)


def test_blocks_join_where_they_touch() -> None:
    lines = list("abcdefgh")
    assert [[n for n, _, _ in block] for block in blocks_of(lines, [0, 2, 6], 1)] == [[1, 2, 3, 4], [6, 7, 8]]
    assert blocks_of(lines, [3], 0) == (((4, "d", True),),)


def test_what_changed_since_the_last_other_version(home: CaptureHome, run: Run) -> None:
    first, _ = home.run({"lab-sw1": arp(1, 2)})
    assert run("diff", "lab-sw1", "arp")[:2] == (0, "")
    home.run({"lab-sw1": arp(1, 3)})
    home.run({"lab-sw1": arp(1, 3)})
    last, _ = home.run({"lab-sw1": arp(1, 3)})
    code, text, said = run("diff", "lab-sw1", "arp")
    assert code == 0
    lines = text.splitlines()
    assert lines[0].startswith(f"--- run {first}  ")
    assert lines[1].startswith(f"+++ run {last}  ")
    assert [line[:1] + line[1:].split()[0] for line in lines[3:]] == [
        " Address",
        " 192.0.2.1",
        "-192.0.2.2",
        "+192.0.2.3",
    ]
    assert said == "1 lines added, 1 removed\n"
    told = json.loads(run("diff", "lab-sw1", "arp", "--json")[1])
    assert (told["before"]["run"], told["after"]["run"], told["added"]) == (first, last, 1)
    assert run("diff", "lab-sw1", "arp", "--since", str(last - 1))[2] == "no difference\n"
    assert run("diff", "lab-sw1", "arp", "--run", str(first), "--since", str(last))[2].startswith("1 lines")
    assert run("diff", "lab-sw1", "configs")[0] == 2
    assert run("diff", "lab-sw1", "arp", "--run", "99")[0] == 2
    (home.settings.home / "versions").rename(home.settings.home / "lost")
    assert run("diff", "lab-sw1", "arp")[0] == 13


@pytest.mark.parametrize(
    ("old", "new", "header"),
    [
        ("a\n" * 50 + "x\n", "a\n" * 50 + "y\n", "@@ -48,4 +48,4 @@"),
        ("x\n" + "a\n" * 50, "a\n" * 50, "@@ -1,4 +1,3 @@"),
        ("a\n" * 50, "a\n" * 25 + "new\n" + "a\n" * 25, "@@ -48,3 +48,4 @@"),
        ("", "a\n", "@@ -0,0 +1 @@"),
    ],
)
def test_a_diff_counts_lines_from_the_beginning(old: str, new: str, header: str) -> None:
    lines = unified(old.splitlines(), new.splitlines())
    hunk = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", lines[0])
    assert hunk is not None
    if "new" not in new:
        assert lines[0] == header
    start = int(hunk[3]) - (hunk[4] != "0")
    kept = [line[1:] for line in lines[1:] if line[0] != "-"]
    assert new.splitlines()[start : start + len(kept)] == kept


def test_verify_names_what_is_not_as_saved(home: CaptureHome, run: Run) -> None:
    home.run({"lab-sw1": arp(1), "lab-sw2": arp(2)})
    assert run("verify") == (0, "", "2 captures compared, 0 not as saved\n")
    folder = home.settings.collections_dir / "arp"
    (folder / "lab-sw1.txt").write_text("changed\n")
    (folder / "lab-sw2.txt").unlink()
    (folder / "new.txt").write_text("new\n")
    code, text, _ = run("verify", "--json")
    assert code == 13
    told = {Path(one["path"]).name: one["kind"] for one in json.loads(text)["findings"]}
    assert told == {"lab-sw1.txt": "changed", "lab-sw2.txt": "missing", "new.txt": "unknown"}


def test_records_are_exported_as_json_and_as_csv(home: CaptureHome, run: Run, tmp_path: Path) -> None:
    home.run({"lab-sw1": arp(1, 2), "lab-sw2": arp(3, interface="=cmd|'/C'!A0")})
    code, text, _ = run("export", "lab-sw1", "--json")
    document = json.loads(text)
    assert code == 0
    assert (document["template"], document["record_count"]) == ("arista_eos_show_ip_arp", 2)
    assert document["fields"] == ["address", "mac", "interface"]
    assert document["data"][1] == {"address": "192.0.2.2", "mac": "0200.5e00.5302", "interface": "Vlan10"}
    assert document["source_file"].endswith("/arp/lab-sw1.txt")
    assert document["exported_at"].endswith("+00:00")
    rows = list(csv.DictReader(io.StringIO(run("export", "--csv", "--type", "arp")[1])))
    assert {row["_device"]: row["interface"] for row in rows} == {
        "lab-sw1": "Vlan10",
        "lab-sw2": "'=cmd|'/C'!A0",
    }
    assert run("export", "--csv", "--each", str(tmp_path / "each"))[0] == 0
    assert sorted(path.name for path in (tmp_path / "each").iterdir()) == [
        "lab-sw1-arp.csv",
        "lab-sw2-arp.csv",
    ]
    assert (tmp_path / "each" / "lab-sw1-arp.csv").stat().st_mode & 0o777 == 0o600
    assert run("export", "lab-sw1", "--json", "--filter", "show_version")[0] == 4
    assert run("export", "absent", "--json")[0] == 2


def test_the_score_is_one_number_wherever_it_is_told(
    home: CaptureHome, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _, [finished] = home.run({"lab-sw1": arp(1, 2)})
    assert finished.score is not None
    assert finished.score != round(finished.score)
    told = f"{finished.score:g}"
    assert json.loads(run("list", "--json")[1])[0]["score"] == finished.score
    assert json.loads(run("export", "lab-sw1", "--json")[1])["score"] == finished.score
    assert told in run("list")[1].split()
    assert told in device_line(finished).split()
    assert main(["--home", str(home.settings.home), "runs", "show", "1"]) == 0
    assert told in capsys.readouterr().out.split()


def test_captures_are_parsed_again_after_a_template_changed(home: CaptureHome, run: Run) -> None:
    home.run({"lab-sw1": arp(1, 2), "lab-sw2": arp(3)})
    assert run("revalidate", "--json")[0] == 0
    wider = ARP_TEMPLATE.replace("Value MAC", "Value AGE (\\d+:\\S+)\nValue MAC").replace(
        "\\s+\\S+\\s+${MAC}", "\\s+${AGE}\\s+${MAC}"
    )
    home.store.upsert_many([TemplateRow("arista_eos_show_ip_arp", wider)], replace_own=True)
    code, text, _ = run("revalidate", "--template", "arista_eos_show_ip_arp", "--dry-run", "--json")
    assert (code, [one["changed"] for one in json.loads(text)]) == (0, [True, True])
    assert [(one["fields_new"], one["fields_gone"]) for one in json.loads(text)] == [(["age"], [])] * 2
    assert "+age" in run("revalidate", "--dry-run")[1].split()
    assert "age" not in json.loads(run("show", "lab-sw1", "--json")[1])["data"][0]
    assert run("revalidate", "--template", "arista_eos_show_version")[2].startswith("0 parsed again")
    assert run("revalidate", "--template", "arista_eos_show_arp")[0] == 2
    assert run("revalidate", "--template", "arista_eos_show_ip_arp")[0] == 0
    assert json.loads(run("show", "lab-sw1", "--json")[1])["data"][0]["age"] == "0:01:01"
    assert run("revalidate")[2] == "2 parsed again, 0 changed, 0 not valid\n"
    broken = ARP_TEMPLATE.replace("sec", "min")
    home.store.upsert_many([TemplateRow("arista_eos_show_ip_arp", broken)], replace_own=True)
    code, _, said = run("revalidate")
    assert (code, said.splitlines()[-1]) == (3, "2 parsed again, 2 changed, 2 not valid")
