"""What is known of each credential: whether it may be tried, when it worked last, why it is stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vctui.config import Settings
from vctui.errors import CredentialNotFound
from vctui.jobs.circuit import Mode, mode_of
from vctui.jobs.stopped import why
from vctui.records import CredentialInfo
from vctui.storage import Audit, Inventory, LoginState, LoginStore

WORDS: dict[Mode, str] = {"trusted": "good", "one": "one device first", "open": "stopped"}


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """One credential and its logins."""

    info: CredentialInfo
    state: LoginState
    mode: Mode
    given_to: int = 0
    """Devices that have it in the inventory."""
    works_on: int = 0
    """Devices that accepted it when it was tested there; `refused_by`: that did not."""
    refused_by: int = 0

    @property
    def word(self) -> str:
        """`good`, `one device first`, or `stopped until 18:42`."""
        until = self.state.open_until
        if self.mode == "open" and until is not None:
            return f"stopped until {until.astimezone():%H:%M}"
        return WORDS[self.mode]

    @property
    def reason(self) -> str:
        """Why it is not simply good; "" when there is nothing to say."""
        return why(self.state) if self.state.streak else ""


def credential_statuses(
    settings: Settings, infos: Sequence[CredentialInfo], now: datetime | None = None
) -> list[CredentialStatus]:
    """Of every credential, in the order given. Needs no password."""
    now = now or datetime.now(UTC)
    with LoginStore(settings.collector_db, read_only=True) as store:
        states = store.states()
        tests = Counter((test.credential_id, test.result) for test in store.tests())
    with Inventory(settings.dcim_db, read_only=True) as inventory:
        given = Counter(device.credential_id for device in inventory.devices())
    return [
        CredentialStatus(
            info,
            state,
            mode_of(state, now),
            given[info.id],
            tests[info.id, "accepted"],
            tests[info.id, "refused"],
        )
        for info in infos
        for state in (states.get(info.id, LoginState()),)
    ]


def reset_credential(settings: Settings, infos: Sequence[CredentialInfo], name: str) -> None:
    """Let a credential be tried again, on one device first. Raises CredentialNotFound, StorageError."""
    info = next((info for info in infos if info.name == name), None)
    if info is None:
        raise CredentialNotFound(f"no credential called {name!r}", "See them with: vctui vault list")
    Audit(settings.home).write("breaker_reset", credential=info.id, name=info.name)
    with LoginStore(settings.collector_db) as store:
        store.reset(info.id)
