"""The engine: right template, right records, a score that means something, and no belief in errors."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vctui.validation import ValidationEngine, ValidationResult, ntc_rows
from vctui.validation.refusals import refusal

ARP = """Protocol  Address          Age (min)  Hardware Addr   Type   Interface
Internet  192.0.2.1               5   0200.5e00.5301  ARPA   Vlan10
Internet  192.0.2.2               -   0200.5e00.5302  ARPA   Vlan10
Internet  198.51.100.77         123   0200.5e00.5303  ARPA   GigabitEthernet1/0/1
"""
EOS_ARP = """Address         Age (sec)  Hardware Addr   Interface
192.0.2.1         0:03:11  0200.5e00.5301  Vlan10, Ethernet3
192.0.2.9         0:00:02  0200.5e00.5309  Management1
"""
IOS_BRIEF = """Interface              IP-Address      OK? Method Status                Protocol
Vlan1                  unassigned      YES NVRAM  administratively down down
GigabitEthernet0/0     192.0.2.5       YES manual up                    up
Loopback0              198.51.100.1    YES manual up                    up
"""
STACK = """Switch/Stack Mac Address : 0200.5e00.5380 - Local Mac Address
Mac persistency wait time: Indefinite
                                             H/W   Current
Switch#   Role    Mac Address     Priority Version  State
------------------------------------------------------------
*1       Active   0200.5e00.5380     15     V01     Ready
 2       Standby  0200.5e00.5400     14     V01     Ready

         Stack Port Status             Neighbors
Switch#  Port 1     Port 2           Port 1   Port 2
--------------------------------------------------------
  1         OK         OK               2        2
  2         OK        DOWN              1       None
