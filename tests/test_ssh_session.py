"""One device at a time: what is collected, and what is told when it cannot be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from tests.fixtures.ssh_device import CREDENTIALS, Device, Reply, Rules, Terminal, cli, host_key, silent
from vctui.records import SSHCredentials
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.ssh import shell as shell_module
from vctui.ssh.shell import open_channel

ARP = "Protocol  Address     Age\r\nInternet  10.0.0.1    3\r\nInternet  10.0.0.2    4\r\n"
ARP_LINES = "Protocol  Address     Age\nInternet  10.0.0.1    3\nInternet  10.0.0.2    4\n"

Collect = Callable[..., ExecutionResult]


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Nothing that a session starts outlives it."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not left, left


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """Run one target against a trusted device."""

    def run(
        device: Device,
        *commands: str,
        options: dict[str, Any] | None = None,
        phases: list[str] | None = None,
        **target: Any,
    ) -> ExecutionResult:
        known_hosts = KnownHosts(tmp_path / "known_hosts")
        known_hosts.add([device.scanned])
        values: dict[str, Any] = {"device_type": "cisco_ios", "timeout": 5.0, "credentials": CREDENTIALS}
        values |= target
        results: list[ExecutionResult] = []
        pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=known_hosts.path, **(options or {})))
        pool.run(
            [Target("r1", "127.0.0.1", commands=commands, port=device.port, **values)],
            on_phase=lambda target, phase: phases.append(phase) if phases is not None else None,
            on_result=lambda target, result: results.append(result),
        )
        (result,) = results
        return result

    return run


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a lost prompt after 0.05 s of silence instead of 1 s."""
    monkeypatch.setattr(shell_module, "QUIET", 0.05)


def only_text(result: ExecutionResult) -> str:
    assert (result.error_kind, result.error) == (None, None)
    assert result.success
    assert result.verdict == "complete"
    (output,) = result.outputs
    return output.text


def test_a_command_is_collected(collect: Collect) -> None:
    phases: list[str] = []
    with Device(cli("r1#", {"show ip arp": ARP}, motd="\r\nWelcome\r\n\r\n")) as device:
        result = collect(device, "show ip arp", phases=phases, key=7)
    assert only_text(result) == f"r1#show ip arp\n{ARP_LINES}r1#"
    assert (result.prompt, result.key, result.host, result.device) == ("r1#", 7, "127.0.0.1", "r1")
    assert result.output == f"r1#show ip arp\n{ARP_LINES}r1#\n"
    assert phases == ["connecting", "host_key", "authenticating", "prompt", "command"]
    assert device.lines == ["terminal length 0", "show ip arp"]
    assert device.counts.total == 1
    assert device.terminal_size == (511, 24)


def test_several_commands_are_kept_apart(collect: Collect) -> None:
    with Device(cli("r1#", {"show ip arp": ARP, "show clock": "12:00\r\n", "show users": ""})) as device:
        result = collect(device, "show ip arp", " ", "show users", "show clock")
    assert result.success
    assert [(output.command, output.text) for output in result.outputs] == [
        ("show ip arp", f"r1#show ip arp\n{ARP_LINES}r1#"),
        ("show users", "r1#show users\nr1#"),
        ("show clock", "r1#show clock\n12:00\nr1#"),
    ]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_output_in_small_pieces(collect: Collect, impatient: None, chunk: int) -> None:
    text = ARP + "café r1#\r\n r1# indented\r\nr1# at the start\r\n\x1b[1mlast\x1b[0m\r\n"
    with Device(cli("r1#", {"show ip arp": text}), Rules(chunk=chunk)) as device:
        shown = only_text(collect(device, "show ip arp"))
    tail = "café r1#\n r1# indented\nr1# at the start\nlast\n"
    assert shown == f"r1#show ip arp\n{ARP_LINES}{tail}r1#"


def paused(*parts: str) -> Callable[[Terminal], None]:
    """Write one part after the other, going on each time only when the session has reacted to the last."""

    def reply(terminal: Terminal) -> None:
        first, *rest = parts
        terminal.write(first)
        for part in rest:
            terminal.wait_for_input()
            terminal.write(part)

    return reply


