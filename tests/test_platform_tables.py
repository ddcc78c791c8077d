"""Every built-in platform against a table of what it must know: tests/platforms.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vctui.ssh import load_platforms
from vctui.ssh.identify import Evidence, recognise
from vctui.ssh.rules import changes_configuration

TABLES: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("platforms.yaml").read_text())
PLATFORMS = {platform.name: platform for platform in load_platforms().distinct()}
LOOSE = {"generic", "linux", "cumulus_linux", "ovs_linux", "sonic", "f5_linux"}
"""A shell's prompt may be anything."""
NOT_PROMPTS = (
    "",
    "Interface              IP-Address      OK? Method Status                Protocol",
    "GigabitEthernet1/0/1   192.0.2.1       YES NVRAM  up                    up",
    "Codes: C - connected, S - static, R - RIP, M - mobile, B - BGP",
    "       N1 - OSPF NSSA external type 1, N2 - OSPF NSSA external type 2",
    "192.0.2.0/24 is variably subnetted, 2 subnets, 2 masks",
    "Building configuration...",
    "end",
    "!",
    "interface Vlan10",
    " description to core (10G)",
    "Total number of entries: 12",
    "-------------------------------------------",
    "Uptime: 3 days, 2 hours",
    "Neighbor        V    AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd",
    "00:1b:21:3c:9d:f8",
    "2001:db8::1/64",
    "sh version",
)
NO_REJECTIONS = (
    "",
    "Interface  IP\nGi1/0/1  192.0.2.1",
    "% BGP not active",
    "12:00:00 UTC",
    "   5 minute input rate 0 bits/sec",
    "0 input errors, 0 CRC, 0 frame, 0 overrun, 0 ignored",
    "The command took 3 seconds",
    "Last error: none",
)
NEVER_READING = (
    *("configure terminal", "conf t", "configure", "config", "system-view", "edit", "commit", "rollback 1"),
    *(
        "reload",
        "reboot",
        "reset",
        "shutdown",
        "halt",
        "system reboot",
        "request system reboot",
        "boot system x",
    ),
    *("copy running-config startup-config", "write memory", "write erase", "save", "save config", "erase x"),
    *("delete flash:x", "format flash:", "rm -rf /", "mkdir x", "rename a b", "tftp 192.0.2.1 get x"),
    *("clear counters", "debug all", "undebug all", "no ip route 0.0.0.0", "undo stp", "set x y", "unset x"),
    *("tools perform x", "request support x reboot", "run show version", "do show run", "do reload"),
    *("execute reboot", "config system console", "modify x", "create x", "add x", "ip route 0.0.0.0 x"),
    *("show running-config | redirect flash:x", "show running-config | append x", "show run | tee x"),
    *("show version ; reload", "show version && reload", "show version & reload", "show version || reload"),
    *("show `reload`", "show $(reload)", "show version > x", "show version >> x", "show x < y"),
    *("display current-configuration > flash:/x", "display version ; reboot", "get system status > x"),
    *(
        "show version\nreload",
        "show version\rreload",
        "show version | sh",
        "show x | bash",
        "show x | python",
    ),
    *("show x | include y | redirect z", "show x |tee y", "show x | grep y | tee z", "show x | save y"),
    *("sudo reboot", "su", "bash", "start shell", "telnet 192.0.2.1", "ssh 192.0.2.1", "tclsh", "python"),
    *("", " ", "?", "|", "reload | include x", "configure | include show"),
)


def test_every_platform_has_a_table() -> None:
    assert set(TABLES) == set(PLATFORMS)
    assert len(PLATFORMS) >= 70


def lines(name: str, key: str) -> list[str]:
    return [str(line) for line in TABLES[name].get(key, ())]


every_platform = pytest.mark.parametrize("name", sorted(PLATFORMS))


@every_platform
def test_prompts(name: str) -> None:
    platform = PLATFORMS[name]
    assert lines(name, "prompts")
    for line in lines(name, "prompts"):
        assert platform.looks_like_prompt(line), line
        assert platform.looks_like_prompt(line + " "), line
        assert PLATFORMS["generic"].looks_like_prompt(line), f"an unknown platform should know {line}"
        assert platform.pager(line) is None, line
        assert platform.rejection([line]) is None, line


