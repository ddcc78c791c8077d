"""What the vault reads and writes in collector.db about itself: its header and its slots.

`credentials` and `vault_metadata` are VelocityCollector's and stay as they are; what it has no column for
lives in tables of our own beside them, which are made at the first write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from vctui.errors import VaultError
from vctui.vault.schemes import OUR_FIELDS
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
    columns = columns_of(db, "vctui_credentials")
    for name in OUR_FIELDS:
        if f"{name}_encrypted" not in columns:
            db.execute_sql(f"ALTER TABLE vctui_credentials ADD COLUMN {name}_encrypted TEXT")


def has_table(db: Database, name: str) -> bool:
    """Whether the table is there: homes of every age lack some."""
    found = db.execute_sql(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
    ).fetchone()
    return found is not None


def columns_of(db: Database, table: str) -> set[str]:
    """The names of a table's columns."""
    rows = db.execute_sql("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    return {str(row[0]) for row in rows}


def read_metadata(db: Database) -> dict[str, str | None]:
    """The rows of `vault_metadata`."""
    if not has_table(db, "vault_metadata"):
        return {}
    rows = db.execute_sql("SELECT key, value FROM vault_metadata").fetchall()
    return {str(key): None if value is None else str(value) for key, value in rows}


def write_metadata(db: Database, values: Mapping[str, str]) -> None:
    """Replace rows of `vault_metadata`."""
    for key, value in values.items():
        db.execute_sql("UPDATE vault_metadata SET value = ? WHERE key = ?", (value, key))


def delete_metadata(db: Database, keys: Sequence[str]) -> None:
    """Remove rows of `vault_metadata`."""
    for key in keys:
        db.execute_sql("DELETE FROM vault_metadata WHERE key = ?", (key,))


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


def replace_slot(db: Database, old: Slot, new: Slot) -> bool:
    """Put a slot in the place of another, in one row; False when the other is not there any more."""
    cursor = db.execute_sql(
        "UPDATE vctui_vault_slots SET header = ?, wrapped_key = ? WHERE uuid = ? AND wrapped_key = ?",
        (new.header, new.wrapped_key, old.uuid, old.wrapped_key),
    )
    return bool(cursor.rowcount)


def delete_slots(db: Database, kind: SlotKind) -> None:
    """Remove every slot of one kind."""
    db.execute_sql("DELETE FROM vctui_vault_slots WHERE kind = ?", (kind,))


def delete_slot(db: Database, uuid: str) -> None:
    """Remove one slot."""
    db.execute_sql("DELETE FROM vctui_vault_slots WHERE uuid = ?", (uuid,))
