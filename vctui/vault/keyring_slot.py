"""A keyring may hold a random key to a slot of the vault; the master password it never sees.

Taking the slot away makes the key worthless, wherever it was copied to. The desktop's keyring is asked first;
where there is none, the kernel's keeps the key in memory for a working day at most.
"""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from vctui.vault import slots, tables
from vctui.vault.header import require_header, require_same
from vctui.vault.kernel_keyring import KernelKeyring
from vctui.vault.keyrings import KeyringUnavailable, ask
from vctui.vault.slots import KeyPlace, new_key, place_of
from vctui.vault.store import Vault
from vctui.vault.tables import Slot

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "vctui"
WORKING_DAY = 8 * 3600
"""How long the kernel's keyring keeps a key when nothing else is said."""
MOST_SLOTS = 16
"""Keys at one time: a user may have several logins, each with a keyring of its own."""
Where = Literal["keyring", "login", "user"]
PLACES: dict[str, str] = {
    "keyring": "the desktop's keyring",
    "login": "the kernel's keyring of this login",
    "user": "the kernel's keyring of this user",
}


@dataclass(frozen=True, slots=True)
class SlotKey:
    """What a keyring holds for a vault."""

    slot: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"<key of slot {self.slot}>"

    @property
    def text(self) -> str:
        """How it is written down in the keyring."""
        return f"{self.slot}:{base64.b64encode(self.key).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Remembered:
    """That a keyring was given a key: which one, and until when the key opens the vault."""

    where: str
    """A key of PLACES."""
    until: str | None = None
    """UTC; None where it has no end."""
    here: bool = True
    """Whether the kernel's keyring has it for this login; the desktop's is not asked."""

    def __str__(self) -> str:
        name = PLACES.get(self.where, "a keyring") if self.here else "the kernel's keyring of another login"
        if self.until is None:
            return name
        local, now = datetime.fromisoformat(self.until).astimezone(), datetime.now().astimezone()
        return f"{name}, until {local:{'%H:%M' if local.date() == now.date() else '%Y-%m-%d %H:%M'}}"


def remember(vault: Vault, *, seconds: int | None = None) -> Remembered:
    """Give a keyring a key to an unlocked vault. Raises VaultLocked, KeyringUnavailable.

    `seconds` limits how long it is of use; the kernel's keyring always has a limit.
    """
    scheme = vault.require_scheme()
    entry = SlotKey(str(uuid.uuid4()), new_key())
    # The keyring first: a key without a slot opens nothing, a slot without a key would never be used.
    try:
        before, place = _store_in_desktop(scheme.vault, entry, seconds)
    except KeyringUnavailable as missing:
        try:
            before, place = _store_in_kernel(scheme.vault, entry, seconds)
        except KeyringUnavailable as also_missing:
            raise KeyringUnavailable(
                f"{missing.message}, and {also_missing.message}", also_missing.next_step
            ) from None
    with vault.writing() as db:
        require_same(db, scheme)
        old = tables.read_slots(db, scheme.vault, "keyring")
        over = [slot for slot in old if slot.uuid == before or place_of(slot).is_over]
        kept = [slot for slot in old if slot not in over]
        for slot in over + kept[: max(0, len(kept) + 1 - MOST_SLOTS)]:
            tables.delete_slot(db, slot.uuid)
        tables.insert_slot(db, slots.wrap_with_key(scheme, entry.slot, entry.key, place))
        vault.note("vault_remembered", where=place.where, until=place.until)
    return _remembered(place)


def forget(vault: Vault) -> bool:
    """Make every keyring's key useless, and delete those within reach; whether there was one.

    Works on a locked vault.
    """
    account = vault.identity
    known = vault.has_key_slot()
    if known:
        with vault.writing() as db:
            tables.delete_slots(db, "keyring")
            vault.note("vault_forgotten")
    # Without its slot an entry is worthless, so an absent keyring is no reason to fail.
    for take_back in (_delete_from_desktop, _delete_from_kernel):
        with suppress(KeyringUnavailable):
            take_back(account)
    return known


def find_key(vault: Vault) -> SlotKey | None:
    """A keyring's key to this vault; None when there is none that opens it, or no keyring answers."""
    account, usable = _usable_slots(vault)
    for places, read in _READERS:
        if not any(place_of(slot).where in places for slot in usable):
            continue
        entry = _parse(_answer(read, account))
        if entry is not None and vault.opens_with(entry.slot, entry.key):
            return entry
    return None


def remembered(vault: Vault) -> tuple[Remembered, ...]:
    """Which keyrings were given a key that still opens the vault."""
    account, usable = _usable_slots(vault)
    mine = _parse(_answer(_read_from_kernel, account)) if usable else None
    return tuple(
        _remembered(place, here=place.where == "keyring" or (mine is not None and mine.slot == slot.uuid))
        for slot in usable
        for place in (place_of(slot),)
    )


def unlock(vault: Vault) -> bool:
    """Unlock with a keyring's key; False when there is none that opens it."""
    entry = find_key(vault)
    if entry is not None:
        vault.unlock_key(entry.slot, entry.key)
    return entry is not None


def _usable_slots(vault: Vault) -> tuple[str, list[Slot]]:
    with vault.reading() as db:
        identity = require_header(db).vault
        found = tables.read_slots(db, identity, "keyring")
    return identity, [slot for slot in found if not place_of(slot).is_over]


def _remembered(place: KeyPlace, *, here: bool = True) -> Remembered:
    until = None if place.until is None else datetime.fromtimestamp(place.until, UTC).isoformat()
    return Remembered(place.where, until, here)


def _parse(text: str | None) -> SlotKey | None:
    slot, _, encoded = (text or "").partition(":")
    try:
        return SlotKey(slot, base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return None


def _answer(read: Callable[[str], str | None], account: str) -> str | None:
    try:
        return read(account)
    except KeyringUnavailable:
        return None


def _store_in_desktop(account: str, entry: SlotKey, seconds: int | None) -> tuple[str, KeyPlace]:
    until = None if seconds is None else int(time.time()) + seconds

    def store(backend: KeyringBackend) -> str:
        before = _parse(backend.get_password(SERVICE, account))
        backend.set_password(SERVICE, account, entry.text)
        return before.slot if before else ""

    return ask(store), KeyPlace("keyring", until)


def _store_in_kernel(account: str, entry: SlotKey, seconds: int | None) -> tuple[str, KeyPlace]:
    kernel, limit = KernelKeyring(), seconds or WORKING_DAY
    where = "login" if kernel.ends_with_login else "user"
    before = _parse(kernel.get(account))
    kernel.set(account, entry.text, limit)
    return before.slot if before else "", KeyPlace(where, int(time.time()) + limit)


def _read_from_desktop(account: str) -> str | None:
    return ask(lambda backend: backend.get_password(SERVICE, account))


def _read_from_kernel(account: str) -> str | None:
    return KernelKeyring().get(account)


def _delete_from_desktop(account: str) -> None:
    ask(lambda backend: backend.delete_password(SERVICE, account))


def _delete_from_kernel(account: str) -> None:
    KernelKeyring().delete(account)


# The kernel answers at once; the desktop's keyring takes a moment even when it is there.
_READERS: tuple[tuple[tuple[str, ...], Callable[[str], str | None]], ...] = (
    (("login", "user"), _read_from_kernel),
    (("keyring",), _read_from_desktop),
)