"""

REFUSALS = [
    "          ^\n% Invalid input detected at '^' marker.\n",
    "show ip apr\n          ^\n% Invalid input detected at '^' marker.\n",
    "% Incomplete command.",
    '% Ambiguous command:  "sh i"',
    "% Unknown command or computer name, or unable to find computer address",
    "% Bad IP address or host name",
    "% Authorization failed.",
    "% Permission denied for the role",
    "Command authorization failed.",
    "% Invalid command at '^' marker.",
    "% Invalid parameter detected at '^' position.",
    "% Cmd exec error.",
    "% BGP not active",
    "% OSPF: No router process is configured",
    "%IPv4 routing is off",
    "% VRF BLUE does not exist",
    "                ^\nsyntax error, expecting <command>.",
    "syntax error",
    "error: syntax error: foo",
    "unknown command.",
    "error: command is not valid on this platform",
    "error: permission denied: configure",
    "Unknown action 0",
    "command parse error before 'foo'\nCommand fail. Return code -61",
    "Error: Unrecognized command found at '^' position.",
    "     ^\nError: Wrong parameter found at '^' position.",
    " % Too many parameters found at '^' position.",
    "Error:Incomplete command found at '^' position.",
    "Invalid input -> foo\nType ? for a list",
    "Invalid syntax.",
    "-bash: show: command not found",
    "bash: line 1: display: command not found",
    "sh: foo: not found",
    "ls: cannot access '/x': No such file or directory",
    "bad command name foo (line 1 column 1)",
    "expected end of command (line 1 column 6)",
    "input does not match any value of interface",
    "MINOR: CLI Invalid command.",
    "Server error : op is not allowed",
    "Permission denied",
    "Access denied",
    "Authentication failed",
    "Connection to 192.0.2.1 closed.",
    "Process is not ready or session is at maximum limit",
    "Session limit reached, try again later",
    "The command is not supported on this platform",
    "Feature not enabled",
    "Warning: the system is going down for maintenance at 22:00.",
    "Last login: Mon Nov 23 22:12:00 2026 from 192.0.2.10",
    "Welcome to the lab network",
    "--More--",
    "Username:",
    "Interface Ethernet1/1 does not exist",
    "VLAN 10 not found in current VLAN database",
    "Version 9.3 is not supported",
    "Neighbor 10.0.0.1 is already in use by another process.",
    "Device is busy, try again",
    "Domain name could not be opened\n\nsw1#",
    "Software image: access denied",
    "Load for five secs: 1%/0%\nTime source is NTP, 10:11:12.345 UTC Mon Nov 23 2026\n",
]
CHATTER = [
    "'foo' is not recognized as an internal or external command, operable program or batch file.",
    "User is not authorized",
    "OSPF is not enabled",
    "VRRP is disabled",
    "There is no neighbor.",
    "Network is unreachable",
    "Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures",
    "The command you have entered is available in the IOS.sh.\nHowever, none of the modules support it.",
    "MOTD: core-rt1.lab.example.com\nSite: AMS  Rack: 12  Contact: noc@example.com",
    "12345",
    "sw1#",
    "user@host> ",
    "[admin@router] >",
    "******************************\n* Authorized access only     *\n******************************",
    "This system is for the use of authorized users only.",
    "No entries found.",
    "Timeout",
    "Operator software, all rights reserved",
    "terminal length 0",
    "Arista Networks EOS shell",
    "Device manager again",
    "Welcome to core-1\nModel: N9K-C93180YC-EX\nSite: AMS01\nContact: noc@example.com",
    "Hostname : core1\nLocation : AMS\nOwner    : NetOps\nTicket   : 12345",
]
ASKED = [
    "cisco_ios_show_ip_arp",
    "cisco_ios_show_version",
    "cisco_ios_show_interfaces",
    "cisco_ios_show_ip_interface_brief",
    "cisco_ios_show_standby",
    "cisco_ios_show_environment_power_all",
    "cisco_nxos_show_interface_status",
    "cisco_nxos_show_hostname",
    "cisco_xr_show_processes_cpu",
    "arista_eos_show_ip_arp",
    "arista_eos_show_ip_interface_brief",
    "juniper_junos_show_version",
    "juniper_junos_show_chassis_firmware",
    "huawei_vrp_display_version",
    "hp_comware_display_arp",
    "fortinet_get_router_info_ospf_status",
    "paloalto_panos_show_arp_all",
    "linux_ip_address_show",
    "mikrotik_routeros_ip_address_print",
    "alcatel_aos_show_linkagg_port",
    "cisco_nxos_show_interface",
    "cisco_asa_show_version",
    "arista_eos_show_version",
    "checkpoint_gaia_show_asset_all",
    "checkpoint_gaia_show_domainname",
    "aruba_aoscx_show_interface",
    "cisco_nvfis_show_version",
    "cisco_ios_show_capability_feature_routing",
    "avaya_ers_show_interface_name",
]


def database(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE templates (id INTEGER PRIMARY KEY, cli_command TEXT, cli_content TEXT, "
            "textfsm_content TEXT, textfsm_hash TEXT, source TEXT, created TEXT)"
        )
        connection.executemany(
            "INSERT INTO templates (cli_command, textfsm_content, source) VALUES (?, ?, ?)", rows
        )
        connection.commit()
    return path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValidationEngine]:
    rows = [(row["cli_command"], row["textfsm_content"], row["source"]) for row in ntc_rows()]
    made = ValidationEngine(database(tmp_path_factory.mktemp("ntc") / "tfsm_templates.db", rows))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("output", "filter_str", "template", "count"),
    [
        (ARP, "cisco_ios_show_ip_arp", "cisco_ios_show_ip_arp", 3),
        (ARP, "CISCO_IOS_SHOW_IP_ARP.textfsm", "cisco_ios_show_ip_arp", 3),
        (ARP, "cisco_xe_sh_ip_arp", "cisco_ios_show_ip_arp", 3),
        (ARP, "show_ip_arp", "cisco_ios_show_ip_arp", 3),
        (ARP, "show ip arp", "cisco_ios_show_ip_arp", 3),
        (ARP, "ios_ip_arp", "cisco_ios_show_ip_arp", 3),
        (ARP, "ip", "cisco_ios_show_ip_arp", 3),
        (EOS_ARP, "arista_arp", "arista_eos_show_ip_arp", 2),
        (EOS_ARP, "show_ip_arp", "arista_eos_show_ip_arp", 2),
        (IOS_BRIEF, "cisco_ios_show_ip_interface_brief", "cisco_ios_show_ip_interface_brief", 3),
    ],
)
def test_a_filter_finds_the_right_template(
    engine: ValidationEngine, output: str, filter_str: str, template: str, count: int
) -> None:
    result = engine.validate(output, filter_str)
    assert result.reason is None
    assert (result.template, result.record_count, result.is_valid) == (template, count, True)
    assert 50 <= result.score <= 100
    assert len(result.records) == count


def test_records_have_lower_case_keys_and_the_values_of_the_output(engine: ValidationEngine) -> None:
    records = engine.validate(ARP, "cisco_ios_show_ip_arp").records
    assert records[1] == {
        "protocol": "Internet",
        "ip_address": "192.0.2.2",
        "age": "-",
        "mac_address": "0200.5e00.5302",
        "type": "ARPA",
        "interface": "Vlan10",
    }


def test_without_a_filter_the_content_alone_finds_the_template(engine: ValidationEngine) -> None:
    result = engine.validate(EOS_ARP)
    assert result.template == "arista_eos_show_ip_arp"
    assert result.is_valid
    # Sibling platforms print the same table: which one cannot be seen, the records are the same.
    for output in (ARP, IOS_BRIEF):
        found = engine.validate(output)
        assert found.is_valid
        assert found.score > 50
        assert [
            record["interface"] if "interface" in record else record["port"] for record in found.records
        ] == [line.split()[-1 if output is ARP else 0] for line in output.splitlines()[1:]]


def test_a_wrong_word_in_the_filter_does_not_make_a_wrong_template_fit(engine: ValidationEngine) -> None:
    # A filter of one common word once turned an ARP table into a status report.
    result = engine.validate(EOS_ARP, "status")
    assert result.score < 50


def test_several_templates_are_merged_on_their_keys(engine: ValidationEngine) -> None:
    name = engine.template_for("cisco_ios", "show switch detail")
    assert name == "cisco_ios_show_switch_detail:cisco_ios_show_switch_detail_stack_ports"
    result = engine.validate(STACK, name)
    assert result.is_valid
    assert result.template == name
    assert [(r["switch"], r["role"], r["status2"]) for r in result.records] == [
        ("1", "Active", "OK"),
        ("2", "Standby", "DOWN"),
    ]
    # One of them alone never gives the records, however it was found.
    for filter_str in ("cisco_ios_show_switch_detail", "switch_detail", None):
        assert engine.validate(STACK, filter_str).records == result.records
    missing = engine.validate(STACK, "cisco_ios_show_switch_detail:no_such_template")
    assert (missing.is_valid, missing.template) == (False, None)


def test_merged_records_win_over_one_part_that_says_more_of_its_titles(tmp_path: Path) -> None:
    first = (
        "Value Key SWITCH (\\d+)\nValue ROLE (\\w+)\n\nStart\n  ^Unit ${SWITCH} has role ${ROLE} -> Record\n"
    )
    other = "".join(f"Value {name} (.)\n" for name in ("ALPHA", "BRAVO", "CHARLIE", "DELTA"))
    other = f"Value Key SWITCH (\\d+)\n{other}\nStart\n  ^.${{SWITCH}}${{ALPHA}} -> Record\n"
    pair = ("cisco_ios_show_switch_detail", "cisco_ios_show_switch_detail_stack_ports")
    rows = [(pair[0], first, "custom"), (pair[1], other, "custom"), ("lab_os_show_x", first + "#", "custom")]
    engine = ValidationEngine(database(tmp_path / "t.db", rows))
    output = "Switch roles\nUnit 1 has role Active\nUnit 2 has role Standby\n 1a\n 2b\n"
    for filter_str in (pair[0], "switch_detail", None):
        found = engine.validate(output, filter_str)
        assert (found.template, [r["alpha"] for r in found.records]) == (":".join(pair), ["a", "b"])


@pytest.mark.parametrize("text", [*REFUSALS, *CHATTER])
def test_errors_banners_and_prompts_are_never_data(engine: ValidationEngine, text: str) -> None:
    for name in ASKED:
        result = engine.validate(text, name)
        assert not result.is_valid, result
        assert result.score <= 10
        assert result.records == []
        assert result.reason


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_quoted(text: str) -> None:
    assert refusal(text)


def test_data_that_mentions_errors_is_no_refusal() -> None:
    for text in (ARP + "% Invalid input", "1 errors: 5\nError counters: 7\n", "\n".join(["% a"] * 7), ""):
        assert refusal(text) is None
    state = "GigabitEthernet0/1 is down, line protocol is down"
    for text in (
        state,
        "Fan 1 failed\nFan 2 failed\n",
        "Fan 1   failed",
        "denied 5 of 7",
        "Number failed: 5",
    ):
        assert refusal(text) is None


def test_reasons_name_what_is_wrong(engine: ValidationEngine) -> None:
    def reason(output: str, filter_str: str) -> str:
        result = engine.validate(output, filter_str)
        assert not result.is_valid
        return result.reason or ""

    assert "no template fits the filter 'no_such_thing'" in reason(ARP, "no_such_thing")
    assert reason(" \n\n", "show_ip_arp") == "empty output"
    unknown = reason(EOS_ARP, "cisco_ios_show_ip_arp")
    assert "does not know the line 'Address         Age (sec)" in unknown
    assert "no record" in reason("words that say nothing\nat all here\n", "cisco_ios_show_aliases")
    assert "refused the command: % Invalid input" in reason("  ^\n% Invalid input detected", "show_ip_arp")
    assert "\x1b" not in reason("\x1b]0;title\x07 foo\n", "cisco_ios_show_ip_arp")


def test_an_empty_table_is_told_from_a_failure(engine: ValidationEngine) -> None:
    result = engine.validate(ARP.splitlines()[0] + "\n", "cisco_ios_show_ip_arp")
    assert not result.is_valid
    assert (result.reason or "").startswith("empty table")
    assert result.score == 0
    assert result.parts["header"] > 0.5


def test_score_falls_with_what_the_template_does_not_explain(tmp_path: Path) -> None:
    content = "Value NAME (\\S+)\nValue ID (\\d+)\n\nStart\n  ^Name: ${NAME} Id: ${ID} -> Record\n"
    engine = ValidationEngine(database(tmp_path / "t.db", [("lab_os_show_name", content, "custom")]))
    good = engine.validate("Name: alpha Id: 17\nName: beta Id: 18\n", "lab_os_show_name")
    mixed = engine.validate("Name: alpha Id: 17\n" + "other words\n" * 20, "lab_os_show_name")
    drowned = engine.validate("Name: alpha Id: 17\n" + "other words\n" * 500, "lab_os_show_name")
    assert good.score > mixed.score > drowned.score > 10
    assert good.score > 90
    assert drowned.score < 30
    assert set(good.parts) == {
        "explained",
        "header",
        "columns",
        "titles",
        "words",
        "line",
        "kept",
        "common",
        "fit",
        "lines",
    }


def test_a_template_that_takes_anything_explains_nothing(tmp_path: Path) -> None:
    content = "Value FIELD (\\S+)\n\nStart\n  ^${FIELD}\\s+\\S+$$ -> Record\n"
    engine = ValidationEngine(database(tmp_path / "t.db", [("lab_os_show_thing", content, "custom")]))
    result = engine.validate("other words\n" * 50, "lab_os_show_thing")
    assert not result.is_valid
    assert 0 <= result.score <= 10
    assert "under the minimum" in (result.reason or "")


def test_what_the_next_line_overwrites_explains_nothing(tmp_path: Path) -> None:
    lost = "Value NUMBERS ([\\d ]+)\n\nStart\n  ^ *${NUMBERS}$$\n"
    kept = lost.replace("$$", "$$ -> Record")
    rows = [("lab_os_show_lost", lost, "custom"), ("lab_os_show_kept", kept, "custom")]
    engine = ValidationEngine(database(tmp_path / "t.db", rows))
    output = "".join(f"{n} {n * n} {n * n * n}\n" for n in range(100, 200))
    assert engine.validate(output).template == "lab_os_show_kept"
    assert engine.validate(output, "lab_os_show_kept").parts["explained"] > 0.4
    assert engine.validate(output, "lab_os_show_lost").parts["explained"] < 0.01


def test_a_named_template_that_says_little_is_refused_where_another_one_says_more(tmp_path: Path) -> None:
    anything = "Value FIRST (\\S+)\nValue NUMBER (\\d+)\n\nStart\n  ^${FIRST}.*?${NUMBER} -> Record\n"
    rule = "^The name is ${NAME}  and its number is ${ID} -> Record"
    table = f"Value NAME (\\S+)\nValue ID (\\d+)\n\nStart\n  {rule}\n"
    rows = [("lab_os_show_anything", anything, "custom"), ("lab_os_show_table", table, "custom")]
    output = "".join(f"The name is host-{n}-of-the-laboratory  and its number is {n}\n" for n in range(9))
    alone = ValidationEngine(database(tmp_path / "alone.db", rows[:1]))
    found = alone.validate(output, "lab_os_show_anything")
    assert found.is_valid
    assert found.parts["explained"] < 0.08
    both = ValidationEngine(database(tmp_path / "both.db", rows))
    refused = both.validate(output, "lab_os_show_anything")
    assert refused.reason == "lab_os_show_anything: the output fits lab_os_show_table far better"
    assert 0 < refused.score <= 10
    other = [*rows[:1], ("else_os_show_table", table, "custom")]
    apart = ValidationEngine(database(tmp_path / "apart.db", other))
    assert apart.validate(output, "lab_os_show_anything").is_valid
    long = both.validate(output * 200, "lab_os_show_anything")
    assert "far better" in (long.reason or "")


def test_prose_gets_no_benefit_of_the_doubt(tmp_path: Path) -> None:
    content = "Value FIRST (\\S+)\nValue NUMBER (\\d+)\n\nStart\n  ^${FIRST}.*?${NUMBER} -> Record\n"
    engine = ValidationEngine(database(tmp_path / "t.db", [("lab_os_show_words", content, "custom")]))
    words = "The use of this system is watched by room"
    table = "".join(f"{words.replace(' ', '  ')}  {n}\n" for n in range(10, 16))
    prose = "".join(f"{words} {n}\n" for n in range(10, 16))
    believed, doubted = (engine.validate(text, "lab_os_show_words") for text in (table, prose))
    assert believed.parts["explained"] == doubted.parts["explained"] < 0.04
    assert (believed.is_valid, doubted.is_valid) == (True, False)
    assert engine.validate(prose * 2, "lab_os_show_words").is_valid
    assert not engine.validate(f"{prose * 2}{words}\n" + f"{words}\n" * 9, "lab_os_show_words").is_valid


def test_of_two_platforms_that_print_the_same_the_one_with_more_templates_is_taken(tmp_path: Path) -> None:
    content = "Value NODE (\\S+)\n\nStart\n  ^Name: ${NODE} -> Record\n"
    other = content.replace("NODE", "HOST")
    rows = [("lab_os_show_name", content, "custom"), ("many_os_show_name", other, "custom")]
    rows += [(f"many_os_show_thing_{n}", content.replace("Name", f"N{n}"), "custom") for n in range(9)]
    engine = ValidationEngine(database(tmp_path / "t.db", rows))
    assert engine.validate("Name: alpha\nName: beta\n", "show_name").template == "many_os_show_name"


def test_a_host_name_alone_is_believed_of_the_template_that_was_asked_for(engine: ValidationEngine) -> None:
    result = engine.validate("n9k1\n", "cisco_nxos_show_hostname")
    assert result.records == [{"hostname": "n9k1"}]
    assert not engine.validate("n9k1#\n", "cisco_nxos_show_hostname").is_valid
    assert not engine.validate("sorry\n", "cisco_nxos_show_hostname").is_valid


def test_templates_outside_the_index_and_broken_ones(tmp_path: Path) -> None:
    good = "Value List ITEM (\\w+)\nValue Required KEY (\\d+)\n\nStart\n  ^Key ${KEY}\n  ^ item ${ITEM}\n"
    rows = [
        ("lab_os_show_items", good, "custom"),
        ("lab_os_show_broken", "Value X (\n\nStart\n  ^${X} -> Record\n", "custom"),
        ("lab_os_show_prose", "this is not a template\n", "custom"),
    ]
    engine = ValidationEngine(database(tmp_path / "t.db", rows))
    found = engine.validate("Key 17\n item one\n item two\n", "lab_os")
    assert found.template == "lab_os_show_items"
    assert found.records == [{"item": ["one", "two"], "key": "17"}]
    for name in ("lab_os_show_broken", "lab_os_show_prose"):
        broken = engine.validate("Key 17\n", name)
        assert not broken.is_valid
        assert f"template {name} is damaged" in (broken.reason or "")


RUNAWAY = "Value WORDS ((\\w+\\s?)+)\n\nStart\n  ^${WORDS}:(?=x) -> Record\n"
BAIT = "word " * 12 + "word" * 12 + "!\n"


def test_a_template_that_runs_away_is_stopped_and_named(tmp_path: Path) -> None:
    engine = ValidationEngine(database(tmp_path / "t.db", [("lab_os_show_words", RUNAWAY, "custom")]))
    engine.time_limit = 0.2
    result = engine.validate(BAIT, "lab_os_show_words")
    assert result.reason == "template lab_os_show_words took longer than 0.2 s"
    assert not result.is_valid


def test_a_search_gets_past_a_template_that_runs_away(tmp_path: Path) -> None:
    good = "Value LINE (\\w+)\n\nStart\n  ^${LINE} .*!$$ -> Record\n"
    rows = [(f"lab_os_show_words_{i}", RUNAWAY, "custom") for i in range(3)]
    engine = ValidationEngine(database(tmp_path / "t.db", [*rows, ("lab_os_show_line", good, "custom")]))
    assert engine.validate(BAIT + "a b!\n" * 9, None).template == "lab_os_show_line"


def test_in_another_thread_the_answer_is_the_same(tmp_path: Path) -> None:
    content = "Value NAME (\\S+)\n\nStart\n  ^Name: ${NAME} -> Record\n"
    engine = ValidationEngine(database(tmp_path / "t.db", [("lab_os_show_name", content, "custom")]))
    answers: list[ValidationResult] = []
    thread = threading.Thread(target=lambda: answers.append(engine.validate("Name: alpha\n", "show_name")))
    thread.start()
    thread.join()
    engine.close()
    assert answers == [engine.validate("Name: alpha\n", "show_name")]
    assert answers[0].is_valid


def test_a_subclass_may_decide_for_itself(tmp_path: Path) -> None:
    class Strict(ValidationEngine):
        def validate(self, output: str, filter_str: str | None = None) -> ValidationResult:
            return ValidationResult(reason="no") if "x" in output else super().validate(output, filter_str)

    engine = Strict(tmp_path / "never-read.db")
    assert engine.validate("x").reason == "no"