@pytest.mark.parametrize(
    "parts",
    [
        ("one\r\nr1#", " port 4\r\ntwo\r\n"),
        ("one\r\nr1#", "show version\r\nr1#show clock\r\ntwo\r\n"),
        ("one\r\nr1(config)#", "hostname\r\ntwo\r\n"),
        ("r1# r1#\r\nr1#", "x\r\nr1#y\r\ntwo\r\n"),
        ("banner ^C\r\nr1# ", "^C\r\n" + "x" * 5000 + "\r\n"),
    ],
)
def test_a_prompt_inside_the_output_ends_nothing(
    collect: Collect, impatient: None, parts: tuple[str, ...]
) -> None:
    """The device pauses right after the false prompt, until the session has fallen for it or not."""
    with Device(cli("r1#", {"show log": paused(*parts)})) as device:
        shown = only_text(collect(device, "show log", device_type=""))
    body = "".join(parts).replace("\r\n", "\n")
    assert shown == f"r1#show log\n{body}r1#"


def pages(*texts: str, question: str = " --More-- ", residue: str = "", keys: list[str]) -> Reply:
    """Show one page after the other, waiting for a key in between."""

    def reply(terminal: Terminal) -> None:
        for text in texts[:-1]:
            terminal.write(text + question)
            keys.append(terminal.read_key())
            terminal.write(residue)
        terminal.write(texts[-1])

    return reply


@pytest.mark.parametrize(
    ("question", "residue", "platform", "prompt"),
    [
        (" --More-- ", "\b" * 10 + " " * 10 + "\b" * 10, "cisco_ios", "r1#"),
        ("--More--", "\r        \r", "cisco_nxos", "nx1# "),
        ("<--- More --->", "\r              \r", "cisco_asa", "fw1/pri/act#"),
        ("---(more 45%)---", "\r                  \r", "juniper_junos", "user@r1> "),
        ("  ---- More ----", "\x1b[42D" + " " * 42 + "\x1b[42D", "huawei_vrp", "<sw1>"),
        ("-- MORE --, next page: Space, quit: Control-C", "\r\x1b[2K", "hp_procurve", "sw1# "),
        ("--More-- ", "\r\x1b[K", "fortinet", "FGT # "),
        ("---(less 12%)---", "\r\x1b[K", "f5_tmsh", "admin@(f5)(Active)(tmos)# "),
        ("lines 1-24", "\r\x1b[K", "", "r1#"),
    ],
)
def test_a_pager_is_answered_and_leaves_no_trace(
    collect: Collect, question: str, residue: str, platform: str, prompt: str
) -> None:
    keys: list[str] = []
    reply = pages(
        *("one\r\n  two\r\n", "  three\r\nfour\r\n", "five\r\n"),
        question=question,
        residue=residue,
        keys=keys,
    )
    with Device(cli(prompt, {"show log": reply})) as device:
        text = only_text(collect(device, "show log", device_type=platform, paging_disable=""))
    assert text == f"{prompt}show log\none\n  two\n  three\nfour\nfive\n{prompt}"
    assert keys == [" ", " "]


def test_a_rejected_paging_command_is_tolerated(collect: Collect) -> None:
    keys: list[str] = []
    replies = {"show ip arp": pages("one\r\n", "two\r\n", keys=keys)}
    with Device(cli("r1#", replies)) as device:
        result = collect(device, "show ip arp", paging_disable="terminal pager off,terminal width 0")
    assert only_text(result) == "r1#show ip arp\none\ntwo\nr1#"
    assert device.lines == [
        "terminal pager off",
        "terminal width 0",
        "show ip arp",
    ]


def test_paging_commands_that_change_the_device_are_not_sent(collect: Collect) -> None:
    with Device(cli("FGT #", {"get system status": "ok\r\n"})) as device:
        paging = "config system console\nset output standard\nend"
        collect(device, "get system status", device_type="fortinet", paging_disable=paging)
    assert device.lines == ["get system status"]


