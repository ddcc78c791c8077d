"""One question for all the new host keys of a run, before any password is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from screens.question import DeskNotice
from screens.widgets.rows import Cells, Column, Rows, widest
from vctui.errors import DeviceError, VctuiError
from vctui.questions import Desk
from vctui.text import safe_line

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.jobs import KeyHost
    from vctui.ssh import ScannedKey

Address = tuple[str, int]
Scanned = Callable[["KeyHost", "ScannedKey | DeviceError"], None]
PAINT = 0.2


@dataclass(slots=True)
class HostRow:
    """One new host and the key it showed, or why it showed none."""

    host: KeyHost
    key: ScannedKey | None = None
    error: str = ""


class HostKeysScreen(ModalScreen[frozenset[Address] | None]):
    """Reads the keys of new hosts and asks once: trust them all, leave these devices out, or cancel.

    Dismissed with the addresses that must not be connected to; with None when the run is cancelled.
    """

    CSS_PATH = "hostkeys.tcss"
    HELP = """
    ## New host keys

    These devices have never been seen from here. Compare the fingerprints with what you know of them: whoever
    answers in a device's place would get its password.

    **t** stores all the keys and goes on, **s** leaves these devices out, **Escape** cancels the run.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "trust", "Trust all", id="hostkeys.trust", tooltip="Store these keys and go on"),
        Binding("s", "skip", "Leave out", id="hostkeys.skip", tooltip="Go on without these devices"),
        Binding("escape,c", "cancel", "Cancel", id="hostkeys.cancel", tooltip="Do not run"),
    ]

    class Ended(Message):
        """All keys were read, or the scan could not go on."""

        def __init__(self, error: VctuiError | None) -> None:
            super().__init__()
            self.error = error

    class Stored(Message):
        """The keys are in known_hosts, or could not be written."""

        def __init__(self, error: VctuiError | None) -> None:
            super().__init__()
            self.error = error

    def __init__(self, context: Context, hosts: Sequence[KeyHost]) -> None:
        super().__init__()
        self.context = context
        self._hosts = {host: HostRow(host) for host in hosts}
        self._desk = Desk(lambda: None)
        self._cancel = threading.Event()
        self._answered = 0
        self._ready = False
        self._storing = False

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(id="title", markup=False)
            yield DeskNotice(self._desk)
            yield Rows((), _columns(()), _cells, id="keys")
            yield Static(id="detail", markup=False)
            yield Static("t Trust all   s Leave these devices out   Esc Cancel", id="keys-hint", markup=False)

    def on_mount(self) -> None:
        """Start reading the keys."""
        self.query_one(Rows).set_columns(_columns([host.name for host in self._hosts]))
        self.set_interval(PAINT, self._paint)
        self._paint()
        self._read_keys()

    def on_unmount(self) -> None:
        """Every way out ends the scan."""
        self._cancel.set()
        self._desk.close()

    @work(thread=True, exclusive=True, exit_on_error=False, group="scan", description="read host keys")
    def _read_keys(self) -> None:
        error: VctuiError | None = None
        try:
            scan_hosts(self.context, list(self._hosts), self._cancel, self._desk, self._take)
        except VctuiError as problem:
            error = problem
        self.post_message(self.Ended(error))

    def _take(self, which: KeyHost, answer: ScannedKey | DeviceError) -> None:
        """Called from scan threads; the timer paints."""
        host = self._hosts[which]
        if isinstance(answer, DeviceError):
            host.error = answer.message
        else:
            host.key = answer
        self._answered += 1

    @on(Worker.StateChanged)
    def _failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            raise event.worker.error

    def _paint(self) -> None:
        if not self._ready:
            self.query_one("#title", Static).update(
                f"Reading new host keys: {self._answered} of {len(self._hosts)}", layout=False
            )

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        if message.error is not None:
            self.notify(str(message.error), severity="error", markup=False)
        self._ready = True
        hosts = sorted(self._hosts.values(), key=lambda host: host.key is None)
        keys = sum(host.key is not None for host in hosts)
        silent = len(hosts) - keys
        title = f"{keys} new host {'key' if keys == 1 else 'keys'}: trust what is shown here?"
        if silent:
            title += f" ({silent} did not answer)"
        self.query_one("#title", Static).update(title)
        self.query_one(Rows).show(hosts)
        self._show_detail()

    @on(Rows.Moved)
    def _show_detail(self) -> None:
        host: HostRow | None = self.query_one(Rows).picked
        text = ""
        if host is not None:
            what = host.key.key_type if host.key else host.error
            name = ("jump host " if host.host.is_jump else "") + safe_line(host.host.name)
            text = f"{name} at {host.host.host} port {host.host.port}: {safe_line(what)}"
        self.query_one("#detail", Static).update(text, layout=False)

    def action_trust(self) -> None:
        """Store what was read; devices that did not answer get their turn in the run."""
        if self._ready and not self._storing:
            self._storing = True
            self._store()

    @work(thread=True, exit_on_error=False, group="store", description="store host keys")
    def _store(self) -> None:
        error: VctuiError | None = None
        try:
            store_keys(self.context, [host.key for host in self._hosts.values() if host.key])
        except VctuiError as problem:
            error = problem
        self.post_message(self.Stored(error))

    @on(Stored)
    def _stored(self, message: Stored) -> None:
        self._storing = False
        if message.error is None:
            self.dismiss(frozenset())
        else:
            self.notify(str(message.error), severity="error", markup=False)

    def action_skip(self) -> None:
        """Go on without every device whose key is new."""
        if not self._storing:
            self.dismiss(frozenset(host.address for host in self._hosts))

    def action_cancel(self) -> None:
        """Do not run."""
        if not self._storing:
            self.dismiss(None)


def _columns(names: Sequence[str]) -> tuple[Column, ...]:
    return (
        Column("Device", widest(names, 10, 20), flex=1),
        Column("Address", 15, optional=1),
        Column("Fingerprint", 50, styled=True),
    )


def _cells(host: HostRow) -> Cells:
    which = host.host
    if host.key is None:
        return (which.name, which.host, f"none: {host.error or 'not read'}"), "failed"
    return (which.name, which.host, host.key.fingerprint), ""


def scan_hosts(
    context: Context, hosts: Sequence[KeyHost], cancel: threading.Event, desk: Desk, on_key: Scanned
) -> None:
    """Read the keys over the network: key exchange only, nobody logs in but to jump hosts on the way."""
    from vctui.jobs import read_keys

    read_keys(context.settings, hosts, context.resolver, on_key=on_key, cancel=cancel, desk=desk)


def store_keys(context: Context, keys: Sequence[ScannedKey]) -> None:
    """Add the keys to the home's known_hosts."""
    from vctui.jobs import trusted_hosts

    trusted_hosts(context.settings).add(keys)
