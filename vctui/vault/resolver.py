"""`CredentialResolver`: a home's credentials, for runs and scripts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from vctui.config import Settings, load_settings
from vctui.records import CredentialInfo, SSHCredentials
from vctui.storage import Audit, check_folder
from vctui.vault.store import Vault
from vctui.vault.unlock import UnlockSource


def open_vault(settings: Settings) -> Vault:
    """The vault of a home, still locked; what is done with it goes into the home's audit trail.

    Raises HomeError for a home that somebody else could have put there or could change.
    """
    check_folder(settings.home)
    return Vault(settings.collector_db, audit=Audit(settings.home))


class CredentialResolver:
    """The credentials of a home folder (or of loaded settings). Use it with `with`: it locks at the end."""

    def __init__(self, home: str | Path | Settings | None = None) -> None:
        settings = home if isinstance(home, Settings) else load_settings(home)
        self.vault = open_vault(settings)

    @property
    def is_initialized(self) -> bool:
        """Whether the home has a vault."""
        return self.vault.is_initialized()

    @property
    def is_unlocked(self) -> bool:
        """Whether secrets can be read now."""
        return self.vault.is_unlocked

    def unlock_vault(self, password: str) -> bool:
        """Unlock with the master password; True, or WrongPassword is raised."""
        self.vault.unlock(password)
        return True

    def unlock_with(self, source: UnlockSource) -> None:
        """Unlock with what `find_unlock_source` found. Raises WrongPassword."""
        source.unlock(self.vault)

    def get_ssh_credentials(self, name: str | None = None, *, id: int | None = None) -> SSHCredentials:
        """A credential by name or id, else the default. Raises VaultLocked, CredentialNotFound, DataError."""
        return self.vault.get(name, id=id)

    def get_many(self, ids: Iterable[int]) -> dict[int, SSHCredentials]:
        """Several credentials by id, with one look at the database. Raises as `get_ssh_credentials`."""
        return self.vault.get_many(ids)

    def credentials(self) -> list[CredentialInfo]:
        """What may be shown of every credential; needs no password."""
        return self.vault.list()

    def lock(self) -> None:
        """Forget the key."""
        self.vault.lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.lock()
