"""A demo home whose devices are recordings, and whose jobs ask them what they were asked at that time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from vctui.demo.devices import MAX_DEVICES, DemoDevice, SimDevice, loopback
from vctui.demo.faults import Expected
from vctui.demo.home import DemoHome
from vctui.demo.recording import Recording, load_recordings
from vctui.demo.vocabulary import fill
from vctui.errors import UsageError
from vctui.events import DeviceFinished
from vctui.jobs import Job, JobSource, assemble
from vctui.ssh import CommandOutput

_GENERIC = "generic"
_NO_SECRET = "demo-without-secret"
_PROMPT = "recorded# "


class ReplayHome(DemoHome):
    """Each recording of a folder is a device. Raises UsageError for none, DataError for a bad one."""

    right = "as recorded"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._recordings = load_recordings(folder)
        if not self._recordings:
            raise UsageError(
                f"{folder} holds no recordings", "Record some with: vctui run --job REF --record DIR"
            )
        if len(self._recordings) > MAX_DEVICES:
            raise UsageError(f"a demo fleet has at most {MAX_DEVICES} devices")

    @property
    def jobs(self) -> list[str]:
        return list(self._slugs.values())

    def make_devices(self, password: str, enable_secret: str) -> list[DemoDevice]:
        devices = []
        for index, recording in enumerate(self._recordings.values()):
            sim = SimDevice(
                recording.name,
                str(recording.file),
                str(loopback(index)),
                password=password,
                enable_secret=enable_secret if recording.needs_secret else "",
                mgmt_ip=str(loopback(index)),
            )
            row = {
                "name": recording.name,
                "primary_ip4": sim.mgmt_ip,
                "platform": recording.platform or _GENERIC,
                "site": "recorded",
                "role": "recorded",
                "status": "active",
                "description": recording.about[:200],
            }
            devices.append(DemoDevice(sim, row, "" if recording.needs_secret else _NO_SECRET))
        return devices

    def fill_vault(self, password: str, enable_secret: str) -> None:
        """With a login of no enable secret, too: a session that has one wants to use it."""
        super().fill_vault(password, enable_secret)
        self.resolver.vault.add(_NO_SECRET, "demo", password=password)

    def make_jobs(self) -> dict[str, Any]:
        groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for recording in self._recordings.values():
            commands = _commands(recording)
            if commands:
                groups.setdefault((recording.platform, commands), []).append(recording.name)
        return {
            f"recorded-{number:03}.json": _job(number, platform, commands, names)
            for number, ((platform, commands), names) in enumerate(groups.items(), start=1)
        }

    def expected_for(self, ref: str) -> dict[str, Expected]:
        """By device name: ok, or the failure that was recorded."""
        names = super().expected_for(ref)
        found = {}
        for name in names:
            kinds = [kind for _, _, kind in self._recordings[name].checks() if kind]
            found[name] = Expected("failed", kinds[0]) if kinds else Expected("ok")
        return found

    def differences(self, ref: str, finished: Iterable[DeviceFinished]) -> list[str]:
        """Also where what was saved is not what was recorded."""
        events = list(finished)
        job = JobSource(self.settings).resolve(ref)
        found = super().differences(ref, events)
        for event in events:
            if event.path is not None:
                found += self._compared(job, event.device, Path(event.path).read_text(encoding="utf-8"))
        return found

    def _compared(self, job: Job, device: str, saved: str) -> list[str]:
        recording = self._recordings[device]
        values = {"hostname": device, "username": "demo"}
        outputs = []
        for command, text, _ in recording.checks():
            body = _whole(fill(text or "", values))
            outputs.append(CommandOutput(command, f"{_PROMPT}{command}\n{body}{_PROMPT}", _PROMPT))
        wanted = "".join(piece.text for piece in assemble(job, outputs)).splitlines()
        for number, pair in enumerate(zip_longest(saved.splitlines(), wanted), start=1):
            if not _alike(*pair):
                return [f"{device}: line {number} of the output is another one than was recorded"]
        return []


def _alike(line: str | None, wanted: str | None) -> bool:
    """True for the same line, and for the prompt and command that head an output, whatever the prompt."""
    if line is None or wanted is None:
        return line == wanted
    return line == wanted or (wanted.startswith(_PROMPT) and line.endswith(wanted.removeprefix(_PROMPT)))


def _whole(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _commands(recording: Recording) -> tuple[str, ...]:
    return tuple(command for command, _, _ in recording.checks())


def _job(number: int, platform: str, commands: tuple[str, ...], names: list[str]) -> dict[str, Any]:
    """The job for recordings that were asked the same."""
    return {
        "version": "2.0",
        "job_id": number,
        "name": f"Recorded {number}: {platform or _GENERIC}, {', '.join(commands)}"[:100],
        "description": "What these devices were asked when they were recorded",
        "capture_type": names[0] if len(names) == 1 else "recorded",
        "device_filter": {"name_pattern": f"^({'|'.join(map(re.escape, names))})$", "status": "active"},
        "commands": {"command": list(commands), "output_directory": "recorded"},
        "validation": {"use_tfsm": False},
        "execution": {"max_workers": 12},
    }
