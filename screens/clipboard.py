"""A secret on the terminal's clipboard, for a short time: written by OSC 52, and overwritten again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.timer import Timer

SECONDS = 20
"""How long a secret stays there."""


class SecretClipboard:
    """Copies past Textual's own clipboard, which would keep the text for as long as the program runs."""

    def __init__(self) -> None:
        self._timer: Timer | None = None

    def copy(self, app: App[Any], secret: str) -> bool:
        """Put a secret on the terminal's clipboard; False where there is no terminal."""
        self.clear(app)
        if not _write(app, secret):
            return False
        self._timer = app.set_timer(SECONDS, lambda: self.clear(app), name="clear the clipboard")
        return True

    def clear(self, app: App[Any]) -> None:
        """Take a secret that is still there away."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            # Some terminals take an empty text for a question or for nothing to do; a space they all store.
            _write(app, " ")


def _write(app: App[Any], text: str) -> bool:
    driver = app._driver
    if driver is None:
        return False
    driver.write(f"\x1b]52;c;{base64.b64encode(text.encode()).decode('ascii')}\a")
    driver.flush()
    return True
