"""What a template's regular expressions say for certain: fixed text, and how narrow their classes are."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

# Python's own parser of regular expressions: the tree it makes is what `re` runs.
_parser = importlib.import_module("re._parser")
_constants = importlib.import_module("re._constants")

PRINTABLE = frozenset(chr(code) for code in range(32, 127))
_DIGITS = frozenset("0123456789")
SPACES = frozenset(" \t\n\r\f\v")
_WORD = frozenset(c for c in PRINTABLE if c.isalnum() or c == "_")
_CATEGORIES: dict[Any, frozenset[str]] = {
    _constants.CATEGORY_DIGIT: _DIGITS,
    _constants.CATEGORY_NOT_DIGIT: PRINTABLE - _DIGITS,
    _constants.CATEGORY_SPACE: SPACES,
    _constants.CATEGORY_NOT_SPACE: PRINTABLE - SPACES,
    _constants.CATEGORY_WORD: _WORD,
    _constants.CATEGORY_NOT_WORD: PRINTABLE - _WORD,
}
REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}
_NARROW_EXTRA, _WIDE_EXTRA = 2.0, 8.0
"""How many characters beyond its minimum an open-ended repeat is taken to match: a wide class takes more."""


@lru_cache(maxsize=50_000)
def literal_count(pattern: str) -> int:
    """How many non-space characters every match of a rule must have literally, outside its named groups."""
    tree = _parser.parse(pattern)
    named = set(tree.state.groupdict.values())
    return _literals(tree, named)


@lru_cache(maxsize=20_000)
def narrowness(pattern: str) -> float:
    """How much a value's regex narrows a character, on average: 1 is fixed text, .49 digits, 0 anything.

    One character of a class with n of the 95 printable ones counts 1 - log2(n) / log2(95).
    """
    characters, narrow = _expected(_parser.parse(pattern))
    return narrow / characters if characters else 0.0


def _literals(nodes: Iterable[Any], named: set[int]) -> int:
    total = 0
    for op, argument in nodes:
        if op is _constants.LITERAL:
            total += chr(argument) not in SPACES
        elif op in REPEATS:
            low, _, body = argument
            total += min(low, 1000) * _literals(body, named) if low else 0
        elif op is _constants.SUBPATTERN:
            group, _, _, body = argument
            total += 0 if group in named else _literals(body, named)
        elif op is _constants.ATOMIC_GROUP:
            total += _literals(argument, named)
        elif op is _constants.BRANCH:
            total += min(_literals(branch, named) for branch in argument[1])
    return total


def _expected(nodes: Iterable[Any]) -> tuple[float, float]:
    """The number of characters that a match is expected to have, and their summed narrowness."""
    characters = narrow = 0.0
    for op, argument in nodes:
        count = weight = 0.0
        if op is _constants.LITERAL:
            count, weight = (0.0, 0.0) if chr(argument) in SPACES else (1.0, 1.0)
        elif op is _constants.NOT_LITERAL or op is _constants.ANY:
            count, weight = 1.0, 0.0
        elif op is _constants.IN:
            members = class_members(argument) - SPACES
            count = 1.0 if members else 0.0
            weight = max(0.0, 1 - math.log2(len(members)) / math.log2(95)) if members else 0.0
        elif op in REPEATS:
            low, high, body = argument
            inner = _expected(body)
            extra = _extra(inner) if high is _constants.MAXREPEAT else min((high - low) / 2, _WIDE_EXTRA)
            count, weight = inner[0] * (low + extra), inner[1] * (low + extra)
        elif op is _constants.SUBPATTERN:
            count, weight = _expected(argument[3])
        elif op is _constants.ATOMIC_GROUP:
            count, weight = _expected(argument)
        elif op is _constants.BRANCH:
            # The widest alternative decides: "(up|\\S+)" takes anything.
            parts = [part for branch in argument[1] if (part := _expected(branch))[0]]
            count, weight = min(parts, key=lambda part: part[1] / part[0], default=(0.0, 0.0))
        characters += count
        narrow += weight
    return characters, narrow


def _extra(inner: tuple[float, float]) -> float:
    characters, narrow = inner
    return _NARROW_EXTRA if narrow > 0.2 * characters else _WIDE_EXTRA


def class_members(items: Iterable[Any]) -> frozenset[str]:
    """The printable characters and blanks that a character class stands for."""
    members: set[str] = set()
    negated = False
    for op, argument in items:
        if op is _constants.NEGATE:
            negated = True
        elif op is _constants.LITERAL:
            members.add(chr(argument))
        elif op is _constants.RANGE:
            members.update(chr(code) for code in range(argument[0], min(argument[1], 255) + 1))
        elif op is _constants.CATEGORY:
            members |= _CATEGORIES.get(argument, frozenset())
    return PRINTABLE - members if negated else frozenset(members)


_QUANTIFIERS = "*?{"
_META = ".^$|()[]{}*+?\\"
_VALUE = re.compile(r"\$(?:\$|\{\w+\}|[A-Za-z_]\w*)")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def fixed_text(rule: str) -> str:
    """The longest text that stands literally in every line a rule's source matches; "" if none is certain.

    Works on the source before values are put in (`${NAME}` is unknown), so that no regex is compiled.
    """
    if "|" in rule or "(?" in rule.replace("(?:", ""):
        return ""
    best = run = ""
    depth = position = 0
    while position < len(rule):
        step, text = _token(rule, position)
        following = rule[position + step : position + step + 1]
        depth += {"(": 1, ")": -1}.get(rule[position], 0)
        if text and depth == 0 and (not following or following not in _QUANTIFIERS):
            run += text
            best = max(best, run, key=len)
            if following == "+":
                run = ""
        else:
            run = ""
        position += step
    return best


def _token(rule: str, position: int) -> tuple[int, str]:
    """The length of the next piece of a regex, and the character it stands for literally, if it does."""
    char = rule[position]
    if char == "\\":
        escaped = rule[position + 1 : position + 2]
        return 2, "" if not escaped or escaped.isalnum() else escaped
    if char == "$" and (value := _VALUE.match(rule, position)):
        return value.end() - position, ""
    if char == "[" and (found := _CLASS.match(rule, position)):
        return found.end() - position, ""
    if char == "{":
        end = rule.find("}", position)
        return (end - position + 1, "") if end > 0 else (1, "")
    return 1, "" if char in _META else char
