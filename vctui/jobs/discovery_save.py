"""What becomes of what a discovery found out: which credential a device is given, and which it keeps."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping

from vctui.config import Settings
from vctui.errors import VctuiError
from vctui.jobs.discovery_events import Answer
from vctui.jobs.discovery_plan import Candidate
from vctui.records import CredentialInfo
from vctui.storage import Inventory, LoginStore


class Keeper:
    """Writes the credentials of devices. What a person chose is only replaced with `replace`.

    `existing` are the ids of the vault's credentials: a device may name one that is gone.
    """

    def __init__(
        self,
        inventory: Inventory,
        store: LoginStore,
        existing: Collection[int],
        *,
        update: bool,
        replace: bool,
    ) -> None:
        self._inventory = inventory
        self._store = store
        self._existing = existing
        self._update = update
        self._replace = replace
        self._chosen_by_tests = store.choices()
        self._lock = threading.Lock()

    def keep(self, candidate: Candidate, answers: Mapping[str, Answer]) -> tuple[bool, str]:
        """Save the result of a device; whether it was given a credential, and what else is to be known."""
        if not self._update:
            return False, ""
        try:
            with self._lock:
                return self._keep(candidate, answers)
        except VctuiError as error:
            return False, f"not saved: {error.message}"

    def _keep(self, candidate: Candidate, answers: Mapping[str, Answer]) -> tuple[bool, str]:
        device = candidate.device
        found = {info.name: info.id for info in candidate.credentials}
        works = next((found[name] for name, answer in answers.items() if answer == "accepted"), None)
        refused = {found[name] for name, answer in answers.items() if answer == "refused"}
        own = device.credential_id
        if works is None:
            # Without a credential of its own a device has failed when all were refused.
            if own in refused or (own is None and set(found.values()) <= refused):
                self._inventory.set_credential(device.id, own, result="failed")
            return False, ""
        if works != own and own is not None and not self._may_replace(device.id, own):
            if own in refused:
                self._inventory.set_credential(device.id, own, result="failed")
            return False, "keeps the credential that was chosen for it; --force replaces it"
        self._inventory.set_credential(device.id, works, result="success")
        if works != own:
            self._store.note_choice(device.id, works)
        return True, ""

    def _may_replace(self, device_id: int, own: int) -> bool:
        gone = own not in self._existing
        return self._replace or gone or self._chosen_by_tests.get(device_id) == own


def save_found(
    settings: Settings,
    infos: Iterable[CredentialInfo],
    found: Iterable[tuple[Candidate, Mapping[str, Answer]]],
    *,
    replace: bool,
) -> int:
    """Save what a discovery found out without saving it; how many devices were given a credential.

    Raises DataError, StorageError.
    """
    with LoginStore(settings.collector_db) as store, Inventory(settings.dcim_db) as inventory:
        keeper = Keeper(inventory, store, {info.id for info in infos}, update=True, replace=replace)
        return sum(keeper.keep(candidate, answers)[0] for candidate, answers in found)
