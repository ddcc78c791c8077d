"""Outputs that are a device's refusal of a command, not data: no template may turn them into records."""

from __future__ import annotations

import re

from vctui.text import safe_line

_MAX_LINES = 6
_MAX_CHARACTERS = 600

_REFUSAL = re.compile(
    r"""
    %\s*(?:invalid|incomplete|ambiguous|unknown|unrecogni[sz]ed|bad|error|unavailable|authorization|permission|
        command|cannot|can't|not|access|privilege|this|too|no\ such|syntax|wrong|unsupported|type|login|
        [a-z-]+\s(?:not|is\ not|command))\b
    | (?:%\s*)?(?:syntax\ error|parse\ error|parser\ error|error:|err:)
    | (?:%\s*)?(?:invalid|incomplete|ambiguous|unrecogni[sz]ed|unknown|illegal|unsupported|wrong)\s
        (?:input|command|parameter|syntax|keyword|argument|option|action|token|word|value|request|host)\b
    | (?:%\s*)?(?:permission|access|authorization)\s(?:denied|failed|failure)\b
    | (?:%\s*)?(?:command\ (?:not\ found|authorization\ failed|rejected|fail|parse\ error|is\ not)|
        cmd\ (?:not\ found|failed))
    | error\s*:?\s*(?:unrecogni[sz]ed|wrong|incomplete|ambiguous|too\ many|failed|invalid|the\ command)\b
    | bad\ command\ (?:name|or)\b | expected\ end\ of\ command\b | input\ does\ not\ match\b
    | (?:-?(?:ba|da|k|z|a|c)?sh|\S+/\w*sh)\s*:\s | \S+:\s(?:command\ )?not\ found$ | no\ such\ (?:command|file|instance)\b
    | unknown\ action\ \d | command\ fail\.\s*return\ code | not\ (?:authori[sz]ed|permitted)\b
    | you\ (?:do\ not\ have|are\ not\ (?:allowed|authori[sz]ed))\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_POINTER = re.compile(r"[\s\-]*\^[\s^~]*")


def refusal(output: str) -> str | None:
    """The line in which the device refuses the command, if nothing else is said; else None.

    Only short outputs can be refusals; every line must be one, apart from marks under a word and the command
    line repeated above such a mark.
    """
    if len(output) > _MAX_CHARACTERS:
        return None
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines or len(lines) > _MAX_LINES:
        return None
    marked = any(_POINTER.fullmatch(line) for line in lines)
    told = [line for line in lines if _REFUSAL.match(line)]
    others = [line for line in lines if line not in told and not _POINTER.fullmatch(line)]
    if told and (not others or (marked and len(others) <= 2)):
        return safe_line(told[0], 120)
    return None
