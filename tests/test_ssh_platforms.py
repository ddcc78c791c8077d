"""The rules of the platforms, and what is said of a file that is wrong."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vctui.errors import UsageError
from vctui.records import SSHCredentials
from vctui.ssh import Target, check_file, get_platform, load_platforms, platform_as_file, platform_name
from vctui.ssh import platforms as platforms_module
from vctui.ssh.patterns import any_of, check_pattern
from vctui.ssh.rules import Platform, changes_configuration
from vctui.storage.defaults import PLATFORMS
from vctui.validation.index import read_index
from vctui.validation.templates import ntc_folder

WANTED = [
    *(
        "cisco_ios",
        "cisco_xe",
        "cisco_xr",
        "cisco_nxos",
        "cisco_asa",
        "arista_eos",
        "juniper_junos",
        "huawei_vrp",
    ),
    *(
        "paloalto_panos",
        "fortinet",
        "f5_tmsh",
        "hp_procurve",
        "hp_comware",
        "dell_os10",
        "frr",
        "linux",
        "generic",
    ),
]


def key_at(platform: Platform, line: str) -> str | None:
    pager = platform.pager(line)
    return pager.key if pager is not None else None


def test_all_platforms_are_there() -> None:
    assert set(WANTED) <= set(load_platforms())
    assert all(key_at(get_platform(name), "--More--") == " " for name in WANTED)


def test_unknown_platforms_get_the_generic_rules() -> None:
    assert get_platform("").name == get_platform("no_such_os").name == "generic"
    assert get_platform("Cisco_IOS").name == "cisco_ios"


@pytest.mark.parametrize(
    ("platform", "commands"),
    [
        ("cisco_ios", ("terminal length 0",)),
        ("cisco_asa", ("terminal pager 0",)),
        ("juniper_junos", ("set cli screen-length 0",)),
        ("huawei_vrp", ("screen-length 0 temporary",)),
        ("paloalto_panos", ("set cli pager off",)),
        ("frr", ("terminal length 0",)),
        ("fortinet", ()),
        ("f5_tmsh", ()),
        ("linux", ()),
        ("generic", ()),
    ],
)
def test_how_paging_is_turned_off(platform: str, commands: tuple[str, ...]) -> None:
    rules = get_platform(platform)
    assert rules.paging_off == commands
    assert all(map(rules.is_paging, commands))
    assert not any(map(changes_configuration, commands))


@pytest.mark.parametrize(
    "command",
    [
        "config system console",
        "set output standard",
        "modify cli preference pager disabled",
        "conf t",
        "write mem",
    ],
)
def test_paging_commands_that_would_change_the_device(command: str) -> None:
    assert changes_configuration(command)


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        ("cisco_ios", "show ip arp"),
        ("cisco_ios", "sh ip arp | include 10.0|Vlan"),
        ("cisco_ios", "terminal length 0"),
        ("cisco_ios", "enable"),
        ("cisco_ios", "ping 192.0.2.1"),
        ("cisco_nxos", "show interface | json | no-more"),
        ("juniper_junos", "show configuration | display set | no-more"),
        ("juniper_junos", "set cli screen-length 0"),
        ("huawei_vrp", "disp arp"),
        ("hp_comware", "screen-length disable"),
        ("fortinet", "get system status"),
        ("f5_tmsh", "list ltm pool"),
        ("linux", "ip -br addr"),
        ("linux", "ip route show table all"),
        ("linux", "cat /etc/os-release | grep NAME"),
        ("generic", "show version"),
        ("juniper_junos", 'show configuration | match "a|b"'),
        ("cisco_ios", "show running-config | section ^interface|^router"),
        ("cisco_nxos", "enable"),
        ("generic", "no page"),
    ],
)
def test_reading_commands(platform: str, command: str) -> None:
    assert get_platform(platform).is_reading(command)


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        ("cisco_ios", "configure terminal"),
        ("cisco_ios", "reload"),
        ("cisco_ios", "shutdown"),
        ("cisco_ios", "show run | redirect flash:x"),
        ("cisco_ios", "show run | include a | tee flash:x"),
        ("cisco_ios", "show run |append flash:x"),
        ("cisco_ios", "show clock\nreload"),
        ("cisco_nxos", "show clock ; reload"),
        ("cisco_nxos", "show run > bootflash:x"),
        ("juniper_junos", "show configuration | save x"),
        ("juniper_junos", "request system reboot"),
        ("juniper_junos", "set system host-name x"),
        ("juniper_junos", "file delete x"),
        ("fortinet", "execute reboot"),
        ("linux", "ip addr add 192.0.2.1/24 dev eth0"),
        ("linux", "ip link set eth0 down"),
        ("cisco_ios", "show run | include a | redirect flash:x"),
        ("cisco_ios", "do show run"),
        ("juniper_junos", "run show version"),
        ("juniper_junos", 'show log | match "a" | save x'),
        ("linux", "cat x | find / -delete"),
        ("linux", "cat x | sort -o /etc/passwd"),
        ("linux", "cat x | grep a|xargs rm"),
        ("linux", 'cat x | grep \\"|reboot \\"'),
        ("linux", "cat x | uniq - /etc/passwd"),
        ("generic", "show x | grep a|xargs reboot"),
        ("generic", "show x |"),
        ("linux", "cat x > y"),
        ("linux", "cat x | sh"),
        ("linux", "uptime && reboot"),
        ("linux", "hostname x"),
        ("linux", "ls $(reboot)"),
        ("generic", "getmeout"),
        ("generic", ""),
    ],
)
def test_other_commands(platform: str, command: str) -> None:
    assert not get_platform(platform).is_reading(command)


@pytest.mark.parametrize(
    ("platform", "output"),
    [
        ("cisco_ios", "          ^\n% Invalid input detected at '^' marker.\n\n"),
        ("cisco_ios", "% Incomplete command.\n"),
        ("cisco_ios", "Command authorization failed.\n"),
        ("cisco_xr", "Mon Nov 23 10:00:00.000 UTC\n% Invalid input detected at '^' marker.\n"),
        ("cisco_nxos", "          ^\n% Invalid command at '^' marker.\n"),
        ("cisco_nxos", "Syntax error while parsing 'show foo'\n\n\nCmd exec error.\n"),
        ("cisco_asa", "ERROR: % Invalid input detected at '^' marker.\n"),
        ("arista_eos", "% Invalid input (privileged mode required)\n"),
        ("arista_eos", "% Unavailable command (not supported on this hardware platform)\n"),
        ("juniper_junos", "               ^\nsyntax error, expecting <command>.\n"),
        ("juniper_junos", "unknown command.\n"),
        ("huawei_vrp", "                  ^\nError: Unrecognized command found at '^' position.\n"),
        ("hp_comware", "        ^\n % Unrecognized command found at '^' position.\n"),
        ("hp_procurve", "Invalid input: foo\n"),
        ("paloalto_panos", "Unknown command: foo\n"),
        ("paloalto_panos", "Invalid syntax.\n"),
        ("fortinet", "command parse error before 'foo'\nCommand fail. Return code -61\n"),
        ("f5_tmsh", 'Syntax Error: unexpected argument "foo"\n'),
        ("dell_os10", "% Error: Unrecognized command.\n"),
        ("frr", "% Unknown command: show foo\n"),
        ("linux", "-bash: foo: command not found\n"),
        ("linux", "sh: 1: foo: not found\n"),
        ("generic", "% Invalid input detected at '^' marker.\n"),
        ("generic", "Error: Unrecognized command found at '^' position.\n"),
        ("generic", "unknown command.\n"),
    ],
)
def test_rejections(platform: str, output: str) -> None:
    rules = get_platform(platform)
    assert rules.rejection(output.split("\n")) is not None
    assert rules.rejection(("data\n" * 20 + output).split("\n")) is None
    assert rules.rejection((output + "data\n" * 20).split("\n")) is None


@pytest.mark.parametrize("name", WANTED)
def test_ordinary_output_is_no_rejection(name: str) -> None:
    rules = get_platform(name)
    for output in (
        "",
        "Interface  IP\nGi1/0/1  10.0.0.1\n",
        "% BGP not active\n",
        "12:00:00 UTC\n",
        "   5 minute rate\n",
    ):
        assert rules.rejection(output.split("\n")) is None


@pytest.mark.parametrize(
    ("platform", "command", "output", "missing"),
    [
        ("cisco_ios", "show running-config", "hostname r1\nend\n\n", False),
        ("cisco_ios", "show running-config", "hostname r1\n", True),
        ("cisco_ios", "sh run", "hostname r1\n", True),
        ("cisco_ios", "show running-config interface Gi1", "interface Gi1\n", False),
        ("cisco_ios", "show run | include host", "hostname r1\n", False),
        ("cisco_asa", "show run", "hostname r1\n: end\n", False),
        ("huawei_vrp", "display current-configuration", "sysname r1\nreturn\n", False),
        ("huawei_vrp", "display current-configuration", "sysname r1\n", True),
        ("frr", "show running-config", "frr version 8\nend\n", False),
        ("cisco_nxos", "show running-config", "hostname r1\n", False),
    ],
)
def test_the_last_line_of_a_configuration(platform: str, command: str, output: str, missing: bool) -> None:
    assert get_platform(platform).misses_end(command, output) is missing


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(text)
    return folder


def test_a_users_own_platform(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "platforms", "names: [my_os, cisco_ios]\nprompts: ['my> ?']\npaging_off: [page off]\n"
    )
    assert get_platform("my_os", folder).paging_off == ("page off",)
    assert get_platform("cisco_ios", folder).name == "my_os"
    assert key_at(get_platform("my_os", folder), "--More--") == " "
    assert get_platform("cisco_xe", folder).name == "cisco_xe"
    assert get_platform("cisco_ios").name == "cisco_ios"
    assert get_platform("cisco_ios", tmp_path / "nowhere").name == "cisco_ios"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names: [x]\nprompts: ['(']\n", "prompts: '(' is no regular expression"),
        ("names: [x]\nprompts: x\n", "prompts: must be a list"),
        ("names: [x]\n", "prompts: is missing"),
        ("prompts: [x]\n", "names: is missing"),
        ("names: [x]\nprompts: [x]\ncolour: red\n", "colour: no such key"),
        ("names: [x]\nprompts: [x]\npaging_off: [conf t]\n", "changes the device's configuration"),
        ("names: [x]\nprompts: [x]\npagers: [{match: x}]\n", "pagers: each entry needs match, key"),
        ("names: [x]\nprompts: [x]\npagers: [{match: x, key: 1}]\n", "pagers: must hold texts"),
        ("names: [x]\nprompts: [x]\nprivilege: enable\n", "privilege: each entry needs"),
        ("names: [x]\nprompts: [x]\ncolums: 80\n", "colums: no such key; did you mean columns?"),
        ("names: [x]\nprompts: [x]\ncolumns: 9\n", "columns: must be a whole number from 20 to 2000"),
        ("names: [x y]\nprompts: [x]\n", "names: 'x y' is no name"),
        ("names: [x]\nprompts: [x]\nlogin: [{match: x}]\n", "login: each entry needs match, and either"),
        (
            "names: [x]\nprompts: [x]\nlogin: [{match: x, answer: y}]\n",
            "either send or answer (username, pass",
        ),
        ("names: [x]\nprompts: [x]\nvolatile: [{command: x, lines: y}]\n", "lines must be a list"),
        ("names: [x]\nprompts: [x]\nidentify: {colour: red}\n", "identify: must be a mapping of"),
        ("names: [x]\nprompts: [x]\nidentify: {ident: ['(']}\n", "identify.ident: '(' is no regular"),
        ("names: [x]\nprompts: [x]\nreading: ['.*']\n", "reading: '.*' matches an empty line"),
        ("names: [x]\nprompts: [x]\nreading: ['\\w+']\n", "takes 'reload', which does not only read"),
        ("names: [x]\nprompts: ['(\\w+-?)+>']\n", "may take too long"),
        ("names: [x]\nlike: y\n", "like: there is no platform y"),
        ("names: [x]\nlike: 1\n", "like: must be the name of another platform"),
        ('names: [x]\nprompts: [x]\nlogout: "a\\nb"\n', "logout: must be a text of one line"),
        ('names: [x]\nprompts: [x]\npaging_off: ["a\\nb"]\n', "is more than one line"),
        ("x: " + "[" * 50_000, "not YAML"),
        ("names: [x]\nprompts: [x]\nnewline: x\n", "newline: must be"),
        ("names: [x]\nprompts: [x]\nlegacy_algorithms: 1\n", "legacy_algorithms: must be true"),
        ("names: [x\n", "line"),
        ("- x\n", "must hold 'key: value' lines"),
        ("a: !!python/object:os.system {}\n", "line 1"),
        ("x: " + "y" * 70_000, "larger than 64 KiB"),
        ("names: [x]\nprompts: [x]\nerrors: x\ncolour: red\n", "(and 1 more)"),
    ],
)
def test_errors_name_file_key_and_reason(tmp_path: Path, text: str, words: str) -> None:
    folder = write(tmp_path / "platforms", text)
    with pytest.raises(UsageError) as caught:
        load_platforms(folder)
    assert "mine.yaml" in str(caught.value)
    assert words in str(caught.value)


def test_targets_can_be_pickled() -> None:
    target = Target("r1", "192.0.2.1", SSHCredentials("u", password="p"), ("show arp",))
    assert pickle.loads(pickle.dumps(target)) == target  # noqa: S301
    assert target.limit == 300


def test_a_file_that_is_like_another_says_only_what_differs(tmp_path: Path) -> None:
    folder = write(tmp_path / "platforms", "names: [cisco_ios]\nlike: cisco_ios\nprompts: ['my> ?']\n")
    mine, built_in = get_platform("cisco_ios", folder), get_platform("cisco_ios")
    assert [pattern.pattern for pattern in mine.prompts] == ["my> ?"]
    assert mine.paging_off == built_in.paging_off
    assert mine.errors == built_in.errors
    (folder / "other.yaml").write_text("names: [other]\nlike: cisco_ios\n")
    assert get_platform("other", folder).prompts == mine.prompts


def test_files_that_are_like_each_other(tmp_path: Path) -> None:
    folder = write(tmp_path / "platforms", "names: [a]\nlike: b\n")
    (folder / "b.yaml").write_text("names: [b]\nlike: a\n")
    with pytest.raises(UsageError, match="is like this one itself"):
        load_platforms(folder)


@pytest.mark.parametrize(
    "written", ["Cisco IOS", "cisco-ios", "CISCO_IOS_SSH", "cisco_ios_telnet", "ciscoios"]
)
def test_a_name_is_found_however_it_is_written(written: str) -> None:
    assert get_platform(written).name == "cisco_ios"


COMPAT = {
    "cisco_ios_xe": "cisco_xe",
    "cisco-ios-xe": "cisco_xe",
    "cisco_iosxe": "cisco_xe",
    "Cisco IOS-XR": "cisco_xr",
    "fortinet_fortios": "fortinet",
    "fortinet-fortios": "fortinet",
    "f5_tmos": "f5_tmsh",
    "palo-alto-panos": "paloalto_panos",
    "hp-comware": "hp_comware",
    "dell-os10": "dell_os10",
    "huawei": "huawei_vrp",
    "vyatta_vyos": "vyos",
    "alcatel_sros": "nokia_sros",
    "cisco_wlc_ssh": "cisco_wlc",
    "cisco_ios_telnet": "cisco_ios",
    "linux_ssh": "linux",
}
"""Device types and slugs as inventories have them."""


@pytest.mark.parametrize(("written", "name"), COMPAT.items())
def test_device_types_of_inventories(written: str, name: str) -> None:
    assert platform_name(written) == get_platform(written).name == name


def test_no_name_means_two_platforms() -> None:
    names: dict[str, str] = {}
    for name, platform in load_platforms().items():
        assert names.setdefault(name.replace("_", "").replace("-", ""), platform.name) == platform.name, name


def test_every_platform_that_has_templates_has_rules() -> None:
    index = read_index((ntc_folder() / "index").read_text(encoding="utf-8"))
    names = {row.platform for row in index if row.platform.isidentifier()}
    assert len(names) > 50
    assert {name for name in names if platform_name(name) is None} == set()


def test_every_default_of_an_inventory_has_rules() -> None:
    for default in PLATFORMS:
        assert platform_name(default.device_type) is not None
        assert platform_name(default.slug) == platform_name(default.device_type)
        assert platform_name(default.name) == platform_name(default.device_type)


def test_names_are_read_as_yaml_would_read_them() -> None:
    files = sorted(Path(platforms_module.__file__).with_name("platforms").glob("*.yaml"))
    names = {str(file): tuple(yaml.safe_load(file.read_text())["names"]) for file in files}
    assert len(names) > 70
    assert {str(file): platforms_module.BuiltIn(file).names for file in files} == names


def test_a_users_platform_wins_under_every_spelling(tmp_path: Path) -> None:
    folder = write(tmp_path / "platforms", "names: [cisco-ios]\nprompts: [x]\n")
    assert get_platform("cisco_ios", folder).name == "cisco-ios"


@pytest.mark.parametrize("name", [platform.name for platform in load_platforms().distinct()])
def test_what_is_shown_of_a_platform_is_a_file_for_it(name: str, tmp_path: Path) -> None:
    """This also looks at the built-in patterns as closely as at a user's: none may take long on a line."""
    platform = load_platforms()[name]
    file = tmp_path / "shown.yaml"
    file.write_text(yaml.safe_dump(platform_as_file(platform)))
    assert replace(check_file(file), file=platform.file) == platform


