"""What is said of a credential that is stopped, and the wait of a device for a person who decides."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import NoReturn

from vctui.errors import DeviceError
from vctui.questions import Desk, Question
from vctui.ssh import Deadline, Lifeline, Target
from vctui.storage import LoginState

PATIENCE = 600.0
"""Seconds that a question stays on the screen; unanswered it means to leave the devices out."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A device that waits for a person."""

    desk: Desk
    target: Target
    line: Lifeline
    deadline: Deadline

    def ask(self, question: Question) -> str | None:
        """The answer, or None without one. Raises DeviceError when the run is cancelled."""
        seconds = min(PATIENCE, self.deadline.remaining())
        answer = self.desk.ask(question, self.target.device, seconds=seconds, tie=self.line.tie)
        if answer is None and self.line.is_cut:
            raise DeviceError("cancelled", "the run was cancelled")
        return answer

    def for_the_end(self) -> NoReturn:
        """Until the run that was just stopped closes its sessions."""
        self.line.pause(self.deadline.remaining())
        raise DeviceError("cancelled", "the run was stopped, because a credential was refused")


def why(state: LoginState) -> str:
    """What made a credential stop, in a sentence without its end."""
    what = "was refused" if state.refused == state.streak else "failed" if state.refused else "had no answer"
    times = "" if state.streak == 1 else f" {state.streak} times in a row"
    devices = list(dict.fromkeys(state.devices))[-3:]
    return f"the login {what}{times}" + (f", last by {', '.join(devices)}" if devices else "")


def refusal(name: str, state: LoginState) -> DeviceError:
    """The error of a device that is not tried with a stopped credential."""
    until = f"{state.open_until.astimezone():%H:%M}" if state.open_until else "the next run"
    return DeviceError(
        "breaker_open",
        f"credential {name!r} is not tried until {until}: {why(state)}",
        next_step(name),
    )


def next_step(name: str) -> str:
    """What to do about a credential that is stopped."""
    return f"Correct it: vctui vault edit {quote(name)}; or try it: vctui creds status --reset {quote(name)}"
