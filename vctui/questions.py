"""Questions that only a person can answer: raised by any worker of a run, each asked once, in one place.

A worker calls `Desk.ask` and waits; a face shows `Desk.open` and calls `answer` or `decline`. Without a face
every answer is None at once, so that a run from cron never waits for somebody who is not there.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from vctui.mask import MASK

QuestionKind = Literal["password", "second_factor", "passphrase", "enable_secret", "host_key", "breaker"]
Tie = Callable[[Callable[[], None]], None]
"""Has a function called when the asker's run is cancelled, as `Lifeline.tie` does."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask. Questions of the same `key` are one: asked once, answered for all who wait."""

    kind: QuestionKind
    key: str
    title: str
    """What it is about, in a line: `token of jump ams`. A face adds who waits for it."""
    prompt: str
    """What stands before the answer. What a device sent is in it, made safe."""
    hidden: bool = True
    """The answer must not be shown while it is typed."""
    choices: tuple[str, ...] = ()
    """When there are any, the answer is one of them."""
    once: bool = False
    """The answer serves one asker only, as a one-time code does."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that waits for its answer, and the devices that wait with it, first come first."""

    question: Question
    devices: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.question.key


@dataclass(slots=True)
class _Asker:
    device: str
    done: threading.Event = field(default_factory=threading.Event)
    answer: str | None = field(default=None, repr=False)

    def settle(self, answer: str | None) -> None:
        self.answer = answer
        self.done.set()


class Desk:
    """Where the workers of one run bring their questions. Any method may be called from any thread.

    `listener` is told, from any thread, that `open` has changed; it must not wait. An answer counts for the
    life of the desk, and so does a refusal: who asks later gets it without a question. `forget` takes back
    an answer that turned out wrong. What is typed out of sight is hidden from messages and logs as long.
    """

    def __init__(self, listener: Callable[[], None] | None = None) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._questions: dict[str, Question] = {}
        self._askers: dict[str, list[_Asker]] = {}
        self._along: dict[str, Counter[str]] = {}
        self._settled: dict[str, str | None] = {}
        self._hidden = ExitStack()
        """Keeps the mask over what was typed."""
        self._closed = listener is None

    @property
    def is_attended(self) -> bool:
        """Whether somebody is there to answer."""
        return not self._closed

    def ask(self, question: Question, device: str, *, seconds: float, tie: Tie) -> str | None:
        """Wait for the answer, at most so long.

        None when it was declined, when the time is up, when the run is cancelled, or when nobody is there.
        """
        # A device may put what it was sent into its question.
        question = replace(question, title=MASK.hide(question.title), prompt=MASK.hide(question.prompt))
        asker = _Asker(device)
        with self._lock:
            if self._closed:
                return None
            if question.key in self._settled:
                return self._settled[question.key]
            self._questions.setdefault(question.key, question)
            self._askers.setdefault(question.key, []).append(asker)
        self._tell()
        tie(asker.done.set)
        asker.done.wait(seconds)
        self._leave(question.key, asker)
        return asker.answer

    @contextmanager
    def waiting(self, key: str, device: str) -> Iterator[None]:
        """Name a device among those that wait for the question of this key, whoever asks it.

        For devices that depend on one asker, as all those behind a jump host do.
        """
        with self._lock:
            self._along.setdefault(key, Counter())[device] += 1
        self._tell()
        try:
            yield
        finally:
            with self._lock:
                self._along[key] -= Counter((device,))
                if not self._along[key]:
                    del self._along[key]
            self._tell()

    def open(self) -> tuple[OpenQuestion, ...]:
        """The questions that wait for an answer, the oldest first."""
        with self._lock:
            return tuple(
                OpenQuestion(question, self._waiting_for(key)) for key, question in self._questions.items()
            )

    def _waiting_for(self, key: str) -> tuple[str, ...]:
        names = dict.fromkeys(asker.device for asker in self._askers[key])
        return tuple(names | dict.fromkeys(self._along.get(key, ())))

    def answer(self, key: str, text: str) -> bool:
        """Answer a question; False when nobody waits for it any more."""
        with self._lock:
            question = self._questions.get(key)
            if question is None:
                return False
            if question.choices and text not in question.choices:
                raise ValueError(f"the answer must be one of {', '.join(question.choices)}")
            if question.hidden and not question.choices:
                self._hidden.enter_context(MASK.hiding([text]))
            askers = self._askers[key]
            if question.once:
                askers.pop(0).settle(text)
                if not askers:
                    self._drop(key)
            else:
                self._settle(key, text)
        self._tell()
        return True

    def decline(self, key: str) -> bool:
        """Answer with None, for all who wait and all who come; False when nobody waits for it."""
        with self._lock:
            if key not in self._questions:
                return False
            self._settle(key, None)
        self._tell()
        return True

    def withdraw(self, key: str) -> None:
        """Take a question back that has answered itself: who waits gets None, who comes may ask it anew."""
        with self._lock:
            if key not in self._questions:
                return
            self._settle(key, None)
            del self._settled[key]
        self._tell()

    def forget(self, key: str) -> None:
        """Take back what was answered: who asks next raises the question anew."""
        with self._lock:
            self._settled.pop(key, None)

    def close(self) -> None:
        """Decline everything; from now on nobody is there."""
        with self._lock:
            self._closed = True
            for key in list(self._questions):
                self._settle(key, None)
            self._settled.clear()
            self._hidden.close()
        self._tell()

    def _settle(self, key: str, text: str | None) -> None:
        self._settled[key] = text
        for asker in self._askers[key]:
            asker.settle(text)
        self._drop(key)

    def _drop(self, key: str) -> None:
        del self._questions[key], self._askers[key]

    def _leave(self, key: str, asker: _Asker) -> None:
        """Out of the queue, when the asker goes without an answer."""
        with self._lock:
            askers = self._askers.get(key, [])
            if asker not in askers:
                return
            askers.remove(asker)
            if not askers:
                self._drop(key)
        self._tell()

    def _tell(self) -> None:
        if self._listener is None:
            return
        try:
            self._listener()
        except Exception:  # noqa: BLE001 - a face that broke must not cost a device its answer
            _log.exception("the face did not take a question")


HEADLESS = Desk()
"""The desk where nobody sits."""
