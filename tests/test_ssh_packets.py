"""Packets: made and taken apart for every family of ciphers, and never believed when they are wrong."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from vctui.ssh.packetizer import Packets
from vctui.ssh.packets import MAX_PACKET, Inbound, Outbound

IV, KEY, MAC_KEY = bytes(range(16)), bytes(range(32)), bytes(range(64))


@dataclass(frozen=True)
class Family:
    """One way to seal packets, as both packetizers are told of it."""

    name: str
    cipher: Callable[[], Any] | None
    etm: bool = False
    mac: Any = None
    mac_size: int = 0

    def outbound(self, packetizer: Any) -> None:
        if self.cipher is None:
            return
        aead = self.mac is None
        engine = AESGCM(KEY) if aead else self.cipher().encryptor()
        packetizer.set_outbound_cipher(
            engine, 16, self.mac, self.mac_size or 16, None if aead else self.mac_key,
            sdctr="ctr" in self.name, etm=self.etm, aead=aead, iv_out=IV[:12] if aead else None,
        )  # fmt: skip

    def inbound(self, packetizer: Any) -> None:
        if self.cipher is None:
            return
        aead = self.mac is None
        engine = AESGCM(KEY) if aead else self.cipher().decryptor()
        packetizer.set_inbound_cipher(
            engine, 16, self.mac, self.mac_size or 16, None if aead else self.mac_key,
            etm=self.etm, aead=aead, iv_in=IV[:12] if aead else None,
        )  # fmt: skip

    @property
    def mac_key(self) -> bytes:
        return MAC_KEY[: self.mac().digest_size]

    def ends(self) -> tuple[Outbound, Inbound]:
        one, other = Packets(None), Packets(None)
        self.outbound(one)
        self.inbound(other)
        return one.outbound, other.inbound


def ctr() -> Any:
    return Cipher(algorithms.AES(KEY[:16]), modes.CTR(IV))


def cbc() -> Any:
    return Cipher(algorithms.AES(KEY[:16]), modes.CBC(IV))


PLAIN = Family("plain", None)
SEALED = (
    Family("gcm", ctr),
    Family("ctr, etm sha256", ctr, True, hashlib.sha256, 32),
    Family("ctr, etm sha512", ctr, True, hashlib.sha512, 64),
    Family("ctr, sha256", ctr, False, hashlib.sha256, 32),
    Family("ctr, sha1-96", ctr, False, hashlib.sha1, 12),
    Family("cbc, sha1", cbc, False, hashlib.sha1, 20),
)
FAMILIES = (PLAIN, *SEALED)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
each_sealed = pytest.mark.parametrize("family", SEALED, ids=lambda family: family.name)
PAYLOADS = [b"\x5e" + bytes(n % 251 for n in range(size)) for size in (0, 1, 7, 8, 15, 16, 17, 300, 33_000)]


def taken(inbound: Inbound) -> list[bytes]:
    payloads = []
    while (payload := inbound.take()) is not None:
        payloads.append(payload)
    return payloads


@each_family
def test_what_goes_in_comes_out(family: Family) -> None:
    outbound, inbound = family.ends()
    inbound.feed(b"".join(map(outbound.seal, PAYLOADS)))
    assert taken(inbound) == PAYLOADS
    assert inbound.waiting == 0
    assert (inbound.packets, inbound.volume) == (outbound.packets, outbound.volume)


@each_family
def test_pieces_of_any_size_make_no_difference(family: Family) -> None:
    payloads = PAYLOADS[:-1]
    for cut in range(1, 120):
        outbound, inbound = family.ends()
        data = b"".join(map(outbound.seal, payloads))
        found = []
        for piece in (data[:cut], data[cut : cut + 1], data[cut + 1 :]):
            inbound.feed(piece)
            found += taken(inbound)
        assert found == payloads


@each_family
def test_one_byte_at_a_time(family: Family) -> None:
    outbound, inbound = family.ends()
    found = []
    for byte in b"".join(map(outbound.seal, PAYLOADS)):
        inbound.feed(bytes([byte]))
        found += taken(inbound)
    assert found == PAYLOADS


@given(payloads=st.lists(st.binary(min_size=1, max_size=90), max_size=6), cuts=st.lists(st.integers(0, 900)))
def test_any_payloads_in_any_pieces(payloads: list[bytes], cuts: list[int]) -> None:
    for family in FAMILIES:
        outbound, inbound = family.ends()
        data = b"".join(map(outbound.seal, payloads))
        found = []
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), None], strict=True):
            inbound.feed(data[start:end])
            found += taken(inbound)
        assert found == payloads


@each_family
def test_paramiko_and_we_understand_each_other(family: Family) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(5)
        theirs, ours = Packetizer(left), Packets(right)
        for packetizer in (theirs, ours):
            family.inbound(packetizer)
            family.outbound(packetizer)
        for payload in PAYLOADS:
            ours.send_message(Message(payload))
            right.sendall(ours.take_unsent())
            kind, message = theirs.read_message()
            assert bytes([kind]) + message.asbytes() == payload
            theirs.send_message(Message(payload))
            while (answer := ours.next_payload()) is None:
                ours.inbound.feed(right.recv(4096))
            assert answer == payload


@each_sealed
def test_a_changed_byte_is_noticed(family: Family) -> None:
    """No other payload ever comes out; at most, the end of a longer packet is awaited."""
    size = len(family.ends()[0].seal(b"\x5epayload"))
    for at in range(size):
        for bit in (1, 128):
            outbound, inbound = family.ends()
            packet = bytearray(outbound.seal(b"\x5epayload"))
            packet[at] ^= bit
            inbound.feed(bytes(packet))
            try:
                assert inbound.take() is None
            except SSHException:
                continue
            inbound.feed(bytes(MAX_PACKET))
            with pytest.raises(SSHException):
                inbound.take()


@each_sealed
def test_a_packet_that_comes_again_is_noticed(family: Family) -> None:
    outbound, inbound = family.ends()
    packet = outbound.seal(b"\x5epayload")
    inbound.feed(packet + packet)
    assert inbound.take() == b"\x5epayload"
    inbound.feed(bytes(MAX_PACKET))
    with pytest.raises(SSHException):
        inbound.take()


@each_sealed
def test_a_packet_that_is_left_out_is_noticed(family: Family) -> None:
    outbound, inbound = family.ends()
    outbound.seal(b"\x5efirst")
    inbound.feed(outbound.seal(b"\x5esecond") + bytes(MAX_PACKET))
    with pytest.raises(SSHException):
        inbound.take()


@pytest.mark.parametrize("size", [0, 1, 4, 5, 11, 13, MAX_PACKET + 4, 2**31 + 4, 2**32 - 4])
def test_impossible_sizes(size: int) -> None:
    inbound = Inbound()
    inbound.feed(size.to_bytes(4) + bytes(60))
    with pytest.raises(SSHException, match="impossible"):
        inbound.take()


@pytest.mark.parametrize("padding", [0, 3, 11, 12, 255])
def test_impossible_padding(padding: int) -> None:
    inbound = Inbound()
    inbound.feed((12).to_bytes(4) + bytes([padding]) + bytes(11))
    with pytest.raises(SSHException, match="padding"):
        inbound.take()


def test_the_largest_packet() -> None:
    outbound, inbound = PLAIN.ends()
    payload = bytes(MAX_PACKET - 4 - 5)
    inbound.feed(outbound.seal(payload))
    assert inbound.take() == payload


def test_lines_come_before_packets() -> None:
    outbound, inbound = PLAIN.ends()
    for byte in b"hello\r\n\nSSH-2.0-x\n" + outbound.seal(b"\x14first"):
        inbound.feed(bytes([byte]))
        if byte == 10:
            continue
    assert [inbound.take_line() for _ in range(3)] == [b"hello", b"", b"SSH-2.0-x"]
    assert inbound.take() == b"\x14first"


def test_a_sequence_that_starts_anew() -> None:
    outbound, inbound = SEALED[1].ends()
    outbound.sequence = inbound.sequence = 2**32 - 1
    inbound.feed(outbound.seal(b"\x5elast") + outbound.seal(b"\x5efirst"))
    assert taken(inbound) == [b"\x5elast", b"\x5efirst"]
    assert inbound.sequence == 1


def test_a_sequence_never_starts_anew_before_the_first_keys() -> None:
    packets, other = Packets(None), Packets(None)
    packets.outbound.sequence = other.inbound.sequence = 2**32 - 1
    with pytest.raises(SSHException, match="rolled over"):
        packets.send_message(Message(b"\x02"))
    other.inbound.feed(packets.take_unsent())
    with pytest.raises(SSHException, match="rolled over"):
        other.next_payload()


def test_new_keys_are_asked_for_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packets, "REKEY_BYTES", 200)
    packets = Packets(None)
    for _ in range(12):
        assert not packets.need_rekey()
        packets.send_message(Message(b"\x02"))
    packets.send_message(Message(b"\x02"))
    assert packets.need_rekey()
    PLAIN.outbound(packets)
    packets.set_outbound_cipher(None, 8, None, 0, b"")
    assert packets.need_rekey(), "keys have been changed in one direction only"
    packets.set_inbound_cipher(None, 8, None, 0, b"")
    assert not packets.need_rekey()


def test_a_server_that_never_changes_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packets, "REKEY_PACKETS", 2)
    monkeypatch.setattr(Packets, "REKEY_PACKETS_OVERFLOW_MAX", 4)
    packets = Packets(None)
    outbound = Outbound()
    for _ in range(5):
        packets.inbound.feed(outbound.seal(b"\x02"))
        assert packets.next_payload() == b"\x02"
    packets.inbound.feed(outbound.seal(b"\x02"))
    with pytest.raises(SSHException, match="ignoring"):
        packets.next_payload()
