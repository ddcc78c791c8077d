"""Generated parsers give exactly what TextFSM gives, whatever the template and the text."""

from __future__ import annotations

import importlib
import io
import itertools
import random
import re
import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
import textfsm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vctui.validation import guard, ntc_rows
from vctui.validation.machine import Machine, merge, records
from vctui.validation.patterns import fixed_text
from vctui.validation.relax import relaxed

parser = importlib.import_module("re._parser")

OPTIONS = (
    "",
    "Required",
    "Filldown",
    "Fillup",
    "List",
    "Key",
    "Required,Filldown",
    "Filldown,Required",
    "Required,List",
    "List,Required",
    "List,Filldown",
    "Filldown,List",
    "Fillup,Filldown",
)
CLASSES = (r"\d+", r"\w*", r"\S+", r".*?", "a|b", r"[ab]+")
ACTIONS = (
    "",
    "Next",
    "Record",
    "Next.Record",
    "Continue",
    "Continue.Record",
    "Continue.Clear",
    "Continue.Clearall",
    "Clear",
    "Clearall",
    "NoRecord",
    "Error",
    "Record Other",
    "Next.Clear Start",
    "Other",
    "Record End",
    "EOF",
)


@st.composite
def templates(draw: st.DrawFn) -> str:
    """A small template: up to three values, two states, and rules of every kind of action."""
    count = draw(st.integers(1, 3))
    lines = []
    for index in range(count):
        option = draw(st.sampled_from(OPTIONS))
        lines.append(f"Value {option + ' ' if option else ''}V{index} ({draw(st.sampled_from(CLASSES))})")
    pieces = [f"${{V{index}}}" for index in range(count)]
    for state in ("Start", "Other"):
        lines += ["", state]
        for _ in range(draw(st.integers(1, 4))):
            used = draw(st.lists(st.sampled_from(pieces), max_size=count, unique=True))
            between = draw(st.sampled_from((r"\s+", ":", " ", "x?", r"\s*-\s*")))
            start = draw(st.sampled_from(("", "a", r"\s*", "k ", ".*")))
            end = draw(st.sampled_from(("", "$$", r"\s*$$", " z")))
            action = draw(st.sampled_from(ACTIONS))
            rule = f"  ^{start}{between.join(used)}{end}"
            lines.append(rule + (f" -> {action}" if action else ""))
    if draw(st.booleans()):
        lines += ["", "EOF"]
    return "\n".join(lines) + "\n"


texts = st.lists(st.text(alphabet="ab1 kz:-x\t\x0b\u00e9", max_size=10), max_size=9).map("\n".join)


def plain(content: str, text: str) -> tuple[list[list[Any]], bool]:
    """TextFSM's own rows, and whether an Error rule fired."""
    return plain_with(compiled(content), text)


