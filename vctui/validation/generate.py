"""A template as Python source: one function that gives exactly TextFSM's rows, several times as fast.

TextFSM walks objects for every line, rule and value. The function written here has its states as loops, its
values as local variables, its options (Filldown, Fillup, List, Required) spelt out where a record is made; it
looks for a rule's fixed text before it runs the rule's regular expression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vctui.validation.account import LocalValue, RuleWeight, account, settle
from vctui.validation.patterns import fixed_text
from vctui.validation.relax import relaxed

Row = list[Any]
Outcome = tuple[list[Row], "tuple[int, str] | None", float, float, float, float, float, int]
"""Rows; the Error rule that fired and its line; then the account (see `Parsed`), zeros where none is kept."""
Parser = Callable[[list[str]], Outcome]

_ALWAYS = {"^", "^.*", ".*"}
_INLINE_VALUES = 6


class Generator:
    """Writes one template's function; `weights` (by rule number) adds the account to it."""

    def __init__(self, machine: Any, weights: Mapping[int, RuleWeight] | None = None) -> None:
        self.machine = machine
        self.weights = weights
        self._lines: list[str] = []
        self._names: dict[str, Any] = {}
        self._values = [
            LocalValue(value.name, index, list(value.OptionNames()), _nested(value))
            for index, value in enumerate(machine.values)
        ]
        self._by_name = {value.name: value for value in self._values}
        self._states = {name: number for number, name in enumerate(machine.states)}

    def compile(self) -> Parser:
        """The function, ready to be called with an output's lines."""
        source = self._source()
        exec(compile(source, "<textfsm template>", "exec"), self._names)  # noqa: S102 (own source, see _literal)
        parser: Parser = self._names["parse"]
        return parser

    def _source(self) -> str:
        out = self._out
        out(0, "def parse(lines):")
        out(1, "rows = []")
        out(1, "append = rows.append")
        out(1, "explained = taken = fixed = columns = evidence = 0.0")
        out(1, "hits = literals = header = 0")
        out(1, "captured = {}")
        out(1, "before = ''")
        self._clear_all(1)
        out(1, "state = " + str(self._states["Start"]))
        out(1, "feed = iter(lines)")
        out(1, "while True:")
        number = 0
        for name, rules in self.machine.states.items():
            out(2, f"if state == {self._states[name]}:")
            joined = any(rule.line_op == "Continue" for rule in rules)
            out(3, "for line in feed:")
            if self.weights is not None and joined:
                self._settle(4)
            for rule in rules:
                self._rule(4, rule, number, joined)
                number += 1
            if not rules:
                out(4, "pass")
            out(3, "else:")
            out(4, "break")
            out(3, "if state < 0:")
            out(4, "break")
            out(3, "continue")
        out(1, "if state != -1:")
        if "EOF" in self.machine.states:
            out(2, "pass")
        else:
            self._record(2)
        self._finish(1, "None")
        return "\n".join(self._lines)

    def _out(self, depth: int, text: str) -> None:
        self._lines.append(" " * depth + text)

    def _finish(self, depth: int, error: str) -> None:
        if self.weights is not None:
            self._settle(depth)
        self._out(depth, f"return rows, {error}, explained, taken, fixed, columns, evidence, hits")

    def _settle(self, depth: int) -> None:
        for deeper, line in settle():
            self._out(depth + deeper, line)

    def _rule(self, depth: int, rule: Any, number: int, joined: bool) -> None:
        groups = rule.regex_obj.regex.groupindex
        names = [name for name in groups if name in self._by_name]
        self._out(depth, f"if {self._condition(rule, number, names)}:")
        inner = depth + 1
        start = len(self._lines)
        if names:
            wanted = [groups[name] for name in names]
            targets = ", ".join(self._by_name[name].now for name in names)
            if len(names) == 1:
                self._out(inner, f"{targets} = m[{wanted[0]}]")
            elif wanted == list(range(1, rule.regex_obj.regex.groups + 1)):
                self._out(inner, f"{targets} = m.groups()")
            else:
                self._out(inner, f"{targets} = m.group{tuple(wanted)}")
            for name in names:
                self._assigned(inner, self._by_name[name])
        if rule.line_op == "Error":
            self._finish(inner, f"({number}, line)")
            return
        if self.weights is not None:
            values = [self._by_name[name] for name in names]
            for deeper, line in account(self.weights[number], values, groups, joined):
                self._out(inner + deeper, line)
        if rule.record_op == "Record":
            self._record(inner)
        elif rule.record_op == "Clear":
            self._clear(inner)
        elif rule.record_op == "Clearall":
            self._clear_all(inner)
        if rule.line_op == "Continue":
            if len(self._lines) == start:
                self._out(inner, "pass")
        elif rule.new_state:
            target = {"End": -1, "EOF": -2}.get(rule.new_state)
            self._out(inner, f"state = {self._states[rule.new_state] if target is None else target}")
            self._out(inner, "break")
        else:
            self._out(inner, "continue")

    def _condition(self, rule: Any, number: int, names: list[str]) -> str:
        regex = rule.regex
        if not names:
            # A line never holds a line break, so these say the same as the regular expression.
            if regex in _ALWAYS:
                return "True"
            if regex in ("^.", "^.+"):
                return "line"
            if regex in (r"^\s*$", r"^\s*$$"):
                return "not line or line.isspace()"
            if regex == "^$":
                return "not line"
        self._names[f"r{number}"] = rule.regex_obj.regex.match
        conditions = []
        if text := fixed_text(rule.match):
            conditions.append(f"{text!r} in line")
        if (looser := relaxed(regex)) is not None:
            self._names[f"q{number}"] = looser.match
            conditions.append(f"q{number}(line)")
        match = f"r{number}(line)"
        conditions.append(f"(m := {match})" if names or self.weights is not None else match)
        return " and ".join(conditions)

    def _assigned(self, depth: int, value: LocalValue) -> None:
        for option in value.options:
            if option == "Filldown":
                self._out(depth, f"{value.kept} = {value.now}")
            elif option == "List" and value.nested is not None:
                self._names[f"n{value.index}"] = value.nested.match
                self._out(depth, f"g = n{value.index}({value.now})")
                self._out(depth, "g = g and g.groupdict()")
                self._out(depth, f"{value.items}.append(g if g else {value.now})")
            elif option == "List":
                self._out(depth, f"{value.items}.append({value.now})")
            elif option == "Fillup":
                self._out(depth, f"if {value.now}:")
                self._out(depth + 1, "for row in reversed(rows):")
                self._out(depth + 2, f"if row[{value.index}]:")
                self._out(depth + 3, "break")
                self._out(depth + 2, f"row[{value.index}] = {value.now}")

    def _record(self, depth: int) -> None:
        if not self._values:
            self._out(depth, "pass")
            return
        certain: set[int] = set()
        missing = []
        for value in self._values:
            for option in value.options:
                if option == "Required":
                    certain.add(value.index)
                    missing.append(f"not {value.now}")
                elif option == "List":
                    if missing and missing[-1] == f"not {value.now}":
                        # Required before it is a List: judged by the item that came last.
                        self._out(depth, f"s{value.index} = {value.now}")
                        missing[-1] = f"not s{value.index}"
                    self._out(depth, f"{value.now} = list({value.items})")
        if missing:
            self._out(depth, f"if {' or '.join(missing)}:")
            self._clear(depth + 1)
            self._out(depth, "else:")
        else:
            some = " or ".join(v.now if "List" in v.options else f"{v.now} is not None" for v in self._values)
            self._out(depth, f"if {some}:")
        if len(self._values) <= _INLINE_VALUES:
            cells = ", ".join(
                v.now if v.index in certain or "List" in v.options else f"'' if {v.now} is None else {v.now}"
                for v in self._values
            )
            self._out(depth + 1, f"append([{cells}])")
        else:
            everything = ", ".join(v.now for v in self._values)
            self._out(depth + 1, f"row = [{everything}]")
            self._out(depth + 1, "if None in row:")
            self._out(depth + 2, "row = ['' if cell is None else cell for cell in row]")
            self._out(depth + 1, "append(row)")
        self._clear(depth + 1)

    def _clear(self, depth: int) -> None:
        empty = [v.now for v in self._values if "Filldown" not in v.options]
        self._out(depth, " = ".join([*empty, "None"]) if empty else "pass")
        for value in self._values:
            if "Filldown" in value.options:
                self._out(depth, f"{value.now} = {value.kept}")
            elif "List" in value.options:
                self._out(depth, f"{value.items} = []")

    def _clear_all(self, depth: int) -> None:
        empty = [v.now for v in self._values] + [v.kept for v in self._values if "Filldown" in v.options]
        self._out(depth, " = ".join([*empty, "None"]) if empty else "pass")
        for value in self._values:
            if "List" in value.options:
                self._out(depth, f"{value.items} = []")


def _nested(value: Any) -> Any:
    """The regex that takes a List's items apart, if it has groups of its own."""
    if "List" not in value.OptionNames() or value.compiled_regex.groups <= 1:
        return None
    return value.compiled_regex
