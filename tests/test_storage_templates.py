"""tfsm_templates.db in its five shapes, and what a hostile one may not do."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vctui.errors import DataError
from vctui.storage import TemplateChanges, TemplateRow, TemplateStore

TEXT = "Value NAME (\\S+)\n\nStart\n  ^${NAME} -> Record\n"
SHAPES = {
    "A": "CREATE TABLE templates (id INT, cli_command TEXT, cli_content TEXT, textfsm_content TEXT,"
    " textfsm_hash TEXT, source TEXT, created TEXT)",
    "B": "CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL,"
    " template TEXT NOT NULL, description TEXT, platform TEXT, command TEXT, created_at TEXT,"
    " updated_at TEXT)",
    "C": "CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, cli_command TEXT UNIQUE,"
    " cli_content TEXT, textfsm_content TEXT, textfsm_hash TEXT, source TEXT, created TEXT)",
    "D": "CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, cli_command TEXT NOT NULL,"
    " cli_content TEXT, textfsm_content TEXT NOT NULL, textfsm_hash TEXT, source TEXT, created TEXT)",
    "E": "CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, cli_command TEXT NOT NULL UNIQUE,"
    " cli_content TEXT, textfsm_content TEXT NOT NULL, textfsm_hash TEXT, source TEXT, created TEXT);"
    " CREATE INDEX idx_cli_command ON templates (cli_command)",
}


def make(folder: Path, *statements: str) -> TemplateStore:
    path = folder / "tfsm_templates.db"
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.executescript(statement)
    return TemplateStore(path)


def ask(store: TemplateStore, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store.path)) as db:
        return db.execute(query).fetchall()


@pytest.fixture(params=["A", "C", "D", "E"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TemplateStore:
    return make(tmp_path, SHAPES[request.param])


def test_templates_are_written_and_read_in_the_shape_that_is_there(store: TemplateStore) -> None:
    columns = ask(store, "SELECT name FROM pragma_table_info('templates')")
    rows = [
        TemplateRow(f"cisco_ios_show_{name}", TEXT + name, "ntc-templates") for name in ("version", "arp")
    ]
    assert store.upsert_many(rows) == TemplateChanges(added=2)
    assert store.upsert_many(rows) == TemplateChanges(unchanged=2)
    changed = [TemplateRow("cisco_ios_show_arp", TEXT, "ntc-templates")]
    assert store.upsert_many(changed) == TemplateChanges(updated=1)
    found = store.rows()
    assert [row.cli_command for row in found] == ["cisco_ios_show_arp", "cisco_ios_show_version"]
    assert found[0].textfsm_content == TEXT
    assert found[0].textfsm_hash == hashlib.md5(TEXT.encode(), usedforsecurity=False).hexdigest()
    assert store.count() == 2
    assert ask(store, "SELECT name FROM pragma_table_info('templates')") == columns
    assert sorted(ask(store, "SELECT id FROM templates")) == [(1,), (2,)]
    assert store.path.with_name("tfsm_templates.db.before-vctui").exists()


def test_the_users_own_templates_are_kept_unless_told(store: TemplateStore) -> None:
    store.upsert_many([TemplateRow("mine", TEXT, "custom")])
    theirs = [TemplateRow("mine", "other", "ntc-templates")]
    assert store.upsert_many(theirs) == TemplateChanges(skipped=1)
    assert store.upsert_many(theirs, replace_own=True) == TemplateChanges(updated=1)
    assert [(row.textfsm_content, row.source) for row in store.rows()] == [("other", "ntc-templates")]


def test_the_oldest_shape_with_null_ids_and_duplicates(tmp_path: Path) -> None:
    store = make(
        tmp_path,
        SHAPES["A"],
        "INSERT INTO templates VALUES (NULL, 'a', NULL, 'one', NULL, NULL, NULL),"
        " (7, 'a', 'x', 'two', 'h', 'custom', 'c'), (7, 'b', NULL, 'three', NULL, 'manual', NULL),"
        " (8, NULL, NULL, 'x', NULL, NULL, NULL), (9, 'c', NULL, NULL, NULL, NULL, NULL)",
    )
    assert [(row.cli_command, row.textfsm_content, row.source) for row in store.rows()] == [
        ("a", "one", "custom"),
        ("a", "two", "custom"),
        ("b", "three", "manual"),
    ]
    rows = [TemplateRow("a", "new"), TemplateRow("d", "new")]
    assert store.upsert_many(rows, replace_own=True) == TemplateChanges(added=1, updated=1)
    assert ask(store, "SELECT id FROM templates WHERE cli_command = 'd'") == [(10,)]
    assert {row.textfsm_content for row in store.rows() if row.cli_command == "a"} == {"new"}


def test_the_empty_shape_nobody_reads_is_converted(tmp_path: Path) -> None:
    store = make(tmp_path, SHAPES["B"])
    assert store.rows() == []
    assert store.upsert_many([TemplateRow("a", TEXT)]) == TemplateChanges(added=1)
    assert ("cli_command",) in ask(store, "SELECT name FROM pragma_table_info('templates')")
    assert [row.cli_command for row in store.rows()] == ["a"]


def test_the_shape_nobody_reads_is_kept_when_it_holds_templates(tmp_path: Path) -> None:
    insert = (
        "INSERT INTO templates (name, template, platform, command) VALUES"
        " ('one', 'text', 'cisco_ios', 'show ip arp'), ('two', 'text', NULL, NULL)"
    )
    store = make(tmp_path, SHAPES["B"], insert)
    assert [(row.cli_command, row.command_name) for row in store.rows()] == [
        ("one", "cisco_ios_show_ip_arp"),
        ("two", "two"),
    ]
    rows = [TemplateRow("cisco_ios_show_ip_arp", "new"), TemplateRow("three", "x")]
    changes = store.upsert_many(rows, replace_own=True)
    assert changes == TemplateChanges(added=1, updated=1)
    assert [(row.cli_command, row.textfsm_content) for row in store.rows()] == [
        ("cisco_ios_show_ip_arp", "new"),
        ("three", "x"),
        ("two", "text"),
    ]


def test_a_failure_in_the_middle_writes_nothing(store: TemplateStore) -> None:
    bad = TemplateRow("b", None)  # type: ignore[arg-type]
    with pytest.raises((DataError, AttributeError)):
        store.upsert_many([TemplateRow("a", TEXT), bad])
    assert store.rows() == []


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (("CREATE TABLE other (x)",), "has no table templates"),
        (("CREATE TABLE templates (x)",), "has no column cli_command"),
        (("CREATE VIEW templates AS SELECT 'a' AS cli_command, 'b' AS textfsm_content",), "has no table"),
        (("CREATE VIRTUAL TABLE templates USING fts5(cli_command, textfsm_content)",), "has no table"),
    ],
)
def test_another_schema_is_named(tmp_path: Path, statements: tuple[str, ...], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        make(tmp_path, *statements).rows()


def test_a_hostile_file_is_not_written_and_runs_nothing(tmp_path: Path) -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON templates BEGIN DELETE FROM templates; END"
    store = make(
        tmp_path,
        SHAPES["C"],
        "INSERT INTO templates (cli_command, textfsm_content) VALUES ('a', 'b')",
        trigger,
    )
    assert [row.cli_command for row in store.rows()] == ["a"]
    with pytest.raises(DataError, match="trigger"):
        store.upsert_many([TemplateRow("b", TEXT)])
    assert ask(store, "SELECT cli_command FROM templates") == [("a",)]


def test_reading_changes_nothing_and_leaves_out_giants(tmp_path: Path) -> None:
    store = make(tmp_path, SHAPES["D"])
    with closing(sqlite3.connect(store.path)) as db, db:
        insert = "INSERT INTO templates (cli_command, textfsm_content) VALUES (?, ?)"
        db.execute(insert, ("giant", "x" * 2_000_000))
        db.execute(insert, ("bytes", b"caf\xe9"))
    before = store.path.read_bytes()
    assert [(row.cli_command, row.textfsm_content) for row in store.rows()] == [("bytes", "caf\ufffd")]
    assert store.path.read_bytes() == before
    store.path.write_bytes(before[:5000])
    with pytest.raises(DataError, match=r"damaged|not an SQLite"):
        store.rows()
