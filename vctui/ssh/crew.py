"""Processes that visit devices for the pool: Python computes on one core in each.

The pool stays what it is: it hands out targets, tries again, keeps the pace, and tells results. A visit in
another process is told it over a pipe, with the target's secrets; it asks back for what only the program
knows (`crew_calls`), and its result comes back as plain data.
"""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pickle import UnpicklingError
from queue import SimpleQueue
from typing import Any

from vctui.children import start_child
from vctui.errors import DeviceError
from vctui.events import Phase
from vctui.ssh.crew_calls import Services
from vctui.ssh.crew_frames import Frames, Message
from vctui.ssh.entry import Surroundings
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import CrewSetup, ExecutionResult, ExecutorOptions, Target, failed_result
from vctui.ssh.retries import Ended

_FAREWELL = 2.0
"""Seconds for a process to end by itself."""
_FEW_TARGETS, _FEW_WORKERS, _MOST = 1000, 100, 4

_log = logging.getLogger(__name__)


def crew_size(options: ExecutorOptions, targets: int, workers: int) -> int:
    """How many processes pay: none, where starting them takes longer than they save."""
    if options.processes is not None:
        return options.processes
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    few = targets < _FEW_TARGETS or workers < _FEW_WORKERS
    size = 0 if few else min(cores - 1, _MOST)  # the program keeps a core: it parses, saves and draws
    return size if size > 1 else 0  # to tell another process costs as much as half a visit


class Crew:
    """The processes of one run. They start in the background; until one is ready, nobody is sent to them."""

    def __init__(self, setup: CrewSetup, size: int) -> None:
        self._members = [_Member(setup) for _ in range(size)]

    def visit(
        self,
        target: Target,
        deadline: Deadline,
        line: Lifeline,
        services: Services,
        on_phase: Callable[[Target, Phase], None],
        on_result: Callable[[Target, ExecutionResult], None],
    ) -> Ended | None:
        """Visit a device and what is `also` to be collected from it; None when no process is there for it."""
        ready = [member for member in self._members if member.is_ready]
        if not ready:
            return None
        member = min(ready, key=lambda each: each.visits)
        try:
            return _Visit(member, target, services, on_phase, on_result).run(deadline, line)
        finally:
            services.close()

    def close(self) -> None:
        """End the processes; they have ended when this returns."""
        for member in self._members:
            member.hang_up()
        for member in self._members:
            member.end()


