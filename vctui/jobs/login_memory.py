"""What the runs of a home remember of the vault's credentials; other logins are known for their run only."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from vctui.config import Settings
from vctui.errors import VctuiError
from vctui.jobs.circuit import OPEN
from vctui.jobs.ledgers import Ledger, OwnLedger, SharedLedger
from vctui.records import SSHCredentials
from vctui.storage import LoginStore, login_lock

_log = logging.getLogger(__name__)


class LoginMemory:
    """The home's database, opened when a credential of the vault is first asked about.

    What it cannot read or write is no reason to stop a run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: LoginStore | None = None

    def close(self) -> None:
        """Let go of the database."""
        if self._opened is not None:
            self._opened.close()

    def _store(self, credentials: SSHCredentials) -> LoginStore | None:
        if not credentials.id:
            return None
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = LoginStore(self._settings.collector_db)
                except VctuiError:  # the run itself says what is wrong with the database
                    _log.exception("what is known of credentials cannot be read")
            return self._opened

    def ledger(self, credentials: SSHCredentials) -> Ledger:
        """Where the state of a credential is kept."""
        store = self._store(credentials)
        if store is None or not credentials.id:
            return OwnLedger()
        return SharedLedger(store, login_lock(self._settings.home, credentials.id), credentials.id)

    def shut_places(self, credentials: SSHCredentials) -> set[str]:
        """Where it was refused too often, not long ago."""
        store, now = self._store(credentials), datetime.now(UTC)
        if store is None or not credentials.id:
            return set()
        try:
            places = store.places(credentials.id)
        except VctuiError:
            _log.exception("it cannot be read where a credential is refused")
            return set()
        return {place for place, until in places.items() if now < until <= now + OPEN}

    def shut(self, credentials: SSHCredentials, place: str) -> None:
        """Have other runs, too, leave out a place for a while."""
        store = self._store(credentials)
        if store is None or not credentials.id:
            return
        try:
            store.shut_place(credentials.id, place, datetime.now(UTC) + OPEN)
        except VctuiError:
            _log.exception("it cannot be noted that a credential is refused at a place")
