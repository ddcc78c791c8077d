"""`vctui run --batch` and `--detach`, and following and cancelling a run from another process."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from vctui.demo import DemoHome


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoHome]:
    with DemoHome() as home:
        yield home


def vctui(demo: DemoHome, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vctui", "--home", str(demo.settings.home), *arguments],
        env=os.environ | {"VCOLLECTOR_VAULT_PASS": demo.master_password},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def test_a_batch_runs_its_jobs_in_their_order(demo: DemoHome) -> None:
    (demo.settings.batches_dir / "night.yaml").write_text(
        "name: every night\njobs:\n  - cisco-interfaces-104\n  - arista-arp-103\n"
    )
    done = vctui(demo, "run", "--batch", "every night", "--json")
    assert done.returncode == 3, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = [(e["event"], e.get("job") or e["job_id"]) for e in events if e["event"].startswith("run_")]
    assert told == [
        ("run_started", "cisco-interfaces-104"),
        ("run_finished", "cisco-interfaces-104"),
        ("run_started", "arista-arp-103"),
        ("run_finished", "arista-arp-103"),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("jobs: [no-such-job]", "jobs: no-such-job: no job of this slug"),
        ("jobs: cisco", "jobs: must be a list of slugs"),
        ("jobs: []", "jobs: must be a list of slugs"),
        ("jobs: [", "line 1"),
    ],
)
def test_a_bad_batch_is_refused_before_anything_runs(demo: DemoHome, text: str, complaint: str) -> None:
    (demo.settings.batches_dir / "bad.yaml").write_text(text)
    done = vctui(demo, "run", "--batch", "bad")
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_batch_names_those_there_are(demo: DemoHome) -> None:
    (demo.settings.batches_dir / "weekly.yaml").write_text("jobs: [arista-arp-103]")
    done = vctui(demo, "run", "--batch", "none")
    assert done.returncode == 2
    assert "weekly" in done.stderr


def test_a_detached_run_goes_on_and_can_be_followed_and_cancelled(demo: DemoHome) -> None:
    before = json.loads(vctui(demo, "runs", "list", "--json").stdout)
    started = vctui(demo, "run", "--job", "multi-version-101", "--detach")
    assert started.returncode == 0, started.stderr
    assert "goes on in the background" in started.stderr
    runs = before
    while len(runs) == len(before):
        runs = json.loads(vctui(demo, "runs", "list", "--json").stdout)
    number = str(runs[0]["id"])
    assert vctui(demo, "runs", "cancel", number).returncode == 0
    followed = vctui(demo, "runs", "follow", number)
    assert followed.returncode in (3, 4)
    assert followed.stdout.splitlines()[-1].startswith(f"run {number} cancelled: ")
    assert len(followed.stdout.splitlines()) == 22 + 1
    again = vctui(demo, "runs", "cancel", number)
    assert (again.returncode, again.stdout) == (2, "")
    [log] = demo.settings.logs_dir.glob("run-*.log")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "cancelled" in log.read_text()
