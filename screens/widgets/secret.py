"""Boxes for what must not be seen, copied or kept."""

from __future__ import annotations

from textual.events import Paste
from textual.widgets import Input

KEY_START = "-----BEGIN "


class SecretInput(Input):
    """A password box whose text cannot be copied out of it."""

    def __init__(self, placeholder: str = "", *, id: str | None = None, compact: bool = False) -> None:
        super().__init__(placeholder=placeholder, password=True, id=id, compact=compact)

    def action_copy(self) -> None:
        """Copy nothing."""

    def action_cut(self) -> None:
        """Cut nothing."""

    def forget(self) -> None:
        """Let go of what was typed."""
        self.value = ""


class KeyInput(Input):
    """The name of a private key's file, or the key itself once pasted: that is kept, and never shown."""

    def __init__(self, *, id: str | None = None, compact: bool = False) -> None:
        super().__init__(id=id, compact=compact)
        self.pasted = ""
        """The text of a pasted key."""

    def _on_paste(self, event: Paste) -> None:
        if KEY_START not in event.text:
            super()._on_paste(event)
            return
        event.stop()
        event.prevent_default()
        self.value = f"(pasted: {len(event.text.strip().splitlines())} lines)"
        self.pasted = event.text

    def watch_value(self, value: str) -> None:
        """Another text means another key."""
        self.pasted = ""

    def forget(self) -> None:
        """Let go of what was pasted."""
        if self.pasted:
            self.value = ""
