"""What is known of each credential's logins, shared by all processes of a home: the breaker's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

import peewee

from vctui.storage.database import Store, columns_of, execute
from vctui.storage.schema import run_script
from vctui.storage.times import utc_text

STATE = """
CREATE TABLE IF NOT EXISTS vctui_logins (
    credential_id INTEGER PRIMARY KEY,
    revision TEXT NOT NULL,
    succeeded_at TEXT,
    failed_at TEXT,
    streak INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    devices TEXT NOT NULL DEFAULT '',
    open_until TEXT
);
"""
TESTS = """
CREATE TABLE IF NOT EXISTS vctui_login_tests (
    device_id INTEGER NOT NULL,
    credential_id INTEGER NOT NULL,
    address TEXT NOT NULL,
    revision TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    tested_at TEXT NOT NULL,
    PRIMARY KEY (device_id, credential_id)
);
CREATE TABLE IF NOT EXISTS vctui_login_choices (
    device_id INTEGER PRIMARY KEY,
    credential_id INTEGER NOT NULL
);
"""
PLACES = """
CREATE TABLE IF NOT EXISTS vctui_login_places (
    credential_id INTEGER NOT NULL,
    place TEXT NOT NULL,
    revision TEXT NOT NULL,
    open_until TEXT NOT NULL,
    PRIMARY KEY (credential_id, place)
);
"""
TestResult = Literal["started", "accepted", "refused", "unclear"]
MAX_DEVICES = 5
"""Devices that are named for a streak of failures, the newest last."""


@dataclass(frozen=True, slots=True)
class LoginState:
    """How the logins with one credential went lately."""

    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    streak: int = 0
    """Logins in a row that were refused or stayed without an answer."""
    refused: int = 0
    """How many of them were refused."""
    devices: tuple[str, ...] = ()
    """On which devices, the newest last."""
    open_until: datetime | None = None
    """Until then the credential is not tried; once it is past, one device decides."""


@dataclass(frozen=True, slots=True)
class LoginTest:
    """The last time that a credential was tried on a device, to find out whether it works there."""

    device_id: int
    credential_id: int
    address: str
    result: TestResult
    """`started`: its secret may have been sent, and the program ended before the answer."""
    detail: str
    tested_at: datetime


class LoginStore(Store):
    """The states of the credentials, by id. A credential that is edited begins anew."""

    required: ClassVar[Mapping[str, Iterable[str]]] = {"credentials": ("id", "name")}

    def state(self, credential_id: int) -> LoginState:
        """What is known of one credential."""
        if not self.columns("vctui_logins"):
            return LoginState()
        with self.reading() as database:
            return _read(database, credential_id, _revision(database, credential_id))

    def states(self) -> dict[int, LoginState]:
        """Of all that something is known of."""
        if not self.columns("vctui_logins"):
            return {}
        with self.reading() as database:
            ids = [row[0] for row in execute(database, "SELECT credential_id FROM vctui_logins").fetchall()]
            return {id: _read(database, id, _revision(database, id)) for id in ids}

    def change(self, credential_id: int, change: Callable[[LoginState], LoginState]) -> LoginState:
        """Read, change and write one state in one transaction; the new state."""
        with self.writing() as database:
            run_script(database, STATE)
            revision = _revision(database, credential_id)
            state = change(_read(database, credential_id, revision))
            execute(
                database,
                "INSERT OR REPLACE INTO vctui_logins (credential_id, revision, succeeded_at, failed_at,"
                " streak, refused, devices, open_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    credential_id,
                    revision,
                    _text(state.succeeded_at),
                    _text(state.failed_at),
                    state.streak,
                    state.refused,
                    "\n".join(state.devices[-MAX_DEVICES:]).encode("utf-8", "replace").decode(),
                    _text(state.open_until),
                ),
            )
        return state

    def tests(self) -> list[LoginTest]:
        """The tests of credentials that have not been edited since."""
        if not self.columns("vctui_login_tests"):
            return []
        with self.reading() as database:
            rows = execute(
                database,
                "SELECT device_id, credential_id, address, result, detail, tested_at, revision"
                " FROM vctui_login_tests",
            ).fetchall()
            revisions = {id: _revision(database, id) for id in {row[1] for row in rows}}
        return [
            LoginTest(row[0], row[1], row[2], row[3], row[4], when)
            for row in rows
            if revisions[row[1]] == row[6] and (when := _when(row[5])) is not None
        ]

    def note_test(self, test: LoginTest) -> None:
        """Write a test in place of the last one of the same device and credential."""
        with self.writing() as database:
            run_script(database, TESTS)
            execute(
                database,
                "INSERT OR REPLACE INTO vctui_login_tests (device_id, credential_id, address, revision,"
                " result, detail, tested_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    test.device_id,
                    test.credential_id,
                    test.address,
                    _revision(database, test.credential_id),
                    test.result,
                    test.detail,
                    utc_text(test.tested_at),
                ),
            )

    def choices(self) -> dict[int, int]:
        """Device → the credential that a test gave it: what is not among them, a person has chosen."""
        if not self.columns("vctui_login_choices"):
            return {}
        with self.reading() as database:
            rows = execute(database, "SELECT device_id, credential_id FROM vctui_login_choices").fetchall()
        return {int(device): int(credential) for device, credential in rows}

    def note_choice(self, device_id: int, credential_id: int) -> None:
        """Remember that this credential was given to the device by a test."""
        with self.writing() as database:
            run_script(database, TESTS)
            execute(
                database,
                "INSERT OR REPLACE INTO vctui_login_choices (device_id, credential_id) VALUES (?, ?)",
                (device_id, credential_id),
            )

    def places(self, credential_id: int) -> dict[str, datetime]:
        """Where a credential was refused too often, and until when it is not tried there."""
        if not self.columns("vctui_login_places"):
            return {}
        with self.reading() as database:
            rows = execute(
                database,
                "SELECT place, open_until FROM vctui_login_places WHERE credential_id = ? AND revision = ?",
                (credential_id, _revision(database, credential_id)),
            ).fetchall()
        return {str(place): when for place, text in rows if (when := _when(text)) is not None}

    def shut_place(self, credential_id: int, place: str, until: datetime) -> None:
        """Note that a credential is not to be tried at a place until then."""
        with self.writing() as database:
            run_script(database, PLACES)
            execute(
                database,
                "INSERT OR REPLACE INTO vctui_login_places (credential_id, place, revision, open_until)"
                " VALUES (?, ?, ?, ?)",
                (
                    credential_id,
                    place.encode("utf-8", "replace").decode(),
                    _revision(database, credential_id),
                    utc_text(until),
                ),
            )

    def reset(self, credential_id: int) -> None:
        """Forget what is known of a credential: its next login goes to one device first."""
        self.change(credential_id, lambda state: LoginState())
        with self.writing() as database:
            run_script(database, PLACES)
            execute(database, "DELETE FROM vctui_login_places WHERE credential_id = ?", (credential_id,))


def _revision(database: peewee.SqliteDatabase, credential_id: int) -> str:
    """Changes whenever the credential is edited, by vctui or by VelocityCollector; holds nothing secret."""
    parts: list[Any] = []
    for table, key, column in (
        ("credentials", "id", "updated_at"),
        ("vctui_credentials", "credential_id", "version"),
    ):
        if column in columns_of(database, table):
            row = execute(
                database,
                f"SELECT {column} FROM {table} WHERE {key} = ?",  # noqa: S608 - names from above
                (credential_id,),
            ).fetchone()
            parts.append(row[0] if row else None)
    return "/".join(str(part) for part in parts)


def _read(database: peewee.SqliteDatabase, credential_id: int, revision: str) -> LoginState:
    row = execute(
        database,
        "SELECT succeeded_at, failed_at, streak, refused, devices, open_until FROM vctui_logins"
        " WHERE credential_id = ? AND revision = ?",
        (credential_id, revision),
    ).fetchone()
    if row is None:
        return LoginState()
    return LoginState(
        succeeded_at=_when(row[0]),
        failed_at=_when(row[1]),
        streak=int(row[2]),
        refused=int(row[3]),
        devices=tuple(name for name in str(row[4]).split("\n") if name),
        open_until=_when(row[5]),
    )


def _text(when: datetime | None) -> str | None:
    return None if when is None else utc_text(when)


def _when(text: str | None) -> datetime | None:
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return when if when.tzinfo else None
