"""The audit trail: who unlocked the vault, which credential went where, which host keys were decided.

One JSON object a line in `audit.jsonl`, each with the hash of the line before it; `audit.head` names the last
one, so that lines cut off at the end are missed too. Lines are only ever appended, and are on the disk when
`write` returns. A chain without a secret shows tinkering, not a forger who computes all of it anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import pwd
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from vctui.errors import DataError
from vctui.storage.files import FILE_MODE, storage_error, sync_folder, write_all

FILE = "audit.jsonl"
HEAD = "audit.head"
START = "0" * 64
"""What the first line has in place of the hash of the line before."""
MAX_LINE = 1024 * 1024
_KIND = re.compile(r"[a-z]+(_[a-z]+)*")
_END = re.compile(rb',"hash":"([0-9a-f]{64})"}\n?')
_END_BYTES = len(',"hash":""}') + 64
_OWN = ("seq", "at", "kind", "user", "pid", "prev", "hash")


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a check of the trail found."""

    entries: int
    problems: tuple[str, ...]
    """Each names its line; none when the trail is whole."""


@dataclass(frozen=True, slots=True)
class _Head:
    seq: int
    hash: str
    size: int = 0
    """Of the file, its line included."""

    def is_line(self, other: _Head) -> bool:
        return (self.seq, self.hash) == (other.seq, other.hash)


