"""A session that is recorded plays again: the same outputs, the same failures, and no secret in the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.replay import (
    LOGIN,
    RECORDINGS,
    SECRET,
    Clock,
    Outcome,
    ReplayChannel,
    clock,
    dice,
    replay,
    run_session,
)
from vctui.demo.console import Said
from vctui.demo.recording import Recording, load_recording
from vctui.ssh.masks import hide
from vctui.ssh.tape import Tape
from vctui.text import TerminalText

__all__ = ["clock"]
NAMES = sorted(RECORDINGS)


def loaded(folder: Path, text: str) -> Recording:
    file = folder / "recorded.yaml"
    file.write_text(text)
    return load_recording(file)


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_device_can_be_recorded_again(name: str, tmp_path: Path, clock: Clock) -> None:
    first = replay(RECORDINGS[name], clock, record=True)
    assert SECRET not in first.recording
    assert "s3cret-Pa55" not in first.recording
    again = loaded(tmp_path, first.recording)
    for seed in range(3):
        second = replay(again, clock, chance=dice(seed) if seed else None, time_limit=10**6)
        assert second.kind == first.kind, second.failure
        assert [one.text for one in second.outputs] == [one.text for one in first.outputs]


LINES = "".join(f"Vlan{n}   192.0.2.{n}   up\r\n" for n in range(1, 30))
PASSWORD = LOGIN.password or ""


class Scripted:
    """A device that answers each line with the next packets; typing is echoed as a part of them."""

    def __init__(self, *answers: Sequence[bytes]) -> None:
        self._answers = list(answers)

    def start(self) -> list[Said]:
        return list(self._answers.pop(0))

    def feed(self, data: bytes) -> list[Said]:
        if not data.strip():
            return [data.replace(b"\n", b"\r\n") + b"r1#"]
        return [data.replace(b"\n", b"\r\n"), *(self._answers.pop(0) if self._answers else [b"r1#"])]


def recorded(clock: Clock, *answers: Sequence[bytes], commands: Sequence[str] = ("show x",)) -> Outcome:
    console: Any = Scripted([b"r1#"], [b"r1#"], *answers)
    channel = ReplayChannel(console, clock)
    outcome = run_session(channel, clock, tuple(commands), "cisco_ios", record=True)
    assert outcome.failure is None
    return outcome


def all_that_shows(folder: Path, text: str) -> str:
    """What a terminal would show of a recording as a whole, without blanks and lines' ends, and the file."""
    recording = loaded(folder, text)
    terminal = TerminalText()
    shown = ""
    for turn in recording.turns:
        for piece in turn.recv:
            data = piece.encode() if isinstance(piece, str) else piece
            shown += terminal.feed(data) if isinstance(data, bytes) else ""
    return "".join((shown + terminal.finish()).split()) + text


BETWEEN = [b"", b"\r\n", b" \r", b"\x00", b"\x1b[0m", b"\x1b[K\x1b[1;31m", b"\b", b"\n"]


@pytest.mark.parametrize("between", BETWEEN, ids=repr)
@pytest.mark.parametrize("secret", [PASSWORD, SECRET])
def test_no_packet_border_and_no_wrap_shows_a_secret(
    secret: str, between: bytes, tmp_path: Path, clock: Clock
) -> None:
    for at in range(len(secret) + 1):
        first, second = secret[:at].encode() + between, secret[at:].encode()
        outcome = recorded(clock, [b"login as " + first, second + b" now\r\n" + LINES.encode(), b"r1#"])
        assert secret not in all_that_shows(tmp_path, outcome.recording)
        assert "********" in outcome.recording
        assert LINES.replace("\r", "") in outcome.outputs[0].text


def test_a_secret_in_packets_of_one_byte(tmp_path: Path, clock: Clock) -> None:
    text = f"{LINES}the password is {PASSWORD}, the secret {SECRET}\r\nr1#".encode()
    outcome = recorded(clock, [bytes([byte]) for byte in text])
    shown = all_that_shows(tmp_path, outcome.recording)
    assert PASSWORD not in shown
    assert SECRET not in shown


