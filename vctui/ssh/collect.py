"""What one session does once it is logged in: prompt, rights, paging, and the commands of its targets."""

from __future__ import annotations

from dataclasses import replace

from vctui.errors import DeviceError
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import CommandOutput, Target, verdict_of
from vctui.ssh.platforms import GENERIC
from vctui.ssh.rules import Platform
from vctui.ssh.shell import Shell
from vctui.ssh.talk import Reply, Talk, judge
from vctui.ssh.typed import Typed


class Collection:
    """The outputs of one device, for one target after the other. Raises DeviceError."""

    def __init__(self, target: Target, platform: Platform, generic: Platform, shell: Shell) -> None:
        self._target = target
        self._platform = platform
        self._generic = generic
        self._shell = shell
        self._paging = self._paging_commands(target)
        self._talk = Talk(shell, platform, target.credentials)
        self._paged: set[str] = set()
        self._refused = ""
        self.outputs: list[CommandOutput] = []
        """Of the target at hand; what was complete, when it has failed."""

    @property
    def partial(self) -> str:
        """What arrived of the command that failed."""
        return self._refused or self._talk.partial()

    def enter(self) -> None:
        """Find the prompt, take the steps up in rights, and turn paging off."""
        secret = self._target.credentials.enable_secret
        self._talk.find_prompt(self._ahead)
        for _ in self._platform.privilege:
            if self._raises_rights(self._shell.prompt.text):
                self._talk.enable(secret)
                self._talk.type_ahead(self._ahead(self._shell.prompt.text))
        self._turn_paging_off()

    def find_prompt(self) -> str:
        """Wait for the prompt, and do nothing else."""
        self._talk.find_prompt()
        return self._shell.prompt.text

    def ask(self, command: str) -> list[str]:
        """Run a command that is not one of the target's; the lines it prints."""
        return self._talk.command(command).body.splitlines()

    def run(self, deadline: Deadline, lifeline: Lifeline, after: Target | None = None) -> None:
        """Run the commands of the target; `after` is the next one."""
        self._turn_paging_off()
        commands, delay = _commands(self._target), self._target.inter_command_delay
        for number, command in enumerate(commands):
            if number and delay > 0:
                lifeline.pause(deadline.within(delay))
                if lifeline.is_cut:
                    raise DeviceError("cancelled", "")
            following = commands[number + 1 :] or (self._next_commands(after) if after is not None else ())
            self._run(command, "".join(self._may_be_ahead(following[:1])))

    def go_on(self, target: Target) -> None:
        """Take the next target."""
        self._target, self._paging = target, self._paging_commands(target)
        self._refused, self.outputs = "", []

    def _turn_paging_off(self) -> None:
        """Send what this target wants sent for it, unless one before it has sent the same."""
        for command in self._paging:
            if command not in self._paged:
                self._talk.command(command, kept=False)
                self._paged.add(command)

    def _raises_rights(self, prompt: str) -> bool:
        """Whether the session takes a step up before anything else."""
        secret = self._target.credentials.enable_secret
        return bool(secret) and self._platform.name != GENERIC and self._platform.step_up(prompt) is not None

    def _ahead(self, prompt: str) -> list[Typed]:
        """What may be typed as soon as the prompt is seen: what only reads, on a platform that is known."""
        if self._shell.tape is not None or self._platform.name == GENERIC or self._raises_rights(prompt):
            return []
        first = self._may_be_ahead(_commands(self._target)[:1])
        return [*(Typed(command, kept=False) for command in self._paging), *map(Typed, first)]

    def _may_be_ahead(self, commands: tuple[str, ...]) -> tuple[str, ...]:
        """Those that may be typed while the one before is being worked on."""
        alone = self._shell.tape is not None or self._platform.name == GENERIC
        if alone or self._target.inter_command_delay > 0:
            return ()
        platform = self._platform
        return tuple(c for c in commands if platform.is_reading(c) and not platform.is_privilege(c))

    def _next_commands(self, target: Target) -> tuple[str, ...]:
        """The commands of the next target, if nothing has to be sent before them."""
        ready = self._paged.issuperset(self._paging_commands(target))
        return _commands(target) if ready and target.inter_command_delay <= 0 else ()

    def _paging_commands(self, target: Target) -> tuple[str, ...]:
        wanted = target.paging_disable
        if wanted is None:
            return self._platform.paging_off
        commands = tuple(c.strip() for c in wanted.replace("\n", ",").split(",") if c.strip())
        if all(self._platform.is_paging(c) or self._generic.is_paging(c) for c in commands):
            return commands
        return self._platform.paging_off

    def _run(self, command: str, then: str) -> None:
        talk = self._talk
        secret = self._target.credentials.enable_secret or self._target.credentials.password
        if self._platform.is_privilege(command) and talk.is_unprivileged:
            self._keep(command, talk.enable(secret), None)
            return
        reply = talk.command(command, then=then)
        if not (self._platform.is_paging(command) or self._platform.is_privilege(command)):
            try:
                judge(self._platform, command, reply)
            except DeviceError as error:
                self._keep(command, reply, error)
                if error.kind == "incomplete" and self._target.believe:
                    return
                self._refused = reply.text
                raise
        self._keep(command, reply, None)

    def _keep(self, command: str, reply: Reply, failure: DeviceError | None) -> None:
        prompt = self._shell.prompt.text
        output = CommandOutput(command, reply.text, prompt, note=reply.note)
        if failure is not None:
            output = replace(output, error=failure.message, verdict=verdict_of(failure))
        self.outputs.append(output)


def _commands(target: Target) -> tuple[str, ...]:
    return tuple(command.strip() for command in target.commands if command.strip())
