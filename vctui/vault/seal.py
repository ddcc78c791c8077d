"""Sealing: AES-256-GCM with a fresh nonce, bound to what the value belongs to.

The binding (the AEAD's associated data) names the format, the vault, the record and the field, and the login
it is for. A value that was moved to another row, or whose user name was edited, does not open.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = 1
PREFIX = f"vctui{FORMAT}:"
NONCE_BYTES = 12
TAG_BYTES = 16


class SealBroken(Exception):
    """A sealed value does not open: wrong key, altered, or not where it was sealed."""


def canonical(*parts: str | int | None) -> bytes:
    """One byte string for a list of parts, and never the same for two different lists."""
    return json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def canonical_object(fields: Mapping[str, str | int]) -> str:
    """One text for a mapping, whatever the order of its keys."""
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":"), sort_keys=True)


def binding(vault: str, record: str, field: str, name: str, username: str, scope: str, version: int) -> bytes:
    """What a credential's field is bound to."""
    return canonical("field", FORMAT, vault, record, field, name, username, scope, version)


def slot_binding(vault: str, slot: str, kind: str, header: str) -> bytes:
    """What a wrapped key is bound to: the header is authenticated with it."""
    return canonical("slot", FORMAT, vault, slot, kind, header)


def manifest_binding(vault: str) -> bytes:
    """What the list of records is bound to."""
    return canonical("manifest", FORMAT, vault)


def seal(key: bytes, value: bytes, bound_to: bytes) -> str:
    """The token that holds `value`."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, value, bound_to)
    return PREFIX + base64.urlsafe_b64encode(sealed).decode("ascii")


def unseal(key: bytes, token: str, bound_to: bytes) -> bytes:
    """What a token holds. Raises SealBroken."""
    sealed = _decode(token)
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except InvalidTag:
        raise SealBroken from None


def _decode(token: object) -> bytes:
    if not isinstance(token, str) or not token.startswith(PREFIX):
        raise SealBroken
    text = token.removeprefix(PREFIX)
    try:
        sealed = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SealBroken from None
    # Base64 has spare bits at its end: only the one spelling that was written counts as unaltered.
    if base64.urlsafe_b64encode(sealed).decode("ascii") != text or len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise SealBroken
    return sealed
