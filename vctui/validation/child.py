"""The validation process: reads requests from stdin, answers on stdout, ends when stdin does."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

from vctui.errors import DataError
from vctui.validation.engine import ValidationEngine
from vctui.validation.frames import Reader, pack, uncollected

MEMORY_BYTES = 512 * 1024 * 1024
PIECE = 5_000
"""Records in one message."""


def main() -> int:
    """Serve until stdin ends; the database's path is the first argument."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.dup(sys.stdout.fileno())
    # Nothing that is printed by chance may get between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    engine = ValidationEngine(sys.argv[1])
    engine.on_template = lambda name: _send(answers, {"template": name})
    # A bad database is told to whoever asks first.
    with contextlib.suppress(DataError):
        engine.prepare()
    gc.freeze()
    _send(answers, {"ready": True})
    reader = Reader()
    # A program that is gone no longer reads.
    with contextlib.suppress(BrokenPipeError):
        while data := os.read(sys.stdin.fileno(), 1024 * 1024):
            for request in reader.feed(data):
                with uncollected(len(request["output"])):
                    for message in _answer(engine, request):
                        _send(answers, message)
    return 0


def _answer(engine: ValidationEngine, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The records in pieces, so that whoever reads them is not busy for long with one; then the rest."""
    engine.time_limit = request["timeout"]
    try:
        result = engine.match(request["output"], request["filter"])
    except DataError as error:
        yield {"error": error.message, "next_step": error.next_step}
        return
    fields = ("template", "score", "record_count", "is_valid", "reason")
    found = {name: getattr(result, name) for name in fields} | {"parts": dict(result.parts)}
    # The names once, not with every record: a long table's message is half as long.
    names = list(result.records[0]) if result.records else []
    for start in range(0, len(result.records), PIECE):
        yield {"rows": [list(record.values()) for record in result.records[start : start + PIECE]]}
    yield {"result": found, "names": names}


def _send(descriptor: int, message: dict[str, Any]) -> None:
    data = memoryview(pack(message))
    while data:
        data = data[os.write(descriptor, data) :]
