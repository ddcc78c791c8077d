"""The bench: candidates, drafts and errors by line, from a process that can be killed."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import vctui.validation.bench_process
from vctui.errors import DataError
from vctui.validation import Bench, Stopped

NAMES = "Value NAME (\\S+)\n\nStart\n  ^Name: ${NAME} -> Record\n"
FULL = "Value NAME (\\S+)\nValue ID (\\d+)\n\nStart\n  ^Name: ${NAME} Id: ${ID} -> Record\n"
RUNAWAY = "Value WORDS ((\\w+\\s?)+)\n\nStart\n  ^${WORDS}:(?=x) -> Record\n"
BAIT = "word " * 12 + "word" * 12 + "!\n"
OUTPUT = "".join(f"Name: host-{n} Id: {n}\n" for n in range(2_000))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "tfsm_templates.db"
    rows = [("lab_os_show_name", NAMES), ("lab_os_show_full", FULL), ("lab_os_show_words", RUNAWAY)]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE templates (cli_command TEXT, textfsm_content TEXT, source TEXT)")
        connection.executemany("INSERT INTO templates VALUES (?, ?, 'custom')", rows)
        connection.commit()
    return path


def test_candidates_are_ranked_and_all_records_of_the_answer_come(database: Path) -> None:
    report = Bench(database).rank(OUTPUT, "show")
    assert report.verdict.template == "lab_os_show_full"
    assert len(report.verdict.records) == report.verdict.record_count == 2_000
    assert report.verdict.records[-1] == {"name": "host-1999", "id": "1999"}
    assert [one.name for one in report.tried] == ["lab_os_show_full", "lab_os_show_name"]
    assert report.tried[0].score > report.tried[1].score
    assert report.tried[0].parts["explained"] > 0.4
    assert (report.tried[0].record_count, len(report.tried[0].records)) == (2_000, 200)


def test_a_named_template_stands_before_what_else_would_fit(database: Path) -> None:
    report = Bench(database).rank(OUTPUT, "lab_os_show_name")
    assert [one.name for one in report.tried] == ["lab_os_show_name", "lab_os_show_full"]
    assert report.verdict.template == "lab_os_show_name"


def test_a_draft_is_judged_as_if_it_were_stored(database: Path) -> None:
    bench = Bench(database)
    report = bench.attempt("lab_os_show_name", NAMES.replace("NAME", "HOST"), OUTPUT)
    assert report.verdict.records[0] == {"host": "host-0"}
    assert report.tried[0].source == "draft"
    new = bench.attempt("lab_os_show_new", FULL, OUTPUT)
    assert (new.verdict.template, new.verdict.record_count) == ("lab_os_show_new", 2_000)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("Value A (\\S+)\nValue B (\n\nStart\n  ^${A} -> Record\n", [2]),
        ("Value A (\\S+)\n\nStart\n  ^${A} -> Nowhere\n  ^${B}\n  ^[ -> Record\n", [4, 5, 6]),
        ("no template\n", [1]),
        ("Value A (\\S+)\n", [0]),
    ],
)
def test_every_bad_line_is_told(database: Path, content: str, lines: list[int]) -> None:
    bench = Bench(database)
    assert [problem.line for problem in bench.problems(content)] == lines
    report = bench.attempt("lab_os_show_new", content, OUTPUT)
    assert [problem.line for problem in report.problems] == lines
    assert not report.verdict.is_valid


def test_a_template_that_hangs_is_named(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vctui.validation.bench_process, "TRY_SECONDS", 0.3)
    report = Bench(database).attempt("lab_os_show_words", RUNAWAY, BAIT)
    assert report.verdict.reason == "template lab_os_show_words took longer than 0.3 s"


def test_a_question_can_be_stopped(database: Path) -> None:
    bench = Bench(database)
    outcome: list[BaseException] = []

    def ask() -> None:
        try:
            bench.attempt("lab_os_show_words", RUNAWAY, BAIT)
        except Stopped as stopped:
            outcome.append(stopped)

    asking = threading.Thread(target=ask)
    asking.start()
    while bench.pid is None:
        asking.join(0.01)
    bench.stop()
    asking.join()
    assert outcome
    with pytest.raises(Stopped):
        bench.problems(NAMES)


def test_a_bad_database_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        Bench(tmp_path / "absent.db").rank(OUTPUT)


def test_the_process_is_told_no_secret(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "open sesame")
    started: list[Any] = []
    popen = subprocess.Popen

    def noting(command: list[str], **options: Any) -> Any:
        started.append((command, options["env"]))
        return popen(command, **options)

    monkeypatch.setattr("vctui.validation.bench_process.subprocess.Popen", noting)
    assert Bench(database).rank(OUTPUT, "show").verdict.records
    assert started
    assert "sesame" not in repr(started)
