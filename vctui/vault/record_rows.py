"""The rows of credentials: VelocityCollector's, and ours beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from vctui.errors import DataError
from vctui.vault.schemes import OUR_FIELDS, THEIR_FIELDS, Record
from vctui.vault.tables import Database, columns_of, has_table


def read_records(db: Database) -> list[Record]:
    """Every credential as stored, by id."""
    if not has_table(db, "credentials"):
        return []
    theirs = _rows_by_id(db, "SELECT * FROM credentials ORDER BY id", "id")
    ours = (
        _rows_by_id(db, "SELECT * FROM vctui_credentials", "credential_id")
        if has_table(db, "vctui_credentials")
        else {}
    )
    return [_record(id, row, ours.get(id)) for id, row in theirs.items()]


def _rows_by_id(db: Database, query: str, key: str) -> dict[int, dict[str, Any]]:
    cursor = db.execute_sql(query)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row[key]: row for row in rows}


def _record(id: int, theirs: Mapping[str, Any], ours: Mapping[str, Any] | None) -> Record:
    tokens = {name: theirs.get(f"{name}_encrypted") for name in THEIR_FIELDS}
    if ours is not None:
        tokens |= {name: ours.get(f"{name}_encrypted") for name in OUR_FIELDS}
    return Record(
        id=id,
        name=str(theirs["name"]),
        username=str(theirs["username"]),
        is_default=bool(theirs.get("is_default")),
        uuid=str(ours["uuid"]) if ours is not None else "",
        version=_version(ours) if ours is not None else 0,
        scope=str(ours["scope"]) if ours is not None else "",
        tokens={name: str(token) for name, token in tokens.items() if token},
    )


def _version(ours: Mapping[str, Any]) -> int:
    version = ours["version"]
    if not isinstance(version, int):
        raise DataError(
            f"vault: the row version of credential {ours['credential_id']} is damaged", "Restore collector.db"
        )
    return version


def insert_record(db: Database, record: Record) -> int:
    """Write a new credential, its row of our own included where it has one; the id it got."""
    values = [record.tokens.get(name) for name in THEIR_FIELDS]
    cursor = db.execute_sql(
        "INSERT INTO credentials (name, username, is_default, password_encrypted, ssh_key_encrypted,"
        " ssh_key_passphrase_encrypted) VALUES (?, ?, ?, ?, ?, ?)",
        (record.name, record.username, int(record.is_default), *values),
    )
    id = int(cursor.lastrowid)
    _insert_own(db, replace(record, id=id))
    return id


def update_record(db: Database, record: Record) -> None:
    """Write what a credential is now over what it was, its row of our own included."""
    values = [record.tokens.get(name) for name in THEIR_FIELDS]
    db.execute_sql(
        "UPDATE credentials SET name = ?, username = ?, password_encrypted = ?, ssh_key_encrypted = ?,"
        " ssh_key_passphrase_encrypted = ? WHERE id = ?",
        (record.name, record.username, *values, record.id),
    )
    if "updated_at" in columns_of(db, "credentials"):
        db.execute_sql("UPDATE credentials SET updated_at = CURRENT_TIMESTAMP WHERE id = ?", (record.id,))
    db.execute_sql("DELETE FROM vctui_credentials WHERE credential_id = ?", (record.id,))
    _insert_own(db, record)


def _insert_own(db: Database, record: Record) -> None:
    if not record.uuid:
        return
    db.execute_sql(
        "INSERT INTO vctui_credentials"
        " (credential_id, uuid, version, scope, enable_secret_encrypted, agent_encrypted)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (record.id, record.uuid, record.version, record.scope, *map(record.tokens.get, OUR_FIELDS)),
    )


def delete_records(db: Database, ids: Iterable[int]) -> None:
    """Remove credentials and their rows of our own."""
    for id in ids:
        db.execute_sql("DELETE FROM vctui_credentials WHERE credential_id = ?", (id,))
        db.execute_sql("DELETE FROM credentials WHERE id = ?", (id,))


def drop_orphans(db: Database) -> None:
    """Remove rows of our own whose credential VelocityCollector has deleted."""
    db.execute_sql("DELETE FROM vctui_credentials WHERE credential_id NOT IN (SELECT id FROM credentials)")


def mark_default(db: Database, id: int) -> None:
    """Make one credential the default, and no other."""
    db.execute_sql("UPDATE credentials SET is_default = (id = ?)", (id,))
