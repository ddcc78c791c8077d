"""One template, compiled: it parses an output as TextFSM does, and counts what its rules account for."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import textfsm

from vctui.text import safe_line
from vctui.validation.patterns import fixed_text, literal_count, narrowness


class TemplateError(Exception):
    """A template that cannot be compiled: one line saying why."""


class UnknownLine(Exception):
    """The template's Error rule met a line: this output is not what the template is for."""


MIN_COLUMNS = 4
"""So many values in one line make it a row of a table."""


@dataclass(slots=True)
class Parsed:
    """What one template made of one output. Characters are non-space characters."""

    header: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    keys: frozenset[str] = frozenset()
    explained: float = 0.0
    """Characters accounted for: literals of the matched rules, and captures by how narrow their class is."""
    fixed: float = 0.0
    """Literal characters of matched rules that capture nothing: headers, legends, rulers."""
    columns: float = 0.0
    """Characters of lines that were taken apart into columns, as only a table's lines can be."""
    lines: int = 0
    """Lines that some rule matched."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Weight:
    literals: int
    captures: tuple[tuple[str, float], ...]
    names: tuple[str, ...]


class Machine(textfsm.TextFSM):  # type: ignore[misc] # textfsm ships no types
    """TextFSM's state machine with an account of what matched; reusable, for one thread at a time."""

    def __init__(self, content: str) -> None:
        try:
            with warnings.catch_warnings():
                # Template authors write "[[" and "\\-" as they please.
                warnings.simplefilter("ignore")
                super().__init__(io.StringIO(content))
        except (textfsm.TextFSMTemplateError, textfsm.TextFSMError) as error:
            raise TemplateError(safe_line(str(error).strip())) from error
        except (
            re.error,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise TemplateError(f"not a TextFSM template ({type(error).__name__})") from error
        self._named = {value.name: value for value in self.values}
        self._weights: dict[int, _Weight] = {}
        self._parsed = Parsed()
        self._cur_state: list[Any]
        self._cur_state_name: str

    def parse(self, text: str) -> Parsed:
        """Records and account of one output; an Error rule that fires is `error`, not an exception."""
        self.Reset()
        keys = frozenset(self.GetValuesByAttrib("Key"))
        self._parsed = parsed = Parsed(header=list(self.header), keys=keys)
        try:
            parsed.rows = self.ParseText(text)
        except UnknownLine as error:
            parsed.error = str(error)
        return parsed

    def _CheckLine(self, line: str) -> None:
        literals = fixed = 0
        captured: dict[tuple[int, int], float] = {}
        hit = table = False
        for rule in self._cur_state:
            match = rule.regex_obj.match(line)
            if not match:
                continue
            for name, text in match.groupdict().items():
                if (value := self._named.get(name)) is not None:
                    value.AssignVar(text)
            if rule.line_op == "Error":
                raise UnknownLine(_unknown_line(rule, line))
            hit = True
            weight = self._weights.get(id(rule)) or self._weigh(rule)
            literals = max(literals, weight.literals)
            if not weight.names:
                fixed = max(fixed, weight.literals)
            table = table or (len(weight.names) >= MIN_COLUMNS and _is_row(match, line, weight.names))
            for name, narrow in weight.captures:
                if text := match[name]:
                    captured[match.span(name)] = (len(text) - text.count(" ")) * narrow
            if self._Operations(rule, line):
                if rule.new_state:
                    if rule.new_state not in ("End", "EOF"):
                        self._cur_state = self.states[rule.new_state]
                    self._cur_state_name = rule.new_state
                break
        if hit:
            characters = len(line) - line.count(" ")
            self._parsed.lines += bool(characters)
            self._parsed.explained += min(characters, literals + sum(captured.values()))
            self._parsed.fixed += min(characters, fixed)
            self._parsed.columns += characters if table else 0

    def _weigh(self, rule: Any) -> _Weight:
        names = [name for name in rule.regex_obj.regex.groupindex if name in self._named]
        narrow = ((name, narrowness(self._named[name].regex)) for name in names)
        # A class of more than half of all characters says nothing.
        captures = tuple((name, value) for name, value in narrow if value > 0.0)
        weight = _Weight(literal_count(rule.regex), captures, tuple(names))
        self._weights[id(rule)] = weight
        return weight


def _is_row(match: re.Match[str], line: str, names: tuple[str, ...]) -> bool:
    """Whether enough values were found, and gaps wider than prose has stand between them."""
    spans = [match.span(name) for name in names if match[name]]
    if len(spans) < MIN_COLUMNS:
        return False
    return "  " in line[min(start for start, _ in spans) : max(end for _, end in spans)]


def _unknown_line(rule: Any, line: str) -> str:
    message = f" ({rule.new_state})" if rule.new_state else ""
    return f"the template does not know the line {safe_line(line.strip(), 80)!r}{safe_line(message, 80)}"


def merge(parts: list[Parsed]) -> Parsed:
    """Several templates' records of one output as one table: rows of the first, columns of the others by key.

    Rows are joined where all Key values are equal; without Key values, in order. A row without a partner gets
    empty columns.
    """
    first, *others = parts
    header, rows = list(first.header), [list(row) for row in first.rows]
    keys = first.keys
    for other in others:
        keys = keys or other.keys
        added = [name for name in other.header if name not in header]
        columns = [other.header.index(name) for name in added]
        if keys and not keys <= set(other.header) & set(header):
            partners: list[list[Any] | None] = [None] * len(rows)
        elif keys:
            by_key: dict[tuple[str, ...], list[Any]] = {}
            for row in other.rows:
                by_key.setdefault(_key(row, other.header, keys), row)
            partners = [by_key.get(_key(row, header, keys)) for row in rows]
        else:
            partners = [other.rows[i] if i < len(other.rows) else None for i in range(len(rows))]
        for row, partner in zip(rows, partners, strict=True):
            row.extend(partner[column] if partner else "" for column in columns)
        header += added
    return Parsed(
        header=header,
        rows=rows,
        keys=keys,
        explained=sum(part.explained for part in parts),
        fixed=sum(part.fixed for part in parts),
        columns=max(part.columns for part in parts),
        lines=max(part.lines for part in parts),
        error=next((part.error for part in parts if part.error), None),
    )


def _key(row: list[Any], header: list[str], keys: frozenset[str]) -> tuple[str, ...]:
    return tuple(str(row[header.index(name)]) for name in sorted(keys))


def records(parsed: Parsed) -> list[dict[str, Any]]:
    """The rows as dicts with lower-case keys; values are strings or lists of strings."""
    names = [name.lower() for name in parsed.header]
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in parsed.rows]


