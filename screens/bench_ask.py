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
    """A question's number is drawn where it is asked (`begin`); its thread comes with it later (`ask`)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._number = 0
        self._current: Bench | None = None

    def begin(self) -> int:
        """The number of a new question. The one before ends, whether its thread has come to it or not."""
        with self._lock:
            self._number += 1
            if self._current is not None:
                self._current.stop()
            return self._number

    def is_current(self, number: int) -> bool:
        """Whether nothing newer was asked."""
        with self._lock:
            return number == self._number

    def ask(self, number: int, question: Question) -> Report | str | None:
        """The answer, what kept it from being given, or None when a newer question came or `stop`."""
        from vctui.validation import Bench, Stopped

        bench = Bench(self._settings.templates_db)
        with self._lock:
            if number != self._number:
                return None
            self._current = bench
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
        self.begin()


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
