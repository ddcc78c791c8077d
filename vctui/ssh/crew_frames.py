"""Messages between the program and the processes that visit devices for it: pickles of plain data.

Only dataclasses of this program are taken out of a pickle: what comes back from a process that
reads what devices send must not be code.
"""

from __future__ import annotations

import io
import os
import pickle
import threading
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

_LENGTH = 8
_READ = 1024 * 1024
_ALSO = frozenset({("pathlib", "Path"), ("pathlib", "PosixPath")})

Message = tuple[Any, ...]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALSO:
            return super().find_class(module, name)
        if module.startswith("vctui.") and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and is_dataclass(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")


class Frames:
    """Messages over a pair of file descriptors. Any thread may send; one reads."""

    def __init__(self, read_from: int, write_to: int) -> None:
        self._read_from = read_from
        self._write_to = write_to
        self._lock = threading.Lock()

    def send(self, messages: list[Message]) -> None:
        """Write them all at once. Raises OSError when nobody reads any more."""
        body = pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)
        data = memoryview(len(body).to_bytes(_LENGTH) + body)
        with self._lock:
            while data:
                data = data[os.write(self._write_to, data) :]

    def read(self) -> Iterator[list[Message]]:
        """What the other side sends, until it closes. Raises UnpicklingError for what is no data."""
        buffer = bytearray()
        while data := os.read(self._read_from, _READ):
            buffer += data
            while len(buffer) >= _LENGTH:
                end = _LENGTH + int.from_bytes(buffer[:_LENGTH])
                if len(buffer) < end:
                    break
                body = bytes(buffer[_LENGTH:end])
                del buffer[:end]
                messages: list[Message] = _Unpickler(io.BytesIO(body)).load()
                yield messages
