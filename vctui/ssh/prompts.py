"""What a prompt looks like, and which shapes it takes on while a session lasts.

A shape may be loose: what looks like the prompt only makes the session ask, with a line of blanks, whether
it is.
"""

from __future__ import annotations

import re
from functools import cached_property

from vctui.ssh.rules import MAX_LINE

_BRACKETED = re.compile(r"(?:[A-Z]{2,6}_[A-Z]{1,3})?[<\[][~*]?(?P<name>[^<>\[\]\s]+)[>\]]")
_MODES = re.compile(r"(\s?[(\[][^()\[\]]*[)\]])+$")
_MODE = r"\s?[*^]{0,2}(?:\([^()]{0,80}\)|\[[^\[\]]{0,80}\])"
_NAMED = re.compile(r"[(\[][^()\[\]]{2,60}[)\]]")
_OTHER_SLOT = r"(?:\w{1,6}/){1,3}\w{1,8}:(?=\S)"
_SLOT = re.compile(r"(?P<first>\w{1,6}/)" + _OTHER_SLOT)
_MARKS = re.compile(r"[*!^+]{1,2}\s?")
_CHANGING = re.compile(
    r"(?P<clock>\d{1,2}:\d\d(:\d\d([.,]\d+)?)?)|(?P<count>(?<=[.:\s\[])\d+(?=\W*$))"
    r"|(?P<state>(?<![^\W_])(active|act|backup|master|passive|primary|pri|secondary|sec|standby|stby)(?![^\W_]))",
    re.IGNORECASE,
)
_SHAPES = {"clock": r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?", "count": r"\d+", "state": r"\w[\w-]{1,20}"}
_ENDS = ">#$%"
_LAST = tuple(f"{_ENDS}]")
_CUT = 8
"""Devices that cut a long name in some modes keep at least as much of it."""


class Prompt:
    """The prompt of one session."""

    def __init__(self, text: str, *, blanks: bool | None = None, context: tuple[str, ...] = ()) -> None:
        self.text = text.rstrip()
        self.blanks = blanks
        """Whether the device echoes blanks that are typed at it; None: nobody has tried."""
        self.context = context
        """Lines that it shows above."""

    @cached_property
    def _shape(self) -> _Shape:
        return _shape(self.text)

    @property
    def needle(self) -> str:
        """What every shape contains."""
        return self._shape.needle

    @property
    def comes_twice(self) -> bool:
        """True for a device that shows its prompt twice each time."""
        return self.text in self.context

    def matches(self, line: str) -> bool:
        """True for a line that is a prompt and nothing else."""
        if len(line) > MAX_LINE:
            return False
        line = line.rstrip()
        if line == self.text:
            return True
        shape = self._shape
        if not shape.changes or line[-1:] not in _LAST:
            return False
        return (shape.needle in line and shape.pattern.fullmatch(line) is not None) or self._is_cut(line)

    def _is_cut(self, line: str) -> bool:
        """In a mode, some devices show less of a long name: `very-long-na(config)#`."""
        name, paren, rest = line.partition("(")
        core = self._shape.core
        long_enough = _CUT <= len(name) < len(core) and core.startswith(name)
        return bool(paren) and long_enough and rest[-1:] in _ENDS and "(" not in rest

    def comes_as(self, one: str, other: str) -> bool:
        """True for two lines that are the same prompt, or shapes of this one."""
        return one.rstrip() == other.rstrip() or (self.matches(one) and self.matches(other))

    def starts(self, line: str) -> bool:
        """True for a line that begins like a prompt."""
        if line.startswith(self.text):
            return True
        return self._shape.needle in line and self._shape.pattern.match(line) is not None

    def change(self, text: str) -> None:
        """Take on the shape which the prompt has now; another prompt brings shapes of its own."""
        if not self.matches(text):
            self._shape = _shape(text.rstrip())
        self.text = text.rstrip()


def same_prompt(one: str, other: str) -> bool:
    """True for two prompts that only differ in a clock or in a count of commands."""
    one, other = one.rstrip(), other.rstrip()
    return one == other or _settled(one) == _settled(other)


def same_context(one: str, other: str) -> bool:
    """True for two lines above a prompt that only differ in numbers."""
    return re.sub(r"\d+", "0", one.strip()) == re.sub(r"\d+", "0", other.strip())


def _settled(text: str) -> str:
    return _CHANGING.sub(lambda found: found[0] if found["state"] else "0", text)


class _Shape:
    """The shapes of one prompt. Their pattern is made when a line comes that could be one of them."""

    def __init__(self, needle: str, expression: str, core: str, *, changes: bool = True) -> None:
        self.needle = needle
        self.core = core
        """The device's name."""
        self.changes = changes
        self._expression = expression

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self._expression)


def _shape(text: str) -> _Shape:
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        start = r"(?:[A-Z]{2,6}_[A-Z]{1,3})?[<\[][~*]?" + re.escape(bracketed["name"])
        start += r"(-[^<>\[\]\s]{1,80})?[>\]]"
        return _Shape(bracketed["name"], start, bracketed["name"])
    marks = _MARKS.match(text)
    bare = text[marks.end() :] if marks else text
    whole = bare[:-1].rstrip(" *^")
    core = _MODES.sub("", whole)
    named = _NAMED.match(whole) if len(core) < 2 else None
    if named:
        core = named[0]
    if text[-1:] not in _ENDS or len(core) < 2:
        return _Shape(text, re.escape(text), text, changes=False)
    path = re.fullmatch(r"([\w.-]{2,}?)((?:/[\w-]{1,32}){1,4})", core)
    slot = _SLOT.match(core)
    name, literal = _loosen(path[1] if path else core[slot.end() :] if slot else core)
    if slot:
        name = re.escape(slot["first"]) + _OTHER_SLOT + name
    elif path:
        name += r"(?:/[\w-]{1,32}){0,4}"
    name += r"(?:\s[/\w-]{1,40})?" if named else ""
    start = rf"(?:[*!^+]{{1,2}}\s?)?{name}(?:{_MODE}){{0,8}}(?:\s?[*^]{{1,2}})?\s?[{_ENDS}]"
    return _Shape(literal, start, core)


def _loosen(core: str) -> tuple[str, str]:
    """A pattern in which clocks, counts and states may change, and the longest part that does not."""
    pattern, literals, at = "", [""], 0
    for found in _CHANGING.finditer(core):
        literals.append(core[at : found.start()])
        pattern += re.escape(literals[-1]) + _SHAPES[str(found.lastgroup)]
        at = found.end()
    literals.append(core[at:])
    return pattern + re.escape(core[at:]), max(literals, key=len)
