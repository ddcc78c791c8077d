"""What holds for every device, however it behaves: what is called complete is, and belongs to its command."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.adversary import COMMANDS, LOGS, Adversary, Script, scripts
from tests.fixtures.replay import Clock, Outcome, ReplayChannel, clock, dice, run_session

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
        assert lines_of(output.text) == [
            line if line.strip() else "" for line in script.outputs[output.command]
        ]
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
