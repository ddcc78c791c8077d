"""Slots: the vault's key, wrapped once for each way to unlock it.

There is no other value to try a password against: a wrong one shows when the wrapping does not open.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from vctui.errors import DataError
from vctui.vault.kdf import KEY_BYTES, KdfPolicy, derive, derive_new, parse_params
from vctui.vault.schemes import Scheme
from vctui.vault.seal import FORMAT, SealBroken, canonical_object, seal, slot_binding, unseal
from vctui.vault.tables import Slot, SlotKind

MAX_PASSWORD_SLOTS = 8


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Which keyring was given a slot's key, and until when it may be used: part of the slot's header."""

    where: str = "keyring"
    until: int | None = None
    """Seconds since 1970; None means for as long as the keyring has it."""

    def header(self) -> str:
        """The slot's header."""
        fields: dict[str, str | int] = {"format": FORMAT, "kdf": "none", "where": self.where}
        return canonical_object(fields if self.until is None else fields | {"until": self.until})

    @property
    def is_over(self) -> bool:
        """Whether its time is past."""
        return self.until is not None and time.time() >= self.until


def place_of(slot: Slot) -> KeyPlace:
    """What the header of a keyring's slot says; one that cannot be read is over."""
    try:
        head = json.loads(slot.header)
        return KeyPlace(str(head.get("where", "keyring")), head.get("until"))
    except (ValueError, AttributeError, RecursionError):
        return KeyPlace(until=0)


def new_key() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def wrap_with_password(
    scheme: Scheme, password: bytes, policy: KdfPolicy, *, slot: str = ""
) -> tuple[Slot, str | None]:
    """A slot that a password opens, and a note for the user when the derivation is not the usual one.

    `slot` is the uuid of the one whose place it takes.
    """
    wrapping, params, note = derive_new(password, policy)
    header = canonical_object({"format": FORMAT} | params.header())
    return _wrap(scheme, slot or str(uuid.uuid4()), "password", header, wrapping), note


def wrap_with_key(scheme: Scheme, slot: str, key: bytes, place: KeyPlace) -> Slot:
    """A slot that a random key opens."""
    return _wrap(scheme, slot, "keyring", place.header(), key)


def unwrap_with_password(
    slots: Sequence[Slot], password: bytes, policy: KdfPolicy
) -> tuple[Slot, bytes] | None:
    """The slot that a password opens and the vault's key, or None when it is wrong.

    Raises DataError before deriving anything when a header asks for too little or too much.
    """
    if not 0 < len(slots) <= MAX_PASSWORD_SLOTS:
        raise DataError(
            f"vault: {len(slots)} password slots", "It may have been altered; restore collector.db"
        )
    headers = [parse_params(slot.header, policy) for slot in slots]
    for slot, params in zip(slots, headers, strict=True):
        key = _unwrap(slot, derive(password, params))
        if key is not None:
            return slot, key
    return None


def unwrap_with_key(slots: Sequence[Slot], uuid: str, key: bytes) -> bytes | None:
    """The vault's key, or None when the slot is gone, its time is over, or the key is not the slot's."""
    for slot in slots:
        if slot.uuid == uuid and len(key) == KEY_BYTES:
            opened = _unwrap(slot, key)
            return None if place_of(slot).is_over else opened
    return None


def describe(slots: Sequence[Slot], policy: KdfPolicy) -> str:
    """How the password slots derive their keys, for people."""
    return "; ".join(str(parse_params(slot.header, policy)) for slot in slots)


def _wrap(scheme: Scheme, uuid: str, kind: SlotKind, header: str, wrapping: bytes) -> Slot:
    wrapped = seal(wrapping, scheme.key, slot_binding(scheme.vault, uuid, kind, header))
    return Slot(uuid, scheme.vault, kind, header, wrapped)


def _unwrap(slot: Slot, wrapping: bytes) -> bytes | None:
    try:
        return unseal(wrapping, slot.wrapped_key, slot_binding(slot.vault, slot.uuid, slot.kind, slot.header))
    except SealBroken:
        return None
