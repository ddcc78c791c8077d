"""Hides the secrets in use from whatever is said: a device may send back what it was sent.

A run adds its secrets while it lasts. Command output is what was asked for and stays as it is; messages,
logs and questions go through `hide`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

HIDDEN = "********"
SHORTEST = 4
"""A secret of fewer characters would blot out ordinary words; no message is worth reading then."""
KEY_LINE = 16
"""Characters of one line of a private key that are a secret by themselves."""


class Mask:
    """The secrets in use now. Any thread may add to it and ask it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._words: tuple[str, ...] = ()
        """The longest first: one secret may begin with another."""

    @contextmanager
    def hiding(self, secrets: Iterable[str | None]) -> Iterator[None]:
        """Hide these within the block."""
        pieces = [piece for secret in secrets if secret for piece in _pieces(secret)]
        self._change(pieces, 1)
        try:
            yield
        finally:
            self._change(pieces, -1)

    def hide(self, text: str) -> str:
        """The text without any of the secrets."""
        for word in self._words:
            text = text.replace(word, HIDDEN)
        return text

    def hide_all(self, value: Any) -> Any:
        """The same for every text within a value made of lists and mappings."""
        if not self._words:
            return value
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {key: self.hide_all(one) for key, one in value.items()}
        return [self.hide_all(one) for one in value] if isinstance(value, list | tuple) else value

    def _change(self, pieces: Iterable[str], by: int) -> None:
        with self._lock:
            before = len(self._held)
            for piece in pieces:
                self._held[piece] += by
                if not self._held[piece]:
                    del self._held[piece]
            if len(self._held) != before:
                self._words = tuple(sorted(self._held, key=len, reverse=True))


def _pieces(secret: str) -> Iterator[str]:
    """What would give a secret away: the whole, as it is and as it is shown; of a key, each line."""
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= KEY_LINE and not line.startswith("-----"))
        return
    shown = "".join(char if char.isprintable() else "\ufffd" for char in secret)
    yield from {text for text in (secret, shown) if len(text) >= SHORTEST}


MASK = Mask()
"""The one of this process."""
