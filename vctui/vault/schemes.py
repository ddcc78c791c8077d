"""The two ways a vault's secrets are kept: vctui's own, and VelocityCollector's, which both programs can use.

VelocityCollector: PBKDF2-HMAC-SHA256 over the password with a salt from `vault_metadata`, 100,000 rounds for
a stored verifier and 480,000 for the Fernet key of the three columns of `credentials`. Its tokens are bound
to nothing. What it has no column for is sealed by a key derived from the Fernet key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vctui.errors import DataError
from vctui.vault.kdf import KEY_BYTES
from vctui.vault.seal import SealBroken, binding, seal, unseal

PASSWORD = "password"  # noqa: S105 - the name of a field
PRIVATE_KEY = "ssh_key"
PASSPHRASE = "ssh_key_passphrase"  # noqa: S105 - the name of a field
ENABLE_SECRET = "enable_secret"  # noqa: S105 - the name of a field
AGENT = "agent"
"""The agent's key that is meant, or ANY_KEY; sealed, so that nobody can add it to a credential."""
ANY_KEY = "*"
OUR_FIELDS = (ENABLE_SECRET, AGENT)
THEIR_FIELDS = (PASSWORD, PRIVATE_KEY, PASSPHRASE)
FIELDS = (*THEIR_FIELDS, *OUR_FIELDS)

VERIFIER_ROUNDS = 100_000
KEY_ROUNDS = 480_000


@dataclass(frozen=True, slots=True)
class Record:
    """One credential as stored: what is public about it, and its sealed values by field name."""

    id: int
    name: str
    username: str
    is_default: bool = False
    uuid: str = ""
    """Empty where vctui keeps no row of its own beside VelocityCollector's."""
    version: int = 0
    scope: str = ""
    """The hosts it is meant for; empty is any."""
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)


class Scheme(Protocol):
    """How one unlocked vault seals and opens the fields of a record."""

    @property
    def vault(self) -> str:
        """The vault's identity: what slots and keyring entries are bound to."""

    @property
    def key(self) -> bytes:
        """The key that slots wrap."""

    def seal(self, record: Record, name: str, value: str) -> str:
        """The token to store for a field."""

    def unseal(self, record: Record, name: str, token: str) -> str:
        """The value of a field. Raises SealBroken."""


def _bound(vault: str, record: Record, name: str) -> bytes:
    return binding(vault, record.uuid, name, record.name, record.username, record.scope, record.version)


class SealedScheme:
    """vctui's own: every field sealed with the vault's random key and bound to its record."""

    def __init__(self, vault: str, key: bytes) -> None:
        self.vault = vault
        self.key = key

    def seal(self, record: Record, name: str, value: str) -> str:
        return seal(self.key, value.encode("utf-8"), _bound(self.vault, record, name))

    def unseal(self, record: Record, name: str, token: str) -> str:
        return unseal(self.key, token, _bound(self.vault, record, name)).decode("utf-8")


class LegacyScheme:
    """VelocityCollector's; `key` is the output of its 480,000 rounds."""

    def __init__(self, vault: str, key: bytes) -> None:
        self.vault = vault
        self.key = key

    def seal(self, record: Record, name: str, value: str) -> str:
        if name in OUR_FIELDS:
            return seal(self._own_key(), value.encode("utf-8"), _bound(self.vault, record, name))
        return self._fernet().encrypt(value.encode("utf-8")).decode("ascii")

    def unseal(self, record: Record, name: str, token: str) -> str:
        if name in OUR_FIELDS:
            return unseal(self._own_key(), token, _bound(self.vault, record, name)).decode("utf-8")
        try:
            return self._fernet().decrypt(token).decode("utf-8")
        except (InvalidToken, ValueError):
            pass
        raise SealBroken

    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self.key))

    def _own_key(self) -> bytes:
        derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"vctui enable secrets 1")
        return derivation.derive(self.key)


@dataclass(frozen=True, slots=True)
class LegacyHeader:
    """VelocityCollector's rows of `vault_metadata`."""

    salt: bytes
    verifier: bytes = field(repr=False)

    @property
    def vault(self) -> str:
        """Its identity: it has none of its own, and its random salt serves."""
        return f"salt:{self.salt.hex()}"

    def unlock(self, password: bytes) -> LegacyScheme | None:
        """The scheme this password opens, or None when it is the wrong one."""
        computed = hashlib.pbkdf2_hmac("sha256", password, self.salt, VERIFIER_ROUNDS)
        if not hmac.compare_digest(computed, self.verifier):
            return None
        return LegacyScheme(self.vault, hashlib.pbkdf2_hmac("sha256", password, self.salt, KEY_ROUNDS))


def make_legacy(password: bytes, salt: bytes) -> tuple[LegacyHeader, LegacyScheme]:
    """The header and the scheme of a password, as VelocityCollector would make them."""
    header = LegacyHeader(salt, hashlib.pbkdf2_hmac("sha256", password, salt, VERIFIER_ROUNDS))
    return header, LegacyScheme(header.vault, hashlib.pbkdf2_hmac("sha256", password, salt, KEY_ROUNDS))


def parse_legacy(metadata: Mapping[str, str | None]) -> LegacyHeader | None:
    """VelocityCollector's header from the rows of `vault_metadata`, or None. Raises DataError if damaged."""
    if metadata.get("password_hash") is None:
        return None
    parts = []
    for key, length in (("salt", 16), ("password_hash", 32)):
        try:
            value = base64.b64decode(metadata.get(key) or "", validate=True)
        except (binascii.Error, ValueError):
            value = b""
        if len(value) != length:
            raise DataError(f"vault: '{key}' in vault_metadata is missing or damaged", "Restore collector.db")
        parts.append(value)
    return LegacyHeader(*parts)
