"""Do two outputs differ only in what differs at each look, such as an uptime or the age of an entry?"""

from __future__ import annotations

from collections.abc import Collection

from vctui.ssh.patterns import Patterns
from vctui.ssh.rules import MAX_LINE


def differ_only_in(old: str, new: str, patterns: Patterns) -> bool:
    """True when the two texts are the same without what the patterns match.

    A pattern stands for the whole line, one with a named group for what the group matches.
    """
    before, after = old.splitlines(), new.splitlines()
    seen: dict[str, str | None] = {}

    def settled(lines: Collection[str]) -> list[str]:
        for line in lines:
            if line not in seen:
                seen[line] = _without(line.strip(), patterns)
        return [kept for line in lines if (kept := seen[line]) is not None]

    gone, came = set(before) - set(after), set(after) - set(before)
    # Where something real has changed, its few lines tell, and the rest need not be looked at.
    return set(settled(gone)) == set(settled(came)) and settled(before) == settled(after)


def _without(line: str, patterns: Patterns) -> str | None:
    """What of a line is to be compared; None where nothing is."""
    for pattern in patterns:
        found = pattern.match(line[:MAX_LINE])
        if found is None:
            continue
        if not pattern.groupindex:
            return None
        for start, end in sorted((found.span(name) for name in pattern.groupindex), reverse=True):
            line = line[: max(start, 0)] + line[max(end, 0) :]
    return line
