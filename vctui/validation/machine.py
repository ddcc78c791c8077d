"""One template, compiled: it parses an output as TextFSM does, and counts what its rules account for."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from vctui.text import safe_line
from vctui.validation.account import RuleWeight
from vctui.validation.generate import Generator, Parser
from vctui.validation.patterns import fixed_text, literal_count, narrowness


class TemplateError(Exception):
    """A template that cannot be compiled: one line saying why."""


@dataclass(slots=True)
class Parsed:
    """What one template made of one output. Characters are non-space characters."""

    header: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    keys: frozenset[str] = frozenset()
    explained: float = 0.0
    """Characters accounted for: literals of the matched rules, and records by how narrow their class is."""
    kept: int = 0
    """Characters that stand in the records."""
    fixed: float = 0.0
    """Literal characters of matched rules that capture nothing: headers, legends, rulers."""
    columns: float = 0.0
    """Characters of lines that were taken apart into columns, as only a table's lines can be."""
    evidence: float = 0.0
    """The most that one line with captures accounts for."""
    lines: int = 0
    """Lines that some rule with captures or literals matched."""
    error: str | None = None
    only_text: bool = False
    """No value of the template is a List."""


class Machine:
    """One template, compiled once and then reusable, for one thread at a time."""

    def __init__(self, content: str) -> None:
        self._fsm = _compiled(content)
        self.header: list[str] = list(self._fsm.header)
        self._narrow = {value.name: narrowness(value.regex) for value in self._fsm.values}
        self._keys = frozenset(self._fsm.GetValuesByAttrib("Key"))
        self._only_text = not self._fsm.GetValuesByAttrib("List")
        self._quick: Parser | None = None
        self._accounting: Parser | None = None

    def has_records(self, lines: list[str]) -> bool:
        """Whether the output yields records: the quick question, asked of many templates before `parse`."""
        if self._quick is None:
            self._quick = Generator(self._fsm).compile()
        rows, error, *_ = self._quick(lines)
        return bool(rows) and error is None

    def parse(self, lines: list[str]) -> Parsed:
        """Records and account of one output; an Error rule that fires is `error`, not an exception."""
        if self._accounting is None:
            self._accounting = Generator(self._fsm, self._weights()).compile()
        rows, error, explained, taken, fixed, columns, evidence, hits = self._accounting(lines)
        kept, told = self._recorded(rows) if error is None else (0, 0.0)
        return Parsed(
            header=self.header,
            rows=rows if error is None else [],
            keys=self._keys,
            # What was captured and lost, such as a value that the next line overwrites, explains nothing.
            explained=explained - max(0.0, taken - told),
            kept=kept,
            fixed=fixed,
            columns=columns,
            evidence=evidence,
            lines=hits,
            only_text=self._only_text,
            error=self._unknown_line(*error) if error else None,
        )

    def _rules(self) -> list[Any]:
        return [rule for rules in self._fsm.states.values() for rule in rules]

    def _weights(self) -> dict[int, RuleWeight]:
        narrow = self._narrow
        return {
            number: RuleWeight(
                literal_count(rule.regex),
                {name: narrow[name] for name in rule.regex_obj.regex.groupindex if name in narrow},
            )
            for number, rule in enumerate(self._rules())
        }

    def _recorded(self, rows: list[list[Any]]) -> tuple[int, float]:
        """The characters in the records, and what they account for by how narrow their classes are."""
        kept, told = 0, 0.0
        if self._only_text:
            for narrow, column in zip(self._narrow.values(), zip(*rows, strict=True), strict=False):
                size = len("".join(column))
                kept += size
                told += size * narrow
        else:
            for narrow, column in zip(self._narrow.values(), zip(*rows, strict=True), strict=False):
                size = sum(map(_length, column))
                kept += size
                told += size * narrow
        return kept, told

    def _unknown_line(self, number: int, line: str) -> str:
        told = self._rules()[number].new_state
        message = f" ({told})" if told else ""
        return f"the template does not know the line {safe_line(line.strip(), 80)!r}{safe_line(message, 80)}"


def _length(value: Any) -> int:
    """The characters of a cell: a text, a list, or what the groups of a list's item have taken apart."""
    if isinstance(value, str):
        return len(value)
    return sum(map(_length, value.values() if isinstance(value, dict) else value or ()))


def _compiled(content: str) -> Any:
    """TextFSM's own reading of a template. Raises TemplateError."""
    # Not above: a run leaves parsing to a process of its own, and one that parses nothing has none.
    import textfsm

    try:
        with warnings.catch_warnings():
            # Template authors write "[[" and "\\-" as they please.
            warnings.simplefilter("ignore")
            return textfsm.TextFSM(io.StringIO(content))
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
        kept=sum(part.kept for part in parts),
        fixed=sum(part.fixed for part in parts),
        columns=max(part.columns for part in parts),
        evidence=max(part.evidence for part in parts),
        lines=max(part.lines for part in parts),
        error=next((part.error for part in parts if part.error), None),
    )


def _key(row: list[Any], header: list[str], keys: frozenset[str]) -> tuple[str, ...]:
    return tuple(str(row[header.index(name)]) for name in sorted(keys))


def records(parsed: Parsed) -> list[dict[str, Any]]:
    """The rows as dicts with lower-case keys; values are strings or lists of strings."""
    names = [name.lower() for name in parsed.header]
    if parsed.only_text:
        return [dict(zip(names, row, strict=True)) for row in parsed.rows]
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