def compiled(content: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return textfsm.TextFSM(io.StringIO(content))


def plain_with(machine: Any, text: str) -> tuple[list[list[Any]], bool]:
    machine.Reset()
    try:
        return machine.ParseText(text), False
    except textfsm.TextFSMError:
        return [], True


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(templates(), texts, texts)
def test_small_templates(content: str, first: str, second: str) -> None:
    machine = Machine(content)
    for text in (first, second, first):  # a machine is used again and again
        rows, error = plain(content, text)
        parsed = machine.parse(text.splitlines())
        assert parsed.rows == rows
        assert (parsed.error is not None) == error
        assert machine.has_records(text.splitlines()) == bool(rows)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_in_every_order_of_lines(option: str) -> None:
    content = (
        f"Value {option + ' ' if option else ''}A (a?)\nValue B (b)\n\nStart\n"
        "  ^=${A}$$\n  ^${B}$$ -> Next\n  ^r -> Record\n  ^b=${A} -> Continue.Record\n  ^b=.* -> Record\n"
        "  ^c -> Clear\n  ^C -> Clearall\n"
    )
    machine, original = Machine(content), compiled(content)
    for count in range(1, 5):
        for lines in itertools.product(("=a", "=", "b", "r", "b=a", "c", "C"), repeat=count):
            assert machine.parse(list(lines)).rows == plain_with(original, "\n".join(lines))[0], lines


def a_match(nodes: Iterable[Any], chance: random.Random) -> str:
    """A text that a regex's tree matches, near enough: look-arounds and anchors are passed over."""
    made = ""
    for op, argument in nodes:
        name = str(op)
        if name == "LITERAL":
            made += chr(argument)
        elif name == "ANY":
            made += chance.choice("ab1 -")
        elif name == "NOT_LITERAL":
            made += chance.choice([c for c in "ab1-" if c != chr(argument)])
        elif name == "IN":
            made += a_character(argument, chance)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, body = argument
            for _ in range(chance.randint(low, min(int(high), low + 2))):
                made += a_match(body, chance)
        elif name == "SUBPATTERN":
            made += a_match(argument[3], chance)
        elif name == "BRANCH":
            made += a_match(chance.choice(argument[1]), chance)
    return made


def a_character(items: Any, chance: random.Random) -> str:
    if str(items[0][0]) == "NEGATE":
        return chance.choice("ab1;")
    op, argument = chance.choice(items)
    if str(op) == "RANGE":
        return chr(chance.randint(*argument))
    if str(op) == "LITERAL":
        return chr(argument)
    return {"DIGIT": "7", "SPACE": " ", "NOT_DIGIT": "q", "WORD": "w"}.get(str(op_name(argument)), "s")


def op_name(category: Any) -> str:
    return str(category).removeprefix("CATEGORY_")


def test_every_template_of_ntc_templates() -> None:
    chance = random.Random(7)  # noqa: S311 (texts to parse, not secrets)
    compared = recorded = 0
    for row in ntc_rows():
        content = row["textfsm_content"]
        machine = Machine(content)
        original = compiled(content)
        rules = [parser.parse(rule.regex) for state in original.states.values() for rule in state]
        lines = [a_match(rule, chance) for rule in rules for _ in range(chance.randint(0, 2))][:40]
        text = "\n".join([*lines, "", *reversed(lines[:5])])
        try:
            with guard.Guard() as timer:
                wanted, error = timer.run(1.0, partial(plain_with, original, text))
        except guard.TookTooLong:
            continue  # TextFSM itself does not come to an end
        parsed = machine.parse(text.splitlines())
        assert (parsed.rows, parsed.error is not None) == (wanted, error), row["cli_command"]
        compared += 1
        recorded += bool(wanted)
    assert compared > 950
    assert recorded > 150


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            r"^(?P<A>(\S+(\s)*)+):\s(?P<B>\w+)",
            r"^(\s*-*)*\s*$",
            r"^(((\w+)(\s)?){1,})\saliases:",
            r"^((a|b+)*)c",
            r"^(x(\d|a+)+)+ ",
        ]
    ),
    st.text(alphabet="ab1 :-xc", max_size=9),
)
def test_a_looser_regex_lets_everything_through(pattern: str, line: str) -> None:
    looser = relaxed(pattern)
    assert looser is not None
    if re.match(pattern, line):
        assert looser.match(line)


@pytest.mark.parametrize(
    "pattern", [r"^\d+ (\S+)", r"(, \w+)+x", r"(\s+\S+)*$", r"(?:(a+)b)+", r"((a*)*)\1", r"^(?=(a+)+)b"]
)
def test_a_regex_that_cannot_run_away_or_is_too_odd_has_no_looser_one(pattern: str) -> None:
    assert relaxed(pattern) is None


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="ab", max_size=3).map(re.escape),
    st.sampled_from(["", "?", "*", "+", "{2}", "{0,1}"]),
    st.sampled_from(["", r"\s+", "(a|b)", "[ab]", "(?:b)?", "."]),
    st.text(alphabet="ab ", max_size=6),
)
def test_fixed_text_stands_in_every_line_that_matches(head: str, times: str, tail: str, line: str) -> None:
    rule = f"^{head}{times if head else ''}{tail}"
    if re.match(rule, line):
        assert fixed_text(rule) in line


def test_items_with_groups_become_dicts_and_merged_lists_stay_lists() -> None:
    content = (
        "Value Key ID (\\d+)\nValue List ITEM ((?P<name>\\w+)=(?P<size>\\d+))\n\nStart\n"
        "  ^${ID} ${ITEM} -> Continue\n  ^\\d+ \\S+ ${ITEM} -> Continue\n  ^. -> Record\n"
    )
    text = "1 a=2 b=3\n2 c=4\n"
    parsed = Machine(content).parse(text.splitlines())
    assert parsed.rows == plain(content, text)[0]
    assert parsed.rows[0][1] == [{"name": "a", "size": "2"}, {"name": "b", "size": "3"}]
    both = merge([parsed, parsed])
    assert records(both) == records(parsed)
