"""The desktop's keyring may hold a random key to a slot of the vault; the master password it never sees.

Taking the slot away makes the key worthless, wherever it was copied to. Only keyrings that encrypt are used,
and one that does not answer within three seconds counts as absent: on a jump host, D-Bus may hang.
"""

from __future__ import annotations

import base64
import binascii
import queue
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from vctui.errors import VaultError
from vctui.vault.slots import new_key
from vctui.vault.store import Vault

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "vctui"
TIMEOUT = 3.0
REFUSED_MODULES = ("keyrings.alt", "keyring.backends.fail", "keyring.backends.null")

T = TypeVar("T")


class KeyringUnavailable(VaultError):
    """No keyring that can be trusted, or it does not answer."""


@dataclass(frozen=True, slots=True)
class SlotKey:
    """What the keyring holds for a vault."""

    slot: str
    key: bytes = field(repr=False)


def remember(vault: Vault) -> str:
    """Give the keyring a key to an unlocked vault; returns the keyring's name. Raises VaultError."""
    if not vault.is_unlocked:
        raise VaultError("the vault is locked", "Unlock it first")
    account = vault.identity
    entry = SlotKey(str(uuid.uuid4()), new_key())
    text = f"{entry.slot}:{base64.b64encode(entry.key).decode('ascii')}"

    def store(backend: KeyringBackend) -> str:
        backend.set_password(SERVICE, account, text)
        return str(backend.name)

    # The keyring first: a key without a slot opens nothing, a slot without a key would never be used.
    name = _ask(store)
    vault.add_key_slot(entry.slot, entry.key)
    return name


def forget(vault: Vault) -> bool:
    """Make the keyring's key useless and delete it; whether there was one. Works on a locked vault."""
    account = vault.identity
    known = vault.has_key_slot()
    if known:
        vault.remove_key_slots()
    # Without its slot the entry is worthless, so an absent keyring is no reason to fail.
    with suppress(KeyringUnavailable):
        _ask(lambda backend: backend.delete_password(SERVICE, account))
    return known


def find_key(vault: Vault) -> SlotKey | None:
    """The keyring's key to this vault; None when there is none that opens it, or no keyring answers."""
    if not vault.has_key_slot():
        return None
    account = vault.identity
    try:
        text = _ask(lambda backend: backend.get_password(SERVICE, account))
        slot, _, encoded = (text or "").partition(":")
        entry = SlotKey(slot, base64.b64decode(encoded, validate=True))
    except (KeyringUnavailable, binascii.Error, ValueError):
        return None
    return entry if vault.opens_with(entry.slot, entry.key) else None


def unlock(vault: Vault) -> bool:
    """Unlock with the keyring's key; False when there is none that opens it."""
    entry = find_key(vault)
    if entry is not None:
        vault.unlock_key(entry.slot, entry.key)
    return entry is not None


def _ask(question: Callable[[KeyringBackend], T]) -> T:
    """What the keyring answers within the time limit. Raises KeyringUnavailable.

    The question runs in a daemon thread, which is left behind when it hangs.
    """
    answers: queue.Queue[tuple[T] | None] = queue.Queue()

    def run() -> None:
        try:
            answers.put((question(_trusted_backend()),))
        except Exception:  # noqa: BLE001 - backends raise what their daemon's library raises: all means absent
            answers.put(None)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT)
    except queue.Empty:
        raise KeyringUnavailable("the keyring does not answer") from None
    if answer is None:
        raise KeyringUnavailable("there is no keyring here that can be used")
    return answer[0]


def _trusted_backend() -> KeyringBackend:
    import keyring
    from keyring.backends.chainer import ChainerBackend
    from keyring.errors import NoKeyringError

    chosen = keyring.get_keyring()
    candidates = chosen.backends if isinstance(chosen, ChainerBackend) else [chosen]
    for backend in candidates:
        if _is_trusted(backend):
            return backend
    raise NoKeyringError


def _is_trusted(backend: KeyringBackend) -> bool:
    kinds = type(backend).__mro__
    return not any(
        kind.__module__.startswith(REFUSED_MODULES) or "plaintext" in kind.__name__.lower() for kind in kinds
    )
