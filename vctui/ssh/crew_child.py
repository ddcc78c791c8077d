"""A process that visits devices: sessions run in it as in the program, and what they need is asked back."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from queue import Empty, SimpleQueue
from typing import Any

from vctui.events import Phase
from vctui.mask import MASK
from vctui.process import harden_process
from vctui.ssh.calm import calm_collector
from vctui.ssh.cores import stand_back
from vctui.ssh.crew_calls import RemoteDesk, RemoteGuard, RemoteKnownHosts, raised
from vctui.ssh.crew_frames import Frames, Message
from vctui.ssh.entry import Surroundings
from vctui.ssh.held import Held
from vctui.ssh.hostkey_index import HostKeyEntry
from vctui.ssh.jump import Jumps
from vctui.ssh.keys import KeyRing
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.limits import workers_within_limits
from vctui.ssh.model import CrewSetup, ExecutionResult, Target
from vctui.ssh.pump import makes_crowd
from vctui.ssh.session import Session
from vctui.ssh.turns import TURNS

_GATHER = 0.01
"""Seconds for which word of a phase may wait for more to say; nothing that somebody waits for does."""


def main() -> int:
    """Serve until the program closes its end."""
    harden_process()
    output = os.dup(1)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)  # whatever prints must not get among the messages
    child = _Child(Frames(0, output))
    with calm_collector():
        child.serve()
    os._exit(0)  # the sessions that are left have nobody to tell


class _Child:
    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._out: SimpleQueue[Message] = SimpleQueue()
        self._visits: dict[int, _Visit] = {}

    def serve(self) -> None:
        threading.Thread(target=self._write, name="write", daemon=True).start()
        for messages in self._frames.read():
            for kind, *rest in messages:
                getattr(self, f"on_{kind}")(*rest)

    def _write(self) -> None:
        while True:
            messages = [self._out.get()]
            ends = Deadline(_GATHER)
            while messages[-1][0] == "phase" and (left := ends.remaining()) > 0:
                try:
                    messages.append(self._out.get(timeout=left))
                except Empty:
                    break
            try:
                self._frames.send(messages)
            except OSError:
                os._exit(0)

    def say(self, *message: Any) -> None:
        self._out.put(message)

    def on_setup(self, setup: CrewSetup) -> None:
        self.setup = setup
        options = setup.options
        workers = workers_within_limits(setup.workers)
        self.turns: Callable[[], AbstractContextManager[None]] = nullcontext
        is_crowd = makes_crowd(options.transport, workers)
        if is_crowd:
            self.turns = TURNS.session
            TURNS.crowd().__enter__()  # as long as the process lives
        self.keys, self.held = KeyRing(), Held(options.max_held)
        self._threads = ThreadPoolExecutor(
            workers, thread_name_prefix="ssh", initializer=stand_back if is_crowd else None
        )
        logging.getLogger().addHandler(_Handler(self.say))
        self.say("ready", 0)

    def on_visit(self, number: int, target: Target, seconds: float, entries: Sequence[HostKeyEntry]) -> None:
        visit = self._visits[number] = _Visit(self, number, target, seconds, entries)
        self._threads.submit(visit.run)

    def on_cut(self, number: int) -> None:
        if number in self._visits:
            self._visits[number].line.cut()

    def on_answer(self, number: int, *answer: Any) -> None:
        self._visits[number].answers.put(answer)

    def on_release(self, number: int) -> None:
        self._visits.pop(number).release()


class _Visit:
    """One session, and its way to ask the program."""

    def __init__(
        self, child: _Child, number: int, target: Target, seconds: float, entries: Sequence[HostKeyEntry]
    ) -> None:
        self._child = child
        self._number = number
        self._target = target
        self.line = Lifeline()
        self.answers: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
        setup = child.setup
        shared = Surroundings(
            setup.options,
            RemoteKnownHosts(setup.known_hosts, entries, self.call),
            child.keys,
            child.held,
            RemoteDesk(self.call, attended=setup.attended),
            RemoteGuard(self.call) if setup.guarded else None,
        )
        jumps = Jumps(shared, Lifeline(), lambda status: None)
        self._session = Session(target, shared, jumps, self.line, self._say_phase, Deadline(seconds))

    def call(self, name: str, *arguments: Any) -> Any:
        """Have the program do something; raises what that raises."""
        return self._ask("call", name, arguments)

    def _ask(self, *message: Any) -> Any:
        with TURNS.resting():
            self._child.say(message[0], self._number, *message[1:])
            good, value = self.answers.get()
        if not good:
            raise raised(value)
        return value

    def run(self) -> None:
        session = self._session
        with MASK.hiding(self._target.secrets), self._child.turns():
            target, result = session.run(self._say_result)
        self._child.say("end", self._number, target.key, result, len(session.alike), len(session.left))

    def release(self) -> None:
        """The program has taken the results. The session knows this visit, so neither would go by itself."""
        self._session.release()
        del self._session

    def _say_phase(self, target: Target, phase: Phase) -> None:
        self._child.say("phase", self._number, target.key, phase)

    def _say_result(self, target: Target, result: ExecutionResult) -> None:
        """Waits until it has been taken, so that what the program holds stays bounded."""
        self._ask("result", target.key, result)


class _Handler(logging.Handler):
    """Hands what is worth a warning to the program's own log."""

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say("log", record.levelno, MASK.hide(self.format(record)))


if __name__ == "__main__":
    sys.exit(main())
