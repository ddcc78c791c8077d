"""Regular expressions of platform files, and which of them could take too long on a line.

They run on lines of devices, in this process, under the interpreter's lock: a pattern that tries a line in
millions of ways would stop every other session. So the ways are counted, from the tree that `re` runs.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any, cast

_parser = importlib.import_module("re._parser")
_compiler = importlib.import_module("re._compiler")
_constants = importlib.import_module("re._constants")

_ALPHABET = "\t" + "".join(chr(code) for code in range(32, 127)) + "é"
_LINE = 256
_MOST_WAYS = 100_000
_NEVER = 10**9
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}
_SINGLE = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY}

_FLAGS = re.compile(r"\(\?([aimsu]+)\)")
_ALONE = re.compile(r"(?:\\\D|[^\\(]|\((?!\?(?:P|\(|[a-z]*x)))*", re.DOTALL)
"""A pattern without what means something else beside others: groups with names and numbers, and comments."""

Patterns = tuple[re.Pattern[str], ...]
_Characters = frozenset[str]


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile; raises ValueError with the reason for what is no regular expression."""
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error


class LazyPattern:
    """A pattern that is compiled when it is first used: in a run half of them never are."""

    __slots__ = ("fullmatch", "match", "pattern", "search")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self.pattern)
        self.match, self.fullmatch, self.search = compiled.match, compiled.fullmatch, compiled.search
        return getattr(compiled, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyPattern) and other.pattern == self.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)


def lazy_pattern(text: str) -> re.Pattern[str]:
    """What looks like the compiled pattern; a wrong one raises re.error where it is first used."""
    return cast(re.Pattern[str], LazyPattern(text))


def any_of(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str] | None:
    """A pattern that matches where one of them does, and much sooner; None if they cannot be joined."""
    texts = [pattern.pattern for pattern in patterns]
    if not texts or not all(map(_ALONE.fullmatch, texts)):
        return None
    return lazy_pattern("|".join(map(_grouped, texts)))


def _grouped(text: str) -> str:
    flags = _FLAGS.match(text)
    return f"(?{flags[1]}:{text[flags.end() :]})" if flags else f"(?:{text})"


def check_pattern(text: str, *, empty: bool = False) -> str | None:
    """Why a pattern must not run on a device's lines; None when it may. `empty`: it may match nothing."""
    pattern = compile_pattern(text)
    if not empty and pattern.fullmatch(""):
        return f"{text!r} matches an empty line"
    ways, _, _ = _sequence(list(_parser.parse(text)), frozenset())
    if ways > _MOST_WAYS:
        return (
            f"{text!r} may take too long on a line: bound its repeats, as in {{1,40}}, and let what follows "
            "a repeat begin with a character that the repeat does not take"
        )
    return None


def _sequence(nodes: list[Any], follow: _Characters) -> tuple[int, _Characters, bool]:
    """In how many ways nodes can part a line; what they may begin with; whether they may match nothing."""
    ways, first, empty = 1, follow, True
    for node in reversed(nodes):
        more, begins, nothing = _node(node, first)
        ways = min(ways * more, _NEVER)
        first = begins | first if nothing else begins
        empty = empty and nothing
    return ways, first, empty


def _node(node: Any, follow: _Characters) -> tuple[int, _Characters, bool]:
    op, argument = node
    if op in _SINGLE:
        return 1, _characters(node), False
    if op in _REPEATS:
        return _repeat(argument, follow)
    if op is _constants.SUBPATTERN:
        return _sequence(list(argument[3]), follow)
    if op is _constants.ATOMIC_GROUP:
        return _sequence(list(argument), follow)
    if op is _constants.BRANCH:
        return _branch(argument[1], follow)
    if op in (_constants.ASSERT, _constants.ASSERT_NOT):
        ways, _, _ = _sequence(list(argument[1]), frozenset())
        return ways, frozenset(), True
    if op is _constants.AT:
        return 1, frozenset(), True
    return _LINE, frozenset(_ALPHABET), True


def _repeat(argument: Any, follow: _Characters) -> tuple[int, _Characters, bool]:
    low, high, body = argument
    shortest = max(1, body.getwidth()[0])
    most = min(int(high), _LINE // shortest)
    _, begins, nothing = _sequence(list(body), frozenset())
    inner, _, _ = _sequence(list(body), begins | follow if most > 1 else follow)
    stops = max(1, most - min(low, most) + 1) if begins & follow else 1
    ways = stops if inner == 1 else min(stops * inner ** min(most, 64), _NEVER)
    return ways, begins, nothing or low == 0


def _branch(branches: Iterable[Any], follow: _Characters) -> tuple[int, _Characters, bool]:
    found = [_sequence(list(branch), follow) for branch in branches]
    first: _Characters = frozenset()
    apart = True
    for _, begins, _ in found:
        apart = apart and not begins & first
        first |= begins
    ways = (max if apart else sum)(ways for ways, _, _ in found)
    return ways, first, any(nothing for _, _, nothing in found)


def _characters(node: Any) -> _Characters:
    """The characters that one node takes, in both cases."""
    one = _parser.SubPattern(_parser.State(), [node])
    pattern = _compiler.compile(one, re.IGNORECASE)
    return frozenset(char for char in _ALPHABET if pattern.fullmatch(char))
