"""An output that is far smaller than the last good one is not believed at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fixtures.ssh_device import CREDENTIALS, Device, Terminal, cli
from vctui.config import Settings, load_settings
from vctui.events import DeviceFinished, Event
from vctui.jobs import JobRunner
from vctui.jobs.sizes import Sizes
from vctui.ssh import KnownHosts
from vctui.storage import History, Inventory, OutputSize, init_home


def known(good: int, suspect: int | None = None, command: str = "show ip arp") -> Sizes:
    return Sizes({(7, "sw1", command): OutputSize(7, "sw1", command, good, suspect)})


@pytest.mark.parametrize(
    ("command", "good", "size", "suspect"),
    [
        ("show ip arp", 4000, 999, True),
        ("show ip arp", 4000, 1000, False),
        ("show ip arp", 4000, 0, True),
        ("show ip arp", 1000, 0, False),
        ("show ip arp", 4000, 9000, False),
        ("show running-config", 4000, 1999, True),
        ("show running-config", 4000, 2000, False),
        ("sh run", 4000, 1999, True),
        ("display current-configuration", 4000, 1999, True),
        ("show configuration | display set", 4000, 1999, True),
        ("/export", 4000, 1999, True),
        ("show", 4000, 1999, True),
        ("show ip route", 4000, 1999, False),
        ("show interfaces", 4000, 1999, False),
    ],
)
def test_how_small_is_suspect(command: str, good: int, size: int, suspect: bool) -> None:
    found = known(good, command=command).judge(7, "sw1", [(command, size)])
    assert (found.suspect is not None) is suspect
    assert found.sizes == (
        OutputSize(7, "sw1", command, good if suspect else size, size if suspect else None),
    )


def test_the_next_one_like_it_is_believed() -> None:
    sizes = known(4000, suspect=500)
    for size in (500, 420, 600):
        found = sizes.judge(7, "sw1", [("show ip arp", size)])
        assert found.suspect is None
        assert found.sizes == (OutputSize(7, "sw1", "show ip arp", size),)
        assert "as the time before" in found.notes[0]
    assert sizes.judge(7, "sw1", [("show ip arp", 100)]).suspect is not None
    assert sizes.judge(7, "sw1", [("show ip arp", 3900)]).notes == ()


def test_what_is_not_known_or_forced_is_good() -> None:
    assert known(4000).judge(8, "sw2", [("show ip arp", 5)]).suspect is None
    assert known(4000).judge(7, "sw1", [("show clock", 5)]).suspect is None
    found = known(4000).judge(7, "sw1", [("show ip arp", 5)], force=True)
    assert (found.suspect, found.sizes[0].good) == (None, 5)


@dataclass
class Lab:
    """A home with one device, whose answer is what `lines` says."""

    settings: Settings
    device: Device
    lines: list[int] = field(default_factory=lambda: [200])

    def run(self, *, force_save: bool = False) -> DeviceFinished:
        events: list[Event] = []
        runner = JobRunner(CREDENTIALS, settings=self.settings, sink=events.append, force_save=force_save)
        runner.run(self.settings.jobs_dir / "arp.json")
        [finished] = [event for event in events if isinstance(event, DeviceFinished)]
        return finished

    @property
    def capture(self) -> str:
        return (self.settings.collections_dir / "arp" / "sw1.txt").read_text()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lines = [200]

    def arp(terminal: Terminal) -> None:
        terminal.write(
            "".join(f"Internet  192.0.2.{n}  4  0200.5e00.5311  ARPA\r\n" for n in range(lines[0]))
        )

    settings = load_settings(tmp_path / "home")
    init_home(settings)
    job = {
        "version": "2.0",
        "job_id": 5,
        "capture_type": "arp",
        "commands": {"command": "show ip arp", "output_directory": "arp"},
        "validation": {"use_tfsm": False},
        "execution": {"timeout": 20},
    }
    (settings.jobs_dir / "arp.json").write_text(json.dumps(job))
    with Device(cli("sw1#", {"show ip arp": arp})) as device:
        csv = tmp_path / "sw1.csv"
        csv.write_text(
            "name,primary_ip4,platform,site,role,status,ssh_port\n"
            f"sw1,127.0.0.1,cisco_ios,lab,switch,active,{device.port}\n"
        )
        with Inventory(settings.dcim_db) as inventory:
            inventory.import_csv(csv, strict=True)
        KnownHosts(settings.known_hosts).add([device.scanned])
        yield Lab(settings, device, lines)


def test_a_suspect_output_never_takes_the_place_of_a_good_one(lab: Lab) -> None:
    assert (lab.run().status, lab.capture.count("\n")) == ("ok", 200)
    lab.lines[0] = 10
    event = lab.run()
    assert (event.status, event.verdict, event.error_kind) == ("failed", "suspect", "incomplete")
    assert event.reasons == (event.error,)
    assert "where the last good output has" in str(event.error)
    assert "--force-save" in str(event.next_step)
    assert event.to_dict()["reasons"] == event.reasons
    assert lab.capture.count("\n") == 200
    with History(lab.settings.collector_db) as history:
        [row] = history.run_devices(event.run)
    assert (row.verdict, row.reasons) == ("suspect", event.reasons)
    assert row.partial_path is not None
    assert Path(row.partial_path).read_text().count("\n") == 10

    again = lab.run()
    assert (again.status, again.verdict) == ("ok", "complete")
    assert "as the time before" in again.reasons[0]
    assert lab.capture.count("\n") == 10
    assert lab.run().reasons == ()


def test_force_save_takes_it_as_it_is(lab: Lab) -> None:
    lab.run()
    lab.lines[0] = 10
    event = lab.run(force_save=True)
    assert (event.status, event.verdict, event.reasons) == ("ok", "complete", ())
    assert lab.capture.count("\n") == 10


def test_a_file_of_an_earlier_version_gets_what_it_lacks(lab: Lab) -> None:
    lab.run()
    with closing(sqlite3.connect(lab.settings.collector_db)) as database:
        database.execute("ALTER TABLE vctui_run_devices DROP COLUMN reasons")
        database.execute("DROP TABLE vctui_outputs")
        database.execute("DROP INDEX idx_vctui_captures_sha256")
        database.commit()
    lab.lines[0] = 10
    assert lab.run().status == "ok"
    lab.lines[0] = 0
    assert lab.run().status == "ok", "ten lines are too few to tell"
