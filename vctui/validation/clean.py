"""Taking the echo and the prompt off an output; what the device said in between is not touched."""

from __future__ import annotations

import re

from vctui.text import TerminalText

READING_VERBS = (
    "show",
    "display",
    "get",
    "list",
    "print",
    "dir",
    "more",
    "ping",
    "traceroute",
    "tracert",
    "info",
)

_CONTEXT = re.compile(
    r"\{(?:master|backup|linecard|primary|secondary|local|disabled)(?::\w+)?\}|\[edit(?: [^\]]*)?\]"
)
"""The line that Junos puts above its prompt."""
_PROMPT_BEFORE = re.compile(r"(?:\S(?:.{0,78}\S)?[#>$%\])~]|[#>$%])\s*")
"""Any prompt. Not with a colon at its end: `! Command: show run` is a line of the device's answer."""
_MARK = r"(?:<?-{2,4}[ ]?more[ ]?-{2,4}>?|-{3}\(more(?:[ ]\d+%)?\)-{3})"
_PAGER = re.compile(
    rf"""^[ \t]*(?=[<(\-clmpth])(?:
        {_MARK}[ ]?(?:\(\d+%\)|(?=.{{0,60}}(?:\(q\)|\bq(?:uit)?\b|<space>|\bnext[ ]page\b)).{{0,90}})(?:\n|\Z)
        | (?:{_MARK}[ \t\r]{{0,10}})+(?:\n|\Z)?
        | (?: more:[ ]?<space>.{{0,80}} | more\?[ ]?\[next[ ]screen.{{0,80}}
            | ctrl\+c[ ].{{0,40}}\bspace\b.{{0,80}}
            | lines[ ]\d+-\d+(?:/\d+)?(?:[ ]\d+%)?(?:[ ]?\(end\))? | \(end\)
            | (?:press|hit|type)[ ](?:any[ ]key|<?(?:space|enter|cr)>?|q)[ ].{{0,90}}
        )[ \t\r]*(?:\n|\Z))""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
"""A pager's question: alone in its line, or before the line that came after it and the blanks over it."""
_PAGER_WORDS = ("more", "press ", "hit ", "type ", "ctrl+c ", "lines ", "(end)")
"""Each of its questions has one of these: the pattern is slow on huge texts."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
"""What a terminal obeys; the return before a line's end is none."""
_NAMED = re.compile(r"\W{0,3}\w.{2,}")
"""A prompt that no output ends with by chance."""
_MAX_ECHO_LINES = 40
_TERMINAL_WIDTH = 20
"""No terminal wraps before this column."""


def clean(text: str, command: str | None = None, prompt: str | None = None) -> str:
    """The output without the echo of `command` at its start and without `prompt` at its end.

    Knows an echo that a prompt precedes or that the terminal wrapped. What a pager left behind goes too;
    other lines inside are never removed, whatever they hold. A text without any of it comes back unchanged,
    and so does a cleaned one.
    """
    text = _shown(text)
    if command is None and prompt is None:
        return _unframed(text)
    wanted = (prompt or "").strip()
    while wanted and (shorter := _without_prompt(text, wanted)) is not None:
        text = shorter
    while (shorter := _without_echo(text, command, wanted)) is not None:
        text = shorter
    return text


def clean_reply(text: str, command: str, prompt: str) -> str:
    """The output in a session's reply, which is known to be one echo, the output, and one prompt.

    What stands next to them is output even where it looks like them, as in the answer to `show alias`. Only
    a second echo with the prompt before it goes too: the first one came from the terminal's line discipline.
    """
    wanted = prompt.strip()
    if wanted and (shorter := _without_prompt(text, wanted)) is not None:
        text = shorter
    if (shorter := _without_echo(text, command, wanted)) is not None:
        text = shorter
    first, _, rest = text.partition("\n")
    return rest if wanted and "".join(first.split()) == "".join((wanted + command).split()) else text


def clean_unknown(text: str) -> str:
    """A stored output without `prompt#command` on its first line and the same prompt on its last.

    Both must be there, and the command must be one that reads; else it keeps them. What a pager left goes.
    """
    return _unframed(_shown(text))


def _shown(text: str) -> str:
    """The text as a terminal shows it, without the questions of a pager."""
    if _CONTROL.search(text):
        terminal = TerminalText()
        text = terminal.feed(text.encode("utf-8", "replace")) + terminal.finish()
    small = text.lower()
    return _PAGER.sub("", text) if any(word in small for word in _PAGER_WORDS) else text


def _unframed(text: str) -> str:
    while True:
        first, _, rest = text[_echo_start(text, "@") :].partition("\n")
        prompt = _prompt_of_echo(first)
        shorter = _without_prompt(rest, prompt) if prompt else None
        if shorter is None:
            return text
        text = shorter


def _prompt_of_echo(line: str) -> str | None:
    for verb in READING_VERBS:
        found = re.fullmatch(rf"(\S{{1,64}}(?: \S{{1,32}})? ?[#>$%])\s?{verb}\b.*", line)
        if found:
            return found[1]
    return None


def _without_prompt(text: str, prompt: str) -> str | None:
    """The text before a last line that is the prompt (and Junos's context above it), or None without one."""
    body = text.rstrip()
    start = body.rfind("\n") + 1
    if body[start:].strip() != prompt:
        # The device's last line had no end.
        return body.removesuffix(prompt) if body.endswith(prompt) and _NAMED.match(prompt) else None
    rest = text[:start]
    above = rest.rstrip("\n").rfind("\n") + 1
    if "@" in prompt and _CONTEXT.fullmatch(rest[above:].strip()):
        rest = rest[:above]
    return rest


def _echo_start(text: str, prompt: str) -> int:
    """Where the first line begins that may be an echo: blank ones and Junos's context stand above it."""
    start = len(text) - len(text.lstrip("\n"))
    if "@" in prompt and text[start : start + 1] in ("{", "["):
        end = text.find("\n", start)
        if end >= 0 and _CONTEXT.fullmatch(text[start:end].strip()):
            return end + 1
    return start


def _without_echo(text: str, command: str | None, prompt: str) -> str | None:
    """The text after its first line, if that is the echo; None if it is not."""
    start = _echo_start(text, prompt)
    if start >= len(text):
        return None
    if command is None:
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)]
        after = line.removeprefix(prompt).lstrip() if prompt and line.startswith(prompt) else ""
        return text[end + 1 if end >= 0 else len(text) :] if after.startswith(READING_VERBS) else None
    typed = "".join(command.split())
    if not typed:
        return None
    joined = ""
    position = start
    for count in range(_MAX_ECHO_LINES):
        end = text.find("\n", position)
        line = text[position : end if end >= 0 else len(text)]
        joined += line
        if _is_echo(joined, typed, command, prompt):
            return text[end + 1 :] if end >= 0 else ""
        too_short = len(line) < _TERMINAL_WIDTH
        if end < 0 or too_short or (count == 0 and not _may_begin_echo(line, typed, prompt)):
            return None
        position = end + 1
    return None


def _may_begin_echo(line: str, typed: str, prompt: str) -> bool:
    """Whether the first line can be the start of an echo that goes on below it."""
    bare = "".join(line.split())
    squeezed = "".join(prompt.split())
    return (squeezed + typed).startswith(bare) or typed.startswith(bare)


def _is_echo(line: str, typed: str, command: str, prompt: str) -> bool:
    bare = "".join(line.split())
    if bare == typed or bare == "".join(prompt.split()) + typed:
        return True
    if bare.endswith(typed):
        # Another prompt than the last one: the mode or the clock in it has changed.
        before = line[: line.rfind(command.strip())] if command.strip() in line else ""
        return bool(before.strip()) and bool(_PROMPT_BEFORE.fullmatch(before))
    return _completed(line.removeprefix(prompt).strip() if prompt else line.strip(), command)


def _completed(line: str, command: str) -> bool:
    """Whether the device completed the words as they were typed, as Junos does: `sh ver` → `show version`."""
    shown, given = line.split(), command.split()
    return (
        len(shown) == len(given) > 1
        and shown[0] in READING_VERBS
        and all(word.startswith(short) for word, short in zip(shown, given, strict=True))
    )