def test_a_rejected_command_fails_the_device(collect: Collect) -> None:
    with Device(cli("r1#", {"show ip arp": ARP})) as device:
        result = collect(device, "show ip arp", "show foo", "show ip arp")
    assert (result.success, result.error_kind, result.verdict) == (False, "command_rejected", "failed")
    assert "show foo" in str(result.error)
    assert "% Invalid input" in str(result.error)
    assert [(output.command, bool(output.error)) for output in result.outputs] == [
        ("show ip arp", False),
        ("show foo", True),
    ]
    assert "% Invalid input" in result.partial


def test_output_that_speaks_of_errors_is_no_rejection(collect: Collect) -> None:
    log = "% Invalid input detected\r\n" + "%LINK-3-UPDOWN: Interface up\r\n" * 40
    with Device(cli("r1#", {"show logging": log})) as device:
        assert collect(device, "show logging").success


def test_a_dropped_connection_is_no_success(collect: Collect) -> None:
    def drop(terminal: Terminal) -> None:
        terminal.write("one\r\ntwo\r\nthr")
        terminal.hang_up()

    with Device(cli("r1#", {"show run": drop, "show ip arp": ARP})) as device:
        result = collect(device, "show ip arp", "show run")
    assert (result.success, result.error_kind) == (False, "disconnected")
    assert result.partial == "r1#show run\none\ntwo\nthr"
    assert len(result.outputs) == 1


