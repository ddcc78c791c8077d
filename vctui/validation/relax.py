"""Looser regular expressions that stand guard before one that might run away."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from vctui.validation.patterns import PRINTABLE, REPEATS, SPACES, class_members

_parser = importlib.import_module("re._parser")
_compiler = importlib.import_module("re._compiler")
_constants = importlib.import_module("re._constants")

_NESTED = re.compile(r"\)(?:[*+]|\{\d*,)")


@lru_cache(maxsize=20_000)
def relaxed(pattern: str) -> re.Pattern[str] | None:
    """A regex that matches whatever `pattern` does and cannot run away, where `pattern` might; else None.

    A repeat inside a repeat can take exponential time on a line that does not match. It is replaced
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
        elif op in REPEATS:
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
        if op in REPEATS:
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
    everything = PRINTABLE | SPACES
    if op is _constants.LITERAL:
        return frozenset(chr(argument))
    if op is _constants.NOT_LITERAL:
        return everything - {chr(argument)}
    if op is _constants.IN:
        negated = argument[0][0] is _constants.NEGATE
        members = class_members(argument[1:] if negated else argument)
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
        elif op in REPEATS:
            _collect(argument[2], into)
        elif op is _constants.SUBPATTERN:
            if argument[1] or argument[2]:
                raise _Unrelaxed
            _collect(argument[3], into)
        elif op is _constants.BRANCH:
            for branch in argument[1]:
                _collect(branch, into)
