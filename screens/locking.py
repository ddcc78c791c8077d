"""Locking the vault by itself: the program goes behind the unlock screen, and comes back where it was."""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.events import Event, InputEvent

from screens.autolock import REASONS, AutoLock
from screens.ending import OrderlyApp
from screens.widgets.secret import KeyInput, SecretInput
from vctui.errors import VctuiError

if TYPE_CHECKING:
    from screens.context import Context

LOOK = 0.5
"""Seconds between two looks at the clock."""


class LockingApp(OrderlyApp):
    """An App whose vault is locked in time. Locking drops the key and whatever secret a screen holds."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._scope = context
        settings = context.settings
        self.autolock = AutoLock(idle=settings.lock_after, absolute=settings.lock_at_latest)
        self._was_unlocked = False

    def watch_vault(self) -> None:
        """Begin to look at the clock."""
        self.set_interval(LOOK, self.look_at_clock)
        self.look_at_clock()

    async def on_event(self, event: Event) -> None:
        """Keys, pastes and the mouse show that somebody is there."""
        if isinstance(event, InputEvent):
            self.autolock.touch()
        await super().on_event(event)

    def look_at_clock(self) -> None:
        """Lock the vault if it is time."""
        unlocked = self._scope.resolver.is_unlocked
        if unlocked != self._was_unlocked:
            self._was_unlocked = unlocked
            (self.autolock.start if unlocked else self.autolock.stop)()
        if (reason := self.autolock.due()) is not None:
            self.lock_vault(REASONS[reason])

    def lock_vault(self, reason: str) -> None:
        """Lock now, and ask for the master password over whatever is on show."""
        from screens.unlock import UnlockScreen

        self.drop_secrets(reason)
        if not isinstance(self.screen, UnlockScreen):
            self.push_screen(UnlockScreen(self._scope, ask=True, why=f"The vault is locked: {reason}"))

    def drop_secrets(self, reason: str) -> None:
        """Lock the vault and empty every box that a secret was typed into."""
        resolver = self._scope.resolver
        if resolver.is_unlocked:
            with suppress(VctuiError):
                resolver.vault.note("vault_locked", reason=reason)
        self._scope.lock()
        self.autolock.stop()
        self._was_unlocked = False
        for screen in self.screen_stack:
            for box in screen.query(SecretInput):
                box.forget()
            for key in screen.query(KeyInput):
                key.forget()
        self._scope.clipboard.clear(self)
        # What is only held by cycles goes now, not when the collector comes by.
        gc.collect()