def test_a_connection_that_is_gone_at_the_end_changes_nothing(
    collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the output is there; only closing the shell fails."""

    def fail() -> None:
        raise EOFError

    def open_shell(*args: Any) -> Any:
        channel = open_channel(*args)
        monkeypatch.setattr(channel, "close", fail)
        return channel

    monkeypatch.setattr("vctui.ssh.session.open_channel", open_shell)
    with Device(cli("r1#", {"show arp": ARP})) as device:
        assert only_text(collect(device, "show arp")) == f"r1#show arp\n{ARP_LINES}r1#"


def test_output_that_stops_is_no_success(collect: Collect) -> None:
    def stop(terminal: Terminal) -> None:
        terminal.write("one\r\ntw")
        silent(terminal)

    with Device(cli("r1#", {"show run": stop})) as device:
        result = collect(device, "show run", timeout=0.3)
    assert (result.success, result.error_kind) == (False, "command_timeout")
    assert result.partial == "r1#show run\none\ntw"


def test_a_drip_ends_with_the_time_limit(collect: Collect) -> None:
    def drip(terminal: Terminal) -> None:
        while not device.over.wait(0.02):
            terminal.write(".")

    with Device(cli("r1#", {"show run": drip})) as device:
        result = collect(device, "show run", time_limit=0.5)
    assert result.error_kind == "command_timeout"
    assert "time limit" in str(result.error)


def test_a_silent_shell_has_no_prompt(collect: Collect) -> None:
    with Device(silent) as device:
        result = collect(device, "show run", timeout=0.3)
    assert (result.success, result.error_kind) == (False, "prompt_not_found")


@pytest.mark.parametrize("question", ["Username: ", "Password:", "Accept the terms? [y/n] "])
def test_a_question_is_no_prompt(collect: Collect, impatient: None, question: str) -> None:
    with Device(cli(question)) as device:
        result = collect(device, "show run", device_type="", timeout=0.5)
    assert result.error_kind == "prompt_not_found"
    assert question.strip() in result.partial
    assert device.lines == []


@pytest.mark.parametrize(
    "motd",
    [
        "Disk usage: 95 %\r\n",
        "#################\r\n# keep out #\r\n#################\r\n",
        "Authorised staff only #\r\n\r\n",
        "r2#\r\nr2#\r\n",
    ],
)
def test_a_greeting_is_no_prompt(collect: Collect, motd: str) -> None:
    for chunk in (0, 1):
        with Device(cli("r1#", {"show ip arp": ARP}, motd=motd), Rules(chunk=chunk)) as device:
            result = collect(device, "show ip arp", device_type="")
        assert result.prompt == "r1#"
        assert only_text(result) == f"r1#show ip arp\n{ARP_LINES}r1#"


def test_a_greeting_that_pauses_after_a_percent_sign(collect: Collect) -> None:
    def script(terminal: Terminal) -> None:
        terminal.write("Disk usage: 95 %")
        terminal.wait_for_input()
        terminal.write("\r\nLoad: 3 #")
        cli("r1#", {"show ip arp": ARP}, motd="\r\n")(terminal)

    with Device(script) as device:
        assert collect(device, "show ip arp", device_type="").prompt == "r1#"


def test_a_device_that_waits_for_a_key(collect: Collect, impatient: None) -> None:
    def script(terminal: Terminal) -> None:
        terminal.write("HP ProCurve\r\n\r\nPress any key to continue")
        terminal.read_key()
        cli("sw1# ", {"show arp": ARP}, motd="\x1b[2K\r\x1b[24;1H\r\n")(terminal)

    with Device(script) as device:
        result = collect(device, "show arp", device_type="hp_procurve", paging_disable="")
    assert only_text(result) == f"sw1# show arp\n{ARP_LINES}sw1# "


@pytest.mark.parametrize(
    ("prompt", "above", "platform", "shown"),
    [
        ("\x1b[1;32mr1\x1b[0m# ", "", "linux", "r1# "),
        ("\x1b[?2004hadmin@host:~$ ", "", "linux", "admin@host:~$ "),
        ("admin@fw(active)> ", "", "paloalto_panos", "admin@fw(active)> "),
        ("user@r1> ", "\r\n{master:0}\r\n", "juniper_junos", "user@r1> "),
        ("RP/0/RP0/CPU0:xr1#", "", "cisco_xr", "RP/0/RP0/CPU0:xr1#"),
        ("<sw1>", "", "huawei_vrp", "<sw1>"),
        ("[~sw1]", "", "huawei_vrp", "[~sw1]"),
        ("FGT-1 (global) # ", "", "fortinet", "FGT-1 (global) # "),
        ("admin@(f5)(cfg-sync Standalone)(Active)(/Common)(tmos)# ", "", "f5_tmsh", None),
        ("A:sros1# ", "", "", "A:sros1# "),
        ("cli=> ", "\r\n", "", "cli=> "),
        ("# ", "", "", "# "),
    ],
)
def test_prompts_of_many_kinds(
    collect: Collect, prompt: str, above: str, platform: str, shown: str | None
) -> None:
    with Device(cli(prompt, {"show arp": ARP}, above=above)) as device:
        text = only_text(collect(device, "show arp", device_type=platform, paging_disable=""))
    shown = shown or prompt
    lines = text.split("\n")
    assert lines[0] == f"{shown}show arp"
    assert lines[-1] == shown
    assert [line for line in lines[1:-1] if line] == ARP_LINES.splitlines()


def test_a_line_before_the_output_is_kept(collect: Collect) -> None:
    stamp = "Mon Nov 23 10:00:00.000 UTC\r\n"
    with Device(cli("RP/0/RP0/CPU0:xr1#", {"show arp": ARP}, before=stamp)) as device:
        text = only_text(collect(device, "show arp", device_type="cisco_xr"))
    assert text.startswith("RP/0/RP0/CPU0:xr1#show arp\nMon Nov 23 10:00:00.000 UTC\nProtocol")


def test_log_messages_in_between(collect: Collect, impatient: None) -> None:
    """A message takes the prompt away, and the device shows it again only when asked."""
    log = "*Nov 23 10:00:00: %SYS-5-CONFIG_I: Configured from console\r\n"

    def with_log(terminal: Terminal) -> None:
        terminal.write(f"{ARP}r1#{log}")
        assert terminal.read_line().strip() == ""

    def with_log_on_its_own_line(terminal: Terminal) -> None:
        terminal.write(f"{ARP}r1#")
        terminal.wait_for_input()
        terminal.write(f"\r\n{log}")
        assert terminal.read_line().strip() == ""

    replies: dict[str, Reply] = {"show arp": with_log, "show ip arp": with_log_on_its_own_line}
    with Device(cli("r1#", replies)) as device:
        result = collect(device, "show arp", "show ip arp")
    assert result.success, result.error
    assert [output.text for output in result.outputs] == [
        f"r1#{command}\n{ARP_LINES}r1#" for command in ("show arp", "show ip arp")
    ]


def test_modes_change_the_prompt(collect: Collect, impatient: None) -> None:
    def script(terminal: Terminal) -> None:
        prompt = "r1#"
        while True:
            terminal.write(prompt)
            line = terminal.read_line()
            prompt = {"configure terminal": "r1(config)#", "end": "r1#"}.get(line, prompt)

    with Device(script) as device:
        result = collect(device, "configure terminal", "show arp", "end", paging_disable="")
    assert result.success, result.error
    assert [output.prompt for output in result.outputs] == ["r1(config)#", "r1(config)#", "r1#"]


def enabling(secret: str | None, *, attempts: int = 3) -> Callable[[Terminal], None]:
    """A device that logs in without rights; `secret` None gives them without asking."""

    def script(terminal: Terminal) -> None:
        prompt = "r1>"
        while True:
            terminal.write(prompt)
            line = terminal.read_line()
            if line == "enable":
                for _ in range(attempts if secret is not None else 0):
                    terminal.write("Password: ")
                    if terminal.read_line(echo=False) == secret:
                        break
                else:
                    if secret is not None:
                        terminal.write("% Bad secrets\r\n\r\n")
                        continue
                prompt = "r1#"
            elif line == "show arp":
                terminal.write(ARP)

    return script


def test_enable_as_a_command(collect: Collect) -> None:
    credentials = replace(CREDENTIALS, enable_secret=None, password="s3cret-Pa55")
    with Device(enabling("s3cret-Pa55")) as device:
        result = collect(device, "enable", "show arp", credentials=credentials)
    assert result.success, result.error
    assert [output.text for output in result.outputs] == [
        "r1>enable\nPassword: \nr1#",
        f"r1#show arp\n{ARP_LINES}r1#",
    ]


def test_the_enable_secret_is_used_before_anything_else(collect: Collect) -> None:
    with Device(enabling("en4ble")) as device:
        result = collect(device, "show arp", credentials=replace(CREDENTIALS, enable_secret="en4ble"))
    assert only_text(result) == f"r1#show arp\n{ARP_LINES}r1#"
    assert device.lines == [
        "enable",
        "en4ble",
        "terminal length 0",
        "show arp",
    ]


def test_rights_are_not_raised_without_a_secret(collect: Collect) -> None:
    with Device(enabling("en4ble")) as device:
        assert only_text(collect(device, "show arp")).startswith("r1>show arp\n")
    assert "enable" not in device.lines


def test_enable_without_a_password(collect: Collect) -> None:
    with Device(enabling(None)) as device:
        result = collect(device, "enable", "show arp")
    assert result.success, result.error
    assert result.prompt == "r1#"


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_wrong_enable_secret_is_sent_once(collect: Collect, attempts: int) -> None:
    with Device(enabling("right", attempts=attempts)) as device:
        result = collect(device, "show arp", credentials=replace(CREDENTIALS, enable_secret="wr0ng"))
    assert (result.success, result.error_kind) == (False, "enable_failed")
    assert device.lines.count("wr0ng") == 1
    assert "wr0ng" not in repr(result)


def test_an_echoed_enable_secret_is_hidden(collect: Collect) -> None:
    def script(terminal: Terminal) -> None:
        terminal.write("r1>")
        while terminal.read_line() != "enable":
            terminal.write("r1>")
        terminal.write("Password: ")
        terminal.read_line(echo=True)
        cli("r1#")(terminal)

    with Device(script) as device:
        result = collect(
            device, "enable", credentials=replace(CREDENTIALS, enable_secret="en4ble"), device_type=""
        )
    assert result.success, result.error
    assert "en4ble" not in repr(result)
    assert "********" in result.output


@pytest.mark.parametrize(
    ("platform", "prompt", "command", "last"),
    [
        ("cisco_ios", "r1#", "show running-config", "end"),
        ("cisco_asa", "fw1#", "show run", ": end"),
        ("huawei_vrp", "<sw1>", "display current-configuration", "return"),
    ],
)
def test_a_configuration_without_its_end_is_suspect(
    collect: Collect, platform: str, prompt: str, command: str, last: str
) -> None:
    config = "hostname r1\r\n!\r\n"
    with Device(cli(prompt, {command: f"{config}{last}\r\n\r\n"})) as device:
        assert collect(device, command, device_type=platform, paging_disable="").success
    with Device(cli(prompt, {command: config})) as device:
        result = collect(device, command, device_type=platform, paging_disable="")
    assert (result.success, result.error_kind, result.verdict) == (False, "incomplete", "suspect")
    assert "hostname r1" in result.partial


def endless(terminal: Terminal) -> None:
    while True:
        terminal.write("x" * 8000 + "\r\n")


def test_output_without_end_stops_at_the_limit(collect: Collect) -> None:
    with Device(cli("r1#", {"show run": endless})) as device:
        result = collect(device, "show run", options={"max_output": 300_000})
    assert (result.success, result.error_kind) == (False, "output_limit")
    assert 0 < len(result.partial) < 400_000


def test_all_outputs_together_have_a_limit(collect: Collect) -> None:
    with Device(cli("r1#", {"show run": endless})) as device:
        result = collect(device, "show run", options={"max_held": 300_000})
    assert result.error_kind == "output_limit"


def test_a_hostile_output_is_made_safe(collect: Collect) -> None:
    evil = "\x1b]52;c;QUJD\x07one\x1b[31m\x9b2mtwo\x07\x00\r\n[bold]x[/]\r\n"
    with Device(cli("r1#", {"show arp": evil})) as device:
        text = only_text(collect(device, "show arp"))
    assert text == "r1#show arp\nonetwo\n[bold]x[/]\nr1#"


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        (Rules(refuses_channel=True), "channel_refused"),
        (Rules(refuses_shell=True), "channel_refused"),
    ],
)
def test_a_refused_shell(collect: Collect, rules: Rules, kind: str) -> None:
    with Device(None, rules) as device:
        result = collect(device, "show arp")
    assert (result.success, result.error_kind) == (False, kind)


def test_a_shell_that_closes_at_once(collect: Collect) -> None:
    with Device(lambda terminal: terminal.channel.close()) as device:
        result = collect(device, "show arp", timeout=2.0)
    assert result.error_kind in {"channel_refused", "disconnected"}


def test_a_command_of_two_lines_is_not_sent(collect: Collect) -> None:
    with Device() as device:
        result = collect(device, "show arp\nreload")
    assert result.error_kind == "command_rejected"
    assert device.connections == 0


def test_a_pause_between_commands(collect: Collect) -> None:
    with Device(cli("r1#", {"show arp": ARP})) as device:
        result = collect(device, "show arp", "show arp", inter_command_delay=0.05)
    assert result.success
    assert result.duration_ms >= 50


def test_secrets_are_in_no_result(collect: Collect) -> None:
    with Device(cli("r1#", {"show arp": ARP})) as device:
        good = collect(device, "show arp")
        bad = collect(device, "show arp", credentials=SSHCredentials("operator", password="not-the-0ne"))
    assert "s3cret-Pa55" not in repr(good)
    assert "not-the-0ne" not in repr(bad)
    assert bad.error_kind == "auth_failed"


def test_two_devices_with_one_address_differ_by_port(collect: Collect, tmp_path: Path) -> None:
    with (
        Device(cli("a#", {"x": ""})) as one,
        Device(cli("b#", {"x": ""}), Rules(key=host_key("other"))) as two,
    ):
        assert collect(one, "x").prompt == "a#"
        assert collect(two, "x").prompt == "b#"


def asks_first(*questions: tuple[str, str, str]) -> Callable[[Terminal], None]:
    """A device which asks (question, right answer, what it says then) before its prompt."""

    def run(terminal: Terminal) -> None:
        for question, answer, then in questions:
            terminal.write(question)
            got = terminal.read_line(echo=False) + "\n" if answer[-1] == "\n" else terminal.read_key()
            assert got == answer
            terminal.write(then)
        cli("r1#", {"show ip arp": ARP})(terminal)

    return run


def own_platform(folder: Path, text: str) -> dict[str, Any]:
    folder.mkdir()
    (folder / "own.yaml").write_text("names: [own]\nlike: cisco_ios\n" + text)
    return {"platforms": folder}


def test_questions_between_login_and_prompt_are_answered(collect: Collect, tmp_path: Path) -> None:
    options = own_platform(
        tmp_path / "platforms",
        "login:\n"
        "  - {match: 'Accept\\? \\(a\\):', send: a}\n"
        "  - {match: 'Change it now\\? \\[Y/N\\]:', send: \"N\\n\"}\n"
        "  - {match: 'User:', answer: username}\n"
        "  - {match: 'Password:', answer: password}\n",
    )
    questions = [
        ("Accept? (a):", "a", "\r\n"),
        ("Change it now? [Y/N]:", "N\n", "\r\n"),
        ("User: ", f"{CREDENTIALS.username}\n", "\r\n"),
        ("Password:", f"{CREDENTIALS.password}\n", "\r\n"),
    ]
    with Device(asks_first(*questions)) as device:
        result = collect(device, "show ip arp", device_type="own", options=options)
    assert only_text(result) == f"r1#show ip arp\n{ARP_LINES}r1#"


def test_a_login_in_the_shell_is_tried_once(collect: Collect, tmp_path: Path) -> None:
    options = own_platform(
        tmp_path / "platforms",
        "login: [{match: 'User:', answer: username}, {match: 'Password:', answer: password}]\n",
    )

    def refuses(terminal: Terminal) -> None:
        while True:
            terminal.write("User: ")
            terminal.read_line()
            terminal.write("Password: ")
            terminal.read_line(echo=False)
            terminal.write("\r\nLogin incorrect\r\n")

    with Device(refuses) as device:
        result = collect(device, "show ip arp", device_type="own", options=options)
    assert (result.error_kind, result.success) == ("auth_failed", False)
    assert device.lines == [CREDENTIALS.username, CREDENTIALS.password]
    assert str(CREDENTIALS.password) not in repr(result)


def test_an_enable_step_that_asks_for_a_name(collect: Collect, tmp_path: Path) -> None:
    options = own_platform(
        tmp_path / "platforms",
        "privilege: {command: enable, unprivileged: '>', username: 'User Name:', password: 'Password:'}\n"
        "logout: exit\n",
    )

    def enable(terminal: Terminal) -> None:
        terminal.write("User Name:")
        assert terminal.read_line() == CREDENTIALS.username
        terminal.write("Password:")
        assert terminal.read_line(echo=False) == "s3cret-enable"
        terminal.write("\r\nr1#")
        for text in ("", ARP, ""):  # paging off, the command, and the line that makes its prompt sure
            terminal.read_line()
            terminal.write(f"{text}r1#")
        last.put("".join(terminal.read_key() for _ in "exit\n"))

    last: Queue[str] = Queue()
    with Device(cli("r1>", {"enable": enable})) as device:
        login = replace(CREDENTIALS, enable_secret="s3cret-enable")
        result = collect(device, "show ip arp", device_type="own", options=options, credentials=login)
        assert only_text(result) == f"r1#show ip arp\n{ARP_LINES}r1#"
        assert last.get(timeout=10) == "exit\n"


def test_the_terminal_is_as_wide_as_the_platform_says(collect: Collect, tmp_path: Path) -> None:
    options = own_platform(tmp_path / "platforms", "columns: 200\n")
    with Device(cli("r1#", {"show ip arp": ARP})) as device:
        assert collect(device, "show ip arp", device_type="own", options=options).success
    assert device.terminal_size == (200, 24)
