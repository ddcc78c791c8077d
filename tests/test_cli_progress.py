"""The three faces of a run on the command line: JSON lines, plain lines, a bar."""

from __future__ import annotations

import json
import sys

import pytest

from vctui.cli import progress
from vctui.errors import StorageError
from vctui.events import BreakerOpened, DeviceFinished, DevicePhase, RunFinished, RunStarted

EVIL = "sw\x1b]0;owned\x07\u202e[bold]"


def finished(**changes: object) -> DeviceFinished:
    values: dict[str, object] = {
        "run": 1,
        "device": "sw1",
        "host": "192.0.2.1",
        "status": "ok",
        "verdict": "complete",
        "duration_ms": 412.0,
        "size": 3121,
        "template": "arista_eos_show_ip_arp",
        "score": 87.2,
    }
    return DeviceFinished(**{**values, **changes})  # type: ignore[arg-type]


def ended(status: str = "success") -> RunFinished:
    return RunFinished(
        run=1,
        status=status,  # type: ignore[arg-type]
        job_file="database:1",
        job_id="arp",
        success_count=1,
        failed_count=0,
        skipped_count=0,
        cancelled_count=0,
        total_devices=1,
        duration_ms=1000,
        error=None,
    )


STARTED = RunStarted(1, "arp", "database:1", 1, "2026-11-23T18:00:00+00:00")
FAILED = finished(
    status="failed",
    size=None,
    template=None,
    score=None,
    error_kind="auth_failed",
    error="no",
    next_step="Check the credential",
)


OPENED = BreakerOpened(1, EVIL, f"refused by {EVIL}", (EVIL,), "2026-11-23T18:20:00+00:00")


def test_a_credential_that_is_stopped_is_told_on_every_face(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.open_display(as_json=False, quiet=True) as plain:
        plain(OPENED)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("credential sw")
    assert "is not tried until" in captured.err
    with progress.open_display(as_json=True, quiet=True) as as_json:
        as_json(OPENED)
    line = capsys.readouterr().out
    assert json.loads(line)["event"] == "breaker_opened"
    assert "\x1b" not in captured.err + line


def test_device_lines() -> None:
    assert progress.device_line(finished()) == "sw1 192.0.2.1 ok 0.4s 3121 bytes arista_eos_show_ip_arp 87.2"
    assert progress.device_line(FAILED) == "sw1 192.0.2.1 failed 0.4s auth_failed: no. Check the credential"
    assert "\x1b" not in progress.device_line(finished(device=EVIL))


def test_json_display_prints_each_event_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    events = [STARTED, DevicePhase(1, "sw1", "192.0.2.1", "connecting"), finished(device=EVIL), ended()]
    with progress.open_display(as_json=True, quiet=False) as display:
        for event in events:
            display(event)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["event"] for line in lines] == [
        "run_started",
        "device_phase",
        "device_finished",
        "run_finished",
    ]
    assert json.loads(lines[2])["device"] == EVIL
    assert "\x1b" not in "".join(lines)


def test_plain_display_splits_data_and_narration(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.open_display(as_json=False, quiet=False) as display:
        for event in (STARTED, finished(), ended()):
            display(event)
    captured = capsys.readouterr()
    assert captured.out == "sw1 192.0.2.1 ok 0.4s 3121 bytes arista_eos_show_ip_arp 87.2\n"
    assert captured.err == "arp: success: 1 ok, 0 skipped, 0 failed of 1 in 1.0s, run 1\n"


def test_quiet_is_silent_when_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.open_display(as_json=False, quiet=True) as display:
        for event in (STARTED, finished(), ended()):
            display(event)
        assert capsys.readouterr() == ("", "")
        display(FAILED)
        display(ended("partial"))
    captured = capsys.readouterr()
    assert captured.out.startswith("sw1 192.0.2.1 failed")
    assert "partial" in captured.err


def test_bar_prints_markup_of_devices_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    bar = progress._bar()
    bar.console.file = sys.stdout
    bar.console.width = 200
    with bar:
        display = progress.BarDisplay(bar)
        for event in (
            RunStarted(1, "[red]job[/nothing]", "database:1", 2, ""),
            finished(),
            finished(status="failed", error_kind="auth_failed", error="denied [publickey,password] [/oops]"),
            ended("partial"),
        ):
            display(event)
    text = capsys.readouterr().out
    assert "denied [publickey,password] [/oops]" in text
    assert "[red]job[/nothing]" in text
    assert "1 failed, 1 ok" in text


class FullDevice:
    """A stdout with no room."""

    closed = False

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        return None

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        raise OSError("none")


def test_a_full_stdout_does_not_stop_the_run_but_is_an_error_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", FullDevice())
    lines = progress.Lines()
    display = progress.JsonLinesDisplay(lines)
    for event in (STARTED, finished(), ended()):
        display(event)
    with pytest.raises(StorageError, match="No space left"):
        lines.check()
