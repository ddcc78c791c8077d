"""`ValidationWorker`: the same answers as the engine's, from a child process that can be killed."""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vctui.children import start_child
from vctui.errors import DataError, StorageError
from vctui.validation.frames import Reader, pack, uncollected
from vctui.validation.scoring import ValidationResult

START_SECONDS = 30.0
"""A child that has not said hello by then will not."""
GRACE_SECONDS = 0.25
"""The child stops a slow template by itself at the limit; it is killed if it does not."""
WORTH_STARTING = 0.5
"""Seconds that outputs wait in all for one child before there is another: what it takes to start, at most."""
OVERRUNS = 3
"""A filter that ran out of time so often ..."""
SPARING_SECONDS = 0.1
SPARING_SECONDS_PER_CHARACTER = 2e-6
"""... gets ten times what a sound template needs, from then on."""


class ValidationWorker:
    """A few persistent child processes that validate; each started when needed, killed when it hangs.

    Threads share it: so many as there are children are served at once, others wait their turn. Close it, or
    use it as a context manager.
    """

    def __init__(self, db_path: str | Path, size: int | None = None) -> None:
        self._db_path = Path(db_path).absolute()
        self._size = size or min(2, os.cpu_count() or 1)
        self._turns = threading.BoundedSemaphore(self._size)
        self._closing = threading.Lock()
        self._free = threading.Condition()
        self._busy = 0
        self._starting = 0
        self._waited = 0.0
        self._idle: list[_Child] = []
        self._overruns: Counter[str] = Counter()

    def validate(self, output: str, filter_str: str | None = None, timeout: float = 5.0) -> ValidationResult:
        """As `ValidationEngine.validate`; after `timeout` seconds the child is killed and the reason says so.

        A child that dies is replaced at the next call. A filter that ran out of time again and again gets
        little of it from then on: one bad template cannot hold up a run of thousands. Raises DataError for a
        bad database, StorageError if no process can be started.
        """
        if self._overruns[filter_str or ""] >= OVERRUNS:
            timeout = min(timeout, SPARING_SECONDS + SPARING_SECONDS_PER_CHARACTER * len(output))
        result = self._validate(output, filter_str, timeout)
        if not result.is_valid and "took longer than" in (result.reason or ""):
            self._overruns[filter_str or ""] += 1
        return result

    def _validate(self, output: str, filter_str: str | None, timeout: float) -> ValidationResult:
        request = {"output": output, "filter": filter_str, "timeout": timeout}
        with self._turns:
            answer, kept = self._ask(request, timeout)
            if isinstance(answer, _Dead) and kept and not answer.timed_out and not answer.template:
                # It had died before this output came, killed by somebody else.
                answer, _ = self._ask(request, timeout)
        if isinstance(answer, _Dead):
            return ValidationResult(answer.template, reason=answer.reason(timeout))
        if "error" in answer:
            raise DataError(answer["error"], answer.get("next_step"))
        names = answer["names"]
        with uncollected(len(output)):
            records = [dict(zip(names, row, strict=True)) for rows in answer["rows"] for row in rows]
        return ValidationResult(**answer["result"], records=records)

    def _ask(self, request: dict[str, Any], timeout: float) -> tuple[dict[str, Any] | _Dead, bool]:
        """The answer, and whether the child had been there before."""
        child = self._take()
        kept = child is not None
        try:
            child = child or self._start()
            answer = child.ask(request, timeout + GRACE_SECONDS)
        except BaseException as error:
            self._give_back(None)
            if child is None:
                raise
            child.end()
            if not isinstance(error, _Dead):
                raise
            error.template = child.template
            return error, kept
        self._give_back(child)
        return answer, kept

    def _start(self) -> _Child:
        with self._free:
            self._starting += 1
        try:
            return _Child(self._db_path)
        finally:
            with self._free:
                self._starting -= 1
                self._free.notify_all()

    def _take(self) -> _Child | None:
        """A child that waits; None when one is to be started.

        Starting one costs as much as hundreds of outputs. While there is one it is waited for, until all that
        waiting has taken as long as a second one takes to start: then that is worth it.
        """
        with self._free:
            while not self._idle and self._busy and self._waited < WORTH_STARTING:
                if self._starting:
                    self._free.wait()
                    continue
                began = time.monotonic()
                self._free.wait(WORTH_STARTING - self._waited)
                self._waited += time.monotonic() - began
            self._busy += 1
            # The one used last: its templates are compiled.
            child = self._idle.pop() if self._idle else None
        if child is None or child.alive:
            return child
        child.end()
        return None

    def _give_back(self, child: _Child | None) -> None:
        with self._free:
            self._busy -= 1
            if child is not None:
                self._idle.append(child)
            self._free.notify()

    @property
    def pid(self) -> int | None:
        """The process id of the child that is asked next, if one waits."""
        with self._free:
            return self._idle[-1].process.pid if self._idle else None

    def close(self) -> None:
        """End the child processes; they have ended when this returns. Used again, it starts others."""
        with self._closing, ExitStack() as stack:
            for _ in range(self._size):
                stack.enter_context(self._turns)
            while self._idle:
                self._idle.pop().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Dead(Exception):
    """The child gave no answer: it ran out of time, or it ended."""

    def __init__(self, timed_out: bool) -> None:
        super().__init__()
        self.timed_out = timed_out
        self.template: str | None = None

    def reason(self, timeout: float) -> str:
        named = f"template {self.template}" if self.template else "validation"
        if self.timed_out:
            return f"{named} took longer than {timeout:.3g} s"
        return f"{named} broke the validation process; it may need too much memory"


