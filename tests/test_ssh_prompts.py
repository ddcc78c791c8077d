"""Where an output ends, under every timing: a fake line hands out what the device says in random pieces."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vctui.ssh import dialogue as dialogue_module
from vctui.ssh import get_platform
from vctui.ssh import shell as shell_module
from vctui.ssh.dialogue import Dialogue
from vctui.ssh.held import Held
from vctui.ssh.learner import PromptLearner
from vctui.ssh.lifeline import Deadline
from vctui.ssh.prompts import Prompt, same_prompt
from vctui.ssh.shell import Shell
from vctui.ssh.talk import Talk


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable on purpose


class FakeLine:
    """A channel to a command line that works through its input as a device does, one command after the other.

    Time does not pass: when the device has nothing to say, a read times out at once.
    """

    def __init__(
        self, prompt: str, outputs: dict[str, str], chance: random.Random, *, motd: str = ""
    ) -> None:
        self.prompt = prompt
        self.outputs = outputs
        self.chance = chance
        self.waiting = (motd + prompt).encode()
        self.typed = ""
        self.lines: list[str] = []

    def settimeout(self, timeout: float) -> None:
        assert timeout > 0

    def recv_ready(self) -> bool:
        # A pause may come anywhere, so that nothing is ready although more is on its way.
        return bool(self.waiting) and self.chance.random() < 0.5

    def recv(self, size: int) -> bytes:
        if not self.waiting and "\n" in self.typed:
            line, self.typed = self.typed.split("\n", 1)
            self.lines.append(line)
            self.waiting = f"{line}\r\n{self.outputs.get(line, '')}{self.prompt}".encode()
        if not self.waiting:
            raise TimeoutError
        cut = self.chance.choice([1, 2, 3, 7, 30, 300, len(self.waiting)])
        piece, self.waiting = self.waiting[:cut], self.waiting[cut:]
        return piece

    def sendall(self, data: bytes) -> None:
        self.typed += data.decode()


def open_talk(line: FakeLine, device_type: str = "", patience: float = 0.3) -> tuple[Talk, Shell]:
    channel: Any = line
    transport: Any = None
    platform = get_platform(device_type)
    shell = Shell(
        channel,
        transport,
        platform,
        deadline=Deadline(20.0),
        timeout=patience,
        max_output=10**8,
        held=Held(10**8),
    )
    return Talk(shell, platform), shell


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every silence counts as one."""
    monkeypatch.setattr(shell_module, "QUIET", 0.0)


PIECES = st.sampled_from(
    [
        "interface Gi1/0/1",
        " description uplink r1# port 4",
        "r1# port 4",
        "r1#show version",
        "r1(config)#hostname r1",
        "r1>",
        "r1",
        "r1# r1#",
        " r1#",
        "#",
        "100%",
        "",
        "  ",
        "{master:0}",
        "end",
        "x" * 300,
        "é€😀" * 20,
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30), st.integers(0, 2**32))
def test_every_line_arrives_or_the_device_fails(lines: list[str], seed: int) -> None:
    chance = dice(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell_module, "QUIET", 0.0)
        check_schedule("r1#", lines, chance)


def check_schedule(prompt: str, lines: list[str], chance: random.Random, device_type: str = "") -> None:
    output = "".join(f"{line}\r\n" for line in lines)
    line = FakeLine(prompt, {"show run": output, "show clock": "12:00\r\n"}, chance, motd="Hello 5%\r\n\r\n")
    talk, shell = open_talk(line, device_type)
    talk.find_prompt()
    assert shell.prompt.text == prompt.rstrip()
    for _ in range(2):
        reply = talk.command("show run")
        assert reply.text == f"{prompt}show run\n" + output.replace("\r\n", "\n") + prompt
        assert talk.command("show clock").body == "12:00\n"


@pytest.mark.parametrize(
    ("prompt", "device_type"),
    [("r1#", "cisco_ios"), ("user@r1> ", "juniper_junos"), ("<r1>", "huawei_vrp"), ("r1:~$ ", "linux")],
)
def test_a_thousand_schedules_of_a_long_output(prompt: str, device_type: str) -> None:
    lines = [f"interface Gi1/0/{n}\r\n description uplink {prompt} port {n}" for n in range(40)]
    lines[7] = f"{prompt} at the start"
    lines[20:20] = [f"{prompt}show version", "banner motd ^C", f"{prompt}"[:-1], "^C"]
    for seed in range(250):
        check_schedule(prompt, lines, dice(seed), device_type)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.just("r1#\r\ntext")), max_size=12), st.integers(0, 2**32))
@example(["r1>"] * 5, 0)
@example(["r1(config)#", "r1(config)#", "r1(config)#hostname"], 3)
def test_lines_that_are_exactly_a_prompt(lines: list[str], seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell_module, "QUIET", 0.0)
        check_schedule("r1#", lines, dice(seed))


