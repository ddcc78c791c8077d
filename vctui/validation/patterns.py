"""What a template's regular expressions say for certain: fixed text, and how narrow their classes are."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

# Python's own parser of regular expressions: the tree it makes is what `re` runs.
_parser = importlib.import_module("re._parser")
_constants = importlib.import_module("re._constants")
_compiler = importlib.import_module("re._compiler")

_PRINTABLE = frozenset(chr(code) for code in range(32, 127))
_DIGITS = frozenset("0123456789")
_SPACES = frozenset(" \t\n\r\f\v")
_WORD = frozenset(c for c in _PRINTABLE if c.isalnum() or c == "_")
_CATEGORIES: dict[Any, frozenset[str]] = {
    _constants.CATEGORY_DIGIT: _DIGITS,
    _constants.CATEGORY_NOT_DIGIT: _PRINTABLE - _DIGITS,
    _constants.CATEGORY_SPACE: _SPACES,
    _constants.CATEGORY_NOT_SPACE: _PRINTABLE - _SPACES,
    _constants.CATEGORY_WORD: _WORD,
    _constants.CATEGORY_NOT_WORD: _PRINTABLE - _WORD,
}
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}
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
            total += chr(argument) not in _SPACES
        elif op in _REPEATS:
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
            count, weight = (0.0, 0.0) if chr(argument) in _SPACES else (1.0, 1.0)
        elif op is _constants.NOT_LITERAL or op is _constants.ANY:
            count, weight = 1.0, 0.0
        elif op is _constants.IN:
            members = _members(argument) - _SPACES
            count = 1.0 if members else 0.0
            weight = max(0.0, 1 - math.log2(len(members)) / math.log2(95)) if members else 0.0
        elif op in _REPEATS:
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


def _members(items: Iterable[Any]) -> frozenset[str]:
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
    return _PRINTABLE - members if negated else frozenset(members)


_NESTED = re.compile(r"\)(?:[*+]|\{\d*,)")


@lru_cache(maxsize=20_000)
def relaxed(pattern: str) -> re.Pattern[str] | None:
    """A regex that matches whatever `pattern` does and cannot run away, where `pattern` might; else None.

    A repeat inside a repeat can take exponential time on a line that does not match. Such a repeat is replaced
    by one that repeats any of the characters in it: a line that even this one refuses need not be tried.
    """
    if not _NESTED.search(pattern):
        return None
    try:
        tree = _parser.parse(pattern)
        if not _relax(tree):
            return None
        compiled: re.Pattern[str] = _compiler.compile(tree, 0)
    except (_Unrelaxed, re.error, RecursionError, ValueError, TypeError):
        return None
    return compiled


class _Unrelaxed(Exception):
    """A pattern of a kind for which no looser one is made."""


_UNSAFE = {
    _constants.GROUPREF,
    _constants.GROUPREF_EXISTS,
    _constants.ASSERT,
    _constants.ASSERT_NOT,
    _constants.ATOMIC_GROUP,
    _constants.POSSESSIVE_REPEAT,
}


def _relax(nodes: Any) -> bool:
    """Loosen the nested repeats below `nodes`, in place; whether there were any."""
    found = False
    for position, (op, argument) in enumerate(nodes):
        if op in _UNSAFE:
            raise _Unrelaxed
        if op is _constants.SUBPATTERN:
            if argument[1] or argument[2]:
                raise _Unrelaxed
            found |= _relax(argument[3])
        elif op is _constants.BRANCH:
            for branch in argument[1]:
                found |= _relax(branch)
        elif op in _REPEATS:
            _, high, body = argument
            if high is _constants.MAXREPEAT and _ambiguous(body):
                characters: list[Any] = []
                _collect(body, characters)
                inside = _parser.SubPattern(nodes.state, [(_constants.IN, characters)])
                nodes[position] = (_constants.MAX_REPEAT, (0, _constants.MAXREPEAT, inside))
                found = True
            else:
                found |= _relax(body)
    return found


def _ambiguous(body: Iterable[Any]) -> bool:
    """Whether a repeat of these nodes could part one text in many ways: where the exponential time is from.

    That needs an end of open length that the next round's beginning can match as well: `(\\w+ ?)+` has it,
    `(, \\w+)+` has not.
    """
    first, _ = _edge(list(body), lambda nodes: nodes, open_only=False)
    last, empty = _edge(list(body), lambda nodes: nodes[::-1], open_only=True)
    return bool(first & last) or (empty and bool(last))


def _edge(
    nodes: list[Any], order: Callable[[list[Any]], list[Any]], *, open_only: bool
) -> tuple[frozenset[str], bool]:
    """The characters at one end of what these nodes match, and whether they can match nothing.

    With `open_only` just those that a repeat of open length may put there.
    """
    found: frozenset[str] = frozenset()
    for op, argument in order(nodes):
        if op in _UNSAFE:
            raise _Unrelaxed
        if op is _constants.AT:
            continue
        empty = False
        if op in _REPEATS:
            low, high, body = argument
            varies = low != high
            inner, empty = _edge(list(body), order, open_only=open_only and not varies)
            found |= inner
            empty = empty or low == 0
        elif op is _constants.SUBPATTERN:
            inner, empty = _edge(list(argument[3]), order, open_only=open_only)
            found |= inner
        elif op is _constants.BRANCH:
            for branch in argument[1]:
                inner, nothing = _edge(list(branch), order, open_only=open_only)
                found |= inner
                empty = empty or nothing
        elif not open_only:
            found |= _single(op, argument)
        if not empty:
            return found, False
    return found, True


def _single(op: Any, argument: Any) -> frozenset[str]:
    """The printable characters and blanks that one node matches."""
    everything = _PRINTABLE | _SPACES
    if op is _constants.LITERAL:
        return frozenset(chr(argument))
    if op is _constants.NOT_LITERAL:
        return everything - {chr(argument)}
    if op is _constants.IN:
        negated = argument[0][0] is _constants.NEGATE
        members = _members(argument[1:] if negated else argument)
        return everything - members if negated else members
    return everything


def _collect(nodes: Iterable[Any], into: list[Any]) -> None:
    """Every character that these nodes can match, as items of one class."""
    for op, argument in nodes:
        if op in _UNSAFE:
            raise _Unrelaxed
        if op is _constants.LITERAL:
            into.append((op, argument))
        elif op is _constants.IN and argument[0][0] is not _constants.NEGATE:
            into.extend(argument)
        elif op in (_constants.IN, _constants.NOT_LITERAL, _constants.ANY):
            into.append((_constants.CATEGORY, _constants.CATEGORY_SPACE))
            into.append((_constants.CATEGORY, _constants.CATEGORY_NOT_SPACE))
        elif op in _REPEATS:
            _collect(argument[2], into)
        elif op is _constants.SUBPATTERN:
            if argument[1] or argument[2]:
                raise _Unrelaxed
            _collect(argument[3], into)
        elif op is _constants.BRANCH:
            for branch in argument[1]:
                _collect(branch, into)


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
