"""What every screen is given: where things are, and the credentials' keeper."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from screens.clipboard import SecretClipboard

if TYPE_CHECKING:
    # The vault's room loads the cryptography and database libraries: not before the first paint.
    from vctui.config import Settings
    from vctui.vault import CredentialResolver

LOCKED_OUT = 5
"""Wrong passwords in a row after which the box for the next one is taken away."""
PAUSES = (1, 2, 4, 8, 16, 30)
"""Seconds between two attempts at the master password, after one wrong password, two, ..."""


@dataclass
class Throttle:
    """Slows down who guesses the master password, across all screens that ask for it."""

    clock: Callable[[], float] = time.monotonic
    wrong: int = 0
    until: float = 0.0

    def wait(self) -> int:
        """Whole seconds until the next attempt is accepted; 0 now."""
        left = self.until - self.clock()
        return max(0, int(left) + (left > int(left)))

    def failed(self) -> None:
        """Another wrong password."""
        self.until = self.clock() + PAUSES[min(self.wrong, len(PAUSES) - 1)]
        self.wrong += 1

    @property
    def is_locked_out(self) -> bool:
        """Whether there were so many wrong ones that the user has to ask for another attempt."""
        return self.wrong >= LOCKED_OUT

    def passed(self) -> None:
        """The right one: forget the wrong ones."""
        self.wrong, self.until = 0, 0.0


@dataclass
class Context:
    """Passed from screen to screen, so that no screen needs to know the App."""

    settings: Settings
    resolver: CredentialResolver
    throttle: Throttle = field(default_factory=Throttle)
    clipboard: SecretClipboard = field(default_factory=SecretClipboard)
    must_ask: bool = False
    """The vault was locked while the program ran: only the master password opens it again, no key at hand."""

    def lock(self) -> None:
        """Lock the vault until somebody types its password."""
        self.must_ask = True
        self.resolver.lock()


@runtime_checkable
class AsksBeforeQuit(Protocol):
    """A screen with something to lose; ctrl+q asks its question first.

    Every screen of the stack is asked, from the top down.
    """

    def quit_question(self) -> str | None:
        """What to ask before the program ends, as one sentence; None when nothing would be lost."""
