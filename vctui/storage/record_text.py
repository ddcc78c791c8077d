"""Parsed records as the text that is stored of them.

JSON of a large table keeps every thread waiting while it is written or read; so it is done in pieces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PIECE = 1_000
_BLANK = " \t\r\n"


def records_text(records: Sequence[Mapping[str, Any]]) -> str:
    """A JSON array. A lone surrogate, which cannot be stored as UTF-8, becomes a question mark."""
    pieces = (records[start : start + _PIECE] for start in range(0, len(records), _PIECE))
    inner = ", ".join(
        json.dumps([dict(record) for record in piece], ensure_ascii=False, default=str)[1:-1]
        for piece in pieces
    )
    return f"[{inner}]".encode("utf-8", "replace").decode()


def read_records(text: str) -> list[dict[str, Any]]:
    """The records again. Raises ValueError or RecursionError when they are not what was written."""
    found = list(_items(text))
    if not all(isinstance(record, dict) for record in found):
        raise ValueError("not records")
    return found


def _items(text: str) -> Iterator[Any]:
    """The items of a JSON array, one by one."""
    decode = json.JSONDecoder().raw_decode
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise ValueError("not an array")
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        at += 1
    else:
        while True:
            item, at = decode(text, at)
            yield item
            at = _skip(text, at)
            mark = text[at : at + 1]
            at = _skip(text, at + 1)
            if mark == "]":
                break
            if mark != ",":
                raise ValueError("no comma between two records")
    if _skip(text, at) != len(text):
        raise ValueError("text behind the records")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
