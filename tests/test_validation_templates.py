"""Templates: the five shapes of the database, foreign files, the index, the package's rows."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vctui.errors import DataError
from vctui.validation import ValidationEngine, folder_rows, ntc_rows, read_templates
from vctui.validation.candidates import name_fit, words
from vctui.validation.index import expand, find_template, ntc_index, ntc_platform, read_index
from vctui.validation.machine import required_texts
from vctui.validation.patterns import fixed_text, literal_count, narrowness
from vctui.validation.templates import Template

CONTENT = "Value NAME (\\S+)\n\nStart\n  ^Name: ${NAME} -> Record\n"
OLD = (
    "cli_command TEXT{n}, cli_content TEXT, textfsm_content TEXT{m}, textfsm_hash TEXT, source TEXT, created"
)
SHAPES = {
    "A": f"CREATE TABLE templates (id INT, {OLD.format(n='', m='')})",
    "B": "CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL, "
    "template TEXT NOT NULL, description TEXT, platform TEXT, command TEXT, created_at, updated_at)",
    "C": f"CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, {OLD.format(n=' UNIQUE', m='')})",
    "D": f"CREATE TABLE templates (id INTEGER PRIMARY KEY, {OLD.format(n=' NOT NULL', m=' NOT NULL')})",
    "E": f"CREATE TABLE templates (id INTEGER PRIMARY KEY, {OLD.format(n=' UNIQUE', m=' NOT NULL')})",
}


def make(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def add(path: Path, columns: str, *rows: tuple[object, ...]) -> Path:
    marks = ", ".join("?" * len(rows[0]))
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(f"INSERT INTO templates ({columns}) VALUES ({marks})", rows)  # noqa: S608
        connection.commit()
    return path


def set_of(*names: str, source: str = "ntc-templates") -> dict[str, tuple[Template, ...]]:
    return {name: (Template(name, CONTENT, source),) for name in names}


@pytest.mark.parametrize("shape", SHAPES)
def test_all_shapes_are_read(tmp_path: Path, shape: str) -> None:
    names = "name, template" if shape == "B" else "cli_command, textfsm_content"
    db = add(make(tmp_path / f"{shape} 100%?#.db", SHAPES[shape]), names, ("lab_os_show_name", CONTENT))
    assert [(t.name, t.content) for t in read_templates(db)] == [("lab_os_show_name", CONTENT)]
    engine = ValidationEngine(db)
    assert engine.validate("Name: alpha\n", "lab_os_show_name").records == [{"name": "alpha"}]
    assert engine.template_for("lab_os", "show name") == "lab_os_show_name"


def test_a_template_that_is_added_counts_from_then_on(tmp_path: Path) -> None:
    db = add(make(tmp_path / "c.db", SHAPES["C"]), "cli_command, textfsm_content", ("lab_os_show_x", CONTENT))
    engine, other = ValidationEngine(db), ValidationEngine(db)
    for each in (engine, other):
        assert each.template_for("lab_os", "show name") is None
    add(db, "cli_command, textfsm_content", ("lab_os_show_name", CONTENT * 200))
    for each in (engine, other):
        assert each.template_for("lab_os", "show name") == "lab_os_show_name"


def test_the_loose_shape_may_hold_null_and_double_rows(tmp_path: Path) -> None:
    db = add(
        make(tmp_path / "a.db", SHAPES["A"]),
        "id, cli_command, textfsm_content",
        (None, None, CONTENT),
        (1, "empty", None),
        (1, "lab_os_show_name", "broken"),
        (None, "lab_os_show_name", CONTENT),
        (7, b"\xff\x00", b"\x00\xff"),
    )
    assert [t.name for t in read_templates(db)][:2] == ["lab_os_show_name", "lab_os_show_name"]
    result = ValidationEngine(db).validate("Name: beta\n", "lab_os_show_name")
    assert result.records == [{"name": "beta"}]


def test_of_a_name_that_is_there_twice_the_users_own_counts_where_it_fits(tmp_path: Path) -> None:
    own = "Value HOST (\\w+)\n\nStart\n  ^Nam.*?:\\s${HOST} -> Record\n"
    rows = [("lab_os_show_name", CONTENT, "ntc-templates"), ("lab_os_show_name", own, "custom")]
    db = add(make(tmp_path / "a.db", SHAPES["A"]), "cli_command, textfsm_content, source", *rows)
    assert [t.source for t in read_templates(db)] == ["custom", "ntc-templates"]
    engine = ValidationEngine(db)
    # The imported one explains more of the line.
    assert engine.validate("Name: beta\n", "lab_os_show_name").records == [{"host": "beta"}]
    assert engine.validate("Name: beta\n").records == [{"host": "beta"}]
    rows[1] = ("lab_os_show_name", own.replace("^Nam", "^Host"), "custom")
    changed = add(make(tmp_path / "b.db", SHAPES["A"]), "cli_command, textfsm_content, source", *rows)
    assert ValidationEngine(changed).validate("Name: beta\n", "show_name").records == [{"name": "beta"}]


def test_the_other_shape_names_platform_and_command_in_columns(tmp_path: Path) -> None:
    db = add(
        make(tmp_path / "b.db", SHAPES["B"]),
        "name, template, platform, command",
        ("My names", CONTENT, "lab-os", "show  name"),
    )
    assert ValidationEngine(db).template_for("lab_os", "show name") == "My names"


def test_what_is_no_template_database_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database, but long enough to look like a file of some kind\n" * 40)
    view = make(
        tmp_path / "view.db",
        "CREATE VIEW templates AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) "
        "SELECT i AS cli_command, i AS textfsm_content FROM n",
    )
    for path, reason in (
        (tmp_path / "missing.db", "no such template database"),
        (text, "not a template database"),
        (make(tmp_path / "other.db", "CREATE TABLE devices (id INT)"), "no table named templates"),
        (make(tmp_path / "columns.db", "CREATE TABLE templates (id INT, x TEXT)"), "other columns"),
        (view, "no table named templates"),
        (make(tmp_path / "virtual.db", "CREATE VIRTUAL TABLE templates USING fts5(cli_command)"), "no table"),
    ):
        with pytest.raises(DataError, match=reason) as caught:
            ValidationEngine(path).validate("x", None)
        assert "vctui init --force" in str(caught.value.next_step)


def test_a_damaged_page_is_an_error_and_reading_changes_nothing(tmp_path: Path) -> None:
    rows = [(f"t{i}", "x" * 3000) for i in range(40)]
    db = add(make(tmp_path / "d.db", SHAPES["C"]), "cli_command, textfsm_content", *rows)
    before = db.read_bytes()
    assert len(read_templates(db)) == 40
    assert db.read_bytes() == before
    db.write_bytes(before[:8192] + b"\xff" * 4096 + before[12288:])
    with pytest.raises(DataError):
        read_templates(db)


def test_a_changed_database_is_read_again(tmp_path: Path) -> None:
    db = make(tmp_path / "t.db", SHAPES["C"])
    engine = ValidationEngine(db)
    empty = engine.validate("Name: alpha\n", "lab_os_show_name")
    assert not empty.is_valid
    assert "database is empty" in (empty.reason or "")
    add(db, "cli_command, textfsm_content", ("lab_os_show_name", CONTENT))
    assert engine.validate("Name: alpha\n", "lab_os_show_name").record_count == 1


def test_the_package_comes_as_rows_for_the_store() -> None:
    rows = ntc_rows()
    assert len(rows) > 900
    assert len({row["cli_command"] for row in rows}) == len(rows)
    row = next(row for row in rows if row["cli_command"] == "cisco_ios_show_version")
    assert (
        row["textfsm_hash"] == hashlib.md5(row["textfsm_content"].encode(), usedforsecurity=False).hexdigest()
    )
    assert row["source"] == "ntc-templates"
    assert set(row) == {"cli_command", "cli_content", "textfsm_content", "textfsm_hash", "source", "created"}


def test_a_folder_of_templates_comes_as_rows_too(tmp_path: Path) -> None:
    (tmp_path / "lab_os_show_name.textfsm").write_text(CONTENT)
    (tmp_path / "README").write_text("no template")
    assert [(r["cli_command"], r["source"]) for r in folder_rows(tmp_path)] == [
        ("lab_os_show_name", "custom")
    ]


def test_abbreviations_of_the_index_expand_letter_by_letter() -> None:
    row, bad, worse = read_index(
        "lab_show_version.textfsm, .*, lab, sh[[ow]] ver[[sion]]\n"
        "bad.textfsm, .*, lab, sh[[ow]] (\nworse.textfsm, .*, (lab, sh[[ow]] ver[[sion]]"
    )
    for command in ("sh ver", "sho vers", "show version", "show version detail"):
        assert row.is_for("lab", command)
        assert not row.is_for("other", command)
        assert not bad.is_for("lab", command)
        assert not worse.is_for("lab", command)
    for command in ("s ver", "shw ver", "show vrsion"):
        assert not row.is_for("lab", command)
    assert expand("(a|b)x[[.]]") == "(a|b)x(?:\\.)?"


@pytest.mark.parametrize(
    ("platform", "command", "template"),
    [
        ("cisco_ios", "show ip arp", "cisco_ios_show_ip_arp"),
        ("cisco_xe", "sh ver", "cisco_ios_show_version"),
        ("cisco_ios_telnet", "show  version ", "cisco_ios_show_version"),
        ("cisco-ios", "show interfaces status", "cisco_ios_show_interfaces_status"),
        ("cisco_xr", "show ip interface brief", "cisco_xr_show_ip_interface_brief"),
        ("cisco_nxos", "show inventory", "cisco_nxos_show_inventory"),
        ("arista_eos", "sh ip arp vrf MGMT", "arista_eos_show_ip_arp"),
        ("juniper_junos", "show version | no-more", "juniper_junos_show_version"),
        ("juniper", "show arp no-resolve", "juniper_junos_show_arp_no-resolve"),
        ("huawei", "dis version", "huawei_vrp_display_version"),
        ("hp_comware", "display arp", "hp_comware_display_arp"),
        ("fortinet", "get system status", "fortinet_get_system_status"),
        ("paloalto_panos", "show arp all", "paloalto_panos_show_arp_all"),
        ("cisco_wlc", "show cdp neighbors detail", "cisco_wlc_ssh_show_cdp_neighbors_detail"),
        ("dell_os9", "show vlan", "dell_force10_show_vlan"),
        ("vyos", "show arp", "vyatta_vyos_show_arp"),
        (
            "cisco_ios",
            "show switch detail",
            "cisco_ios_show_switch_detail:cisco_ios_show_switch_detail_stack_ports",
        ),
        ("cisco_ios", "show running-config", None),
        ("f5_tmsh", "show sys version", None),
        ("frr", "show ip bgp summary", None),
        ("", "show version", None),
        ("cisco_ios", "", None),
    ],
)
def test_platform_and_command_find_the_template(platform: str, command: str, template: str | None) -> None:
    templates = set_of(*(row["cli_command"] for row in ntc_rows()))
    assert find_template(platform, command, templates, ntc_index()) == template


def test_a_template_of_ones_own_goes_before_the_index() -> None:
    templates = set_of("cisco_ios_show_ip_arp") | set_of("cisco_ios_show_ip_arp_vrf_lab", source="custom")
    rows = ntc_index()
    assert (
        find_template("cisco_ios", "show ip arp vrf lab", templates, rows) == "cisco_ios_show_ip_arp_vrf_lab"
    )
    assert find_template("cisco_ios", "show ip arp vrf x", templates, rows) == "cisco_ios_show_ip_arp"
    mine = set_of("cisco_ios_show_ip_arp") | set_of("cisco_xe_show_ip_arp", source="custom")
    assert find_template("cisco_xe", "sh ip arp", mine, rows) == "cisco_xe_show_ip_arp"
    assert find_template("cisco_ios", "sh ip arp", mine, rows) == "cisco_ios_show_ip_arp"
    declared = Template("my arp", "", "custom", platform="cisco_ios", command="show ip arp")
    assert find_template("cisco_ios", "sh ip arp", {"my arp": (declared,)}, rows) == "my arp"
    pair = ("cisco_ios_show_switch_detail", "cisco_ios_show_switch_detail_stack_ports")
    changed = set_of(*pair) | set_of(pair[0], source="custom")
    assert find_template("cisco_ios", "sh switch det", changed, rows) == ":".join(pair)
    assert find_template("cisco_ios", "show switch detail", set_of(pair[0], source="custom"), rows) == pair[0]


def test_the_first_hit_of_the_index_counts_even_if_its_template_is_missing() -> None:
    templates = set_of("cisco_ios_show_interfaces")
    assert find_template("cisco_ios", "show interfaces Gi1/0/1", templates, ntc_index()) is not None
    assert find_template("cisco_ios", "show interfaces status", templates, ntc_index()) is None


def test_every_platform_of_the_package_is_its_own_name() -> None:
    for name in (
        "cisco_ios",
        "cisco_wlc_ssh",
        "hp_procurve",
        "linux",
        "zte_zxros",
        "alcatel_sros",
        "checkpoint_gaia",
    ):
        assert ntc_platform(name) == name


def test_how_well_names_answer_a_filter() -> None:
    name = "cisco_ios_show_mac-address-table"
    order = [
        name_fit(name, words(text))
        for text in (
            "cisco-ios_show_mac_address_table",
            "mac_address_table",
            "show_mac",
            "cisco_table",
            "show_addr",
            "show_route",
        )
    ]
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == 6
    assert order[-1] == 0
    assert name_fit("cisco_ios_show_ip_arp", words("ip")) > 0


def test_what_rules_say_for_certain() -> None:
    assert literal_count(r"^Name:\s+(?P<A>abc\d+)x{2}(y|zz)?(?:foo|ab)$") == 5 + 2 + 2
    assert narrowness(r"(up|down)") == 1
    assert narrowness(r"(\S+)") < 0.01
    assert narrowness(r"(up|\S+)") < 0.01
    assert narrowness(r"(\d+)") == pytest.approx(0.494, abs=0.001)
    assert 0 < narrowness(r"(\w+)") < narrowness(r"([0-9a-f.]+)") < narrowness(r"(\d+)")
    assert fixed_text(r"^\s*Hardware Addr\s+${X}") == "Hardware Addr"
    assert fixed_text(r"^Line\s*protocols?\s$$") == "protocol"
    assert fixed_text(r"^(a|bcd)") == ""
    assert fixed_text(r"^(abc)?x+yz") == "yz"
    assert fixed_text(r"^$NAME\[ok\]") == "[ok]"


def test_required_texts_are_of_the_rules_that_can_begin_a_record() -> None:
    content = (
        "Value A (\\S+)\n\nStart\n  ^Header\n  ^Group:${A} -> Record\n  # ^x${A}\n  ^Table of -> Rows\n"
        "  ^. -> Error\n\nRows\n  ^${A} -> Record\n"
    )
    assert required_texts(content) == ("Group:", "Table of")
    assert required_texts(CONTENT.replace("Name: ", "")) is None
    assert required_texts(CONTENT) == ("Name: ",)