@pytest.mark.parametrize(
    ("text", "others", "none"),
    [
        ("r1#", ["r1>", "r1(config)#", "r1(config-if)# ", "r1#"], ["r2#", "r1# x", "xr1#", "r1", "r1#r1#"]),
        ("user@r1>", ["user@r1#", "user@r1> "], ["user@r2>", "r1>"]),
        ("<sw1>", ["[sw1]", "[~sw1]", "[*sw1-GE0/0/1]", "HRP_M<sw1>"], ["<sw2>", "[sw2]", "sw1", "<sw1>x"]),
        ("HRP_M<fw1>", ["HRP_M[fw1]", "HRP_S<fw1>", "<fw1>"], ["HRP_M<fw2>"]),
        ("RBM_P<fw1>", ["RBM_S[fw1]"], []),
        ("admin@fw(active)>", ["admin@fw(passive)>", "admin@fw>", "admin@fw(active)#"], ["admin@fw(active)"]),
        ("#", ["# "], ["r1#", "##"]),
        ("cli=>", ["cli=> "], ["cli=", "cli=>x"]),
        ("user@host:~$", ["user@host:~#"], ["user@host:/tmp$"]),
        ("fw-1/pri/act>", ["fw-1/sec/act>", "fw-1/pri/stby#", "fw-1/act/pri(config)#"], ["fw-2/pri/act>"]),
        ("RP/0/RP0/CPU0:xr1#", ["RP/0/RP0/CPU0:xr1(config)#"], ["RP/0/RP0/CPU0:xr2#"]),
        ("X460-G2.12 #", ["X460-G2.13 #", "* X460-G2.14 #"], ["X450.1 #"]),
        ("* X460.3 #", ["X460.4 #"], []),
        ("*A:sr1#", ["A:sr1#"], []),
        ("(Cisco Controller) >", ["(Cisco Controller) config>"], ["(Cisco) >"]),
        ("(Aruba7210) *#", ["(Aruba7210) #", "(Aruba7210) ^*[mynode] (config) #"], ["(Aruba7220) #"]),
        ("FGT-1 (global) #", ["FGT-1 #", "FGT-1 (root) #"], ["FGT-2 #"]),
        ("admin@(f5)(cfg-sync Standalone)(Active)(/Common)(tmos)#", ["admin@(f5)(Standby)(tmos)#"], []),
        (
            "[admin@f5:Active:In Sync] ~ #",
            ["[admin@f5:Standby:In Sync] ~ #"],
            ["[admin@f6:Active:In Sync] ~ #"],
        ),
        ("vThunder-Active>", ["vThunder-Standby#"], []),
        ("12:01:33 r1#", ["12:01:34 r1#", "9:59 r1(config)#"], ["r1#"]),
        ("a-very-long-hostname#", ["a-very-long-host(config)#"], ["a-very(config)#", "a-very-long-host#"]),
    ],
)
def test_the_shapes_of_a_prompt(text: str, others: list[str], none: list[str]) -> None:
    prompt = Prompt(text)
    assert [line for line in others if not prompt.matches(line)] == []
    assert [line for line in none if prompt.matches(line)] == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("X460.1 #", "X460.2 # ", True),
        ("12:01:00 r1#", "12:02:59 r1#", True),
        ("r1#", "r2#", False),
        ("r1#", "r1>", False),
    ],
)
def test_prompts_that_count_are_the_same(one: str, other: str, same: bool) -> None:
    assert same_prompt(one, other) is same


@pytest.mark.parametrize(
    ("line", "candidate"),
    [
        ("r1#", True),
        ("RP/0/RP0/CPU0:xr1#", True),
        ("admin@(f5)(cfg-sync Standalone)(Active)(/Common)(tmos)# ", True),
        ("#", True),
        ("", False),
        ("############", False),
        ("login:", False),
        ("(END)", False),
        ("lines 1-23/23 (END)", False),
        ("Password: ", False),
        ("Do you accept? [yes/no]:", False),
        ("Proceed? [confirm]", False),
        ("some words", False),
        ("x" * 300 + "#", False),
    ],
)
def test_what_may_be_a_first_prompt(line: str, candidate: bool) -> None:
    assert PromptLearner(get_platform("")).is_candidate(line) is candidate


LOG = "*Nov 23 10:00:00: %SYS-5-CONFIG_I: Configured"
KINDS = st.sampled_from(
    ["sw1#", "sw1(config)#", "", "   ", "vlan 7", "see sw1# there", "sw1#show x", LOG, f"sw1#{LOG}"]
)
PARTS = st.lists(st.one_of(KINDS, st.integers(1, 400).map(lambda size: "x" * size)), max_size=40)


def ends(pieces: list[list[str]], last: int, *, blanks: bool) -> tuple[object, ...]:
    """What becomes of an output that comes in such pieces, if so much of each is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialogue_module, "_LAST", last)
        talked = Dialogue(Prompt("sw1#", blanks=blanks), get_platform("cisco_ios"))
        typed = talked.type_command("show it")
        talked.take("sw1#show it\n")
        for piece in pieces:
            talked.take("".join(f"{line}\n" for line in piece))
        lost = talked.has_lost_prompt(""), talked.has_lost_prompt("sw1#")
        talked.type_question(7, "sw1#", 1 if blanks else 3)
        talked.take("sw1#       \n" if blanks else "sw1#\n" * 3)
        talked.look("sw1#")
        talked.settle("sw1#", at_last=True)
    return typed.output, lost, talked.start


@settings(max_examples=500, deadline=None)
@given(st.lists(PARTS, max_size=3), st.booleans())
def test_only_the_end_of_what_has_arrived_tells_of_the_end(pieces: list[list[str]], blanks: bool) -> None:
    found = ends(pieces, dialogue_module._LAST, blanks=blanks)
    assert found == ends(pieces, 10**9, blanks=blanks)
    assert found[0] is not None
