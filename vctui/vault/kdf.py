"""From a password to a key: Argon2id, or scrypt where OpenSSL lacks Argon2, within bounds.

The parameters travel in a slot's header. They are checked before anything is derived: a header that asks for
too little would make guessing cheap, one that asks for too much would hang or exhaust the host.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm

from vctui.errors import DataError, VaultError

SALT_BYTES = 16
KEY_BYTES = 32
MIN_PASSWORD = 8
FALLBACK_NOTE = "Argon2 is not available on this host, so the vault's key is derived with scrypt"


@dataclass(frozen=True, slots=True)
class Costs:
    """What one derivation costs. Argon2id reads `memory_kib`, `passes` and `lanes`; scrypt `log_n`."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4
    log_n: int = 17
    """scrypt's N is 2 to this power; its r is always 8 and its p always 1."""


@dataclass(frozen=True, slots=True)
class KdfPolicy:
    """What new slots are made with, and the least and the most that a stored header may ask for."""

    create: Costs = Costs()
    lowest: Costs = Costs(19_456, 2, 1, 17)
    highest: Costs = Costs(1_048_576, 10, 16, 20)


PRODUCTION = KdfPolicy()


@dataclass(frozen=True, slots=True)
class KdfParams:
    """The parameters of one derivation, as a slot's header holds them."""

    algorithm: Literal["argon2id", "scrypt"]
    salt: bytes
    costs: Costs

    def header(self) -> dict[str, str | int]:
        """The header's fields: only those the algorithm uses."""
        head: dict[str, str | int] = {
            "kdf": self.algorithm,
            "salt": base64.b64encode(self.salt).decode("ascii"),
        }
        if self.algorithm == "scrypt":
            return head | {"log_n": self.costs.log_n, "r": 8, "p": 1}
        return head | {"m": self.costs.memory_kib, "t": self.costs.passes, "p": self.costs.lanes}

    def __str__(self) -> str:
        if self.algorithm == "scrypt":
            return f"scrypt, N=2^{self.costs.log_n}, r=8, p=1"
        return f"Argon2id, {self.costs.memory_kib} KiB, {self.costs.passes} passes, {self.costs.lanes} lanes"


def encode_password(password: str) -> bytes:
    """UTF-8 bytes of a password. Raises VaultError when it holds bytes that were not text."""
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise VaultError("the password is not valid UTF-8 text", "Check the encoding of its source")
    return password.encode("utf-8")


def check_new_password(password: str) -> bytes:
    """The bytes of a master password to be. Raises VaultError when it is too short."""
    if len(password) < MIN_PASSWORD:
        raise VaultError(f"a master password needs at least {MIN_PASSWORD} characters")
    return encode_password(password)


def parse_params(header: str, policy: KdfPolicy = PRODUCTION) -> KdfParams:
    """The parameters in a slot's header. Raises DataError when they are malformed or out of bounds."""
    try:
        head = json.loads(header)
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict):
        raise _refuse("cannot be read")
    salt = _salt(head.get("salt"))
    low, high = policy.lowest, policy.highest
    match head.get("kdf"):
        case "argon2id":
            costs = Costs(
                _bounded(head, "m", low.memory_kib, high.memory_kib),
                _bounded(head, "t", low.passes, high.passes),
                _bounded(head, "p", low.lanes, high.lanes),
            )
            return KdfParams("argon2id", salt, costs)
        case "scrypt":
            _bounded(head, "r", 8, 8)
            _bounded(head, "p", 1, 1)
            return KdfParams("scrypt", salt, Costs(log_n=_bounded(head, "log_n", low.log_n, high.log_n)))
        case _:
            raise _refuse("names no known key derivation")


def derive(password: bytes, params: KdfParams) -> bytes:
    """The 32-byte key of a stored slot. Raises VaultError when this host cannot compute it."""
    reason = "this host's OpenSSL lacks Argon2, which the vault needs"
    try:
        return _compute(password, params)
    except (ImportError, UnsupportedAlgorithm):
        step = "Install cryptography from PyPI's wheels: pip install --upgrade cryptography"
    except MemoryError:
        reason = "there is not enough memory to derive the vault's key"
        step = "Free some memory or raise the process's limit (ulimit -v)"
    raise VaultError(reason, step)


def derive_new(password: bytes, policy: KdfPolicy = PRODUCTION) -> tuple[bytes, KdfParams, str | None]:
    """A key for a new slot: the key, how it was derived, and a note for the user when it is not Argon2id."""
    salt = os.urandom(SALT_BYTES)
    params = KdfParams("argon2id", salt, policy.create)
    try:
        return _compute(password, params), params, None
    except (ImportError, UnsupportedAlgorithm, MemoryError):
        params = KdfParams("scrypt", salt, policy.create)
    return derive(password, params), params, FALLBACK_NOTE


def _compute(password: bytes, params: KdfParams) -> bytes:
    costs = params.costs
    if params.algorithm == "scrypt":
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        return Scrypt(salt=params.salt, length=KEY_BYTES, n=2**costs.log_n, r=8, p=1).derive(password)
    # An old cryptography has no such module, and a distribution's OpenSSL may lack the algorithm.
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return Argon2id(
        salt=params.salt,
        length=KEY_BYTES,
        iterations=costs.passes,
        lanes=costs.lanes,
        memory_cost=costs.memory_kib,
    ).derive(password)


def _salt(value: object) -> bytes:
    try:
        salt = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        salt = b""
    if len(salt) != SALT_BYTES:
        raise _refuse("has no usable salt")
    return salt


def _bounded(head: dict[str, Any], key: str, low: int, high: int) -> int:
    value = head.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _refuse(f"asks for {key} outside {low} to {high}")
    return value


def _refuse(reason: str) -> DataError:
    return DataError(f"vault: a slot's header {reason}", "It may have been altered; restore collector.db")
