"""One path: the same job through `vctui run --json` and through the screens says and leaves the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from screens.app import VctuiApp
from screens.context import Context
from screens.run import RunScreen
from screens.summary import SummaryScreen
from vctui.demo import DemoHome
from vctui.events import Event
from vctui.storage import History

JOB = "arista-arp-103"
OWN = ("run", "duration_ms", "at", "history_id")
"""What two runs of one job differ in."""


@pytest.fixture
def demo() -> Iterator[DemoHome]:
    with DemoHome() as home:
        yield home


def spoken(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Events by device, and the first and the last, without what differs from run to run."""
    said: dict[str, Any] = {}
    for line in lines:
        facts = {key: value for key, value in line.items() if key not in OWN}
        facts = json.loads(json.dumps(facts))
        for key in ("saved_files", "validation_failures"):
            if key in facts:
                facts[key] = sorted(facts[key])
        said.setdefault(str(line.get("device", "the run")), []).append(facts)
    return said


def kept(demo: DemoHome, run: int) -> list[dict[str, Any]]:
    """The rows of a run, with the records of each device."""
    with History(demo.settings.collector_db) as history:
        rows = [
            (row.device, row.status, row.error_kind, row.error, row.path, row.sha256, row.template, row.score)
            for row in history.run_devices(run)
        ]
        return [
            {"row": row, "records": history.records(run, row[0])} for row in sorted(rows, key=lambda r: r[0])
        ]


def headless(demo: DemoHome) -> list[dict[str, Any]]:
    """The events of `vctui run --json`."""
    run = subprocess.run(
        [sys.executable, "-m", "vctui", "--home", str(demo.settings.home), "run", "--job", JOB, "--json"],
        env=os.environ | {"VCOLLECTOR_VAULT_PASS": demo.master_password},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


async def test_one_job_through_both_faces(demo: DemoHome, monkeypatch: pytest.MonkeyPatch) -> None:
    first = headless(demo)
    posted: list[Event] = []
    tell = RunScreen._tell

    def overhear(screen: RunScreen, event: Event) -> None:
        posted.append(event)
        tell(screen, event)

    monkeypatch.setattr(RunScreen, "_tell", overhear)
    app = VctuiApp(Context(demo.settings, demo.resolver), unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press(*"arista-arp-1", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, SummaryScreen)
    second = [event.to_dict() for event in posted]

    assert spoken(first) == spoken(second)
    assert {line["device"] for line in first if line["event"] == "device_finished"} == set(
        demo.expected_for(JOB)
    )
    runs = first[0]["run"], second[0]["run"]
    assert runs[0] != runs[1]
    assert kept(demo, runs[0]) == kept(demo, runs[1])
