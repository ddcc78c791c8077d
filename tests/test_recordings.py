"""Every recorded device, under every timing: what is collected is what it said, or it is a failure."""

from __future__ import annotations

import pytest

from tests.fixtures.replay import LOGIN, RECORDINGS, SECRET, Clock, Outcome, clock, dice, replay
from vctui.demo.recording import Recording
from vctui.demo.vocabulary import fill
from vctui.ssh import get_platform, load_platforms

__all__ = ["clock"]
NAMES = sorted(RECORDINGS)
SCHEDULES = 12
"""For each recording, so that there are a thousand."""


def lines_of(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if not lines[-1] else lines


def check(recording: Recording, outcome: Outcome) -> None:
    """Each output equals the recording's, line by line, up to the one that has to fail."""
    wanted = list(recording.checks())
    kinds = [kind for _, _, kind in wanted if kind]
    assert (outcome.kind, outcome.failure) == (kinds[0] if kinds else None, outcome.failure)
    values = {"username": LOGIN.username, "hostname": recording.name}
    for output, (command, text, kind) in zip(outcome.outputs, wanted, strict=False):
        assert output.command == command
        assert (output.error is not None) == bool(kind)
        if text is not None:
            assert output.text.split("\n")[1:-1] == lines_of(fill(text, values))
    if not kinds:
        assert len(outcome.outputs) == len(wanted)


def test_there_are_many() -> None:
    assert len(RECORDINGS) >= 60
    platforms = {get_platform(recording.platform).name for recording in RECORDINGS.values()}
    assert platforms == {platform.name for platform in load_platforms(None).distinct()}
    assert all(recording.about and list(recording.checks()) for recording in RECORDINGS.values())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_collected_is_what_was_said(name: str, clock: Clock) -> None:
    outcome = replay(RECORDINGS[name], clock)
    check(RECORDINGS[name], outcome)
    assert SECRET not in repr(outcome.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_schedules_of_pieces_and_pauses(name: str, clock: Clock) -> None:
    """A pause of seconds may come within any word. Whatever is a success then is the whole output."""
    doubtful = 0
    for seed in range(SCHEDULES):
        outcome = replay(RECORDINGS[name], clock, chance=dice(seed), time_limit=10**6)
        if outcome.kind == "incomplete" and "pager" in str(outcome.failure):
            doubtful += 1  # it stopped right behind what looks like a pager's question
        else:
            check(RECORDINGS[name], outcome)
    assert doubtful <= 1


ROUND_TRIPS = {
    "cisco_ios_plain": 5,  # prompt, paging and first command, two more, the last question
    "cisco_ios_enable": 7,  # two for the step up, and none of it typed ahead
    "juniper_junos_master": 4,
    "frr": 3,
    "fortinet_accept": 4,
    "linux_readline_wrap": 3,
    "generic_deaf_to_blanks": 6,  # an unknown platform: nothing is typed ahead
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_round_trips(name: str, clock: Clock) -> None:
    """How often somebody waits for the other end, with 0.1 s from one to the other."""
    outcome = replay(RECORDINGS[name], clock, latency=0.1)
    check(RECORDINGS[name], outcome)
    pauses = sum(isinstance(piece, float) for turn in RECORDINGS[name].turns for piece in turn.recv)
    assert pauses == 0
    assert round(outcome.seconds / 0.2, 3) == ROUND_TRIPS[name]
