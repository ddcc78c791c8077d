"""The full-screen program: the keys that work everywhere, and the first screen."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from screens.calm import run_calmly
from screens.context import Context
from screens.locking import LockingApp
from screens.widgets.commands import KeyCommands

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.vault import CredentialResolver


class VctuiApp(LockingApp):
    """Opens on the master password, or on the jobs when the vault is open already."""

    TITLE = "vctui"
    CSS_PATH = "app.tcss"
    COMMANDS = App.COMMANDS | {KeyCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help", tooltip="What this screen is for, and its keys"),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", priority=True, tooltip="End the program"),
    ]

    def __init__(self, context: Context, *, unlocked: bool) -> None:
        super().__init__(context)
        self._unlocked = unlocked

    def on_mount(self) -> None:
        """Set the looks and open the first screen; then load what the later ones need."""
        theme = self._scope.settings.ui.get("theme")
        if theme in self.available_themes:
            self.theme = str(theme)
        elif theme is not None:
            self.notify(f"config.yaml: ui.theme: there is no theme {theme!r}", markup=False)
        if "SSH_CONNECTION" in os.environ:
            self.animation_level = "none"
        if not self.is_headless:
            self.watch_signals()
        self.watch_vault()
        if self._unlocked:
            self._open_jobs()
        else:
            from screens.unlock import UnlockScreen

            self.push_screen(UnlockScreen(self._scope), self._open_jobs)
        self.call_after_refresh(self._warm)

    def _open_jobs(self, unlocked: bool | None = None) -> None:
        from screens.jobs import JobsScreen

        self.push_screen(JobsScreen(self._scope))

    @work(thread=True, exit_on_error=False, group="warm", description="load the engine")
    def _warm(self) -> None:
        """Import what takes time (paramiko: a quarter of a second) behind the first screen."""
        import vctui.jobs  # noqa: F401 - for its effect

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the command palette offers on every screen."""
        yield SystemCommand("Help (F1)", "What this screen is for, and its keys", self.action_help)
        yield SystemCommand("Theme", "Choose the colours", self.action_change_theme)
        yield SystemCommand("Quit (^q)", "End the program", self.action_quit)

    def action_help(self) -> None:
        """Explain the screen and its keys."""
        from screens.widgets.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))


def open_app(settings: Settings, resolver: CredentialResolver) -> int:
    """Run the full-screen program and return its exit code.

    An unexpected error is raised here once the terminal is restored: whoever started the program reports it.
    """
    if os.environ.get("NO_COLOR") == "":
        # Textual takes the empty variable for a yes; the convention says it is a no.
        del os.environ["NO_COLOR"]
    app = VctuiApp(Context(settings, resolver), unlocked=resolver.is_unlocked)
    run_calmly(app.run_async())
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0
