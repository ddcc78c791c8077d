"""Is a command sure to write nothing? What stands behind `|`, and what turns one command into two."""

from __future__ import annotations

import re

from vctui.ssh.patterns import Patterns

_WRITES = re.compile(r"[;&`><\x00-\x1f\x7f-\x9f]|\$\(")
_WRITERS = (
    *("append", "awk", "bash", "copy", "email", "exec", "file", "perl", "python", "redirect", "request"),
    *("save", "sed", "sh", "source", "tee", "vsh", "xargs"),
)
FILTERS: Patterns = (
    re.compile(
        r"(?i)(b(eg(in)?)?|count|e(xc(l(ude)?)?)?|except|[ef]?grep|head|i(n(c(l(ude)?)?)?)?|json(-pretty)?|last|match"
        r"|nz|no-?more|s(ec(tion)?)?|sort( -[bdfghinrMV]+)*\s*$|tail|trim|uniq( -[cdu]+)*\s*$|until|wc|xml"
        r"|display (json|set|xml|inheritance|detail))(\s|$)"
    ),
)
"""What stands behind `|` on most systems, and does no harm where the `|` is a shell's."""


def is_one_command(command: str) -> bool:
    """False when the text could start a second command, or write its output to a file."""
    return not _WRITES.search(command)


def has_harmless_pipes(command: str, filters: Patterns, *, alternation: bool) -> bool:
    """True when everything behind a `|` only picks lines.

    With `alternation` a `|` within a filter's expression belongs to it, as in `| include up|down`; within
    quotes it always does.
    """
    parts = _split(command)[1:]
    if parts and (parts[0][1] or not _is_filter(parts[0][0], filters)):
        return False
    return all(
        _is_filter(part, filters) or _is_branch(part, quoted, alternation) for part, quoted in parts[1:]
    )


def _is_filter(part: str, filters: Patterns) -> bool:
    part = part.strip()
    return any(pattern.match(part) for pattern in filters)


def _is_branch(part: str, quoted: bool, alternation: bool) -> bool:
    if not quoted and (not alternation or part[:1].isspace()):
        return False
    word = part.strip(" \"'").split(" ")[0].lower()
    return (quoted and len(word) < 3) or not any(writer.startswith(word) for writer in _WRITERS)


def _split(command: str) -> list[tuple[str, bool]]:
    """The parts between `|`, each with whether the `|` before it stood within quotes."""
    parts: list[tuple[str, bool]] = []
    quote, start, inside = "", 0, False
    trusted = '\\"' not in command and "\\'" not in command
    for position, char in enumerate(command):
        if char == "|":
            parts.append((command[start:position], inside))
            start, inside = position + 1, bool(quote) and trusted
        elif char == quote:
            quote = ""
        elif char in "\"'" and not quote:
            quote = char
    parts.append((command[start:], inside))
    return [(part, False) for part, _ in parts] if quote else parts