def gather_crew(options: ExecutorOptions, targets: int, workers: int, shared: Surroundings) -> Crew | None:
    """The processes for a run, if any pay; none where the system gives none."""
    size = crew_size(options, targets, workers)
    if not size:
        return None
    own = replace(options, max_held=options.max_held // size)
    setup = CrewSetup(
        own,
        workers,
        attended=shared.desk.is_attended,
        guarded=shared.guard is not None,
        known_hosts=shared.known_hosts.path,
    )
    try:
        return Crew(setup, size)
    except OSError as error:
        _log.warning("no processes of its own: %s", error.strerror)
        return None


class _Visit:
    """One visit as the worker's thread sees it, which waits here and answers what the session asks."""

    def __init__(
        self,
        member: _Member,
        target: Target,
        services: Services,
        on_phase: Callable[[Target, Phase], None],
        on_result: Callable[[Target, ExecutionResult], None],
    ) -> None:
        self._member = member
        self._targets = (target, *(replace(other, attempt=target.attempt) for other in target.also))
        self._services = services
        self._on_phase = on_phase
        self._on_result = on_result

    def run(self, deadline: Deadline, line: Lifeline) -> Ended:
        member, first = self._member, self._targets[0]
        number, mail = member.begin(self._say_phase)
        try:
            entries = self._services.entries
            member.send("visit", number, _bare(first), deadline.remaining(), entries)
            line.tie(lambda: member.send("cut", number))
            while True:
                kind, *rest = mail.get()
                if kind == "call":
                    member.send("answer", number, *self._services.answer(*rest))
                elif kind == "result":
                    self._tell(*rest)
                    member.send("answer", number, True, None)
                elif kind == "end":
                    return self._ended(number, *rest)
                else:
                    failure = DeviceError("internal", "the process that visited it has ended")
                    return Ended(first, failed_result(first, failure), self._targets[1:])
        finally:
            member.forget(number)

    def _say_phase(self, place: int, phase: Phase) -> None:
        self._on_phase(self._targets[place], phase)

    def _tell(self, place: int, result: ExecutionResult) -> None:
        target = self._targets[place]
        self._on_result(target, replace(result, key=target.key, extra_data=target.extra_data))

    def _ended(self, number: int, place: int, result: ExecutionResult, alike: int, left: int) -> Ended:
        target, count = self._targets[place], len(self._targets)
        return Ended(
            target,
            replace(result, key=target.key, extra_data=target.extra_data),
            self._targets[count - alike :],
            self._targets[count - left :],
            lambda: self._member.send("release", number),
        )


def _ignore(place: int, phase: Phase) -> None:
    """For visits that are over."""


def _bare(target: Target) -> Target:
    """The target without what is only the caller's, which need not be plain data; keys are places."""
    also = tuple(
        replace(other, key=place, extra_data=None) for place, other in enumerate(target.also, start=1)
    )
    return replace(target, key=0, extra_data=None, also=also)


class _Member:
    """One process, and who waits for word from it."""

    def __init__(self, setup: CrewSetup) -> None:
        self.is_ready = False
        self._over = False
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._mail: dict[int, SimpleQueue[Message]] = {}
        self._on_phase: dict[int, Callable[[int, Phase], None]] = {}
        self._process = start_child("vctui.ssh.crew_child", keep=("SSH_AUTH_SOCK", "VCTUI_SSH_TRANSPORT"))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._frames = Frames(self._process.stdout.fileno(), self._process.stdin.fileno())
        self._reader = threading.Thread(target=self._read, name="crew", daemon=True)
        self._reader.start()
        self.send("setup", setup)

    @property
    def visits(self) -> int:
        return len(self._mail)

    def begin(self, on_phase: Callable[[int, Phase], None]) -> tuple[int, SimpleQueue[Message]]:
        """The number of a new visit, and where word of it arrives; phases are told at once."""
        mail: SimpleQueue[Message] = SimpleQueue()
        with self._lock:
            number = next(self._numbers)
            self._mail[number] = mail
            self._on_phase[number] = on_phase
            if self._over:
                mail.put(("over",))
        return number, mail

    def forget(self, number: int) -> None:
        with self._lock:
            del self._mail[number], self._on_phase[number]

    def send(self, *message: Any) -> None:
        """To a process that has ended, nothing is said: whoever waits for it is told."""
        try:
            self._frames.send([message])
        except OSError:
            self._lose()

    def _read(self) -> None:
        try:
            for messages in self._frames.read():
                for kind, number, *rest in messages:
                    if kind == "ready":
                        self.is_ready = True
                    elif kind == "log":
                        _log.log(number, "%s", *rest)
                    elif kind == "phase":
                        self._on_phase.get(number, _ignore)(*rest)
                    elif (mail := self._mail.get(number)) is not None:
                        mail.put((kind, *rest))
        except (OSError, UnpicklingError, ValueError, TypeError):
            _log.exception("a process that visits devices said something strange")
        self._lose()

    def _lose(self) -> None:
        with self._lock:
            self.is_ready, self._over = False, True
            for mail in self._mail.values():
                mail.put(("over",))

    def hang_up(self) -> None:
        """Tell it to end."""
        self.is_ready = False
        assert self._process.stdin is not None
        self._process.stdin.close()

    def end(self) -> None:
        """Wait until it has ended; kill it when it does not."""
        try:
            self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_FAREWELL)
        assert self._process.stdout is not None
        self._process.stdout.close()
