"""Messages between the program and its validation process: JSON behind a four-byte length."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LENGTH = 4
LARGE_BYTES = 256 * 1024
MAX_BYTES = 512 * 1024 * 1024


def pack(message: dict[str, Any]) -> bytes:
    """One message as bytes. JSON, not pickle: what comes back from parsing foreign text must not be code."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return len(body).to_bytes(_LENGTH, "big") + body


@contextmanager
def uncollected(size: int) -> Iterator[None]:
    """No garbage collection meanwhile, if `size` (bytes) is large: data has no cycles, only a lot of it."""
    if size < LARGE_BYTES or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Reader:
    """Puts messages together from bytes in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The messages that are complete now. Raises ValueError for what is not a message."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH:
            size = int.from_bytes(self._buffer[:_LENGTH], "big")
            if size > MAX_BYTES:
                raise ValueError("a message of the validation process is too large")
            end = _LENGTH + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH:end])
            del self._buffer[:end]
            with uncollected(size):
                message = json.loads(body)
            yield message
