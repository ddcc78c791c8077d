"""The vault: credentials in collector.db, readable by whoever holds the master password and nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vctui.errors import HomeError, VaultError, VaultLocked, WrongPassword
from vctui.records import CredentialInfo, SSHCredentials
from vctui.scope import ANYWHERE, Scope
from vctui.storage import Store
from vctui.text import safe_line
from vctui.vault import slots, tables
from vctui.vault.checks import check_fields, check_name, check_username
from vctui.vault.header import (
    checked_records,
    read_header,
    read_manifest,
    require_header,
    require_same,
    write_manifest,
)
from vctui.vault.kdf import PRODUCTION, KdfPolicy, check_new_password, encode_password
from vctui.vault.lookup import find_record, info_of, not_found, open_record
from vctui.vault.manifest import seal_manifest
from vctui.vault.schemes import (
    AGENT,
    ENABLE_SECRET,
    OUR_FIELDS,
    PASSPHRASE,
    PASSWORD,
    PRIVATE_KEY,
    LegacyHeader,
    LegacyScheme,
    Record,
    Scheme,
    SealedScheme,
)
from vctui.vault.tables import Database, VaultRow

SchemeName = Literal["vctui", "velocitycollector"]


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """What may be known of a vault that is locked."""

    scheme: SchemeName | None
    """None before it is initialised."""
    derivation: str
    """How the key comes from the password, for people."""
    credentials: int
    in_keyring: bool
    """Whether a keyring was given a key to it."""


class Vault:
    """The credentials of one collector.db. Locked at first; methods may be called from any thread.

    `kdf` is what a new key costs and what a stored header may ask for.
    """

    def __init__(self, collector_db: str | Path, *, kdf: KdfPolicy = PRODUCTION) -> None:
        self.path = Path(collector_db)
        self._kdf = kdf
        self._scheme: Scheme | None = None

    def is_initialized(self) -> bool:
        """Whether there is a vault, of either scheme. Raises DataError when the file is damaged."""
        if not self.path.is_file():
            return False
        with self._reading() as db:
            return read_header(db) is not None

    @property
    def is_unlocked(self) -> bool:
        """Whether secrets can be read now."""
        return self._scheme is not None

    @property
    def identity(self) -> str:
        """What tells this vault from others. Raises VaultError when there is none."""
        with self._reading() as db:
            return require_header(db).vault

    def status(self) -> VaultStatus:
        """Scheme, derivation and number of credentials; needs no password."""
        if not self.path.is_file():
            return VaultStatus(None, "", 0, False)
        with self._reading() as db:
            header = read_header(db)
            count = len(tables.read_records(db))
            if header is None:
                return VaultStatus(None, "", count, False)
            in_keyring = bool(tables.read_slots(db, header.vault, "keyring"))
            if isinstance(header, LegacyHeader):
                return VaultStatus("velocitycollector", "PBKDF2-SHA256, 480000 rounds", count, in_keyring)
            derivation = slots.describe(tables.read_slots(db, header.vault, "password"), self._kdf)
            return VaultStatus("vctui", derivation, count, in_keyring)

    def init(self, password: str) -> tuple[str, ...]:
        """Make a vault and leave it unlocked; returns notes for the user. Raises VaultError."""
        data = check_new_password(password)
        if self.is_initialized():
            raise VaultError("the vault exists already", "Add to it with: vctui vault add NAME -u USER")
        scheme = SealedScheme(str(uuid.uuid4()), slots.new_key())
        slot, note = slots.wrap_with_password(scheme, data, self._kdf)
        with self._writing() as db:
            if read_header(db) is not None:
                raise VaultError("the vault exists already")
            tables.insert_vault(db, VaultRow(scheme.vault, seal_manifest(scheme.key, scheme.vault, [])))
            tables.insert_slot(db, slot)
        self._scheme = scheme
        return (note,) if note else ()

    def unlock(self, password: str) -> None:
        """Make secrets readable. Raises WrongPassword, or VaultError when there is no vault."""
        data = encode_password(password)
        with self._reading() as db:
            header = require_header(db)
            stored = tables.read_slots(db, header.vault, "password")
        scheme: Scheme | None
        if isinstance(header, LegacyHeader):
            scheme = header.unlock(data)
        else:
            key = slots.unwrap_with_password(stored, data, self._kdf)
            scheme = SealedScheme(header.vault, key) if key is not None else None
        if scheme is None:
            raise WrongPassword("the master password is wrong")
        self._scheme = scheme

    def has_key_slot(self) -> bool:
        """Whether a keyring was given a key to this vault. Raises VaultError when there is no vault."""
        with self._reading() as db:
            return bool(tables.read_slots(db, require_header(db).vault, "keyring"))

    def unlock_key(self, slot: str, key: bytes) -> None:
        """Unlock with the key of a keyring's slot. Raises WrongPassword when it opens nothing here."""
        scheme = self._scheme_of(slot, key)
        if scheme is None:
            raise WrongPassword(
                "the keyring's key does not open this vault", "Renew it: vctui vault remember"
            )
        self._scheme = scheme

    def opens_with(self, slot: str, key: bytes) -> bool:
        """Whether `unlock_key` would unlock with this."""
        return self._scheme_of(slot, key) is not None

    def lock(self) -> None:
        """Forget the key."""
        self._scheme = None

    def add_key_slot(self, slot: str, key: bytes) -> None:
        """Let `key` unlock the vault too, in place of any key given out before. Raises VaultLocked."""
        scheme = self._require_scheme()
        with self._writing() as db:
            require_same(db, scheme)
            tables.delete_slots(db, "keyring")
            tables.insert_slot(db, slots.wrap_with_key(scheme, slot, key))

    def remove_key_slots(self) -> None:
        """Make every key that was given to a keyring useless."""
        with self._writing() as db:
            tables.delete_slots(db, "keyring")

    def add(
        self,
        name: str,
        username: str,
        *,
        password: str | None = None,
        private_key: str | None = None,
        passphrase: str | None = None,
        enable_secret: str | None = None,
        agent: str | None = None,
        scope: Scope = ANYWHERE,
        default: bool = False,
    ) -> CredentialInfo:
        """Store a credential; the first one becomes the default.

        `agent` names a key of the SSH agent: its fingerprint, public line or comment; "*" is its only one.
        Raises VaultLocked, PassphraseNeeded, or VaultError for a name in use or an unusable value.
        """
        scheme = self._require_scheme()
        check_name(name)
        check_username(username)
        values = check_fields(
            {
                PASSWORD: password,
                PRIVATE_KEY: private_key,
                PASSPHRASE: passphrase,
                ENABLE_SECRET: enable_secret,
                AGENT: agent,
            }
        )
        if scope != ANYWHERE and not isinstance(scheme, SealedScheme):
            raise VaultError(
                "VelocityCollector's vaults cannot hold a scope", "Move to vctui's own: vctui vault upgrade"
            )
        with self._writing() as db:
            records, _ = checked_records(db, scheme)
            if any(record.name == name for record in records):
                raise VaultError(f"a credential named '{name}' exists already", "Choose another name")
            own_row = isinstance(scheme, SealedScheme) or any(field in values for field in OUR_FIELDS)
            record = Record(
                id=0,
                name=name,
                username=username,
                is_default=default or not any(other.is_default for other in records),
                uuid=str(uuid.uuid4()) if own_row else "",
                version=1 if own_row else 0,
                scope=str(scope),
            )
            tokens = {field: scheme.seal(record, field, value) for field, value in values.items()}
            record = replace(record, tokens=tokens)
            record = replace(record, id=tables.insert_record(db, record))
            if record.is_default:
                tables.mark_default(db, record.id)
            write_manifest(db, scheme, add=record)
        return info_of(record)

    def set_default(self, name: str) -> None:
        """Make one credential the default, and no other. Raises CredentialNotFound and changes nothing."""
        with self._writing() as db:
            tables.mark_default(db, find_record(tables.read_records(db), name).id)

    def remove(self, name: str) -> None:
        """Delete a credential, damaged or not; the default one only when it is the last.

        Raises CredentialNotFound, VaultError, and VaultLocked for a vault of vctui's own scheme.
        """
        with self._writing() as db:
            own = isinstance(require_header(db), VaultRow)
            manifest = read_manifest(db, self._require_scheme()) if own else None
            records = tables.read_records(db)
            ids = {record.id for record in records if record.name == name}
            if manifest is not None:
                ids |= {entry.id for entry in manifest.values() if entry.name == name}
            if not ids:
                raise not_found(name)
            rest = [record for record in records if record.id not in ids]
            lost = any(record.is_default for record in records if record.id in ids)
            if lost and rest and not any(record.is_default for record in rest):
                raise VaultError(
                    f"'{safe_line(name)}' is the default credential",
                    "Choose another first: vctui vault set-default NAME",
                )
            tables.delete_records(db, ids)
            if own:
                write_manifest(db, self._require_scheme(), drop=ids)
            else:
                tables.drop_orphans(db)

    def get(self, name: str | None = None, *, id: int | None = None) -> SSHCredentials:
        """A credential with its secrets, by name, by id, or the default.

        Raises VaultLocked, CredentialNotFound, or DataError when the credential was altered outside vctui.
        """
        scheme = self._require_scheme()
        with self._reading() as db:
            records, manifest = checked_records(db, scheme)
        return open_record(scheme, find_record(records, name, id), manifest)

    def list(self) -> list[CredentialInfo]:
        """Every credential by name, without its secrets; needs no password."""
        if not self.path.is_file():
            return []
        with self._reading() as db:
            records = tables.read_records(db)
        return sorted(map(info_of, records), key=lambda info: info.name)

    def _require_scheme(self) -> Scheme:
        scheme = self._scheme
        if scheme is None:
            raise VaultLocked("the vault is locked", "Unlock it with the master password")
        return scheme

    def _scheme_of(self, slot: str, key: bytes) -> Scheme | None:
        with self._reading() as db:
            header = require_header(db)
            stored = tables.read_slots(db, header.vault, "keyring")
        opened = slots.unwrap_with_key(stored, slot, key)
        if opened is None:
            return None
        if isinstance(header, LegacyHeader):
            return LegacyScheme(header.vault, opened)
        return SealedScheme(header.vault, opened)

    def _open(self) -> Store:
        if not self.path.is_file():
            raise HomeError(f"{self.path} does not exist", "Create it with: vctui init")
        return Store(self.path)

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        # One transaction: a credential that is being added shows up in all tables or in none.
        with self._open() as store, store.reading() as db, db.atomic():
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        with self._open() as store, store.writing() as db:
            tables.prepare(db)
            yield db
