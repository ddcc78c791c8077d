"""What holds for every device, however it behaves: what is called complete is, and belongs to its command."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.adversary import COMMANDS, LOGS, PAGERS, Adversary, Script, scripts
from tests.fixtures.replay import Clock, Outcome, ReplayChannel, clock, dice, run_session, sim_device
from vctui.demo.console import Console, Said
from vctui.demo.recording import Recording, Turn
from vctui.ssh.dialogue import Dialogue
from vctui.ssh.platforms import get_platform
from vctui.ssh.prompts import Prompt

__all__ = ["clock"]
LAW = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LIMIT = 100.0
LATENCY = 0.2


def play(script: Script, clock: Clock) -> Outcome:
    random.seed(script.seed)
    console: Any = Adversary(script, dice(script.seed))
    channel = ReplayChannel(console, clock, chance=dice(script.seed + 1), latency=LATENCY)
    outcome = run_session(channel, clock, COMMANDS, script.platform, time_limit=LIMIT)
    assert outcome.seconds <= LIMIT + LATENCY
    return outcome


def lines_of(text: str) -> list[str]:
    """Lines of an output without the messages that nobody can tell from it; a blank line is a blank line."""
    return [line if line.strip() else "" for line in text.split("\n")[1:-1] if not line.endswith(LOGS)]


@given(script=scripts())
@LAW
def test_what_is_complete_is_all_there_is(script: Script, clock: Clock) -> None:
    outcome = play(script, clock)
    complete = [output for output in outcome.outputs if output.error is None]
    kind, number, _ = script.fate
    for output in complete:
        expected = [line if line.strip() else "" for line in script.outputs[output.command]]
        lines = lines_of(output.text)
        if script.logs and script.echoes_at_once:
            # A log message between our question and its answer leaves one prompt too many, and nothing less.
            while len(lines) > len(expected) and lines[-1].strip() in ("", script.prompt):
                lines.pop()
        assert lines == expected
        assert not kind or COMMANDS.index(output.command) < number - 1
    if outcome.failure is None:
        assert [output.command for output in complete] == list(COMMANDS)
    elif not kind:
        assert outcome.kind in ("incomplete", "command_timeout", "prompt_not_found")


@given(script=scripts(shows_blanks=False, echoes_at_once=False, scolds=False, logs=0.0, fate=("", 0, 0.0)))
@LAW
def test_a_device_that_shows_no_blanks(script: Script, clock: Clock) -> None:
    """It is less certain there, and what is complete says so."""
    plain = {command: tuple(f"- {line}" for line in lines) for command, lines in script.outputs.items()}
    for output in play(replace(script, outputs=plain), clock).outputs:
        if output.error is None:
            assert lines_of(output.text) == list(plain[output.command])
            assert "none of the blanks" in output.note


@pytest.mark.parametrize("number", range(1, 4))
@given(share=st.floats(0, 0.999), seed=st.integers(0, 2**32), kind=st.sampled_from(["drop", "silent"]))
@settings(LAW, max_examples=60)
def test_an_output_that_breaks_off_is_no_success(
    number: int, share: float, seed: int, kind: str, clock: Clock
) -> None:
    """Also where it breaks off behind what looks like a prompt."""
    lines = ("r1#", "x", "r1#show log", "r1#", "r1#", "r1(config)#", "end", "r1#")
    outputs = dict.fromkeys(COMMANDS, lines)
    outcome = play(Script("cisco_ios", "r1#", outputs, seed, fate=(kind, number, share)), clock)
    assert outcome.kind in ("disconnected", "command_timeout")
    assert len([output for output in outcome.outputs if output.error is None]) == number - 1


class CutChannel(ReplayChannel):
    """The greeting comes in pieces, with pauses between them."""

    def __init__(self, console: Console, clock: Clock, cuts: Sequence[int], pause: float) -> None:
        self._cuts = cuts
        self._pause = pause
        self._greets = True
        super().__init__(console, clock)

    def _say(self, said: list[Said]) -> None:
        if not self._greets:
            super()._say(said)
            return
        self._greets = False
        greeting = b"".join(piece for piece in said if isinstance(piece, bytes))
        for start, end in pairwise([0, *self._cuts, len(greeting)]):
            self._due.append((self.clock.now + self._pause * len(self._due), greeting[start:end]))
        self._free = self._due[-1][0]


@pytest.mark.parametrize("device_type", ["", "cisco_ios"])
@pytest.mark.parametrize("pause", [0.01, 0.35, 1.2])
@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_greeting_of_prompts_is_no_prompt(lines: int, pause: float, device_type: str, clock: Clock) -> None:
    """Wherever packets cut it."""
    turns = (Turn("show clock", text="12:00\n"), Turn("terminal length 0", text=""))
    greeting = "r2#\r\n" * lines
    recording = Recording("r1", Path(), "r1#", motd=greeting, turns=turns)
    places = range(1, len(greeting) + 3)
    for cuts in [(), *combinations(places, 1), *combinations(places, 2)]:
        channel = CutChannel(Console(sim_device(recording), recording), clock, cuts, pause)
        outcome = run_session(channel, clock, ("show clock",), device_type)
        assert [output.text for output in outcome.outputs] == ["r1#show clock\n12:00\nr1#"], cuts


@pytest.mark.parametrize("pager", PAGERS)
def test_a_pager_that_takes_a_question_for_its_answer(pager: tuple[str, str], clock: Clock) -> None:
    """What is left of the question is no output, or the output is not believed."""
    lines = ("a", "b", "c", "d", "r1#", "e", "f", "g", "h", "r1#", "i")
    outputs = dict.fromkeys(COMMANDS, lines)
    kinds = set()
    for seed in range(150):
        outcome = play(Script("cisco_ios", "r1#", outputs, seed, pager=pager), clock)
        kinds.add(outcome.kind)
        assert all(lines_of(one.text) == list(lines) for one in outcome.outputs if one.error is None)
    assert kinds == {None, "incomplete"}


class Talkative:
    """A device that says much right behind its prompt, and does not show it again."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def start(self) -> list[Said]:
        return [b"r1#"]

    def feed(self, data: bytes) -> list[Said]:
        said: list[Said] = []
        for line in data.split(b"\n")[:-1]:
            shows = line == b"show clock"
            said.append(line + (b"\r\n12:00\r\nr1#\r\n" + self._said if shows else b"\r\nr1#"))
        return said


