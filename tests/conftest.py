"""Guards for every test: a home of its own, nothing of the developer, and real parts a must in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest

from vctui.vault import kernel_keyring

pytest_plugins = ("tests.fixtures.openssh", "tests.fixtures.openssh_shell", "tests.fixtures.lab")

KEPT_OUT = (
    "VCOLLECTOR_HOME",
    "VCOLLECTOR_CONFIG",
    "VCOLLECTOR_VAULT_PASS",
    "CREDENTIALS_DIRECTORY",
    "SSH_AUTH_SOCK",
    "SSH_CONNECTION",
    "NO_COLOR",
    "COLUMNS",
)


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's home, keyring and agent out of the tests."""
    for name in KEPT_OUT:
        monkeypatch.delenv(name, raising=False)
    user_home = tmp_path / "user"
    user_home.mkdir()
    monkeypatch.setenv("HOME", str(user_home))
    monkeypatch.setenv("VCOLLECTOR_HOME", str(user_home / ".vcollector"))


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reaches a real keyring unless it starts its own."""
    monkeypatch.setattr(kernel_keyring, "_library", lambda: None)
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real parts are users and daemons of the whole machine: the tests that need them share one process."""
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.xdist_group("real"))


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
    """In CI a real part that is absent is a failure, not a skip."""
    skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
    if skipped and os.environ.get("CI") and item.get_closest_marker("real"):
        report = pytest.TestReport.from_item_and_call(item, call)
        report.outcome = "failed"
        return report
    return None
