"""Where the state of one credential's logins is kept: for all processes of a home, or for one run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from vctui.errors import LockedError, VctuiError
from vctui.storage import LoginState, LoginStore, RunLock

_CLAIM_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Ledger(Protocol):
    """Where the state of one credential is kept."""

    def read(self) -> LoginState: ...

    def change(self, change: Callable[[LoginState], LoginState]) -> LoginState: ...

    def claim(self) -> bool:
        """Become the only one who tries the credential; False after a while if another one is."""

    def release(self) -> None: ...


class OwnLedger:
    """For a login that is not the vault's: what is known of it lives as long as the run."""

    def __init__(self, state: LoginState = LoginState()) -> None:  # noqa: B008 - frozen
        self._state = state

    def read(self) -> LoginState:
        return self._state

    def change(self, change: Callable[[LoginState], LoginState]) -> LoginState:
        self._state = change(self._state)
        return self._state

    def claim(self) -> bool:
        return True

    def release(self) -> None:
        """There is nobody else."""


class SharedLedger:
    """In the home's database, for all processes. What it cannot read or write it keeps in memory."""

    def __init__(self, store: LoginStore, lock: RunLock, credential_id: int) -> None:
        self._store = store
        self._claim = lock
        self._id = credential_id
        self._known = LoginState()

    def read(self) -> LoginState:
        try:
            self._known = self._store.state(self._id)
        except VctuiError:
            _log.exception("the state of credential %s cannot be read", self._id)
        return self._known

    def change(self, change: Callable[[LoginState], LoginState]) -> LoginState:
        try:
            self._known = self._store.change(self._id, change)
        except VctuiError:
            _log.exception("the state of credential %s cannot be written", self._id)
            self._known = change(self._known)
        return self._known

    def claim(self) -> bool:
        try:
            self._claim.acquire(_CLAIM_SECONDS)
        except LockedError:
            return False
        except VctuiError:
            _log.exception("the lock of credential %s cannot be taken", self._id)
        return True

    def release(self) -> None:
        self._claim.release()
