"""Outputs that are a device's complaint or greeting, not data: no template may turn them into records."""

from __future__ import annotations

import re

from vctui.text import safe_line
from vctui.validation.disturbed import undisturbed

_MAX_LINES = 6
_MAX_CHARACTERS = 600

_REFUSAL = re.compile(
    r"""
    %(?!\s*there\b)                                     # IOS and its kin begin every complaint so
    | (?:%\s*)?(?:syntax|parse|parser|server)\ error\b | (?:error|err|fatal)\s*: | (?:minor|major|critical):\s
    | error\s+(?:unrecogni[sz]ed|wrong|incomplete|ambiguous|too\ many|failed|invalid|the\ command)\b
    | (?:invalid|incomplete|ambiguous|unrecogni[sz]ed|unknown|illegal|unsupported|wrong)\s
        (?:input|command|parameter|syntax|keyword|argument|option|action|token|word|value|request|host)\b
    | (?:permission|access|authorization|authentication|login|command)\s
        (?:authorization\ )?(?:is\ )?(?:denied|failed|failure|fail\.|rejected|incorrect|not\ found)
    | command\ parse\ error | bad\ command\ (?:name|or)\b | expected\ end\ of\ command\b
    | input\ does\ not\ match\b
    | -?(?:\S*/)?(?:ba|da|k|z|a|c)?sh(?::\ line\ \d+)?:\s
    | \S+:\s(?:(?:command\ )?not\ found$|cannot\s|can't\s|no\ such\s|invalid\s|unrecogni[sz]ed\s)
    | \S+:\spermission\ denied
    | no\ such\ (?:command|file|instance)\b | not\ (?:authori[sz]ed|permitted|allowed|supported)\b
    | you\ (?:do\ not\ have|are\ not\ (?:allowed|authori[sz]ed))\b
    | (?:(?:the|this)\ )?(?:command|feature|function)\ (?:is\ )?not\ (?:supported|enabled|available|allowed)\b
    | process\ is\ not\ ready\b | session\ limit\b
    | connection\ (?:to\ \S+\ )?(?:closed|refused|timed\ out|reset)\b
    | load\ for\ five\ secs:\s | time\ source\ is\s    # what IOS prints above an answer
    | connected\ to\ \S+$ | last\ login:\s | warning:\s | welcome\ to\s | type\ (?:help|'?\?'?)\s
    | (?:username|password|login)\s*:\s*$ | -+\s*more\s*-+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_COMPLAINT = re.compile(
    r"""
    (?: does(?:\ not|n't)\ exist
    | \bnot\ (?:yet\ |currently\ )?(?:active|allowed|authori[sz]ed|available|configured|defined|enabled|found
        |initiali[sz]ed|installed|loaded|permitted|present|ready|recogni[sz]ed|responding|running|supported|valid)
    | \b(?:is|are)\ (?:an?\ )?(?:ambiguous|busy|incomplete|invalid|locked|unavailable|unknown)
    | \b(?:is|are)\ (?:already\ )?in\ use
    | \b(?:has|have)\ been\ (?:disabled|locked|rejected)
    | \btime(?:d\ |-|\ )?out | \b(?:denied|failed|refused|rejected)
    | \berror\ (?:code\ )?-?\d+ | :\ 0\ entries
    | \b(?:could|can)\ ?not\ (?:be\ )?\w+ | \brequires?\ (?:\w+\ ){1,4}(?:mode|privileges?|license)
    | \btry\ again(?:\ later)? | \blocked\ by(?:\ \w+){1,4}
    )(?:\ (?:at|by|for|in|on|to|with)\ .{1,60})?[.!)]*$
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""How a sentence ends that says no, whatever stands before: `VLAN 10 does not exist`."""
_PROMPT = re.compile(r"\S{1,64}[#>$%]")
_POINTER = re.compile(r"[\s\-]*\^[\s^~]*")


def refusal(output: str) -> str | None:
    """The line in which the device refuses the command (or greets), if nothing else is said; else None.

    Only short outputs can be that; every line must be one, apart from marks under a word and the command
    line repeated above such a mark. A single line may also be one by how it ends.
    """
    if len(output) > _MAX_CHARACTERS:
        return None
    shown = output.splitlines()
    quiet = undisturbed(shown)
    lines = [line.strip() for line in (quiet.lines if quiet else shown) if line.strip()]
    if not lines or len(lines) > _MAX_LINES:
        return None
    marked = any(_POINTER.fullmatch(line) for line in lines)
    told = [line for line in lines if _REFUSAL.match(line)]
    spoken = [line for line in lines if not _PROMPT.fullmatch(line)]
    if not told and len(spoken) == 1 and "  " not in spoken[0] and _COMPLAINT.search(spoken[0]):
        return safe_line(spoken[0], 120)
    others = [line for line in lines if line not in told and not _POINTER.fullmatch(line)]
    if told and (not others or (marked and len(others) <= 2)):
        return safe_line(told[0], 120)
    return None
