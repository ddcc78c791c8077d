"""What every screen is given: where things are, and the credentials' keeper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    # The vault's room loads the cryptography and database libraries: not before the first paint.
    from vctui.config import Settings
    from vctui.vault import CredentialResolver


@dataclass
class Context:
    """Passed from screen to screen, so that no screen needs to know the App."""

    settings: Settings
    resolver: CredentialResolver


@runtime_checkable
class AsksBeforeQuit(Protocol):
    """A screen with something to lose; ctrl+q asks its question first.

    Every screen of the stack is asked, from the top down.
    """

    def quit_question(self) -> str | None:
        """What to ask before the program ends, as one sentence; None when nothing would be lost."""
