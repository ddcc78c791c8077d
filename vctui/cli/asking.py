"""A desk at the terminal, for commands that do not paint on it."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.questions import Desk, Question


def terminal_desk() -> Desk:
    """Puts each question to the person at the terminal; without one, nobody is there."""
    from vctui.cli.output import has_terminal
    from vctui.questions import HEADLESS, Desk

    if not has_terminal():
        return HEADLESS
    lock = threading.Lock()

    def ask() -> None:
        with lock:
            for waiting in desk.open():
                answer = _answer(waiting.question)
                if answer:
                    desk.answer(waiting.key, answer)
                else:
                    desk.decline(waiting.key)

    desk = Desk(ask)
    return desk


def _answer(question: Question) -> str | None:
    """What the person says; None for nothing."""
    from vctui.cli.output import narrate
    from vctui.errors import VaultError
    from vctui.text import safe_line
    from vctui.vault import ask_secret

    narrate(question.title)
    for number, choice in enumerate(question.choices, start=1):
        narrate(f"  {number}: {choice}")
    prompt = safe_line(question.prompt, 200).rstrip() + " "
    if question.hidden:
        try:
            return ask_secret(prompt)
        except VaultError:
            return None
    sys.stderr.write(prompt)
    sys.stderr.flush()
    said = sys.stdin.readline().strip()
    if question.choices:
        picked = said.isdecimal() and 0 < int(said) <= len(question.choices)
        return question.choices[int(said) - 1] if picked else None
    return said or None
