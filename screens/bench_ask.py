"""Questions to the bench, one at a time: a newer one ends the process that works on the older."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from vctui.errors import VctuiError

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.validation import Bench, Report

Question = Callable[["Bench"], "Report"]


class Asker:
    """Called from worker threads; `stop` from any."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._current: Bench | None = None

    def ask(self, question: Question) -> Report | str | None:
        """The answer, what kept it from being given, or None when a newer question came or `stop`."""
        from vctui.validation import Bench, Stopped

        bench = Bench(self._settings.templates_db)
        with self._lock:
            previous, self._current = self._current, bench
        if previous is not None:
            previous.stop()
        try:
            return question(bench)
        except Stopped:
            return None
        except VctuiError as error:
            return str(error)

    @property
    def pid(self) -> int | None:
        """The process that is at work, if one is."""
        with self._lock:
            return self._current.pid if self._current is not None else None

    def stop(self) -> None:
        """End the question that is being answered."""
        with self._lock:
            if self._current is not None:
                self._current.stop()


def stored_templates(settings: Settings) -> dict[str, str]:
    """The text of each template by its name; of a name that is there twice, the first. Raises VctuiError."""
    from vctui.validation import read_templates

    found: dict[str, str] = {}
    for template in read_templates(settings.templates_db):
        found.setdefault(template.name, template.content)
    return found


def save_template(settings: Settings, name: str, content: str) -> None:
    """Store a template of the user's own. Raises VctuiError."""
    from vctui.storage import TemplateRow, TemplateStore

    row = TemplateRow(name, content, source="custom")
    TemplateStore(settings.templates_db).upsert_many([row], replace_own=True)
