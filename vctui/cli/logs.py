"""The log file of `logging.file` in config.yaml: one JSON object a line, control characters escaped."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vctui.cli.output import to_json
from vctui.errors import StorageError
from vctui.mask import MASK

if TYPE_CHECKING:
    from pathlib import Path

    from vctui.config import Settings
    from vctui.events import Event

EVENTS = logging.getLogger("vctui.events")


class JsonLines(logging.Formatter):
    """One log record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        details = getattr(record, "details", None)
        if isinstance(details, dict):
            line.update(details)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return to_json(MASK.hide_all(line))


DEBUG_FILE = "vctui-debug.log"


def open_log(settings: Settings) -> None:
    """Log to the configured file; without one, to nowhere (never to stderr, which is for the user)."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
    if settings.log_file is not None:
        _log_to(settings.log_file, settings.log_level)


def open_debug_log(settings: Settings) -> Path:
    """Log everything, to the configured file or else to one in the home's logs; returns which."""
    file = settings.log_file or settings.logs_dir / DEBUG_FILE
    if settings.log_file is None:
        _log_to(file, "DEBUG")
    logging.getLogger().setLevel("DEBUG")
    return file


def _log_to(file: Path, level: str) -> None:
    handler = LogFile(file)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    # It logs every statement with its values: parsed outputs, sealed credentials.
    logging.getLogger("peewee").setLevel("INFO")


class LogFile(logging.Handler):
    """Appends whole lines to a file only its owner can read. Raises StorageError when it cannot be opened."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StorageError(
                f"log file {file} cannot be written: {error.strerror}", "Correct logging.file in config.yaml"
            ) from error

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; neither a full disk nor a bad log call may stop a run."""
        try:
            os.write(self._descriptor, (self.format(record) + "\n").encode("ascii"))
        except (OSError, TypeError, ValueError):
            return

    def close(self) -> None:
        os.close(self._descriptor)
        super().close()


def log_event(event: Event) -> None:
    """One event of a run as a log line; phases only at level DEBUG."""
    level = logging.DEBUG if event.event == "device_phase" else logging.INFO
    if EVENTS.isEnabledFor(level):
        EVENTS.log(level, event.event, extra={"details": event.to_dict()})
