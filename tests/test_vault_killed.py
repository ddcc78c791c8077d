"""Whatever kills a change of the vault: there is exactly the old or the new, and it can be done again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RANDOM_KILLS = 200


@pytest.mark.parametrize(
    ("change", "kills"),
    [
        ("password", RANDOM_KILLS),
        ("legacy-password", RANDOM_KILLS),
        ("upgrade", RANDOM_KILLS),
        ("import", RANDOM_KILLS),
        ("export", 20),
        ("edit", 20),
    ],
)
def test_a_killed_change_leaves_the_old_or_the_new(change: str, kills: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fixtures.killed", change, str(tmp_path), str(kills)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("differs"), "the change changes something"
    steps = found.pop("steps")
    assert steps >= 8
    assert found.pop("completed") == steps + kills, "done again, it comes to the same"
    assert found.keys() == {"old", "new"}, found
    assert sum(found.values()) == steps + kills