def test_what_is_saved_is_not_masked(clock: Clock) -> None:
    """A recording may be shown to others; an output is what was asked for."""
    config = f"username op password 7 {PASSWORD}\r\nsnmp-server community s3same RO\r\nend\r\n"
    outcome = recorded(clock, [config.encode(), b"r1#"], commands=("show running-config",))
    assert outcome.outputs[0].text.split("\n")[1:-1] == config.replace("\r", "").splitlines()
    assert "s3same" not in outcome.recording
    assert PASSWORD not in outcome.recording


CONFIGURED = [
    ("enable secret 5 $1$abcd$Xy0123456789abcdefghi/", "$1$abcd$Xy0123456789abcdefghi/"),
    ("username op privilege 15 secret 9 $9$Fq0a.bcDEFGH$xyz", "$9$Fq0a.bcDEFGH$xyz"),
    (" neighbor 192.0.2.1 password 7 0822455D0A16", "0822455D0A16"),
    ("snmp-server community hush RO 10", "hush"),
    ("    community hush {", "hush"),
    ("snmp-agent community read cipher hush-hush", "hush-hush"),
    ("crypto isakmp key hush-hush address 192.0.2.9", "hush-hush"),
    ("tacacs-server host 192.0.2.3 key hush-hush", "hush-hush"),
    (" key 7 0822455D0A16", "0822455D0A16"),
    ("        set password ENC AbCdEfGh0123=", "AbCdEfGh0123="),
    ('set system root-authentication encrypted-password "$6$abc$0123456789"', "$6$abc$0123456789"),
    ('            authentication-key "$9$hush-hush"; ## SECRET-DATA', "$9$hush-hush"),
    ("local-user op password irreversible-cipher $1a$hush$hush-hush", "hush-hush"),
    ("radius-server shared-key cipher %^%#hush-hush%^%#", "hush-hush"),
    ("wpa-psk ascii 0 hush-hush", "hush-hush"),
    ("MHcCAQEEIBhush0123456789abcdefghijklmnopqrstu=", "MHcCAQEEIBhush0123456789abcdefghijklmnopqrstu="),
]


@pytest.mark.parametrize(("line", "secret"), CONFIGURED)
def test_what_configurations_keep_secret(line: str, secret: str) -> None:
    """Also for the lines of a private key, which end where the key does."""
    text = f"-----BEGIN EC PRIVATE KEY-----\n{line}\n-----END EC PRIVATE KEY-----\nend\n"
    masked = hide(text, ())
    assert secret not in masked
    assert "********" in masked
    assert masked.endswith("-----END EC PRIVATE KEY-----\nend\n")


@pytest.mark.parametrize(
    "line",
    [
        "  Community: 65000:100 no-export",
        "set community 65000:100 additive",
        "ip community-list standard CUST permit 65000:1",
        "key chain OSPF",
        " key 1",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 op@host",
        "no password-policy",
        "0200.5e00.5311  ARPA   Vlan10",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert hide(line, ()) == line


def test_braces_and_odd_bytes_are_played_as_they_came(tmp_path: Path, clock: Clock) -> None:
    body = b"{hostname} {line} {password}\r\n\xff\xfe caf\xe9\r\n\ttab \x7f\r\nplain\r\n"
    first = recorded(clock, [body, b"r1#"])
    second = replay(loaded(tmp_path, first.recording), clock)
    assert [one.text for one in second.outputs] == [one.text for one in first.outputs]
    assert "{hostname} {line} {password}" in first.outputs[0].text


def test_a_short_secret_is_hidden_where_it_is_echoed(clock: Clock) -> None:
    tape = Tape(["xy"], "\n")
    tape.hear(b"Answer: ", 1.0)
    tape.type("xy\n", 1.0, "Answer: ", "{password}")
    tape.hear(b"x", 1.0)
    tape.hear(b"y\r\nxylophone#", 1.0)
    text = tape.document({}, "r1#", None)
    assert ("{password}" in text, "********" in text, "y\\r" in text) == (True, True, False)


def test_a_session_without_end_is_recorded_as_far_as_there_is_room(clock: Clock) -> None:
    tape = Tape([], "\n")
    tape.type("show x\n", 1.0, "r1#")
    for _ in range(5):
        tape.hear(b"x" * 1023 * 1024 + b"\n", 1.0)
    text = tape.document({}, "r1#", "silent")
    assert 4 * 1023 * 1024 < len(text) < 5 * 1024 * 1024
    assert "It ends where 4 MiB had come" in text
