"""What screens of background work have in common: events go into a model, and are painted in rounds."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any, ClassVar, Protocol

from textual import on
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from screens.calm import quick_turns, spare_the_collector
from screens.widgets.confirm import ConfirmScreen
from vctui.events import Event

PAINT = 0.2
"""Seconds between two paintings."""


class LiveModel(Protocol):
    """What a live screen keeps of the events."""

    def apply(self, event: Any) -> None: ...


class LiveScreen(Screen[None]):
    """Work begins when the screen is there, and every way out of the screen ends it.

    The work runs in a worker of the group `live`, hears of `_cancel`, and says what happens through `_tell`.
    """

    TITLE = "vctui"
    QUIT: ClassVar[str]
    """What ctrl+q asks while the work goes on."""
    LEAVE: ClassVar[tuple[str, str]]
    """What Escape asks meanwhile, and a line of detail."""

    class Said(Message):
        """Something happened in the work; posted from its threads."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    def __init__(self, model: LiveModel) -> None:
        super().__init__()
        self._applies = model.apply
        self._cancel = threading.Event()
        self._texts: dict[str, str] = {}
        self._while_shown = ExitStack()

    @property
    def running(self) -> bool:
        """Whether the work goes on."""
        raise NotImplementedError

    @property
    def stopping(self) -> bool:
        """Whether it goes on although it was told to end."""
        return self.running and self._cancel.is_set()

    def begin(self) -> object:
        """Start the worker."""
        raise NotImplementedError

    def paint(self) -> None:
        """Draw what changed and is in view."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Begin, and paint what comes."""
        spare_the_collector()
        self._while_shown.enter_context(quick_turns())
        self.set_interval(PAINT, self.paint)
        self.paint()
        # The sessions' first second is the busiest: let the screen be there before it.
        self.call_after_refresh(self.begin)

    def on_unmount(self) -> None:
        """Every way out ends the work."""
        self._cancel.set()
        self._while_shown.close()

    def quit_question(self) -> str | None:
        """What ctrl+q asks: quitting ends the work."""
        return self.QUIT if self.running else None

    async def may_leave(self) -> bool:
        """Whether the screen may be left: while the work goes on, by a person's word."""
        if not self.running or self.stopping:
            return True
        question, detail = self.LEAVE
        leaves = await self.app.push_screen_wait(ConfirmScreen(question, detail, yes="Leave", no="Stay"))
        return bool(leaves)

    def _tell(self, event: Event) -> None:
        """The work's sink, called from its threads."""
        self.post_message(self.Said(event))

    @on(Said)
    def _said(self, message: Said) -> None:
        message.stop()
        self._applies(message.event)

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        """What the work must never do: say so as the bug it is."""
        if event.worker.group == "live" and event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    def _update(self, selector: str, text: Content | str) -> None:
        plain = text if isinstance(text, str) else text.plain
        if self._texts.get(selector) != plain:
            self._texts[selector] = plain
            self.query_one(selector, Static).update(text, layout=False)
