"""What the vault reads and writes in collector.db.

`credentials` and `vault_metadata` are VelocityCollector's and stay as they are; what it has no column for
lives in tables of our own beside them, which are made at the first write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from vctui.errors import DataError, VaultError
from vctui.vault.schemes import OUR_FIELDS, THEIR_FIELDS, Record
from vctui.vault.seal import FORMAT

SlotKind = Literal["password", "keyring"]

# No foreign key leads to VelocityCollector's tables: it deletes rows without minding them.
OWN_TABLES = (
    """CREATE TABLE IF NOT EXISTS vctui_vault (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        format INTEGER NOT NULL,
        uuid TEXT NOT NULL,
        manifest TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE IF NOT EXISTS vctui_vault_slots (
        uuid TEXT PRIMARY KEY,
        vault TEXT NOT NULL,
        kind TEXT NOT NULL,
        header TEXT NOT NULL,
        wrapped_key TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE IF NOT EXISTS vctui_credentials (
        credential_id INTEGER PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        scope TEXT NOT NULL DEFAULT '',
        enable_secret_encrypted TEXT,
        agent_encrypted TEXT)""",
)


class Database(Protocol):
    """What is used of storage's open database."""

    def execute_sql(self, sql: str, params: Sequence[object] = ...) -> Any:
        """Run one statement; returns its cursor."""


@dataclass(frozen=True, slots=True)
class VaultRow:
    """The identity of a vault in vctui's own scheme, and the sealed list of its records."""

    vault: str
    manifest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """One way to the vault's key: wrapped by a key that a password derives to, or that a keyring holds."""

    uuid: str
    vault: str
    kind: SlotKind
    header: str
    wrapped_key: str = field(repr=False)


def prepare(db: Database) -> None:
    """Make vctui's tables where they are missing, and add what an earlier vctui's lack."""
    for statement in OWN_TABLES:
        db.execute_sql(statement)
    rows = db.execute_sql("SELECT name FROM pragma_table_info('vctui_credentials')").fetchall()
    for name in OUR_FIELDS:
        if (f"{name}_encrypted",) not in rows:
            db.execute_sql(f"ALTER TABLE vctui_credentials ADD COLUMN {name}_encrypted TEXT")


def has_table(db: Database, name: str) -> bool:
    """Whether the table is there: homes of every age lack some."""
    found = db.execute_sql(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
    ).fetchone()
    return found is not None


def read_metadata(db: Database) -> dict[str, str | None]:
    """The rows of `vault_metadata`."""
    if not has_table(db, "vault_metadata"):
        return {}
    rows = db.execute_sql("SELECT key, value FROM vault_metadata").fetchall()
    return {str(key): None if value is None else str(value) for key, value in rows}


def read_vault(db: Database) -> VaultRow | None:
    """The vault in vctui's own scheme, or None. Raises VaultError for one that a newer vctui made."""
    if not has_table(db, "vctui_vault"):
        return None
    row = db.execute_sql("SELECT format, uuid, manifest FROM vctui_vault").fetchone()
    if row is None:
        return None
    if row[0] != FORMAT:
        raise VaultError(f"the vault has format {row[0]}, and this vctui reads {FORMAT}", "Upgrade vctui")
    return VaultRow(str(row[1]), str(row[2]))


def insert_vault(db: Database, row: VaultRow) -> None:
    """Write the identity of a new vault."""
    db.execute_sql(
        "INSERT INTO vctui_vault (id, format, uuid, manifest) VALUES (1, ?, ?, ?)",
        (FORMAT, row.vault, row.manifest),
    )


def write_manifest(db: Database, manifest: str) -> None:
    """Replace the sealed list of records."""
    db.execute_sql("UPDATE vctui_vault SET manifest = ?", (manifest,))


def read_slots(db: Database, vault: str, kind: SlotKind) -> list[Slot]:
    """This vault's slots of one kind; those of an earlier vault are left out."""
    if not has_table(db, "vctui_vault_slots"):
        return []
    rows = db.execute_sql(
        "SELECT uuid, header, wrapped_key FROM vctui_vault_slots WHERE vault = ? AND kind = ? ORDER BY rowid",
        (vault, kind),
    ).fetchall()
    return [Slot(str(uuid), vault, kind, str(header), str(wrapped)) for uuid, header, wrapped in rows]


def insert_slot(db: Database, slot: Slot) -> None:
    """Add a way to the vault's key."""
    db.execute_sql(
        "INSERT INTO vctui_vault_slots (uuid, vault, kind, header, wrapped_key) VALUES (?, ?, ?, ?, ?)",
        (slot.uuid, slot.vault, slot.kind, slot.header, slot.wrapped_key),
    )


def delete_slots(db: Database, kind: SlotKind) -> None:
    """Remove every slot of one kind."""
    db.execute_sql("DELETE FROM vctui_vault_slots WHERE kind = ?", (kind,))


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
    if record.uuid:
        db.execute_sql(
            "INSERT INTO vctui_credentials"
            " (credential_id, uuid, version, scope, enable_secret_encrypted, agent_encrypted)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (id, record.uuid, record.version, record.scope, *map(record.tokens.get, OUR_FIELDS)),
        )
    return id


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
