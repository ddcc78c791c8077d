"""Jump hosts: a few connections to each, opened one after another, that carry a channel for every device.

A login or a process per device is what breaks jump hosts: with the default limits of OpenSSH they turn away
every third of sixty. A connection that is lost is opened again for the devices that come later.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from math import inf

from paramiko.channel import Channel

from vctui.errors import PASSING, DeviceError
from vctui.ssh.asking import code_key
from vctui.ssh.connect import ALLOW_OLD, open_socket
from vctui.ssh.entry import Surroundings, Visit
from vctui.ssh.jump_link import Link, Route, about, connect, direct_route, visit_to
from vctui.ssh.jump_transport import JumpLost, NoRoom
from vctui.ssh.lifeline import Deadline, Lifeline, clock_stopped
from vctui.ssh.model import Hop, JumpStatus
from vctui.ssh.turns import TURNS

_SPREAD = 8
"""Channels on each connection before the next one is opened."""
_ATTEMPTS = 5
_BACKOFF = 0.5
"""Seconds before the second attempt; twice as many before the next."""
_REST = 30.0
"""Seconds for which a jump host that could not be reached is left alone."""
_GROWTH = 0.25
"""How fast the number grows, with each channel that opens, which a connection is thought to take."""
_LOOK = 5.0
"""Seconds after which a waiting device looks again whether the connections still stand."""
_PASSING = PASSING | {"not_ssh", "dns_failure"}
"""A jump host that turns somebody away in plain text does not look like one. No secret was sent by then."""
_OF_THE_DEVICE = {"cancelled", "command_rejected", "output_limit", "breaker_open", "save_failed", "internal"}
"""Kinds that say something of the device, whatever has become of the jump host."""

_log = logging.getLogger(__name__)


class Jumps:
    """The jump hosts of one run. `on_change` hears, from any thread, how each of them is used."""

    def __init__(
        self, shared: Surroundings, lifeline: Lifeline, on_change: Callable[[JumpStatus], None]
    ) -> None:
        self.shared = shared
        self.lifeline = lifeline
        self.on_change = on_change
        self._lock = threading.Lock()
        self._jumps: dict[tuple[Hop, ...], _Jump] = {}

    def route(self, visit: Visit, seconds: float) -> Route:
        """The way to a target, directly or through its jump hosts. Raises DeviceError.

        Connecting takes at most so many seconds; waiting for a jump host is not counted.
        """
        target = visit.target
        if target.jump:
            return self._jump(target.jump).route_to(target.host, target.port, seconds, visit)
        return Route(open_socket(target.host, target.port, Deadline(seconds), visit.lifeline))

    def _jump(self, path: tuple[Hop, ...]) -> _Jump:
        via = self._jump(path[:-1]) if len(path) > 1 else None
        with self._lock:
            return self._jumps.setdefault(path, _Jump(self, path[-1], via))

    def close(self) -> None:
        """Hang up everywhere, the far ends first."""
        self.lifeline.cut()
        with self._lock:
            jumps = sorted(self._jumps.items(), key=lambda item: -len(item[0]))
        for _, jump in jumps:
            jump.close()


class _JumpRoute(Route):
    def __init__(self, jump: _Jump, link: Link, channel: Channel) -> None:
        super().__init__(channel)
        self._jump = jump
        self._link = link

    @property
    def is_broken(self) -> bool:
        return self._link.transport.is_lost

    def explain(self, error: DeviceError) -> DeviceError:
        if not self.is_broken or error.kind in _OF_THE_DEVICE or error.kind.startswith("host_key"):
            return error
        reason = self._link.transport.disconnect_reason
        message = f"the connection was lost{f': {reason}' if reason else ''}"
        return self._jump.error(message, "Run it again with --retry-failed", passing=True)

    def close(self) -> None:
        super().close()
        self._jump.release(self._link)


class _Jump:
    """One jump host, reached in one way."""

    def __init__(self, pool: Jumps, hop: Hop, via: _Jump | None) -> None:
        self._pool = pool
        self._hop = hop
        self._via = via
        self._changed = threading.Condition()
        self._links: list[Link] = []
        self._opener: threading.Thread | None = None
        self._failure: DeviceError | None = None
        self._rests_until = self._enough_until = 0.0
        self._transports = max(1, hop.transports)
        self._telling = threading.Lock()

    def error(self, message: str, next_step: str, *, passing: bool = False) -> DeviceError:
        """Why the devices behind it cannot be reached; what is said of devices is said of it."""
        name = self._hop.name
        if next_step == ALLOW_OLD:
            next_step = "Allow it old algorithms: legacy: true for DEVICE below jump_hosts in config.yaml"
        message = f"{about(self._hop)}: {message.replace('the device', 'it', 1)}"
        return DeviceError("jump_failed", message, next_step.replace("DEVICE", name), passing=passing)

    def route_to(self, host: str, port: int, seconds: float, visit: Visit) -> Route:
        """A channel to a host behind this one. Raises DeviceError."""
        shortages = 0
        while True:
            link = self._reserve(visit)
            try:
                channel = link.transport.open_to(host, port, visit.deadline.within(seconds), visit.lifeline)
            except NoRoom:
                shortages += 1
                if self._is_full(link):
                    if shortages == _ATTEMPTS:
                        raise self.error("it opens no channel", "Look at its limits and its log") from None
                    visit.lifeline.pause(_backoff(shortages))
            except JumpLost:
                self.release(link)
            except DeviceError as error:
                self.release(link)
                if error.kind == "jump_failed":
                    raise self.error(error.message, error.next_step) from error
                raise DeviceError(
                    error.kind, f"behind jump host {self._hop.name}: {error.message}", error.next_step
                ) from error
            else:
                link.limit += _GROWTH
                visit.lifeline.tie(channel.in_buffer.close)
                return _JumpRoute(self, link, channel)

    def _is_full(self, link: Link) -> bool:
        """Note that a connection takes no more than it has; True when no channel is open that could close."""
        self.release(link)
        with self._changed:
            in_use = any(link.channels for link in self._links)
            link.limit = link.channels if in_use else 1
            return not in_use

    def _reserve(self, visit: Visit) -> Link:
        """A connection with room for one more. Waits for it, and has it opened when there is none."""
        with self._changed:
            link = self._take()
        if link is None:
            visit.lifeline.tie(self._wake)
            with ExitStack() as stack:
                stack.enter_context(clock_stopped(visit.deadline))
                desk = self._pool.shared.desk
                stack.enter_context(desk.waiting(code_key(about(self._hop)), visit.target.device))
                stack.enter_context(self._changed)
                while (link := self._take()) is None:
                    if visit.lifeline.is_cut:
                        raise DeviceError("cancelled", "the run was cancelled")
                    if not self._links and self._failure is not None:
                        raise self._failure.again()
                    self._changed.wait(_LOOK)
        self._tell()
        return link

    def _take(self) -> Link | None:
        """One more channel on a connection that has room, and another connection when one is needed."""
        self._links = [link for link in self._links if not link.transport.is_lost]
        link = self._with_room()
        if link is not None:
            link.channels += 1
        if link is None or all(link.channels > _SPREAD for link in self._links):
            self._open_another()
        return link

    def _with_room(self) -> Link | None:
        if sum(link.channels for link in self._links) >= self._hop.max_channels:
            return None
        free = (link for link in self._links if link.channels < link.limit)
        return min(free, key=lambda link: link.channels, default=None)

    def release(self, link: Link) -> None:
        """One channel less."""
        with self._changed:
            link.channels -= 1
            for each in self._links:  # what had no room at all may have some now
                each.limit = max(each.limit, 1)
            self._changed.notify_all()
        self._tell()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # opening; `_changed` is held by whoever calls these

    def _open_another(self) -> None:
        """Have a connection opened, unless that is going on, would be one too many, or has just failed."""
        now, first = time.monotonic(), not self._links
        if self._opener is not None or len(self._links) >= self._transports:
            return
        if now < (self._rests_until if first else self._enough_until):
            return
        self._failure = None
        self._opener = threading.Thread(
            target=self._open, args=(first,), name=f"jump-{self._hop.name[:40]}", daemon=True
        )
        self._opener.start()

    def _open(self, first: bool) -> None:
        link: Link | None = None
        failure: DeviceError | None = None
        try:
            link = self._try_to_connect(_ATTEMPTS if first else 1)
        except DeviceError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the devices behind it must hear of it
            _log.error("%s could not be opened", about(self._hop), exc_info=True)
            failure = DeviceError("internal", type(error).__name__)
        with self._changed:
            self._opener = None
            if link is not None:
                self._links.append(link)
                if link.is_personal:
                    self._transports = 1  # one code is enough
            elif failure is not None:
                again = time.monotonic() + (_REST if failure.kind in _PASSING else inf)
                if first:
                    self._rests_until = again
                    self._failure = self.error(failure.message, failure.next_step, passing=failure.passing)
                else:
                    self._enough_until = again
            self._changed.notify_all()
        self._tell()

    def _try_to_connect(self, attempts: int) -> Link:
        for attempt in range(1, attempts + 1):
            try:
                return self._connect_once()
            except DeviceError as error:
                if attempt == attempts or error.kind not in _PASSING or self._pool.lifeline.is_cut:
                    raise
            self._pool.lifeline.pause(_backoff(attempt))
        raise AssertionError

    def _connect_once(self) -> Link:
        pool, hop = self._pool, self._hop
        seconds = pool.shared.options.connect_timeout
        visit = visit_to(hop, pool.shared, pool.lifeline)
        if self._via is None:
            return connect(hop, visit, direct_route(hop, visit, seconds))
        return connect(hop, visit, self._via.route_to(hop.host, hop.port, seconds, visit))

    # the end

    def close(self) -> None:
        """Hang up all connections; the pool's lifeline has been cut."""
        with self._changed:
            links, self._links = self._links, []
            opener = self._opener
            self._rests_until = inf
        for link in links:
            link.close()
        if opener is not None:
            opener.join(5.0)
            if self._links:
                self.close()

    def _tell(self) -> None:
        # Who waits for its turn while it holds a lock makes those wait who have theirs and want the lock.
        with TURNS.resting(), self._telling:
            with self._changed:
                links = [link for link in self._links if not link.transport.is_lost]
                error = self._failure.message if self._failure is not None and not links else ""
                status = JumpStatus(self._hop.name, len(links), sum(link.channels for link in links), error)
            try:
                self._pool.on_change(status)
            except Exception:  # noqa: BLE001 - the caller's bug must not cost a device its way
                _log.exception("the use of a jump host could not be told")


def _backoff(attempts: int) -> float:
    return _BACKOFF * 2.0 ** (attempts - 1) * random.uniform(0.5, 1.5)  # noqa: S311