@every_platform
def test_lines_that_are_no_prompts(name: str) -> None:
    platform = PLATFORMS[name]
    for line in lines(name, "not_prompts"):
        assert not platform.looks_like_prompt(line), line
    for line in NOT_PROMPTS:
        assert name in LOOSE or not platform.looks_like_prompt(line), line
        assert platform.pager(line) is None, line
        assert platform.gate(line) is None, line


@every_platform
def test_rejections(name: str) -> None:
    platform = PLATFORMS[name]
    assert lines(name, "errors")
    for line in lines(name, "errors"):
        assert platform.rejection(["", "          ^", line, ""]) is not None, line
        assert platform.rejection(["data"] * 20 + [line]) is None, line
        assert platform.rejection([line] + ["data"] * 20) is None, line


@every_platform
def test_short_outputs_that_are_no_rejections(name: str) -> None:
    for output in (*NO_REJECTIONS, *lines(name, "fine")):
        assert PLATFORMS[name].rejection(output.split("\n")) is None, output


@every_platform
def test_commands_that_only_read(name: str) -> None:
    platform = PLATFORMS[name]
    assert len(lines(name, "reading")) > 1
    for command in lines(name, "reading"):
        assert platform.is_reading(command), command
        assert platform.is_reading(f"  {command} "), command
        for more in ("; reload", " > flash:x", " | redirect x", " | tee x", " && reload", "\nreload"):
            assert not platform.is_reading(command + more), command + more


@every_platform
def test_commands_that_may_write(name: str) -> None:
    platform = PLATFORMS[name]
    assert len(lines(name, "writing")) > 1
    for command in (*NEVER_READING, *lines(name, "writing")):
        assert not platform.is_reading(command), command


@every_platform
def test_what_turns_paging_off(name: str) -> None:
    platform = PLATFORMS[name]
    for command in platform.paging_off:
        assert platform.is_paging(command)
        assert platform.is_reading(command)
        assert not changes_configuration(command)
        assert any(p.match(command) for p in platform.paging_commands), "a job's own form is harmless, too"
        assert PLATFORMS["generic"].is_paging(command), "a job may name it for a device of another kind"


@every_platform
def test_pagers(name: str) -> None:
    for line in lines(name, "pagers"):
        assert PLATFORMS[name].pager(line) is not None, line
        generic = PLATFORMS["generic"].pager(line) is not None
        assert generic or line == ":" or "<cr>" in line, f"an unknown platform should know {line}"


@every_platform
def test_a_device_is_recognised(name: str) -> None:
    """By each line that only its version output has, else by all of them together; by its SSH server."""
    platform = PLATFORMS[name]
    for line in lines(name, "version"):
        for text in (line, "\n".join(lines(name, "version"))):
            evidence = Evidence(outputs=((platform.identify.command, f"\n{text}\nmore\n"),))
            found = recognise(evidence, PLATFORMS.values())
            if found.platform is not None:
                break
        assert (found.platform, found.confidence) == (platform, "certain"), (line, found)
    for line in lines(name, "ident"):
        found = recognise(Evidence(ident=line), PLATFORMS.values())
        assert found.platform == platform or platform.name in found.others, line


def test_no_platform_weakens_ssh_by_itself() -> None:
    """Old algorithms are the user's choice, in a file of their own."""
    assert not [name for name, platform in PLATFORMS.items() if platform.legacy_algorithms]


def test_no_pager_says_yes_to_a_question_that_is_none_of_its_own() -> None:
    questions = (
        *("Continue? [y/n]", "Continue? (y/n)", "Proceed with reload? [confirm]", "Are you sure? [Y/N]:"),
        *("Do you want to save the configuration? (y/n)", "Overwrite? [yes/no]:", "Password:", "Username:"),
        *("System configuration has been modified. Save? [yes/no]:", "Delete flash:x? [confirm]", "(y/n)"),
        *("This will reboot the device. Press y to continue", "Are you sure you want to continue? (yes/no)"),
    )
    for name, platform in PLATFORMS.items():
        for question in questions:
            assert platform.pager(question) is None, (name, question)