def _plain(value: Any) -> Any:
    return [str(item) for item in value] if isinstance(value, list) else str(value)


_COMMENT = re.compile(r"\s*#")
_ACTION = re.compile(r"(.*)\s->(.*)")
_OPERATORS = re.compile(r"(?:Continue|Next|Error|Clear|Clearall|Record|NoRecord|\.)+")
_CAPTURE = re.compile(r"\$\{|\$[A-Za-z_]|\(\?P<")


def required_texts(content: str) -> tuple[str, ...] | None:
    """Texts of which a template's outputs must hold at least one, or None where nothing is certain.

    Only a rule of the state Start that captures something or leads to another state can begin a record; if
    each of those has a fixed text, an output without any of these texts cannot yield records.
    """
    _, _, body = content.partition("\nStart")
    texts: list[str] = []
    for line in body.splitlines()[1:]:
        if not line.strip():
            break
        if _COMMENT.match(line):
            continue
        action = _ACTION.fullmatch(line.strip())
        rule, operation = action.groups() if action else (line.strip(), "")
        words = operation.split()
        if words and words[0].startswith("Error"):
            continue
        leads_on = any(not _OPERATORS.fullmatch(word) for word in words)
        if _CAPTURE.search(rule) or leads_on:
            text = fixed_text(rule)
            if not text.strip():
                return None
            texts.append(text)
    return tuple(texts) or None
