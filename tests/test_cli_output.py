"""What the commands print and how they end, without any room behind them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vctui.cli import logs, output
from vctui.cli.ending import guarded
from vctui.cli.signals import StopSignals
from vctui.config import load_settings
from vctui.errors import DataError, StorageError, UsageError, VaultError
from vctui.events import DeviceFinished, DevicePhase

EVIL = "sw\x1b]0;owned\x07\u202e[bold]"


def ending_of(
    handler: object, capsys: pytest.CaptureFixture[str], home: str | None = None
) -> tuple[int, str]:
    args = argparse.Namespace(home=home)
    code = guarded(handler, args)  # type: ignore[arg-type]
    return code, capsys.readouterr().err


def raising(error: BaseException) -> object:
    def handler(args: argparse.Namespace) -> int:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("bad", "Do this"), 2),
        (VaultError("bad", "Do this"), 12),
        (DataError("bad", "Do this"), 13),
    ],
)
def test_error_is_one_line_with_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending_of(raising(error), capsys) == (code, "vctui: bad. Do this\n")


def test_error_text_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = ending_of(raising(UsageError(f"{EVIL}\nsecond line")), capsys)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("\n") == 1


def test_interrupt_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert ending_of(raising(KeyboardInterrupt()), capsys)[0] == 130


def test_unexpected_error_is_one_line_and_a_private_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(args: argparse.Namespace) -> int:
        secret = "hunter2-in-a-local"
        return int("no number") + len(secret)

    home = tmp_path / "home"
    home.mkdir()
    before = os.umask(0)
    try:
        code, text = ending_of(handler, capsys, str(home))
    finally:
        os.umask(before)
    crash = home / "logs" / "vctui-crash.log"
    entry = json.loads(crash.read_text())
    assert code == 1
    assert text.count("\n") == 1
    assert str(crash) in text
    assert "ValueError" in entry["traceback"][-1]
    assert "hunter2" not in crash.read_text()
    assert stat.S_IMODE(crash.stat().st_mode) == 0o600
    assert stat.S_IMODE(crash.parent.stat().st_mode) == 0o700


def test_unexpected_error_makes_no_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = ending_of(raising(ZeroDivisionError("x")), capsys, str(tmp_path / "absent"))
    assert code == 1
    assert "test_cli_output.py:" in text
    assert not (tmp_path / "absent").exists()


def test_json_is_ascii_and_parses_back(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": f"{EVIL}\x7f\x9b", "path": Path("/a")})
    text = capsys.readouterr().out
    assert all(char == "\n" or 32 <= ord(char) < 127 for char in text)
    assert json.loads(text) == {"name": f"{EVIL}\x7f\x9b", "path": "/a"}


def test_table_is_aligned_and_safe(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("A", "B"), [(EVIL, None), ("x", True)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].index("yes") == lines[0].index("B")
    assert "\x1b" not in "".join(lines)


def test_confirmation_without_a_terminal_says_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "has_terminal", lambda: False)
    with pytest.raises(UsageError, match="Add -y"):
        output.confirm("Remove it?", yes=False)
    assert output.confirm("Remove it?", yes=True)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def test_log_is_json_lines_in_a_private_file(tmp_path: Path, root_logger: logging.Logger) -> None:
    (tmp_path / "config.yaml").write_text("logging: {level: INFO, file: logs/vctui.log}\n")
    before = os.umask(0)
    try:
        logs.open_log(load_settings(tmp_path))
    finally:
        os.umask(before)
    logs.log_event(DeviceFinished(1, EVIL, "192.0.2.1", "ok", "complete"))
    logs.log_event(DevicePhase(1, "sw1", "192.0.2.1", "connecting"))
    logging.getLogger("paramiko.transport").warning("banner %s", "\x1b[2J\nforged")
    file = tmp_path / "logs" / "vctui.log"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["device_finished", "banner \x1b[2J\nforged"]
    assert lines[0]["device"] == EVIL
    assert b"\x1b" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_log_that_cannot_be_written_is_refused(tmp_path: Path, root_logger: logging.Logger) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "config.yaml").write_text("logging: {file: file/vctui.log}\n")
    with pytest.raises(StorageError, match=r"logging\.file"):
        logs.open_log(load_settings(tmp_path))


def test_first_signal_cancels_and_names_its_exit_code() -> None:
    cancel = threading.Event()
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals(cancel) as signals:
        assert not cancel.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert cancel.is_set()
        assert signals.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_hangup_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        cancel = threading.Event()
        with StopSignals(cancel) as signals:
            signal.raise_signal(signal.SIGHUP)
        assert signals.exit_code is None
        assert not cancel.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_second_signal_ends_at_once() -> None:
    program = (
        "import signal, threading\n"
        "from vctui.cli.signals import StopSignals\n"
        "with StopSignals(threading.Event()):\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert "still here" not in done.stdout
    assert "once more" in done.stderr
