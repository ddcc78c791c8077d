"""What is typed at a simulated device: keys, lines, and how they are echoed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

MAX_LINE = 4096
T = TypeVar("T")
Typing = Generator[None, None, T]
"""Something that yields for as long as it needs more keys."""


class Keyboard:
    """Keys that were typed and are not taken yet; `show` says what is echoed while a line is typed."""

    def __init__(self, newline: str, show: Callable[[bytes], None]) -> None:
        self._newline = newline.encode()
        self._show = show
        self._typed = bytearray()
        self._after_cr = False
        self.echo = b""
        """What is left of the last line's echo; keys that come one by one are echoed one by one."""

    def feed(self, data: bytes) -> None:
        self._typed += data

    def take(self, keys: bytes) -> Typing[bool]:
        """Take these keys, if they are what comes next."""
        yield from self._wait()
        found = self._typed.startswith(keys)
        if found:
            del self._typed[: len(keys)]
        return found

    def key(self) -> Typing[bytes]:
        yield from self._wait()
        key = bytes(self._typed[:1])
        del self._typed[:1]
        self._after_cr = key == b"\r"
        return key

    def _wait(self) -> Typing[None]:
        """Until there is a key. The LF of a CR LF is none: it belongs to the line before."""
        while not self._typed or (self._after_cr and self._typed[:1] == b"\n"):
            if not self._typed:
                yield
            else:
                self._after_cr = False
                del self._typed[:1]

    def line(self, *, echo: bool = True) -> Typing[str]:
        line = bytearray()
        shown = bytearray()
        while True:
            if not self._typed and shown:
                self._show(bytes(shown))
                shown.clear()
            key = yield from self.key()
            if key in (b"\r", b"\n"):
                self.echo = bytes(shown) + self._newline
                return line.decode("utf-8", "replace")
            if key == b"\x03":
                self.echo = bytes(shown) + b"^C" + self._newline
                return ""
            if key in (b"\x08", b"\x7f"):
                if line:
                    del line[-1]
                    shown += b"\b \b" if echo else b""
            elif key >= b" " and len(line) < MAX_LINE:
                line += key
                shown += key if echo else b""

    def ignore(self) -> Typing[None]:
        """Take whatever is typed, for ever."""
        while True:
            yield
            self._typed.clear()