@pytest.mark.parametrize("number", [1, 3, 30, 60, 500])
def test_log_messages_right_behind_the_prompt(number: int, clock: Clock) -> None:
    """However many come at once, the prompt before them is asked."""
    message = b"*Mar  1 00:00:07.123: %%LINK-3-UPDOWN: Interface Gi0/%d, changed state to up\r\n"
    console: Any = Talkative(b"".join(message % port for port in range(number)))
    outcome = run_session(ReplayChannel(console, clock), clock, ("show clock",), "cisco_ios")
    assert outcome.failure is None
    assert [output.text for output in outcome.outputs] == ["r1#show clock\n12:00\nr1#"]


def test_other_lines_right_behind_what_looks_like_the_prompt(clock: Clock) -> None:
    """They are output, and the device has to show where it ends."""
    console: Any = Talkative(b"Interface Gi0/1 is up\r\n" * 100)
    outcome = run_session(ReplayChannel(console, clock), clock, ("show clock",), "cisco_ios")
    assert outcome.kind == "command_timeout"


@pytest.mark.parametrize("kept", [True, False])
def test_a_command_that_only_an_output_shows_bounds_none(kept: bool) -> None:
    """A pager has taken the question before it, and perhaps the command as well: both are not believed."""
    dialogue = Dialogue(Prompt("r1#", blanks=True), get_platform("cisco_ios"))
    first = dialogue.type_command("show version", kept=kept)
    dialogue.take("r1#show version\n")
    dialogue.type_question(7, "r1#")
    second = dialogue.type_command("show log")
    dialogue.take("one\nr1#show log\ntwo\n")
    dialogue.type_question(10, "r1#")
    dialogue.take("r1#          \n")
    dialogue.look("r1#")
    assert first.output is not None
    assert second.output is not None
    assert (first.output.strayed, second.output.strayed) == (kept, kept)
