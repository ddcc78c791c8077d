"""The three faces of a run on the command line: JSON lines, plain lines, and a bar on a terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from vctui.cli.logs import log_event
from vctui.cli.output import drop_stdout, is_terminal, to_json
from vctui.events import BreakerOpened, DeviceFinished, Event, RunFinished, RunStarted
from vctui.text import safe_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Display(Protocol):
    """What shows the events of a run. It is called from worker threads and never raises."""

    def __call__(self, event: Event) -> None:
        """Show one event."""


def device_line(event: DeviceFinished) -> str:
    """`sw1 192.0.2.1 ok 0.4s 3121 bytes arista_eos_show_ip_arp 87`, or the error and what to do."""
    parts = [event.device, event.host, event.status, f"{event.duration_ms / 1000:.1f}s"]
    if event.size is not None:
        parts.append(f"{event.size} bytes")
    if event.template:
        parts.append(event.template)
    if event.template and event.score is not None:
        parts.append(f"{event.score:g}")
    line = " ".join(parts)
    if event.error or event.error_kind:
        reason = ": ".join(text for text in (event.error_kind, event.error) if text)
        line += f" {reason}" + (f". {event.next_step}" if event.next_step else "")
    return safe_line(line, 2000)


def run_line(event: RunFinished, job: str) -> str:
    """One line that sums a run up."""
    counts = f"{event.success_count} ok, {event.skipped_count} skipped, {event.failed_count} failed"
    if event.cancelled_count:
        counts += f", {event.cancelled_count} cancelled"
    run = f", run {event.run}" if event.run else ""
    line = f"{job}: {event.status}: {counts} of {event.total_devices} in {event.duration_ms / 1000:.1f}s{run}"
    return safe_line(f"{line}. {event.error}" if event.error else line, 2000)


def breaker_line(event: BreakerOpened) -> str:
    """Why a credential is not tried any more, and until when."""
    until = datetime.fromisoformat(event.until).astimezone()
    return safe_line(f"credential {event.credential} is not tried until {until:%H:%M}: {event.reason}", 500)


class Lines:
    """Whole lines to stdout, flushed one by one; a reader that went away does not stop the run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.failure: OSError | None = None

    def write(self, text: str) -> None:
        """Write one line, unless an earlier one could not be written."""
        with self._lock:
            if self.failure is not None:
                return
            try:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
            except OSError as error:
                self.failure = error
                drop_stdout()

    def check(self) -> None:
        """Raise StorageError when lines were lost for want of room; a closed pipe is the reader's choice."""
        from vctui.errors import StorageError

        if self.failure is not None and not isinstance(self.failure, BrokenPipeError):
            raise StorageError(f"cannot write to standard output: {self.failure.strerror}")


class JsonLinesDisplay:
    """`--json`: every event as one JSON object a line."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __call__(self, event: Event) -> None:
        log_event(event)
        self._lines.write(to_json(event.to_dict()))


class PlainDisplay:
    """A line a device on stdout and one a run on stderr; quiet: only devices that did not end ok.

    With several jobs each line begins with the job's name.
    """

    def __init__(self, lines: Lines, *, quiet: bool, several: bool = False) -> None:
        self._lines = lines
        self._quiet = quiet
        self._several = several
        self._jobs: dict[int, str] = {}

    def __call__(self, event: Event) -> None:
        from vctui.cli.output import narrate

        log_event(event)
        if isinstance(event, RunStarted):
            self._jobs[event.run] = event.job
        elif isinstance(event, DeviceFinished):
            if not self._quiet or event.status != "ok":
                job = f"{safe_line(self._jobs[event.run])} " if self._several else ""
                self._lines.write(job + device_line(event))
        elif isinstance(event, BreakerOpened):
            narrate(breaker_line(event))
        elif isinstance(event, RunFinished) and not (self._quiet and event.status == "success"):
            narrate(run_line(event, self._jobs.get(event.run, event.job_id)))


class BarDisplay:
    """A bar with counts for each run on a terminal, and a line for each device that did not end ok."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[int, TaskID] = {}
        self._jobs: dict[int, str] = {}
        self._counts: dict[int, Counter[str]] = {}

    def __call__(self, event: Event) -> None:
        log_event(event)
        with self._lock:
            if isinstance(event, RunStarted):
                self._jobs[event.run] = event.job
                self._counts[event.run] = Counter()
                self._tasks[event.run] = self._progress.add_task(
                    safe_line(event.job, 30), total=event.total, counts=""
                )
            elif isinstance(event, DeviceFinished) and event.run in self._tasks:
                self._device(event)
            elif isinstance(event, BreakerOpened):
                self._say(breaker_line(event))
            elif isinstance(event, RunFinished):
                self._say(run_line(event, self._jobs.get(event.run, event.job_id)))

    def _device(self, event: DeviceFinished) -> None:
        counts = self._counts[event.run]
        counts[event.status] += 1
        words = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        self._progress.update(self._tasks[event.run], advance=1, counts=words)
        if event.status != "ok":
            self._say(device_line(event))

    def _say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def open_display(*, as_json: bool, quiet: bool, several: bool = False, bar: bool = True) -> Iterator[Display]:
    """The display that fits where stdout and stderr lead. Raises StorageError when stdout filled up.

    `several` jobs are told apart by name. Without `bar`, a terminal gets a line a device too.
    """
    lines = Lines()
    if as_json:
        yield JsonLinesDisplay(lines)
    elif quiet or not bar or not (is_terminal(sys.stdout) and is_terminal(sys.stderr)):
        yield PlainDisplay(lines, quiet=quiet, several=several)
    else:
        progress = _bar()
        progress.start()
        try:
            yield BarDisplay(progress)
        finally:
            # The terminal may have gone, which is what SIGHUP tells.
            with contextlib.suppress(OSError):
                progress.stop()
    lines.check()


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    # rich takes an empty NO_COLOR as unset, as the convention has it, and drops colour by itself.
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=5,
    )
