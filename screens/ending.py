"""How the full-screen program ends, by wish, signal or error: always with the terminal restored."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from textual.app import App
from textual.worker import WorkerFailed

from screens.context import AsksBeforeQuit
from screens.widgets.confirm import ConfirmScreen

if TYPE_CHECKING:
    from rich.console import RenderableType

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class QuitQuestion(ConfirmScreen):
    """The question before quitting, told apart from others so that ctrl+q again means yes."""


class OrderlyApp(App[None]):
    """An App that asks before it quits, ends in order on signals, and shows no variables when it fails."""

    def __init__(self) -> None:
        super().__init__()
        self._ended_by: int | None = None
        self.failure: BaseException | None = None
        """What made the program end, for whoever started it."""

    async def action_quit(self) -> None:
        """End the program, once no screen has anything to lose or the user agrees. Asked again: at once."""
        if isinstance(self.screen, QuitQuestion):
            self.exit()
            return
        for screen in reversed(self.screen_stack):
            question = screen.quit_question() if isinstance(screen, AsksBeforeQuit) else None
            if question:
                self.push_screen(QuitQuestion(question, yes="Quit", no="Stay"), self._quit_if)
                return
        self.exit()

    def _quit_if(self, accepted: bool | None) -> None:
        if accepted:
            self.exit()

    def watch_signals(self) -> None:
        """Left alone, a signal kills the process with the terminal in disorder and runs unfinished."""
        loop = asyncio.get_running_loop()
        for number in ENDING_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, self._end_by, number)

    def _end_by(self, number: int) -> None:
        """The first signal ends in order, with its own exit code; the second at once."""
        if self._ended_by is None:
            self._ended_by = number
            self.drop_secrets(signal.Signals(number).name)
            self.exit(return_code=128 + number)
            return
        try:
            if self._driver is not None and self.is_running:
                self._driver.stop_application_mode()
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def drop_secrets(self, reason: str) -> None:
        """Let go of what nobody may find in a program that is ending."""

    def _handle_exception(self, error: Exception) -> None:
        self.failure = self.failure or (error.error if isinstance(error, WorkerFailed) else error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual would print the traceback with the values of variables: passwords among them."""
        self.exit(return_code=1)

    def panic(self, *renderables: RenderableType) -> None:
        """End without printing: what went wrong is in `failure`."""
        self.exit(return_code=1)