class _Child:
    """The process, its pipes, and the template it last said it was trying."""

    def __init__(self, db_path: Path) -> None:
        try:
            self.process = start_child("vctui.validation.child", str(db_path))
        except OSError as error:
            raise StorageError(f"the validation process cannot be started: {error.strerror}") from error
        self.template: str | None = None
        self._rows: list[list[list[Any]]] = []
        self._reader = Reader()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin, self._stdout = self.process.stdin, self.process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        try:
            self._exchange(b"", START_SECONDS)
        except _Dead as dead:
            self.end()
            raise StorageError("the validation process does not start", "Run: vctui doctor") from dead
        except BaseException:
            self.end()
            raise

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send one request and wait for its answer; its rows are lists of rows. Raises _Dead."""
        self.template = None
        self._rows = []
        return self._exchange(pack(request), seconds) | {"rows": self._rows}

    def _exchange(self, data: bytes, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        pending = memoryview(data)
        pending = pending[self._write(pending) :]
        if pending:
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _Dead(timed_out=True)
            for key, _ in self._selector.select(left):
                if key.fileobj is self._stdin:
                    pending = pending[self._write(pending) :]
                    if not pending:
                        self._selector.unregister(self._stdin)
                elif (answer := self._read()) is not None:
                    if pending:
                        raise _Dead(timed_out=False)  # that was no answer to this
                    return answer

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._stdin.fileno(), data[:65536])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise _Dead(timed_out=False) from error

    def _read(self) -> dict[str, Any] | None:
        try:
            data = os.read(self._stdout.fileno(), 1024 * 1024)
        except BlockingIOError:
            return None
        if not data:
            raise _Dead(timed_out=False)
        try:
            for message in self._reader.feed(data):
                if "template" in message:
                    self.template = message["template"]
                elif "rows" in message:
                    self._rows.append(message["rows"])
                else:
                    return message
        except ValueError as error:
            raise _Dead(timed_out=False) from error
        return None

    def end(self) -> None:
        """Kill the process, which holds nothing worth saving, and wait until it is gone."""
        self.process.kill()
        self._selector.close()
        self._stdin.close()
        self._stdout.close()
        self.process.wait()