class Audit:
    """The trail of one home. Safe to use from any thread and from several processes at once."""

    def __init__(self, home: str | Path) -> None:
        self.path = Path(home) / FILE
        self._head = Path(home) / HEAD

    def write(self, kind: str, **fields: Any) -> None:
        """Append one entry; it is on the disk afterwards. Fields are plain data, and never a secret.

        Raises StorageError: whoever wanted to do what could not be noted must not do it.
        """
        self.write_many(kind, [fields])

    def write_many(self, kind: str, entries: Iterable[Mapping[str, Any]]) -> None:
        """Append entries of one kind with one wait for the disk."""
        rows = [dict(entry) for entry in entries]
        if not _KIND.fullmatch(kind) or any(name in _OWN for row in rows for name in row):
            raise ValueError(f"an audit entry cannot be called {kind!r} or have these fields")
        try:
            self._append(kind, rows)
        except OSError as error:
            raise storage_error(error, self.path, "(the audit trail) cannot be written") from error

    def require_writable(self) -> None:
        """Raise StorageError where `write` would."""
        try:
            with self._locked() as descriptor:
                os.fsync(descriptor)
        except OSError as error:
            raise storage_error(error, self.path, "(the audit trail) cannot be written") from error

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every entry, oldest first, unchecked. Raises StorageError, or DataError for what is no entry."""
        with self._open_to_read() as file:
            lines = list(_numbered(file))
        for number, line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                raise DataError(
                    f"{self.path}: line {number} is damaged", "See what else is: vctui audit verify"
                )
            yield entry

    def check(self) -> AuditReport:
        """Look for lines that were edited, moved, added or deleted. Raises StorageError."""
        problems: list[str] = []
        before = _Head(0, START)
        with self._open_to_read() as file:
            head = self._read_head()
            met = head is None
            number = 0
            for number, line in _numbered(file):
                found = _examine(line)
                if found is None:
                    if met and not line.endswith(b"\n"):
                        break  # cut short by a crash before it was acknowledged
                    problems.append(f"line {number} was altered")
                    # What follows is judged by itself: one bad line is one problem.
                    before = _Head(before.seq + 1, "")
                    continue
                entry, prev = found
                if before.hash and (prev != before.hash or entry.seq != before.seq + 1):
                    problems.append(f"lines before line {number} are missing, or were put in another order")
                before = entry
                met = met or (head is not None and entry.is_line(head))
        if head is None and number:
            problems.append(f"{HEAD}, which names the last line, is missing or damaged")
        elif not met and head is not None:
            problems.append(f"entry {head.seq}, which {HEAD} names as the last, is missing")
        return AuditReport(number, tuple(problems))

    def _append(self, kind: str, rows: list[dict[str, Any]]) -> None:
        with self._locked() as descriptor:
            last, damage = self._last(descriptor)
            lines = []
            noted = [("trail_damaged", {"found": damage})] if damage else []
            for name, row in [*noted, *((kind, row) for row in rows)]:
                line, last = _make_line(name, row, last)
                lines.append(line)
            write_all(descriptor, b"".join(lines))
            os.fsync(descriptor)
            # After the lines: a head that lags behind a crash is no alarm, one ahead of it would be.
            self._write_head(_Head(last.seq, last.hash, os.fstat(descriptor).st_size))

    def _last(self, descriptor: int) -> tuple[_Head, str]:
        """What the next line follows, and what happened to the trail since the last one, if anything did.

        A cut or an edit at the end is not healed by going on: the chain goes on from what was there.
        """
        head, size = self._read_head(), os.fstat(descriptor).st_size
        if head is not None and head.size == size:
            return head, ""
        if head is None and size == 0:
            return _Head(0, START), ""
        found = _last_entry(descriptor)
        if head is None:
            return found or _Head(0, START), f"{HEAD} was missing or damaged"
        if found is None or found.seq < head.seq:
            return head, "lines at the end were missing or altered"
        if found.seq == head.seq and found.hash != head.hash:
            return head, "the last line was altered"
        return found, ""

    def _write_head(self, head: _Head) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._head, flags, FILE_MODE)
        try:
            # Of one length and within one sector, so that it is replaced whole.
            write_all(descriptor, f"{head.seq:020} {head.hash} {head.size:020}\n".encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read_head(self) -> _Head | None:
        try:
            words = self._head.read_bytes()[:200].decode("ascii", "replace").split()
            return _Head(int(words[0]), words[1], int(words[2]))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, self._head, "cannot be read") from error
        except (ValueError, IndexError):
            return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """The file, open for appending and held against other writers."""
        created = not self.path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, FILE_MODE)
        try:
            # Freed by closing, and by dying.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
            if created:
                sync_folder(self.path.parent)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _open_to_read(self) -> Iterator[BinaryIO]:
        """The file, empty when it is not there, while nobody writes to it."""
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                yield file
        except FileNotFoundError:
            yield io.BytesIO()
        except OSError as error:
            raise storage_error(error, self.path, "cannot be read") from error


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    return enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1)


def _make_line(kind: str, row: Mapping[str, Any], last: _Head) -> tuple[bytes, _Head]:
    body = {
        "seq": last.seq + 1,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "kind": kind,
        "user": _user(),
        "pid": os.getpid(),
        **row,
        "prev": last.hash,
    }
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    line = f'{text[:-1]},"hash":"{digest}"}}\n'.encode("ascii")
    if len(line) > MAX_LINE:
        raise ValueError("an audit entry is too long")
    return line, _Head(last.seq + 1, digest)


def _examine(line: bytes) -> tuple[_Head, str] | None:
    """A line's number and hash, and the hash it follows; None when it is not as it was written."""
    end = _END.fullmatch(line, max(0, len(line) - _END_BYTES - line.endswith(b"\n")))
    if end is None or not line.endswith(b"\n"):
        return None
    text = line[: end.start()] + b"}"
    digest = end[1].decode("ascii")
    if hashlib.sha256(text).hexdigest() != digest:
        return None
    try:
        body = json.loads(text)
        return _Head(int(body["seq"]), digest), str(body["prev"])
    except (ValueError, KeyError, TypeError):
        return None


def _last_entry(descriptor: int) -> _Head | None:
    """The last line; None when it was altered. One that a crash cut short was never acknowledged: it goes."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, MAX_LINE, max(0, size - MAX_LINE))
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        os.ftruncate(descriptor, size - len(tail) + whole)
    if whole == 0:
        return None
    found = _examine(tail[tail.rfind(b"\n", 0, whole - 1) + 1 : whole])
    return found[0] if found else None


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
