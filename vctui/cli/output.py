"""What the commands print: data to stdout, narration to stderr, no control character of anybody's."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TextIO

from vctui.errors import StorageError, UsageError
from vctui.mask import MASK
from vctui.text import safe_line

CELL_LIMIT = 200


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON in ASCII, so that no byte of it can act on a terminal."""
    text = _encoder(indent).encode(value)
    return text.replace("\x7f", "\\u007f")


@functools.cache
def _encoder(indent: int | None) -> json.JSONEncoder:
    return json.JSONEncoder(default=_plain, ensure_ascii=True, indent=indent)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    _write(to_json(value, indent=2))


def print_text(text: str) -> None:
    """Text of several lines on stdout as it is; the caller has made it safe."""
    _guarded(lambda: sys.stdout.write(text))


def print_line(text: str) -> None:
    """One line of data on stdout."""
    _write(safe_line(text, 10_000))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Aligned columns under a heading; empty cells show "-"."""
    lines = [list(headers)] + [[cell(value) for value in row] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    for line in lines:
        padded = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        _write("  ".join(padded).rstrip())


def print_fields(fields: Mapping[str, Any]) -> None:
    """`name: value` lines, the names aligned."""
    width = max((len(name) for name in fields), default=0) + 1
    for name, value in fields.items():
        _write(f"{name + ':':<{width}} {cell(value)}")


def cell(value: Any) -> str:
    """One value as a table shows it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return safe_line(", ".join(str(item) for item in value), CELL_LIMIT) or "-"
    return safe_line(str(value), CELL_LIMIT)


def narrate(text: str) -> None:
    """One line on stderr; a stderr that is gone or full must not stop the work."""
    with_newline = MASK.hide(safe_line(text, 10_000)) + "\n"
    try:
        sys.stderr.write(with_newline)
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def finish_stdout() -> None:
    """Flush what was printed, so that a full disk is noticed here and not at interpreter exit."""
    _guarded(sys.stdout.flush)


def _write(text: str) -> None:
    _guarded(lambda: sys.stdout.write(text + "\n"))


def _guarded(write: Callable[[], object]) -> None:
    try:
        write()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_stdout()
        raise StorageError(f"cannot write to standard output: {error.strerror}") from error


def drop_stdout() -> None:
    """Send what is still buffered for stdout nowhere: nobody reads it, or it has no room."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is at the other end of this stream."""
    return stream is not None and not stream.closed and stream.isatty()


def has_terminal() -> bool:
    """Whether a question can be asked: stdin and stderr are a terminal."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def confirm(question: str, *, yes: bool, option: str = "-y") -> bool:
    """Ask on the terminal; `yes` answers for the user, and without a terminal it must have."""
    if yes:
        return True
    if not has_terminal():
        raise UsageError(f"{question} There is no terminal to ask on", f"Add {option} to say yes")
    sys.stderr.write(f"{safe_line(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
