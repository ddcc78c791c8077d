"""Which way leads to a device: its own choice, `config.yaml`, an OpenSSH configuration; the plan says it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.small_home import add_job, make_home
from vctui.cli.main import main
from vctui.config import Settings, load_settings
from vctui.errors import UsageError, VaultError
from vctui.jobs import JobSource, NoRoute, PlannedHop, Planner, Routes, jump_rounds
from vctui.jobs.hops import open_hops
from vctui.records import CredentialInfo, Device, SSHCredentials
from vctui.scope import ANYWHERE, Scope, parse_scope
from vctui.ssh import KnownHosts
from vctui.storage import Inventory
from vctui.storage.device_options import read_options

CONFIG = """\
jump_hosts:
  bastion:
    host: 192.0.2.250
    port: 2222
    credential: gate
  ams-1:
    host: ams.example.net
    via: bastion
    transports: 4
    max_channels: 30
    legacy: true
    for:
      sites: [AMS, rtm]
      platforms: cisco_*
  by-name:
    host: 192.0.2.251
    user: other
    for: {name_pattern: '^core-'}
  listed:
    host: 192.0.2.252
    for:
      devices: ['edge-?', core-9]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path)


def configured(settings: Settings, text: str = CONFIG) -> Settings:
    settings.home.mkdir(exist_ok=True)
    settings.config_file.write_text(text)
    return load_settings(settings.home)


def info(name: str, number: int, *, default: bool = False, scope: Scope = ANYWHERE) -> CredentialInfo:
    return CredentialInfo(number, name, "operator", default, True, False, False, scope=scope)


LOGINS = (info("lab", 1, default=True), info("gate", 2))


def routes(settings: Settings, *logins: CredentialInfo) -> Routes:
    return Routes(settings, KnownHosts(settings.known_hosts), logins or LOGINS)


def device(name: str = "sw1", **values: Any) -> Device:
    known = Device(1, name, primary_ip4="10.0.0.1", site="lab", platform="cisco_ios")
    return replace(known, **values)


def names(path: tuple[PlannedHop, ...]) -> list[str]:
    return [hop.name for hop in path]


def test_the_first_entry_that_a_device_belongs_to(settings: Settings) -> None:
    found = routes(configured(settings))
    assert names(found.to(device())) == []
    assert names(found.to(device(site="ams"))) == ["bastion", "ams-1"]
    assert names(found.to(device(site="x", site_name="Rtm"))) == ["bastion", "ams-1"]
    assert names(found.to(device(site="ams", platform="arista_eos"))) == [], "of each kind one must fit"
    assert names(found.to(device("CORE-9", site="ams"))) == ["bastion", "ams-1"]
    assert names(found.to(device("Core-9"))) == ["by-name"]
    assert names(found.to(device("edge-1"))) == ["listed"]
    assert names(found.to(device("edge-10"))) == []


def test_a_devices_own_choice_wins(settings: Settings) -> None:
    found = routes(configured(settings))
    assert names(found.to(device(site="ams", jump="listed"))) == ["listed"]
    assert names(found.to(device(site="ams", jump="none"))) == []
    with pytest.raises(NoRoute, match="gone is not in config"):
        found.to(device(jump="gone"))


def test_a_jump_host_is_not_behind_itself(settings: Settings) -> None:
    found = routes(configured(settings))
    inside = device("gate", site="ams", primary_ip4="192.0.2.250", port=2222)
    assert names(found.to(inside)) == []
    far = device("ams", site="ams", primary_ip4="ams.example.net")
    assert names(found.to(far)) == ["bastion"]


def test_what_a_hop_is(settings: Settings) -> None:
    bastion, ams = routes(configured(settings)).to(device(site="ams"))
    assert bastion == PlannedHop("bastion", "192.0.2.250", 2222, "gate", 2, False)
    assert (ams.credential, ams.transports, ams.max_channels, ams.legacy) == ("lab", 4, 30, True)
    (by_name,) = routes(configured(settings)).to(device("core-1"))
    assert (by_name.credential, by_name.user) == ("lab", "other")


