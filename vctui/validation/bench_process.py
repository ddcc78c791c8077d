"""`Bench`: questions about templates, each answered by a process of its own that can be killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from vctui.children import start_child
from vctui.errors import DataError, StorageError
from vctui.validation.bench import Problem, Report, Tried
from vctui.validation.scoring import ValidationResult

RANK_SECONDS = 20.0
"""The longest search among many templates; it then answers with the best so far."""
TRY_SECONDS = 5.0
GRACE_SECONDS = 5.0
"""Starting the process and reading the templates come on top."""


class Stopped(Exception):
    """`Bench.stop` ended the question before it was answered."""


class Bench:
    """Tries templates of one database on outputs; a template that hangs or bursts costs its process only.

    One thread asks at a time. Raises DataError for a bad database, StorageError if no process can be started,
    Stopped.
    """

    def __init__(self, db_path: str | Path) -> None:
        self._db_path = Path(db_path).absolute()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def rank(self, output: str, filter_str: str | None = None) -> Report:
        """The engine's answer for a cleaned output, and the templates that it chose among, best first."""
        return self._ask({"output": output, "filter": filter_str, "seconds": RANK_SECONDS})

    def attempt(self, name: str, content: str, output: str, filter_str: str | None = None) -> Report:
        """What the engine would answer if `content` were stored as the template `name`."""
        request = {"output": output, "filter": filter_str or name, "seconds": TRY_SECONDS}
        return self._ask({**request, "draft": {"name": name, "content": content}})

    def problems(self, content: str) -> tuple[Problem, ...]:
        """What TextFSM refuses in a template's text."""
        draft = {"name": "draft", "content": content}
        report = self._ask({"output": None, "filter": None, "seconds": TRY_SECONDS, "draft": draft})
        if report.verdict.reason:
            return (Problem(0, report.verdict.reason),)
        return report.problems

    @property
    def pid(self) -> int | None:
        """The process that is at work, if one is."""
        with self._lock:
            return self._process.pid if self._process is not None else None

    def stop(self) -> None:
        """End the question that is being answered, and refuse others; any thread may call it."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def _ask(self, request: dict[str, Any]) -> Report:
        with self._lock:
            if self._stopped:
                raise Stopped
            process = self._process = self._start()
        limit = float(request["seconds"])
        data = json.dumps({**request, "db_path": str(self._db_path)}).encode("ascii")
        late = False
        try:
            try:
                said, _ = process.communicate(data, timeout=limit + GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                late = True
                process.kill()
                said, _ = process.communicate()
        finally:
            with self._lock:
                self._process = None
            process.kill()
            process.wait()
        if self._stopped:
            raise Stopped
        return _report(said, late, limit)

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return start_child("vctui.validation.bench")
        except OSError as error:
            raise StorageError(f"the validation process cannot be started: {error.strerror}") from error


def _report(said: bytes, late: bool, limit: float) -> Report:
    template, answer = None, None
    tried: list[Tried] = []
    records: list[dict[str, Any]] = []
    for line in said.splitlines():
        # A process that was killed may leave half a line.
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            template = message.get("template", template)
            answer = message.get("answer", answer)
            records += message.get("records", ())
            if "tried" in message:
                tried.append(Tried(**message["tried"]))
    if answer is None:
        named = f"template {template}" if template else "validation"
        died = f"{named} broke the validation process; it may need too much memory"
        reason = f"{named} took longer than {limit:g} s" if late else died
        return Report(ValidationResult(template, reason=reason))
    if "error" in answer:
        raise DataError(answer["error"], answer.get("next_step"))
    verdict = ValidationResult(**{**answer.get("verdict", {}), "records": records})
    problems = tuple(Problem(**problem) for problem in answer.get("problems", ()))
    return Report(verdict, tuple(tried), problems)
