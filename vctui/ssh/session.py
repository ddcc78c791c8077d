"""One device, from the connection to the last command."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from paramiko.ssh_exception import SSHException

from vctui.errors import DeviceError
from vctui.events import Phase
from vctui.ssh.admission import GrownOld
from vctui.ssh.calm import forget_frames
from vctui.ssh.collect import Collection
from vctui.ssh.connect import hang_up, shake_hands
from vctui.ssh.entry import Surroundings, Visit, check_host_key
from vctui.ssh.hostkey_index import host_name
from vctui.ssh.jump import Jumps
from vctui.ssh.jump_link import Route
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import CommandOutput, ExecutionResult, Target, failed_result
from vctui.ssh.platforms import GENERIC, get_platform, load_platforms
from vctui.ssh.probe import Probe
from vctui.ssh.pump import transport_class
from vctui.ssh.shell import Shell, open_channel
from vctui.ssh.tape import Tape, left_by
from vctui.ssh.transport import ShellChannel, Transport
from vctui.text import safe_line

_log = logging.getLogger(__name__)

_STAYS = frozenset({"command_rejected", "incomplete"})
"""After these the device is at its prompt again, so the session goes on with what else is to be collected."""


class Session:
    """Collects from one target, and in the same session from what it has `also`."""

    def __init__(
        self,
        target: Target,
        shared: Surroundings,
        jumps: Jumps,
        lifeline: Lifeline,
        on_phase: Callable[[Target, Phase], None],
        deadline: Deadline | None = None,
    ) -> None:
        self._target = target
        self._waiting = deque(replace(other, attempt=target.attempt) for other in target.also)
        self._shared = shared
        self._lifeline = lifeline
        self._tell = on_phase
        self._deadline = deadline or Deadline(target.limit)
        self._jumps = jumps
        self._route: Route | None = None
        self._visit = Visit(target, shared, lifeline, self._deadline)
        self._platform = get_platform(target.device_type, shared.options.platforms)
        self._transport: Transport | None = None
        self._channel: ShellChannel | None = None
        self._shell: Shell | None = None
        self._collection: Collection | None = None
        self._banner = ""
        self._began = self._logged_in = self._entered = False
        self._probe = Probe(load_platforms(shared.options.platforms)) if target.probe else None

    @property
    def left(self) -> tuple[Target, ...]:
        """Targets that it did not come to, for no reason of theirs."""
        return tuple(self._waiting) if self._entered or not self._began else ()

    @property
    def alike(self) -> tuple[Target, ...]:
        """Targets that share the failure of the first: the device could not be entered."""
        return () if self.left else tuple(self._waiting)

    def run(self, on_result: Callable[[Target, ExecutionResult], None]) -> tuple[Target, ExecutionResult]:
        """Do it all, and close everything; never raises, a failure is a result.

        The last target and its result are returned, those before were told to `on_result`.
        """
        while True:
            started = time.monotonic()
            failure = self._attempt()
            stays = failure is None or (failure.kind in _STAYS and self._entered)
            over = not (stays and self._waiting)
            result = self._result(failure, (time.monotonic() - started) * 1000)
            result = self._recorded(result, failure, over=over)
            if over:
                self._close(politely=failure is None)
                return self._target, result
            on_result(self._target, result)
            self.release()
            self._go_on(self._waiting.popleft())

    def release(self) -> None:
        """Give back the room of outputs whose results have been handed on."""
        if self._shell is not None:
            self._shell.release()

    def _attempt(self) -> DeviceError | None:
        failure: DeviceError | None = None
        try:
            self._run()
        except DeviceError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a bug here must not cost the other devices their results
            _log.error(
                "session with %s failed",
                safe_line(host_name(self._target.host, self._target.port)),
                exc_info=True,
            )
            failure = DeviceError("internal", type(error).__name__)
        forget_frames(failure)
        if failure is not None:
            if self._route is not None:
                failure = self._route.explain(failure)
            if self._lifeline.is_cut:
                failure = DeviceError("cancelled", "the run was cancelled")
            elif self._logged_in and failure.kind != "channel_refused":
                failure.passing = False  # trying again would mean another login
        return failure

    def _result(self, failure: DeviceError | None, duration_ms: float) -> ExecutionResult:
        prompt = self._shell.prompt.text if self._shell is not None else ""
        outputs = tuple(self._collection.outputs) if self._collection is not None else ()
        evidence = self._probe.evidence if self._probe is not None else None
        if failure is not None:
            partial = self._collection.partial if self._collection is not None else ""
            result = failed_result(self._target, failure, outputs, partial, prompt, duration_ms)
            return replace(result, evidence=evidence)
        return ExecutionResult(
            host=self._target.host,
            device=self._target.device,
            success=True,
            verdict="suspect" if any(output.error for output in outputs) else "complete",
            outputs=outputs,
            duration_ms=duration_ms,
            key=self._target.key,
            extra_data=self._target.extra_data,
            prompt=prompt,
            attempts=self._target.attempt,
            evidence=evidence,
        )

    def _recorded(
        self, result: ExecutionResult, failure: DeviceError | None, *, over: bool
    ) -> ExecutionResult:
        """The result with the recording of the session, once that is over."""
        shell, transport = self._shell, self._transport
        if shell is None or shell.tape is None or transport is None:
            return result
        seen = result.evidence.outputs if result.evidence is not None else ()
        asked = [CommandOutput(command, f"\n{text}\n", "") for command, text in seen]
        shell.tape.keep([*result.outputs, *asked], failure.kind if failure is not None else None)
        if not over:
            return result
        head = {
            "platform": self._target.device_type,
            "ssh_version": safe_line(transport.remote_version),
            "banner": self._banner,
        }
        end = left_by(failure, alive=transport.is_active())
        return replace(result, recording=shell.tape.document(head, shell.tail, end))

    def _go_on(self, target: Target) -> None:
        """Take the next target; its limits count from here."""
        assert self._shell is not None
        assert self._collection is not None
        self._target, self._deadline = target, Deadline(target.limit)
        self._shell.renew(self._deadline, target.timeout)
        self._collection.go_on(target)

    def _on_phase(self, phase: Phase) -> None:
        """A step of the way in is one for every target, a command for its own."""
        for target in (self._target, *(self._waiting if not self._entered else ())):
            self._tell(target, phase)

    def _run(self) -> None:
        target = self._target
        if self._lifeline.is_cut:
            raise DeviceError("cancelled", "")
        for command in target.commands:
            if not command.isprintable():
                raise DeviceError("command_rejected", f"{safe_line(command, 80)!r} is more than one line")
        if target.login_only:
            self._enter()
            return
        if self._probe is not None:
            collection = self._open(self._enter())
            prompt = collection.find_prompt()
            self._on_phase("command")
            self._probe.ask_around(prompt, self._platform, collection.ask)
            return
        if not self._entered:
            self._collection = self._open(self._enter())
            self._collection.enter()
            self._entered = True
        assert self._collection is not None
        self._on_phase("command")
        after = self._waiting[0] if self._waiting else None
        self._collection.run(self._deadline, self._lifeline, after)

    def _enter(self) -> Transport:
        """Connect and log in; once more when the connection grew old while the login waited for its turn."""
        target, options = self._target, self._shared.options
        self._began = True
        key = self._visit.key()
        with self._visit.admission(renews=True) as admission:
            admission.approach()
            while True:
                transport = self._connect()
                check_host_key(
                    transport, target.host, target.port, self._shared.known_hosts, options.host_keys
                )
                self._on_phase("authenticating")
                try:
                    login = self._visit.log_in(
                        transport,
                        key,
                        self._within(options.auth_timeout),
                        self._is_way_broken,
                        admission=admission,
                    )
                except GrownOld:
                    self._leave()
                    continue
                self._logged_in = True
                self._banner = banner = login.banner
                if banner:
                    _log.debug("%s says: %s", safe_line(host_name(target.host, target.port)), banner)
                if self._probe is not None:
                    self._platform = self._probe.meet(safe_line(transport.remote_version), banner)
                return transport

    def _connect(self) -> Transport:
        target, options = self._target, self._shared.options
        self._on_phase("connecting")
        self._route = self._jumps.route(self._visit, self._within(options.connect_timeout))
        self._on_phase("host_key")
        legacy = self._platform.legacy_algorithms if target.legacy is None else target.legacy
        self._transport = shake_hands(
            self._route.sock,
            ident_timeout=self._within(options.banner_timeout),
            kex_timeout=self._within(options.banner_timeout),
            known=self._shared.known_hosts.key_types(target.host, target.port),
            legacy=legacy,
            debug=options.debug,
            make=transport_class(options.transport),
        )
        return self._transport

    def _is_way_broken(self) -> bool:
        return self._route is not None and self._route.is_broken

    def _leave(self) -> None:
        """Hang up, and give the way back."""
        if self._transport is not None:
            hang_up(self._transport)
            self._transport = None
        if self._route is not None:
            self._route.close()
            self._route = None

    def _within(self, seconds: float) -> float:
        return self._deadline.within(min(seconds, self._target.timeout))

    def _open(self, transport: Transport) -> Collection:
        target, options = self._target, self._shared.options
        self._on_phase("prompt")
        self._channel = open_channel(transport, self._deadline, target.timeout, self._platform.columns)
        self._shell = Shell(
            self._channel,
            transport,
            self._platform,
            deadline=self._deadline,
            timeout=target.timeout,
            max_output=options.max_output,
            held=self._shared.held,
            tape=Tape(target.secrets, self._platform.newline) if options.record else None,
        )
        return Collection(target, self._platform, get_platform(GENERIC, options.platforms), self._shell)

    def _close(self, *, politely: bool) -> None:
        if self._shell is not None:
            self._shell.forget()
        if self._channel is not None and politely:
            # The device may be the first to close; what was collected is complete all the same.
            with contextlib.suppress(EOFError, OSError, SSHException, DeviceError):
                if self._platform.logout and self._shell is not None:
                    self._shell.send_line(self._platform.logout)
                self._channel.close()
        self._leave()