def test_credentials_of_jump_hosts_keep_their_scope(settings: Settings) -> None:
    outside = info("gate", 2, scope=parse_scope("network:10.0.0.0/8"))
    with pytest.raises(NoRoute, match="'gate' may not be sent to its jump host bastion"):
        routes(configured(settings), LOGINS[0], outside).to(device(site="ams"))
    inside = info("gate", 2, scope=parse_scope("network:192.0.2.0/24 name:bast*"))
    assert names(routes(configured(settings), LOGINS[0], inside).to(device(site="ams")))
    with pytest.raises(NoRoute, match="credential that is gone: gate"):
        routes(configured(settings), LOGINS[0]).to(device(site="ams"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jump_hosts: {a b: {}}", "jump_hosts.a b: is no name"),
        ("jump_hosts: {none: {}}", "is no name"),
        ("jump_hosts: {a: {host: -oProxyCommand=x}}", "jump_hosts.a: host"),
        ("jump_hosts: {a: {host: 'a;b'}}", "jump_hosts.a: host"),
        ("jump_hosts: {a: {user: '$(x)'}}", "jump_hosts.a: user"),
        ("jump_hosts: {a: {port: 70000}}", "jump_hosts.a.port"),
        ("jump_hosts: {a: {transports: 5}}", "jump_hosts.a.transports"),
        ("jump_hosts: {a: {transports: 1.5}}", "whole number"),
        ("jump_hosts: {a: {legacy: maybe}}", "true or false"),
        ("jump_hosts: {a: {hots: b}}", "does not know hots"),
        ("jump_hosts: {a: {for: {site: b}}}", "jump_hosts.a.for: does not know site"),
        ("jump_hosts: {a: {for: all}}", "must be a mapping"),
        ("jump_hosts: {a: {via: b}, b: {via: a}}", "leads nowhere"),
        ("jump_hosts: {a: {via: a}}", "leads nowhere"),
        ("jump_hosts: [a]", "must be a mapping"),
        ("jump_hosts: {a: {host: [b]}}", "must be a text"),
    ],
)
def test_a_slip_in_the_configuration_is_named(settings: Settings, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        configured(settings, text)
    assert words in str(caught.value)
    assert str(settings.config_file) in str(caught.value)


def test_a_pattern_that_is_none(settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"jump_hosts.a.for.name_pattern"):
        routes(configured(settings, "jump_hosts: {a: {for: {name_pattern: '('}}}"))


# From OpenSSH's configuration

SSH_CONFIG = """\
Host ams-*
    ProxyJump gate.example.net
Host gate.example.net
    HostName 192.0.2.9
    Port 2200
    User jumper
    IdentityFile ~/.ssh/id_gate
Host bastion
    HostName 192.0.2.10
    ProxyJump first
Host odd
    ProxyCommand nc %h %p
"""


@pytest.fixture
def with_ssh_config(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    folder = settings.home / ".ssh"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(settings.home))
    (folder / "config").write_text(SSH_CONFIG)
    (folder / "config").chmod(0o600)
    return configured(settings, "ssh_config: ~/.ssh/config\njump_hosts: {bastion: {credential: gate}}\n")


def test_proxy_jump_where_nothing_else_says(with_ssh_config: Settings) -> None:
    found = routes(with_ssh_config)
    (hop,) = found.to(device("ams-1"))
    assert (hop.name, hop.host, hop.port, hop.user) == ("gate.example.net", "192.0.2.9", 2200, "jumper")
    assert hop.key_files == (with_ssh_config.home / ".ssh" / "id_gate",)
    assert (hop.credential, hop.credential_id) == ("", None)
    assert found.to(device("rtm-1")) == ()
    assert names(found.to(device("rtm-1", jump="bastion"))) == ["first", "bastion"]
    assert found.to(device("rtm-1", jump="bastion"))[1].host == "192.0.2.10"
    with pytest.raises(NoRoute, match="never run"):
        found.to(device("odd"))


def test_the_key_file_of_a_jump_host(with_ssh_config: Settings) -> None:
    (hop,) = routes(with_ssh_config).to(device("ams-1"))
    with pytest.raises(UsageError, match="id_gate"):
        open_hops(SSHCredentials("nobody"), [hop])
    hop.key_files[0].write_text("the key")
    hop.key_files[0].with_name("id_gate-cert.pub").write_text("the certificate")
    login = open_hops(SSHCredentials("nobody"), [hop])[hop].credentials
    assert (login.username, login.private_key) == ("jumper", "the key\nthe certificate")


# The plan


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = make_home(tmp_path)
    add_job(settings, "all", command="show version")
    return configured(settings, "jump_hosts: {gate: {host: 192.0.2.250, for: {sites: core}}}")


def test_the_plan_names_the_way_and_leaves_out_who_has_none(home: Settings) -> None:
    with Inventory(home.dcim_db) as inventory:
        for name, jump in (("core-rt1", "gone"), ("core-rt2", "none"), ("lab-sw1", "gate")):
            found = inventory.get(name)
            assert found is not None
            inventory.edit(found.id, {"jump": jump})
    plan = Planner(home, credentials=LOGINS).plan(JobSource(home).resolve("all"))
    ways = {item.device.name: item.path_text for item in plan.items}
    assert ways == {"core-rt2": "", "core-nx1": "gate", "lab-sw1": "gate", "lab-sw2": ""}
    reasons = {left.device.name: left.reason for left in plan.left_out}
    assert reasons["core-rt1"] == "its jump host gone is not in config.yaml"
    (hop,) = plan.jump_hosts
    assert (hop.host, hop.host_known) == ("192.0.2.250", False)


def test_rounds_of_trust_begin_with_the_nearest() -> None:
    def hop(name: str) -> PlannedHop:
        return PlannedHop(name, name, 22, "lab", 1, False)

    a, b, c = (hop(name) for name in "abc")
    rounds = jump_rounds([(a, b, c), (b,), (a, b), ()])
    assert [[(host.name, names(host.path)) for host in hosts] for hosts in rounds] == [
        [("a", []), ("b", [])],
        [("b", ["a"])],
        [("c", ["a", "b"])],
    ]


def test_a_jump_host_without_a_login_stops_the_run(home: Settings) -> None:
    hop = PlannedHop("gate", "192.0.2.250", 22, "", None, False)

    class Empty:
        def get_ssh_credentials(self, **which: object) -> SSHCredentials:
            raise AssertionError

    with pytest.raises(VaultError, match="no credential for jump host gate"):
        open_hops(Empty(), [hop])  # type: ignore[arg-type]
    narrow = SSHCredentials("x", name="lab", scope=parse_scope("name:other"))
    with pytest.raises(VaultError, match="may not be sent to jump host gate"):
        open_hops(narrow, [replace(hop, credential_id=1)])


# A device's own options


def test_options_of_a_device(home: Settings) -> None:
    with Inventory(home.dcim_db) as inventory:
        found = inventory.get("lab-sw1")
        assert found is not None
        assert (found.jump, found.legacy) == (None, None)
        inventory.edit(found.id, {"jump": "gate", "legacy": "on"})
        inventory.edit(found.id, {"legacy": "off", "description": "x"})
        changed = inventory.by_id(found.id)
        assert changed is not None
        assert (changed.jump, changed.legacy, changed.description) == ("gate", False, "x")
        inventory.edit(found.id, {"jump": "", "legacy": ""})
        cleared = inventory.by_id(found.id)
        assert cleared is not None
        assert (cleared.jump, cleared.legacy) == (None, None)
        for bad in ({"jump": "a b"}, {"legacy": "maybe"}):
            with pytest.raises(UsageError, match="device: "):
                inventory.edit(found.id, bad)
        other = inventory.add({"name": "new", "site": "lab", "jump": "gate"})
        inventory.remove(other)
        with inventory.reading() as database:
            assert list(read_options(database)) == [found.id]


def test_options_of_devices_in_a_csv(home: Settings, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    header = "name,primary_ip4,platform,site,jump,legacy\n"
    with Inventory(home.dcim_db) as inventory:
        inventory.export_csv(file)
        assert "jump" not in file.read_text().splitlines()[0], "nobody has any"
        file.write_text(
            f"{header}lab-sw1,192.0.2.1,arista_eos,lab,gate,on\nnew,192.0.2.9,arista_eos,lab,,off\n"
        )
        report = inventory.import_csv(file)
        assert (report.added, report.updated, report.ignored_columns) == (1, 1, ())
        assert inventory.import_csv(file).unchanged == 2
        inventory.export_csv(file)
        again = inventory.import_csv(file, strict=True)
        assert (again.updated, again.added, again.skipped) == (0, 0, 0)
        found = {device.name: (device.jump, device.legacy) for device in inventory.devices()}
        assert (found["lab-sw1"], found["new"], found["core-rt1"]) == (
            ("gate", True),
            (None, False),
            (None, None),
        )
        file.write_text(f"{header}lab-sw1,192.0.2.1,arista_eos,lab,,maybe\n")
        assert inventory.import_csv(file).errors[0][0] == 2


def test_the_doctor_goes_the_ways(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    def found() -> dict[str, Any]:
        main(["--home", str(home.home), "doctor", "--json"])
        rows = json.loads(capsys.readouterr().out)
        return {row["what"]: row for row in rows}

    row = found()["jump hosts"]
    assert (row["state"], row["detail"]) == ("ok", "1, 3 devices behind jump hosts")
    with Inventory(home.dcim_db) as inventory:
        device = inventory.get("core-rt1")
        assert device is not None
        inventory.edit(device.id, {"jump": "gone"})
    row = found()["jump hosts"]
    assert (row["state"], row["detail"]) == ("bad", "1 device: its jump host gone is not in config.yaml")
    (home.home / "ssh_config").write_text("Match exec true\n  Port 1\n")
    (home.home / "ssh_config").chmod(0o600)
    configured(home, "ssh_config: ssh_config\n")
    assert "never run" in found()["ssh_config"]["detail"]
