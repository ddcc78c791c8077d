"""How a command ends: its exit code, one line for the user, and a crash file for what nobody expected."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from vctui.cli.output import drop_stdout, finish_stdout, narrate
from vctui.cli.parsing import Handler
from vctui.errors import VctuiError

CRASH_FILE = "vctui-crash.log"
INTERNAL_ERROR = 1
INTERRUPTED = 130


def guarded(handler: Handler, args: argparse.Namespace) -> int:
    """Run a command; whatever it raises becomes one line on stderr and an exit code."""
    _forgive_encodings()
    try:
        code = handler(args)
        finish_stdout()
    except VctuiError as error:
        code = _tell(error)
    except BrokenPipeError:
        # The reader (`| head -1`) has seen enough: that is its decision and no error.
        drop_stdout()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: one line here, the details in a file
        code = _crash(error, args.home)
    return code


def _tell(error: VctuiError) -> int:
    narrate(f"vctui: {error}")
    try:
        finish_stdout()
    except (OSError, VctuiError):
        drop_stdout()
    return error.exit_code


def _forgive_encodings() -> None:
    """A terminal that cannot show a character gets a question mark, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _crash(error: Exception, home: str | None) -> int:
    file = _write_crash(error, home)
    where = f"details are in {file}" if file else f"at {_place(error.__traceback__)}"
    narrate(f"vctui: internal error ({type(error).__name__}), {where}. Please report it")
    return INTERNAL_ERROR


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _write_crash(error: Exception, home: str | None) -> Path | None:
    """Append the traceback, never the values of variables; None when there is no home to write to."""
    from vctui.config import find_home

    folder = find_home(home)
    file = folder / "logs" / CRASH_FILE
    if not folder.is_dir():
        return None
    from datetime import UTC, datetime

    from vctui import __version__
    from vctui.cli.output import to_json
    from vctui.mask import MASK

    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "python": sys.version.split()[0],
        "traceback": MASK.hide("".join(traceback.format_exception(error))).splitlines(),
    }
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = os.open(file, flags, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, (to_json(entry) + "\n").encode("ascii"))
        finally:
            os.close(descriptor)
    except OSError:
        return None
    return file
