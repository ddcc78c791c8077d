"""The line of keys at the bottom, drawn anew only when it would look different."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Footer


class KeyFooter(Footer):
    """Textual's footer without the palette's key, which F1 names.

    Textual builds its footer anew whenever the focus moves, which costs more than the rest of the move.
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._drawn: list[tuple[object, bool]] | None = None

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Build it anew, if other keys are to be shown."""
        shown: list[tuple[object, bool]] = [
            (active.binding, active.enabled)
            for active in screen.active_bindings.values()
            if active.binding.show
        ]
        if shown == self._drawn:
            return
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self._drawn = shown
        super().bindings_changed(screen)
