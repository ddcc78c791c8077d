"""What a device prints into an answer that is no part of it: log messages, and the time above it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LOG = re.compile(
    r".{0,100}?%(?:[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[0-7]-[A-Z0-9_]+ ?:|%\d\d[A-Z][A-Z0-9_]*/\d/\w+)"
    r"|%\w{3} +\d+ [\d:]+ .{0,80}?[A-Z][A-Z0-9_]*/\d/\w+:"
)
"""`%LINK-3-UPDOWN:` of Cisco, `%%01IFNET/4/LINK_STATE` of Huawei, `%Nov 23 ... IFNET/3/UPDOWN:` of H3C."""
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_TIME = r"\d\d:\d\d:\d\d[\d.]*"
_CLOCK = re.compile(
    rf"(?:{_DAY}\w*,? +)?[A-Z][a-z]{{2}} +\d{{1,2}} +{_TIME}(?: +[A-Z][\w+:-]*)?(?: +\d{{4}})?\s*"
    rf"|{_TIME} \S+ {_DAY} [A-Z][a-z]{{2}} \d{{1,2}}(?: \d{{4}})?\s*"
    rf"|\d{{4}}-\d\d-\d\d[ T]{_TIME}\S*(?: \S+)?\s*"
    r"|Load for five secs: .*|Time source is .*"
)
_HEAD_LINES = 4
"""So far down stands what is printed above an answer."""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """An output's lines without log messages and times; `logs` counts the messages that are left out."""

    lines: list[str]
    logs: int


def undisturbed(lines: list[str]) -> Undisturbed | None:
    """What is left without log messages and times; None without any, or if they are nearly all there is.

    For a template that refuses one of them, or makes a record of it; others are made for them.
    """
    kept, logs = [], 0
    for number, line in enumerate(lines):
        if "%" in line and _LOG.match(line):
            logs += 1
        elif number >= _HEAD_LINES or not _CLOCK.fullmatch(line):
            kept.append(line)
    dropped = len(lines) - len(kept)
    if not 0 < dropped <= 2 * sum(1 for line in kept if line.strip()):
        return None
    return Undisturbed(kept, logs)