@pytest.mark.parametrize(
    ("pattern", "harmless"),
    [
        (r"[\w.@+:/-]{1,80}(\([^()\s]{1,60}\))?[>#]", True),
        (r"(\([^()]{0,80}\)){1,6}[#>]", True),
        (r"(?i).{0,80}more.{0,80}", True),
        (r"(\S+\s+){5}x", True),
        (r"\d+\.\d+ .*uptime", True),
        (r"(a+)+b", False),
        (r"(a|aa)+b", False),
        (r"(\w+\s?)+x", False),
        (r".*foo.*bar.*x", False),
        (r"(?=(a*)*b)a", False),
    ],
)
def test_patterns_that_may_take_long_on_a_line(pattern: str, harmless: bool) -> None:
    assert (check_pattern(pattern) is None) is harmless


@st.composite
def looked_at(draw: st.DrawFn) -> tuple[Platform, str]:
    """A platform, and a line that may be a question of one of its pagers or come close to one."""
    platform = get_platform(draw(st.sampled_from(sorted(load_platforms()))))
    pattern = draw(st.sampled_from([pager.match.pattern for pager in platform.pagers]))
    line = draw(st.from_regex(pattern, fullmatch=True) | st.sampled_from(["sw1#", "", " vlan 7", "-- More"]))
    return platform, draw(st.sampled_from(["", " ", "x"])) + line + draw(
        st.sampled_from(["", "  ", "\u00a0", ")"])
    )


@settings(max_examples=400, deadline=None)
@given(looked_at())
def test_one_look_finds_the_pager_that_a_look_at_each_finds(looked: tuple[Platform, str]) -> None:
    platform, line = looked
    asking = [pager for pager in platform.pagers if line.strip() and pager.match.fullmatch(line.rstrip())]
    assert platform.pager(line) == (asking[0] if asking and len(line) <= 256 else None)


def test_patterns_that_mean_something_else_beside_others_are_not_joined() -> None:
    assert all(any_of([pager.match for pager in platform.pagers]) for platform in load_platforms().values())
    for text in (r"(a)\1", "(?P<n>a)", "(?ix) a # b", "(a)?(?(1)b|c)", r"\\(?P<n>a)"):
        assert any_of([re.compile("more"), re.compile(text)]) is None
    joined = any_of([re.compile("(?i)more"), re.compile("END|quit")])
    assert joined is not None
    assert [bool(joined.fullmatch(line)) for line in ("MORE", "END", "quit", "end", "moreEND")] == [
        *(True, True, True),
        *(False, False),
    ]
