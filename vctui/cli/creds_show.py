"""What `vctui creds discover` and `test` print: a line a device, or JSON a line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vctui.cli.output import narrate, to_json
from vctui.cli.progress import Lines
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.events import Event, Sink
    from vctui.jobs import DeviceSettled, DiscoveryFinished, LoginTested

LINE = 2000
WORDS = ("works", "refused", "unclear", "unreachable", "postponed", "cancelled")


@contextlib.contextmanager
def show_events(*, as_json: bool, quiet: bool) -> Iterator[Sink]:
    """A sink that prints. Raises StorageError when stdout filled up."""
    lines = Lines()
    yield _JsonLines(lines) if as_json else _PlainLines(lines, quiet=quiet)
    lines.check()


class _JsonLines:
    """Every event but the phases."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __call__(self, event: Event) -> None:
        if event.event != "login_phase":
            self._lines.write(to_json(event.to_dict()))


class _PlainLines:
    """A line a device on stdout, one for the end on stderr; quiet: only devices that have none."""

    def __init__(self, lines: Lines, *, quiet: bool) -> None:
        self._lines = lines
        self._quiet = quiet
        self._last: dict[tuple[str, str], LoginTested] = {}

    def __call__(self, event: Event) -> None:
        from vctui.jobs import DeviceSettled, DiscoveryFinished, LoginTested

        if isinstance(event, LoginTested):
            self._last[event.device, event.host] = event
        elif isinstance(event, DeviceSettled):
            if not self._quiet or event.result != "works":
                last = self._last.get((event.device, event.host))
                self._lines.write(safe_line(device_line(event, last), LINE))
        elif isinstance(event, DiscoveryFinished):
            narrate(end_line(event))


def device_line(event: DeviceSettled, last: LoginTested | None) -> str:
    """`sw1 192.0.2.1 works lab 0.4s`, or what is wrong and what to do."""
    line = f"{event.device} {event.host} {event.result}"
    if event.credential is not None:
        line += f" {event.credential}"
    if last is not None:
        line += f" {last.duration_ms / 1000:.1f}s"
    if event.result == "works":
        return line + (f" ({event.note})" if event.note else "")
    if last is not None:
        reason = ": ".join(text for text in (last.credential, last.error_kind, last.error) if text)
        line += f" {reason}" + (f". {last.next_step}" if last.next_step else "")
    return line


def end_line(event: DiscoveryFinished) -> str:
    """One line that sums a discovery up."""
    counts = ", ".join(f"{number} {word}" for word in WORDS if (number := getattr(event, word)))
    logins = "1 login" if event.attempts == 1 else f"{event.attempts} logins"
    line = f"{counts or 'nothing'} of {event.total} devices with {logins} in {event.duration_ms / 1000:.1f}s"
    if event.postponed:
        line += ". Go on with the same command in twenty minutes; see: vctui creds status"
    return line
