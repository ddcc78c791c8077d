"""Is an output far smaller than the last good one of the same device and command?

Tables shrink when people go home, and a configuration hardly ever does: less than a quarter is suspect, of a
configuration less than a half. What is small anyway is not compared. An output that is suspect does not take
the place of the good one; when the next run brings one like it, that one is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vctui.storage import OutputSize

TRY_AGAIN = "Run it again: another one like it is believed; or take it as it is with --force-save"
_LEAST = 1024
"""Bytes below which a good output says nothing about the next."""
_ALIKE = 0.2
"""By how much two small outputs may differ and still agree."""
_CONFIGURATION = re.compile(
    r"(?i)(sh\w*|dis\w*|get|list|more|cat|info|write|wr)\b.*\b(run\w*|conf\w*|cur\w*|start\w*|saved\w*|term\w*)\b"
    r"|/?(\S+ )*export\b|show$|admin display-config"
)


@dataclass(frozen=True, slots=True)
class SizeVerdict:
    """What the sizes of a device's outputs say."""

    sizes: tuple[OutputSize, ...] = ()
    """What is to be remembered of them."""
    suspect: str | None = None
    """Why one of them is not to be believed."""
    notes: tuple[str, ...] = ()
    """What is to be said of those that are."""


class Sizes:
    """The sizes that are known of the outputs of a run's devices."""

    def __init__(self, known: Mapping[tuple[int, str, str], OutputSize]) -> None:
        self._known = known

    def judge(
        self, device_id: int, device: str, outputs: Sequence[tuple[str, int]], *, force: bool = False
    ) -> SizeVerdict:
        """Compare (command, bytes) of one device. With `force`, whatever came is good."""
        found: list[OutputSize] = []
        suspect, notes = None, []
        for command, size in dict(outputs).items():
            last = self._known.get((device_id, device, command))
            if last is None or force or not _is_far_smaller(command, size, last.good):
                found.append(OutputSize(device_id, device, command, size))
            elif last.suspect is not None and abs(size - last.suspect) <= _ALIKE * max(size, last.suspect):
                found.append(OutputSize(device_id, device, command, size))
                notes.append(f"{command}: {_less(size, last.good)}, as the time before")
            else:
                found.append(OutputSize(device_id, device, command, last.good, suspect=size))
                suspect = suspect or f"{command!r}: {_less(size, last.good)}"
        return SizeVerdict(tuple(found), suspect, tuple(notes))


def _is_far_smaller(command: str, size: int, good: int) -> bool:
    if good < _LEAST:
        return False
    return size * (2 if _CONFIGURATION.match(command) else 4) < good


def _less(size: int, good: int) -> str:
    return f"{size:,} bytes, where the last good output has {good:,}"
