"""Whether the files of the captures are still what was saved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vctui.storage.history import History
from vctui.storage.kept import sha256_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One file that is not as recorded."""

    path: Path
    kind: Literal["changed", "missing", "unknown"]
    """`unknown`: a `.txt` file that no row names."""


def verify_captures(history: History, base: Path) -> tuple[int, list[Finding]]:
    """Compare every recorded capture with its file, and look for others below `base`.

    Returns how many files were compared, and what was found. A capture of VelocityCollector has no
    checksum: only its absence is noticed.
    """
    findings: list[Finding] = []
    recorded: set[Path] = set()
    for capture in history.captures(latest=True):
        path = Path(capture.filepath)
        recorded.add(path)
        try:
            changed = sha256_of(path) != capture.sha256 if capture.sha256 else not path.is_file()
        except OSError:
            findings.append(Finding(path, "missing"))
            continue
        if changed:
            findings.append(Finding(path, "changed" if capture.sha256 else "missing"))
    for folder, _, names in os.walk(base):
        present = (Path(folder, name) for name in names if name.endswith(".txt"))
        findings += [Finding(path, "unknown") for path in present if path not in recorded]
    return len(recorded), sorted(findings, key=lambda finding: finding.path)
