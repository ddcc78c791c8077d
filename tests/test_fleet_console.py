"""The command line of a simulated device, played without waiting."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from vctui.demo.console import Console, Said
from vctui.demo.devices import SimDevice
from vctui.demo.faults import Fault
from vctui.demo.recording import End, Recording, load_recording, load_recordings
from vctui.demo.vocabulary import fill
from vctui.errors import DataError
from vctui.sample import sample_data_dir

TRANSCRIPTS: Mapping[str, Recording] = load_recordings(sample_data_dir() / "transcripts")
PLATFORMS = sorted(TRANSCRIPTS)


def said_by(console: Console, *typed: bytes) -> list[Said]:
    """All that the device says, until it ends the session or nothing more is typed."""
    said = console.start()
    for keys in typed:
        if not said or not isinstance(said[-1], End):
            said += console.feed(keys)
    return said


def screen_of(said: list[Said]) -> str:
    return b"".join(piece for piece in said if isinstance(piece, bytes)).decode()


def play(
    platform: str, *typed: bytes, fault: Fault = Fault.NONE, user_mode: bool = False, secret: str = "s3cret"
) -> str:
    device = SimDevice(
        name="dev-1",
        recording="",
        host="127.0.0.1",
        enable_secret=secret,
        mgmt_ip="192.0.2.9",
        serial="SN42",
        fault=fault,
        user_mode=user_mode,
        think=0.0,
    )
    return screen_of(said_by(Console(device, TRANSCRIPTS[platform]), *typed))


def prompt_of(platform: str) -> str:
    return fill(TRANSCRIPTS[platform].prompt, {"hostname": "dev-1", "username": "demo"})


def paging_off(platform: str) -> str:
    return next(
        " ".join(words)
        for words, resolved in TRANSCRIPTS[platform].vocabulary.known.items()
        if resolved.action == "paging_off"
    )


def long_command(platform: str) -> tuple[str, str]:
    """The platform's longest answer: the command, and the text with its fields filled in."""
    words, resolved = max(
        ((w, r) for w, r in TRANSCRIPTS[platform].vocabulary.known.items() if r.action == "output"),
        key=lambda item: len(item[1].text),
    )
    values = {"hostname": "dev-1", "mgmt_ip": "192.0.2.9", "serial": "SN42"}
    return " ".join(words), fill(resolved.text, values).replace("\n", "\r\n")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_output_comes_whole_between_echo_and_prompt_once_paging_is_off(platform: str) -> None:
    command, answer = long_command(platform)
    screen = play(platform, f"{paging_off(platform)}\r".encode(), f"{command}\r".encode())
    prompt = prompt_of(platform)
    assert screen.endswith(f"{prompt}{command}\r\n{answer}{prompt}")
    assert TRANSCRIPTS[platform].pager not in screen


