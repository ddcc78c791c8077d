"""The vault: credentials in collector.db, readable by whoever holds the master password and nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vctui.errors import HomeError, VaultError, VaultLocked, WrongPassword
from vctui.records import CredentialInfo, SSHCredentials
from vctui.scope import ANYWHERE, Scope
from vctui.storage import Audit, Store
from vctui.vault import contents, slots, tables
from vctui.vault.contents import Edit
from vctui.vault.header import checked_records, read_header, require_header
from vctui.vault.kdf import PRODUCTION, KdfPolicy, check_new_password, encode_password
from vctui.vault.lookup import find_record, info_of, open_record
from vctui.vault.manifest import seal_manifest
from vctui.vault.record_rows import read_records
from vctui.vault.schemes import (
    AGENT,
    ENABLE_SECRET,
    PASSPHRASE,
    PASSWORD,
    PRIVATE_KEY,
    LegacyHeader,
    LegacyScheme,
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

    `kdf` is what a new key costs and what a stored header may ask for. What `audit` cannot note is not done.
    """

    def __init__(
        self, collector_db: str | Path, *, kdf: KdfPolicy = PRODUCTION, audit: Audit | None = None
    ) -> None:
        self.path = Path(collector_db)
        self.kdf = kdf
        self._audit = audit
        self._scheme: Scheme | None = None

    def is_initialized(self) -> bool:
        """Whether there is a vault, of either scheme. Raises DataError when the file is damaged."""
        if not self.path.is_file():
            return False
        with self.reading() as db:
            return read_header(db) is not None

    @property
    def is_unlocked(self) -> bool:
        """Whether secrets can be read now."""
        return self._scheme is not None

    @property
    def identity(self) -> str:
        """What tells this vault from others. Raises VaultError when there is none."""
        with self.reading() as db:
            return require_header(db).vault

    def require(self) -> None:
        """Raise VaultError when there is no vault: before anybody is asked for its password."""
        with self.reading() as db:
            require_header(db)

    def status(self) -> VaultStatus:
        """Scheme, derivation and number of credentials; needs no password."""
        if not self.path.is_file():
            return VaultStatus(None, "", 0, False)
        with self.reading() as db:
            header = read_header(db)
            count = len(read_records(db))
            if header is None:
                return VaultStatus(None, "", count, False)
            in_keyring = bool(tables.read_slots(db, header.vault, "keyring"))
            if isinstance(header, LegacyHeader):
                return VaultStatus("velocitycollector", "PBKDF2-SHA256, 480000 rounds", count, in_keyring)
            derivation = slots.describe(tables.read_slots(db, header.vault, "password"), self.kdf)
            return VaultStatus("vctui", derivation, count, in_keyring)

    def init(self, password: str) -> tuple[str, ...]:
        """Make a vault and leave it unlocked; returns notes for the user. Raises VaultError."""
        data = check_new_password(password)
        if self.is_initialized():
            raise VaultError("the vault exists already", "Add to it with: vctui vault add NAME -u USER")
        scheme = SealedScheme(str(uuid.uuid4()), slots.new_key())
        slot, note = slots.wrap_with_password(scheme, data, self.kdf)
        with self.writing() as db:
            if read_header(db) is not None:
                raise VaultError("the vault exists already")
            tables.insert_vault(db, VaultRow(scheme.vault, seal_manifest(scheme.key, scheme.vault, [])))
            tables.insert_slot(db, slot)
            self.note("vault_created")
        self._scheme = scheme
        return (note,) if note else ()

    def unlock(self, password: str, *, source: str = "password") -> None:
        """Make secrets readable. Raises WrongPassword, or VaultError when there is no vault."""
        scheme = self.scheme_of_password(password, source=source)
        self.note("vault_unlocked", source=source)
        self._scheme = scheme

    def scheme_of_password(self, password: str, *, source: str = "password") -> Scheme:
        """What a password opens, without unlocking. Raises WrongPassword, VaultError."""
        data = encode_password(password)
        with self.reading() as db:
            header = require_header(db)
            stored = tables.read_slots(db, header.vault, "password")
        scheme: Scheme | None
        if isinstance(header, LegacyHeader):
            scheme = header.unlock(data)
        else:
            opened = slots.unwrap_with_password(stored, data, self.kdf)
            scheme = SealedScheme(header.vault, opened[1]) if opened is not None else None
        if scheme is None:
            self.note("vault_unlock_failed", source=source)
            raise WrongPassword("the master password is wrong")
        return scheme

    def has_key_slot(self) -> bool:
        """Whether a keyring was given a key to this vault. Raises VaultError when there is no vault."""
        with self.reading() as db:
            return bool(tables.read_slots(db, require_header(db).vault, "keyring"))

    def unlock_key(self, slot: str, key: bytes, *, source: str = "keyring") -> None:
        """Unlock with the key of a keyring's slot. Raises WrongPassword when it opens nothing here."""
        scheme = self._scheme_of(slot, key)
        if scheme is None:
            self.note("vault_unlock_failed", source=source)
            raise WrongPassword(
                "the keyring's key does not open this vault", "Renew it: vctui vault remember"
            )
        self.note("vault_unlocked", source=source)
        self._scheme = scheme

    def opens_with(self, slot: str, key: bytes) -> bool:
        """Whether `unlock_key` would unlock with this."""
        return self._scheme_of(slot, key) is not None

    def adopt(self, scheme: Scheme) -> None:
        """Go on unlocked with a key that the caller has just put into the database."""
        self._scheme = scheme

    def lock(self) -> None:
        """Forget the key."""
        self._scheme = None

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
        secrets = {
            PASSWORD: password,
            PRIVATE_KEY: private_key,
            PASSPHRASE: passphrase,
            ENABLE_SECRET: enable_secret,
            AGENT: agent,
        }
        scheme = self.require_scheme()
        with self.writing() as db:
            info = contents.add(db, scheme, name, username, secrets, scope=scope, default=default)
            self.note("credential_added", credential=info.id, name=info.name)
        return info

    def edit(self, name: str, change: Edit) -> CredentialInfo:
        """Change a credential; its id stays. Raises as `add`, and DataError for a secret that is damaged."""
        scheme = self.require_scheme()
        with self.writing() as db:
            info = contents.edit(db, scheme, name, change)
            self.note("credential_edited", credential=info.id, name=name, now=info.name)
        return info

    def set_default(self, name: str) -> None:
        """Make one credential the default, and no other. Raises CredentialNotFound and changes nothing."""
        with self.writing() as db:
            info = contents.set_default(db, name)
            self.note("credential_default", credential=info.id, name=name)

    def remove(self, name: str) -> None:
        """Delete a credential, damaged or not; the default one only when it is the last.

        Raises CredentialNotFound, VaultError, and VaultLocked for a vault of vctui's own scheme.
        """
        with self.writing() as db:
            own = isinstance(require_header(db), VaultRow)
            id = contents.remove(db, self.require_scheme() if own else None, name)
            self.note("credential_removed", credential=id, name=name)

    def get(self, name: str | None = None, *, id: int | None = None) -> SSHCredentials:
        """A credential with its secrets, by name, by id, or the default.

        Raises VaultLocked, CredentialNotFound, or DataError when the credential was altered outside vctui.
        """
        scheme = self.require_scheme()
        with self.reading() as db:
            records, manifest = checked_records(db, scheme)
        return open_record(scheme, find_record(records, name, id), manifest)

    def get_many(self, ids: Iterable[int]) -> dict[int, SSHCredentials]:
        """As `get`, for several ids with one look at the database."""
        scheme = self.require_scheme()
        with self.reading() as db:
            records, manifest = checked_records(db, scheme)
        return {id: open_record(scheme, find_record(records, id=id), manifest) for id in ids}

    def list(self) -> list[CredentialInfo]:
        """Every credential by name, without its secrets; needs no password."""
        if not self.path.is_file():
            return []
        with self.reading() as db:
            records = read_records(db)
        return sorted(map(info_of, records), key=lambda info: info.name)

    def require_scheme(self) -> Scheme:
        """What seals and opens. Raises VaultLocked."""
        scheme = self._scheme
        if scheme is None:
            raise VaultLocked("the vault is locked", "Unlock it with the master password")
        return scheme

    def note(self, kind: str, **fields: Any) -> None:
        """Write into the audit trail, if there is one. Raises StorageError."""
        if self._audit is not None:
            self._audit.write(kind, **fields)

    def _scheme_of(self, slot: str, key: bytes) -> Scheme | None:
        with self.reading() as db:
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
    def reading(self) -> Iterator[Database]:
        """The database in one transaction: a credential being added is in all tables or in none."""
        with self._open() as store, store.reading() as db, db.atomic():
            yield db

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """The database with vctui's tables, in one transaction: all of the block is written, or nothing."""
        with self._open() as store, store.writing() as db:
            tables.prepare(db)
            yield db
