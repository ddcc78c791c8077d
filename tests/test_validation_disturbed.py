"""Log messages and times that a device prints into its answer: a template that refuses them tries again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vctui.validation import ValidationEngine
from vctui.validation.disturbed import undisturbed
from vctui.validation.refusals import refusal

VLANS = """\
VLAN  Name        Status
10    users       active
20    voice       active
30    guests      suspended
"""
STRICT = """\
Value Required VLAN (\\d+)
Value NAME (\\S+)
Value STATUS (active|suspended)

Start
  ^VLAN\\s+Name\\s+Status -> Vlans
  ^\\s*$$
  ^. -> Error

Vlans
  ^${VLAN}\\s+${NAME}\\s+${STATUS}\\s*$$ -> Record
  ^\\s*$$
  ^. -> Error
"""
LOGS = """\
Value Required FACILITY ([A-Z_]+)
Value SEVERITY ([0-7])
Value TEXT (.*)

Start
  ^Log Buffer \\(\\d+ bytes\\):
  ^.*%${FACILITY}-${SEVERITY}-\\w+: ${TEXT} -> Record
  ^. -> Error
"""
LOOSE = """\
Value NAME (\\S+)
Value STATE (\\S+)
Value TEXT (.*)

Start
  ^Port\\s+State\\s+Text -> Ports

Ports
  ^${NAME}\\s+${STATE}\\s+${TEXT} -> Record
"""
DISTURBANCES = [
    "*Nov 23 10:11:12.345: %LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to up",
    "000123: Nov 23 10:11:12.345 UTC: %SYS-5-CONFIG_I: Configured from console by admin on vty0",
    "2026 Nov 23 10:11:12 sw1 %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
    "Nov 23 10:11:12 sw1 Ebra: %LINEPROTO-5-UPDOWN: Line protocol on Interface Ethernet3, is up",
    "RP/0/RSP0/CPU0:Nov 23 10:11:12.345 : ifmgr[251]: %PKT_INFRA-LINK-3-UPDOWN : Interface Gi0/0/0/1, Down",
    "%ASA-5-111008: User 'admin' executed the 'enable' command.",
    "Nov 23 2026 10:11:12 HUAWEI %%01IFNET/4/LINK_STATE(l)[123]:The line protocol IP has entered UP",
    "%Nov 23 10:11:12:345 2026 H3C IFNET/3/PHY_UPDOWN: Physical state on GigabitEthernet1/0/1 is up.",
]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[ValidationEngine]:
    path = tmp_path / "tfsm_templates.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE templates (cli_command TEXT, textfsm_content TEXT, source TEXT)")
        rows = [("cisco_ios_show_vlan", STRICT, "custom"), ("cisco_ios_show_logging", LOGS, "custom")]
        rows.append(
            (
                "cisco_ios_show_users",
                STRICT.replace("Vlans", "Users").replace("Status ->", "Tty ->"),
                "custom",
            )
        )
        rows.append(("cisco_ios_show_ports", LOOSE, "custom"))
        rows.append(
            ("cisco_ios_show_log_all", LOGS.replace("^. -> Error", "^${FACILITY} -> Record"), "custom")
        )
        connection.executemany("INSERT INTO templates VALUES (?, ?, ?)", rows)
        connection.commit()
    with closing(ValidationEngine(path)) as engine:
        yield engine


@pytest.mark.parametrize("line", DISTURBANCES)
@pytest.mark.parametrize("place", [0, 1, 3, 4])
@pytest.mark.parametrize("filter_str", ["cisco_ios_show_vlan", "vlan", None])
def test_a_log_message_in_between_costs_no_record(
    engine: ValidationEngine, line: str, place: int, filter_str: str | None
) -> None:
    lines = VLANS.splitlines()
    text = "\n".join([*lines[:place], line, *lines[place:], ""])
    found, clean = engine.validate(text, filter_str), engine.validate(VLANS, filter_str)
    assert found.is_valid
    assert (found.template, found.records) == ("cisco_ios_show_vlan", clean.records)


@pytest.mark.parametrize(
    "above",
    [
        "Mon Nov 23 10:11:12.345 UTC\n",
        "Load for five secs: 1%/0%\nTime source is NTP, 10:11:12.345 UTC Mon Nov 23 2026\n\n",
        "10:11:12.345 UTC Mon Nov 23 2026\n",
        "2026-11-23 10:11:12\n",
    ],
)
def test_the_time_above_an_answer_costs_no_record(engine: ValidationEngine, above: str) -> None:
    found = engine.validate(above + VLANS, "cisco_ios_show_vlan")
    assert [record["vlan"] for record in found.records] == ["10", "20", "30"]
    # Further down it may be anything.
    assert "does not know the line" in (engine.validate(VLANS + above, "cisco_ios_show_vlan").reason or "")


def test_a_template_that_is_made_for_log_messages_gets_them(engine: ValidationEngine) -> None:
    some = "\n".join(line for line in DISTURBANCES if line.startswith(("*", "%ASA")))
    found = engine.validate(f"Log Buffer (4096 bytes):\n{some}\n", "cisco_ios_show_logging")
    assert [record["facility"] for record in found.records] == ["LINK", "ASA"]
    assert undisturbed(DISTURBANCES) is None
    greedy = f"Log Buffer (4096 bytes):\n{some}\nAAA\nBBB\n"
    found = engine.validate(greedy, "cisco_ios_show_log_all")
    assert [record["facility"] for record in found.records] == ["LINK", "ASA", "AAA", "BBB"]


@pytest.mark.parametrize("line", DISTURBANCES)
def test_no_record_is_made_of_a_log_message_by_a_template_that_takes_any_line(
    engine: ValidationEngine, line: str
) -> None:
    ports = "Port  State  Text\neth1  up     uplink\neth2  down   office\n"
    for text in (ports + line + "\n", ports.replace("eth2", f"{line}\neth2")):
        found = engine.validate(text, "cisco_ios_show_ports")
        assert [record["name"] for record in found.records] == ["eth1", "eth2"]


def test_other_lines_are_refused_as_they_were(engine: ValidationEngine) -> None:
    for line in ("CPU: 5%", "50% of 100", "% Invalid input", "%LINK is up"):
        found = engine.validate(VLANS + line + "\n", "cisco_ios_show_vlan")
        assert "does not know the line" in (found.reason or "")


def test_a_refusal_with_a_log_message_beside_it_is_one() -> None:
    assert refusal(f"{DISTURBANCES[0]}\n          ^\n% Invalid input detected at '^' marker.\n") is not None