@pytest.mark.parametrize("platform", PLATFORMS)
def test_pager_stops_every_page_and_a_blank_goes_on(platform: str) -> None:
    transcript = TRANSCRIPTS[platform]
    command, answer = long_command(platform)
    pages = -(-(answer.count("\r\n")) // (transcript.page_length - 1))
    screen = play(platform, f"{command}\r".encode(), *[b" "] * (pages - 1))
    assert pages > 1
    assert screen.count(transcript.pager) == pages - 1
    assert answer + prompt_of(platform) in screen.replace(transcript.pager + transcript.pager_erase, "")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_q_at_the_pager_ends_the_output(platform: str) -> None:
    command, answer = long_command(platform)
    screen = play(platform, f"{command}\r".encode(), b"q")
    assert screen.count(TRANSCRIPTS[platform].pager) == 1
    assert screen.endswith("\r\n" + prompt_of(platform))
    assert answer not in screen


def test_return_at_the_pager_shows_one_line_more() -> None:
    screen = play("cisco_ios", b"show ip arp\r", b"\r", b"q")
    assert screen.count(" --More-- ") == 2


@pytest.mark.parametrize("platform", PLATFORMS)
def test_unknown_command_gets_the_platforms_own_words(platform: str) -> None:
    transcript = TRANSCRIPTS[platform]
    screen = play(platform, b"shwo version\r")
    prompt = prompt_of(platform)
    said = fill(transcript.errors["unknown"], {"caret": " " * len(prompt)}).replace("\n", "\r\n")
    assert screen.endswith(f"{prompt}shwo version\r\n{said}{prompt}")
    # A rejected command is one that a client can tell: the text is not empty and not the prompt.
    assert said.strip()


def test_caret_stands_below_the_first_word_at_fault() -> None:
    screen = play("cisco_ios", b"show ip arb\r")
    lines = screen.split("\r\n")
    at = next(number for number, line in enumerate(lines) if line.endswith("show ip arb"))
    assert lines[at + 1].index("^") == lines[at].index("arb")


def test_words_may_be_cut_short_while_they_stay_unique() -> None:
    transcript = TRANSCRIPTS["cisco_ios"].vocabulary
    assert transcript.resolve("sh ver").text == transcript.resolve("show version").text
    assert transcript.resolve("SHOW Version").action == "output"
    assert transcript.resolve("sh in").action == "ambiguous"
    assert transcript.resolve("show ip").action == "incomplete"
    assert transcript.resolve("term len 0").action == "paging_off"
    assert transcript.resolve("terminal width 511").action == "quiet"


def test_the_longer_command_does_not_shadow_the_shorter() -> None:
    transcript = TRANSCRIPTS["huawei_vrp"].vocabulary
    assert transcript.resolve("display ip routing-table").text.startswith("Route Flags")
    assert "Destination: " in transcript.resolve("dis ip rou verbose").text


def test_enable_mode_needs_the_secret_and_guards_the_configuration() -> None:
    refused = play("cisco_ios", b"show running-config\r", user_mode=True)
    assert "% Invalid input detected" in refused
    assert refused.endswith("dev-1>")
    wrong = play("cisco_ios", b"enable\r", b"nope\r", user_mode=True)
    assert wrong.endswith("Password: \r\n% Access denied\r\n\r\ndev-1>")
    right = play("cisco_ios", b"enable\r", b"s3cret\r", b"show running-config\r", user_mode=True)
    assert right.count("dev-1#") == 1
    assert "hostname dev-1" in right
    assert "s3cret" not in right


def test_enable_refused_takes_no_secret_at_all() -> None:
    screen = play("cisco_ios", b"enable\r", b"s3cret\r", user_mode=True, fault=Fault.ENABLE_REFUSED)
    assert "% Access denied" in screen
    assert screen.endswith("dev-1>")


def test_fields_of_the_device_are_filled_in_and_braces_stay() -> None:
    screen = play("juniper_junos", b"set cli screen-length 0\r", b"show configuration\r")
    assert "    host-name dev-1;\r\n" in screen
    assert "system {\r\n" in screen
    assert "SN42" in play("cisco_ios", b"show inventory\r", b" ")


def test_filters_behind_a_pipe() -> None:
    quiet = b"terminal length 0\r"
    assert play("cisco_ios", quiet, b"show ip arp | inc Vlan900\r").count("Vlan900") > 5
    assert "Vlan10 " not in play("cisco_ios", quiet, b"show ip arp | include Vlan900\r")
    others = play("cisco_ios", quiet, b"show ip arp | exclude Vlan900\r")
    assert "Vlan900" not in others.partition("exclude Vlan900")[2]
    rest = play("juniper_junos", b"show configuration | begin protocols | no-more\r")
    assert "host-name" not in rest
    assert "protocols {" in rest
    either = play("cisco_ios", quiet, b"show ip arp | include Vlan900|Vlan10\r")
    assert "Vlan900" in either
    assert "Vlan10\r" in either
    assert "host-name" not in play("cisco_ios", quiet, b"show run | begin ^line\r")
    assert "Count: 28 lines" in play("juniper_junos", b"show version | count\r")
    refused = play("cisco_ios", b"show version | sort\r").split("\r\n")
    at = next(number for number, line in enumerate(refused) if line.endswith("| sort"))
    assert refused[at + 1].index("^") == refused[at].index("|")


def test_line_endings_typing_and_editing() -> None:
    once = play("arista_eos", b"show version\r")
    assert play("arista_eos", b"show version\r\n") == once
    assert play("arista_eos", b"show version\n") == once
    assert play("arista_eos", *[bytes([key]) for key in b"show version\r"]) == once
    assert play("arista_eos", b"show verx\x7fsion\r").replace("x\b \b", "") == once
    assert play("arista_eos", b"show ver\x03").endswith("show ver^C\r\ndev-1#")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_logout_ends_the_session(platform: str) -> None:
    command = "quit" if platform == "huawei_vrp" else "exit"
    screen = play(platform, f"{command}\r".encode(), b"show version\r")
    assert screen.endswith(f"{command}\r\n")


def test_silent_takes_the_command_and_says_nothing() -> None:
    screen = play("cisco_xr", b"terminal length 0\r", b"show route\r", b"\r", fault=Fault.SILENT)
    assert screen.endswith("#show route\r\n")
    assert screen.count("dev-1#") == 2


def test_no_prompt_ever_comes() -> None:
    screen = play("huawei_vrp", b"\r", b"display version\r", fault=Fault.NO_PROMPT)
    assert "<dev-1>" not in screen
    assert "VRP" not in screen


def test_drop_ends_in_the_middle_of_the_output() -> None:
    screen = play(
        "arista_eos", b"terminal length 0\r", b"show ip arp\r", b"show version\r", fault=Fault.DROPS
    )
    whole = TRANSCRIPTS["arista_eos"].vocabulary.resolve("show ip arp").text.replace("\n", "\r\n")
    received = screen.partition("#show ip arp\r\n")[2]
    assert whole.startswith(received)
    assert 0 < len(received) < len(whole)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_rejecting_device_still_turns_paging_off(platform: str) -> None:
    command, answer = long_command(platform)
    screen = play(platform, f"{paging_off(platform)}\r{command}\r".encode(), fault=Fault.REJECTS)
    off = TRANSCRIPTS[platform].vocabulary.resolve(paging_off(platform)).text.replace("\n", "\r\n")
    assert f"{paging_off(platform)}\r\n{off}{prompt_of(platform)}" in screen
    assert answer not in screen
    assert "nvalid" in screen or "nknown" in screen or "nrecognized" in screen


def test_unparseable_answer_is_no_error_text() -> None:
    screen = play("cisco_nxos", b"show version\r", fault=Fault.UNPARSEABLE)
    assert "device: dev-1" in screen
    assert "%" not in screen.partition("show version\r\n")[2]


def test_slow_device_sends_the_same_in_small_pieces() -> None:
    device = SimDevice("dev-1", "", "127.0.0.1", fault=Fault.SLOW, mgmt_ip="192.0.2.9", serial="SN42")
    said = said_by(Console(device, TRANSCRIPTS["arista_eos"]), b"show version\r")
    assert screen_of(said) == play("arista_eos", b"show version\r")
    waits = [piece for piece in said if isinstance(piece, float)]
    assert max(waits) >= 1
    assert len(waits) > 10


RECORDING = r"""
prompt: "r1#"
turns:
- recv: ["Welcome\r\n", 0.5, "r1", "#"]
- send: show clock
  recv: ["show clock\r\n12:00", 1, "\r\nr1#"]
- send: show clock
  text: |
    12:01
- send: enable
  recv: "enable\r\nPassword: "
- send: "{secret}"
  recv: "\r\nroot#"
  prompt: "root#"
- send: show log
  recv: !!binary aGkK
- key: " "
  recv: "\r    \rmore\r\n{prompt}"
- send: exit
  recv: ["bye", {end: drop}]
"""


def recorded(tmp_path: Path, text: str, *typed: bytes) -> list[Said]:
    file = tmp_path / "r1.yaml"
    file.write_text(text)
    device = SimDevice("r1", "", "127.0.0.1", enable_secret="en4ble")
    return said_by(Console(device, load_recording(file)), *typed)


def test_a_recording_is_played_piece_by_piece(tmp_path: Path) -> None:
    said = recorded(tmp_path, RECORDING, b"show clock\n")
    assert said == [b"Welcome\r\n", 0.5, b"r1", b"#", b"show clock\r\n12:00", 1, b"\r\nr1#"]


def test_a_line_means_its_next_turn_and_starts_over(tmp_path: Path) -> None:
    screen = screen_of(recorded(tmp_path, RECORDING, *[b"show clock\n"] * 3))
    assert screen == (
        "Welcome\r\nr1#show clock\r\n12:00\r\nr1#show clock\r\n12:01\r\nr1#show clock\r\n12:00\r\nr1#"
    )


def test_keys_secrets_and_ends_of_a_recording(tmp_path: Path) -> None:
    typed = [b"enable\n", b"en4ble\n", b"show log\n", b" ", b"\n", b"exit\n", b"too late\n"]
    said = recorded(tmp_path, RECORDING, *typed)
    assert said[-1] is End.DROP
    assert screen_of(said) == (
        "Welcome\r\nr1#enable\r\nPassword: \r\nroot#hi\n\r    \rmore\r\nroot#\r\nroot#bye"
    )
    wrong = screen_of(recorded(tmp_path, RECORDING, b"enable\n", b"wrong\n"))
    assert "% Invalid input" in wrong


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("about: x\n", "prompt is missing"),
        ("prompt: x\ncolour: red\n", "no such key: colour"),
        ("prompt: 1\n", "prompt is 1"),
        ("- x\n", "holds no 'key: value' lines"),
        ("prompt: [\n", "not a recording"),
        ("prompt: x\nturns: [{send: a}]\n", "turn 1: needs either text or recv"),
        ("prompt: x\nturns: [{send: a, key: b, recv: c}]\n", "turn 1: there are"),
        ("prompt: x\nturns: [{send: a, recv: [{end: now}]}]\n", "recv: {'end': 'now'}"),
        ("prompt: x\nenable: {command: en}\n", "enable needs command, prompt and refused"),
        ("prompt: x\naliases: {sh: show}\n", "aliases: there is no 'show'"),
    ],
)
def test_a_bad_recording_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "acme.yaml").write_text(text)
    with pytest.raises(DataError, match=r"acme\.yaml") as caught:
        load_recordings(tmp_path)
    assert words in caught.value.message
