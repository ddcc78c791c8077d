"""`vctui run --detach`: the run goes on in a process of its own, whatever becomes of the terminal."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vctui.cli.output import narrate
from vctui.errors import StorageError

if TYPE_CHECKING:
    from vctui.config import Settings


def detach(settings: Settings) -> bool:
    """Fork: True in the background process, False in the one that the user waits for.

    Call it before any thread is started. What the run prints goes to a file of the logs folder. Raises
    StorageError when that cannot be made.
    """
    log = settings.logs_dir / f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    try:
        settings.logs_dir.mkdir(mode=0o700, exist_ok=True)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"{log}: cannot be written: {error.strerror}", "Check the logs folder") from error
    child = os.fork()
    if child:
        os.close(output)
        narrate(f"process {child} goes on in the background and prints to {log}")
        narrate("See it with: vctui runs list, vctui runs follow RUN; stop it with: vctui runs cancel RUN")
        return False
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    return True
