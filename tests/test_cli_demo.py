"""`vctui demo --headless` in a process of its own: every device ends as it was built to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vctui.demo import Fault
from vctui.demo.faults import spread_faults
from vctui.events import DeviceFinished

LOADED = (
    "import sys\n"
    "sys.argv = ['vctui', 'demo', '--devices', '14']\n"
    "from vctui.__main__ import main\n"
    "code = main()\n"
    "print(sorted({name.split('.')[0] for name in sys.modules} & {'textual', 'screens', 'rich'}))\n"
    "sys.exit(code)\n"
)


def demo(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
            "TMPDIR": str(folder),
        },
    )


def test_without_a_terminal_it_names_every_device_and_loads_no_screen(tmp_path: Path) -> None:
    done = demo("-c", LOADED, folder=tmp_path)
    lines = done.stdout.splitlines()
    summary = lines.index("")
    assert done.returncode == 0, done.stderr
    assert len({line.split()[1] for line in lines[:summary]}) == 14
    statuses = [line.split()[3] for line in lines[:summary]]
    assert statuses.count("failed") == sum(fault is not Fault.NONE for fault in spread_faults(14))
    assert all(line.endswith("as built") for line in lines[summary + 2 : -1])
    assert lines[-1] == "[]"
    assert done.stderr.splitlines()[0] == "no terminal here, so the demo runs headless"
    assert not list(tmp_path.glob("vctui-demo-*"))


def test_json_is_events_alone_and_implies_headless(tmp_path: Path) -> None:
    done = demo("-m", "vctui", "demo", "--json", "--devices", "3", folder=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert sum(event["event"] == "device_finished" for event in events) == 3


def test_a_difference_is_named_and_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vctui.cli import demo as command
    from vctui.demo import Expected, check_outcomes

    class Built:
        jobs = ("versions",)

        def differences(self, ref: str, finished: list[DeviceFinished]) -> list[str]:
            return check_outcomes({"sw1": Expected("ok"), "sw2": Expected("ok")}, finished)

    outcomes = command._Outcomes(lambda event: None)
    outcomes.finished["versions"] = [
        DeviceFinished(1, "sw1", "192.0.2.1", "failed", "failed", error_kind="auth_failed")
    ]
    differences = command._compare(Built(), outcomes)  # type: ignore[arg-type]
    assert command._tell(outcomes, differences, "as built", as_json=False) == 1
    captured = capsys.readouterr()
    assert "not as built: versions: sw1: expected ok, reported failed (auth_failed)" in captured.err
    assert "sw2: no outcome was reported" in captured.err
    assert "2 not as built" in captured.out


RECORDING = """\
platform: cisco_ios
prompt: "r1#"
turns:
- recv: "\\r\\nr1#"
- send: show clock
  recv: "show clock\\r\\n12:00:00 UTC\\r\\nr1#"
  output: "12:00:00 UTC\\n"
- send: show users
  recv: "show users\\r\\nvty 0\\r\\nr1#"
  output: "WHO\\n"
"""


def test_recordings_are_played_and_compared(tmp_path: Path) -> None:
    (tmp_path / "right.yaml").write_text(RECORDING.replace("WHO", "vty 0"))
    (tmp_path / "wrong.yaml").write_text(RECORDING.replace("WHO", "vty 1"))
    done = demo("-m", "vctui", "demo", "--headless", "--recordings", str(tmp_path), folder=tmp_path)
    assert done.returncode == 1
    assert "1 not as recorded" in done.stdout
    assert "wrong: line 3 of the output is another one than was recorded" in done.stderr
    assert "right: line" not in done.stderr


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "holds no recordings"), ("prompt: [", "not a recording")]
)
def test_recordings_that_are_none(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "one.yaml").write_text(text)
    done = demo("-m", "vctui", "demo", "--headless", "--recordings", str(tmp_path), folder=tmp_path)
    assert done.returncode == (2 if text is None else 13)
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
