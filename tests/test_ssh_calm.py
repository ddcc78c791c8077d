"""The garbage collector has nothing to find after a session, and is left alone while sessions run."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.ssh_device import CREDENTIALS, Device, Rules, cli, closed_port
from vctui.records import SSHCredentials
from vctui.ssh import ExecutorOptions, SSHExecutorPool, Target, crew_child
from vctui.ssh.calm import calm_collector
from vctui.ssh.model import CrewSetup
from vctui.ssh.pump import PumpedTransport
from vctui.ssh.shell import Shell


@pytest.fixture
def no_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VCTUI_SSH_TRANSPORT", "fast")
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("password", [CREDENTIALS.password, "wrong"])
def test_a_session_leaves_no_cycles(password: str, tmp_path: Path) -> None:
    login = SSHCredentials(CREDENTIALS.username, password=password)
    options = ExecutorOptions(known_hosts=tmp_path / "known_hosts", host_keys="accept-new")
    results = []
    with Device(cli("r1#", {"show arp": "one\r\n"}), Rules()) as device:
        target = Target("r1", "127.0.0.1", login, ("show arp",), device.port, "cisco_ios")
        SSHExecutorPool(options=options).run([target], on_result=lambda _, result: results.append(result))
    assert [result.success for result in results] == [password == CREDENTIALS.password]
    assert not [each for each in gc.get_objects() if isinstance(each, PumpedTransport | Shell)]


@pytest.mark.usefixtures("no_collector")
def test_a_visit_in_another_process_leaves_none_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    frames: Any = None
    child = crew_child._Child(frames)
    options = ExecutorOptions(known_hosts=tmp_path / "known_hosts", processes=1)
    child.on_setup(CrewSetup(options, 4, attended=False, guarded=True, known_hosts=tmp_path / "known_hosts"))
    with closed_port() as port:
        target = Target("r1", "127.0.0.1", CREDENTIALS, ("show arp",), port, "cisco_ios")
        child._visits[1] = crew_child._Visit(child, 1, target, 5.0, ())
        session = weakref.ref(child._visits[1]._session)
        for _ in range(2):
            child.on_answer(1, True, None)  # what the guard says
        child._visits[1].run()
        child.on_release(1)
    child._threads.shutdown()
    assert session() is None


def test_the_collector_is_as_it_was_when_the_last_run_ends() -> None:
    usual = gc.get_threshold()
    with calm_collector():
        calm = gc.get_threshold()
        with calm_collector():
            assert gc.get_threshold() == calm
        assert gc.get_threshold() == calm > usual
    assert gc.get_threshold() == usual
