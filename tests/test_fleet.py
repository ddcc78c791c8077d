"""The simulated fleet over real SSH, from the outside, by a plain paramiko client."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest

from vctui.demo.devices import SimDevice, generated_fleet, sample_fleet
from vctui.demo.faults import FAULT_EVERY, MAX_WAITED_OUT, Fault, spread_faults
from vctui.demo.fleet import host_key_seed, public_key
from vctui.demo.launch import Fleet, FleetHost
from vctui.errors import UsageError, VctuiError
from vctui.sample import sample_data_dir

PASSWORD = "fleet-password"
WAIT = 20.0
IOS = str(sample_data_dir() / "transcripts" / "cisco_ios" / "device.yaml")


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    devices = sample_fleet(sample_data_dir(), PASSWORD, "enable-secret")
    with Fleet([device.sim for device in devices], seed="test") as running:
        yield running


@contextmanager
def connected(host: FleetHost) -> Iterator[paramiko.Transport]:
    transport = paramiko.Transport(socket.create_connection((host.host, host.port), WAIT))
    try:
        transport.start_client(timeout=WAIT)
        yield transport
    finally:
        transport.close()


@contextmanager
def shell(host: FleetHost) -> Iterator[paramiko.Channel]:
    with connected(host) as transport:
        transport.auth_password("demo", PASSWORD)
        channel = transport.open_session(timeout=WAIT)
        channel.settimeout(WAIT)
        channel.get_pty()
        channel.invoke_shell()
        yield channel


def read_until(channel: paramiko.Channel, ending: bytes) -> bytes:
    data = b""
    while not data.endswith(ending):
        piece = channel.recv(65536)
        if not piece:
            raise EOFError(data)
        data += piece
    return data


@pytest.mark.parametrize(
    ("device", "prompt", "command"),
    [
        ("ams-core-01", b"ams-core-01#", b"show ip arp"),
        ("ams-dist-01", b"ams-dist-01# ", b"show interface status"),
        ("lis-pe-01", b"RP/0/RP0/CPU0:lis-pe-01#", b"show route"),
        ("fra-leaf-01", b"fra-leaf-01#", b"show ip arp"),
        ("lis-edge-01", b"demo@lis-edge-01> ", b"show lldp neighbors"),
        ("sin-core-01", b"<sin-core-01>", b"display interface brief"),
        ("fra-leaf-05", b"fra-leaf-05#", b"show version"),
    ],
)
def test_a_session_on_every_platform(fleet: Fleet, device: str, prompt: bytes, command: bytes) -> None:
    off = {"lis-edge-01": b"set cli screen-length 0", "sin-core-01": b"screen-length 0 temporary"}
    with shell(fleet.hosts[device]) as channel:
        read_until(channel, prompt)
        channel.sendall(off.get(device, b"terminal length 0") + b"\r")
        read_until(channel, prompt)
        channel.sendall(command + b"\r")
        answer = read_until(channel, prompt)
    assert answer.startswith(command + b"\r\n")
    assert answer.count(b"\r\n") >= 10
    assert b"ore" + b" --" not in answer  # no pager


def test_banner_comes_before_the_login(fleet: Fleet) -> None:
    with connected(fleet.hosts["ams-core-01"]) as transport:
        transport.auth_password("demo", PASSWORD)
        assert b"ams-core-01: authorised use only" in (transport.get_banner() or b"")
        assert transport.remote_version == "SSH-2.0-Cisco-1.25"


def test_a_wrong_password_is_refused(fleet: Fleet) -> None:
    with connected(fleet.hosts["ams-core-01"]) as transport:
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("demo", "retired")
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("root", PASSWORD)


def test_every_device_shows_the_host_key_it_announced(fleet: Fleet) -> None:
    keys = {host.key for host in fleet.hosts.values()}
    assert len(keys) == len(fleet.hosts)
    for name in ("ams-core-01", "lis-edge-01"):
        with connected(fleet.hosts[name]) as transport:
            assert transport.get_remote_server_key().asbytes() == fleet.hosts[name].key
        assert fleet.hosts[name].key == public_key(host_key_seed("test", name))


def test_closed_port_refuses(fleet: Fleet) -> None:
    host = fleet.hosts["fra-leaf-03"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host.host, host.port), WAIT)


def test_not_ssh_answers_as_a_web_server(fleet: Fleet) -> None:
    host = fleet.hosts["fra-spine-02"]
    with socket.create_connection((host.host, host.port), WAIT) as sock:
        sock.sendall(b"SSH-2.0-test\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400")


def test_drop_ends_the_connection_in_mid_output(fleet: Fleet) -> None:
    with shell(fleet.hosts["ams-access-04"]) as channel:
        read_until(channel, b"ams-access-04#")
        channel.sendall(b"show ip arp\r")
        with pytest.raises(EOFError) as stopped:
            read_until(channel, b"ams-access-04#")
    received: bytes = stopped.value.args[0]
    assert received.startswith(b"show ip arp\r\nProtocol  Address")


def test_a_login_in_user_mode_rises_with_the_secret(fleet: Fleet) -> None:
    with shell(fleet.hosts["ams-access-01"]) as channel:
        read_until(channel, b"ams-access-01>")
        channel.sendall(b"enable\r")
        read_until(channel, b"Password: ")
        channel.sendall(b"enable-secret\r")
        read_until(channel, b"ams-access-01#")


def test_the_fleet_ends_with_its_input_even_with_sessions_open() -> None:
    device = sample_fleet(sample_data_dir(), PASSWORD, "x")[0].sim
    fleet = Fleet([device]).start()
    host = fleet.hosts[device.name]
    with shell(host) as channel:
        read_until(channel, b"#")
        fleet.close()
        assert channel.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host.host, host.port), WAIT)


def test_ctrl_c_on_the_terminal_does_not_reach_the_fleet() -> None:
    device = sample_fleet(sample_data_dir(), PASSWORD, "x")[0].sim
    with Fleet([device]) as fleet:
        assert fleet.pid is not None
        assert os.getpgid(fleet.pid) != os.getpgid(0)
        os.kill(fleet.pid, signal.SIGKILL)  # closing a fleet that is gone is quiet


def test_two_fleets_share_the_addresses_but_not_the_ports(fleet: Fleet) -> None:
    devices = [device.sim for device in sample_fleet(sample_data_dir(), PASSWORD, "x")]
    with Fleet(devices) as second:
        taken = {(host.host, host.port) for host in fleet.hosts.values()}
        assert not taken & {(host.host, host.port) for host in second.hosts.values()}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((fleet.hosts["fra-leaf-03"].host, fleet.hosts["fra-leaf-03"].port), WAIT)


def test_one_loopback_address_is_enough() -> None:
    """As on macOS: an address that cannot be bound becomes 127.0.0.1 with a port of its own."""
    devices = [SimDevice(name=f"d{n}", recording=IOS, host="192.0.2.77", password=PASSWORD) for n in (1, 2)]
    with Fleet(devices) as fleet:
        first, second = fleet.hosts.values()
        assert first.host == second.host == "127.0.0.1"
        assert first.port != second.port
        with shell(second) as channel:
            read_until(channel, b"d2#")


def test_a_fleet_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vctui.demo.launch.sys.executable", str(tmp_path / "no-python"))
    with pytest.raises(VctuiError, match="cannot start"):
        Fleet([SimDevice(name="d1", recording=IOS, host="127.0.0.1")]).start()


def test_a_thousand_devices_each_at_its_own_address() -> None:
    devices = generated_fleet(sample_data_dir(), 1000, PASSWORD, "x")
    with Fleet([device.sim for device in devices]) as fleet:
        assert list(fleet.hosts) == [device.sim.name for device in devices]
        assert len({(host.host, host.port) for host in fleet.hosts.values()}) == 1000
        healthy = [device.sim.name for device in devices if device.sim.fault is Fault.NONE]
        for name in (healthy[0], healthy[-1]):
            with connected(fleet.hosts[name]) as transport:
                transport.auth_password("demo", PASSWORD)
                assert transport.is_authenticated()


def test_generated_fleets_are_always_the_same_and_mixed() -> None:
    first = generated_fleet(sample_data_dir(), 300, PASSWORD, "x")
    assert first == generated_fleet(sample_data_dir(), 300, PASSWORD, "x")
    assert len({device.sim.name for device in first}) == 300
    assert len({device.row["primary_ip4"] for device in first}) == 300
    assert {Path(device.sim.recording).parent.name for device in first} == {
        "cisco_ios",
        "cisco_nxos",
        "cisco_xr",
        "arista_eos",
        "juniper_junos",
        "huawei_vrp",
    }
    for count in (0, 10_001):
        with pytest.raises(UsageError, match=str(count)):
            generated_fleet(sample_data_dir(), count, PASSWORD, "x")


@pytest.mark.parametrize("count", [200, 1000, 5000])
def test_faults_of_a_large_fleet(count: int) -> None:
    faults = spread_faults(count)
    bad = [fault for fault in faults if fault is not Fault.NONE]
    assert 0.05 <= len(bad) / count <= 0.10
    assert set(bad) == set(Fault) - {Fault.NONE, Fault.ENABLE_REFUSED}
    assert bad.count(Fault.SILENT) <= MAX_WAITED_OUT
    assert bad.count(Fault.NO_PROMPT) <= MAX_WAITED_OUT
    assert faults[FAULT_EVERY // 2] is not Fault.NONE


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_process_of_the_fleet_is_told_no_master_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "open sesame")
    devices = sample_fleet(sample_data_dir(), PASSWORD, "enable-secret")
    with Fleet([device.sim for device in devices[:1]]) as fleet:
        assert fleet._child is not None
        process = Path(f"/proc/{fleet._child.pid}")
        seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    assert seen
    for secret in (b"sesame", PASSWORD.encode(), b"enable-secret"):
        assert secret not in seen
