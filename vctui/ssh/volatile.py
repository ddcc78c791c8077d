"""Do two outputs differ only in what differs at each look, such as an uptime or the age of an entry?"""

from __future__ import annotations

from collections.abc import Iterable

from vctui.ssh.patterns import Patterns
from vctui.ssh.rules import MAX_LINE


def differ_only_in(old: str, new: str, patterns: Patterns) -> bool:
    """True when the two texts are the same without what the patterns match.

    A pattern stands for the whole line, one with a named group for what the group matches.
    """
    before, after = old.splitlines(), new.splitlines()
    gone, came = set(before) - set(after), set(after) - set(before)
    # Where something real has changed, its few lines tell, and the rest need not be looked at.
    if set(_settled(gone, patterns)) != set(_settled(came, patterns)):
        return False
    return list(_settled(before, patterns)) == list(_settled(after, patterns))


def _settled(lines: Iterable[str], patterns: Patterns) -> Iterable[str]:
    return (kept for line in lines if (kept := _without(line.strip(), patterns)) is not None)


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
