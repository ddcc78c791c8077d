"""Diffie-Hellman: the same results as others have, in OpenSSL's way and in Python's."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from paramiko.kex_curve25519 import KexCurve25519
from paramiko.kex_group14 import KexGroup14SHA256
from paramiko.kex_group16 import KexGroup16SHA512
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from tests.fixtures.ssh_device import WAIT, Device, Rules
from vctui.ssh import kex, scan_host_key
from vctui.ssh.algorithms import KEX
from vctui.ssh.curve25519 import Curve25519
from vctui.ssh.fields import mpint
from vctui.ssh.kex import (
    ENGINES,
    EXPONENT_BITS,
    GroupExchangeSHA256,
    OpenSSLSecret,
    PowerSecret,
    Secret,
    new_secret,
)  # fmt: skip

GROUP14, GROUP16 = KexGroup14SHA256.P, KexGroup16SHA512.P
# From OpenSSL 3.0.19: `openssl genpkey -algorithm DH -pkeyopt group:modp_2048` twice, and
# `openssl pkeyutl -derive`.
KNOWN = [
    (
        GROUP14,
        0xBB4F9B472D2E788D9C0366BBCC7C1B1F4C423DD6A4143A166E4B659E,
        "c98fec6531f68a1226b73c3566d32084a6c91c0bdc7d3e729fed863210de5b59",
        0x4B9751C740E277199DA001E7F44EB04F0BF316A86E8D0B60D60C5F3D,
        "375edb1ca2273e4e9783298e338f5251ecaed3e01f2471b63da2eb340ea10979",
        "261d6bf054751ba6a142641ac62a70405315544e5bbaf602752c9499654a0322",
    ),
    (
        GROUP16,
        0x98D4819859639D7CA262B6D69D2156C7382A903F6388986D701CE66E4C2076E37C70184667A287D5F,
        "2d497e26c2649d9c9f4db55ea6ff37245beeca2de79d43a379050b22eb9020fd",
        0x7A5B553770209D9F853B8D6B9858C5BA02FEF0C7F0972D949DB830C3C81D87AF6968839FF573DFE29,
        "1786debf65725cea9ad5f2365046ddf6a9a6c931e205a397bdd0518a411d0161",
        "67148f254ba6a13e641c587181358eb015aaa0bb9860b6156686aed62aaf092c",
    ),
]
each_group = pytest.mark.parametrize("p", [GROUP14, GROUP16], ids=["group14", "group16"])


def digest(number: int, p: int) -> str:
    return hashlib.sha256(number.to_bytes(p.bit_length() // 8)).hexdigest()


def with_exponent(p: int, x: int, monkeypatch: pytest.MonkeyPatch) -> Secret:
    """Python's own secret, with a known exponent."""
    with monkeypatch.context() as patch:
        patch.setattr(kex, "EXPONENT_BITS", x.bit_length())
        patch.setattr("vctui.ssh.kex.secrets.randbits", lambda bits: x & ((1 << bits) - 1))
        return PowerSecret(p, 2)


@pytest.mark.parametrize(("p", "x", "public", "y", "other", "shared"), KNOWN, ids=["group14", "group16"])
def test_known_answers(
    monkeypatch: pytest.MonkeyPatch, p: int, x: int, public: str, y: int, other: str, shared: str
) -> None:
    one, two = with_exponent(p, x, monkeypatch), with_exponent(p, y, monkeypatch)
    assert (digest(one.public, p), digest(two.public, p)) == (public, other)
    assert digest(one.shared_with(two.public), p) == digest(two.shared_with(one.public), p) == shared


@each_group
def test_both_ways_of_computing_agree(p: int) -> None:
    fast, slow = OpenSSLSecret(p, 2), PowerSecret(p, 2)
    assert fast.shared_with(slow.public) == slow.shared_with(fast.public)
    assert isinstance(new_secret(p, 2), OpenSSLSecret)


def test_secrets_are_long_enough_and_never_the_same() -> None:
    exponents = {PowerSecret(GROUP14, 2)._x for _ in range(20)}
    assert len(exponents) == 20
    assert {x.bit_length() for x in exponents} == {EXPONENT_BITS} == {512}
    assert len({OpenSSLSecret(GROUP14, 2).public for _ in range(20)}) == 20
    for p, strength in ((GROUP14, 112), (GROUP16, 152)):
        keys = [OpenSSLSecret(p, 2)._key.private_numbers().x for _ in range(20)]
        assert max(x.bit_length() for x in keys) >= 2 * strength - 8
        assert len(set(keys)) == 20


@each_group
@pytest.mark.parametrize("make", [OpenSSLSecret, PowerSecret])
def test_values_that_give_the_secret_away_are_refused(p: int, make: type[Secret]) -> None:
    secret = make(p, 2)  # type: ignore[call-arg]
    for value in (-1, 0, 1, p - 1, p, p + 1):
        with pytest.raises(ValueError, match="out of range"):
            secret.shared_with(value)


@each_group
def test_without_cryptographys_support_python_computes(monkeypatch: pytest.MonkeyPatch, p: int) -> None:
    kex._parameters.cache_clear()
    monkeypatch.setattr(kex, "_parameter_numbers", kex._gone)
    secret = new_secret(p, 2)
    assert isinstance(secret, PowerSecret)
    assert secret.shared_with(PowerSecret(p, 2).public) > 1


def test_a_group_without_a_name_is_computed_with_a_short_exponent() -> None:
    p = GROUP14 - 2
    assert isinstance(new_secret(p, 2), PowerSecret)


class _Transport:
    """What a key exchange needs of a transport."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def _send_message(self, message: Message) -> None:
        self.sent.append(message.asbytes())

    def _expect_packet(self, kind: int) -> None:
        self.expected = kind


def group(p: int, g: int = 2) -> Message:
    message = Message()
    message.add_mpint(p)
    message.add_mpint(g)
    message.rewind()
    return message


@pytest.mark.parametrize(
    ("p", "g"),
    [
        (GROUP14 >> 1, 2),
        ((1 << 1023) + 1, 2),
        (-GROUP14, 2),
        (GROUP16 << 4096 | 1 << 8192, 2),
        (GROUP14, 1),
        (GROUP14, 0),
        (GROUP14, GROUP14 - 1),
        (GROUP14, GROUP14),
    ],
)
def test_a_group_that_is_too_weak_or_too_large_is_refused(p: int, g: int) -> None:
    transport = _Transport()
    engine = GroupExchangeSHA256(transport)
    engine.start_kex()
    assert transport.sent == [b"\x22" + b"".join(n.to_bytes(4) for n in (2048, 2048, 8192))]
    with pytest.raises(SSHException, match="out of range"):
        engine.parse_next(31, group(p, g))
    assert len(transport.sent) == 1, "nothing of ours is computed in it"


ALL = [name for name in KEX if not name.startswith(("mlkem", "diffie-hellman-group-exchange"))]


@pytest.mark.parametrize("name", [name for name in ALL if name != "curve25519-sha256"])
def test_each_key_exchange_with_paramiko_on_the_other_side(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCTUI_SSH_TRANSPORT", "fast")
    others = [each for each in KEX if each != name]
    with Device(None, Rules(disabled={"kex": others})) as device:
        assert scan_host_key("127.0.0.1", device.port, WAIT) == device.scanned


# Curve25519

# RFC 7748, section 6.1
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
BOBS = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
ALICES = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
BOTHS = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")


class _Agreeing(_Transport):
    local_version, remote_version = "SSH-2.0-us", "SSH-2.0-them \u00e9"
    local_kex_init, remote_kex_init = b"\x14ours", b"\x14theirs"
    server_mode = False

    def _set_K_H(self, k: int, h: bytes) -> None:
        self.agreed = k, h

    def _verify_key(self, host_key: bytes, signature: bytes) -> None:
        self.verified = host_key, signature

    def _activate_outbound(self) -> None:
        self.is_over = True


def fields(*values: bytes) -> Message:
    message = Message()
    for value in values:
        message.add_string(value)
    message.rewind()
    return message


def exchange(engine: Any, monkeypatch: pytest.MonkeyPatch, theirs: bytes) -> _Agreeing:
    class Known:
        generate = staticmethod(lambda: X25519PrivateKey.from_private_bytes(BOB))

    monkeypatch.setattr("paramiko.kex_curve25519.X25519PrivateKey", Known)
    monkeypatch.setattr("vctui.ssh.curve25519.secrets.token_bytes", {32: BOB}.__getitem__)
    transport = _Agreeing()
    made = engine(transport)
    made.start_kex()
    made.parse_next(31, fields(b"host key", theirs, b"signature"))
    return transport


def test_the_known_answer_of_curve25519(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = exchange(Curve25519, monkeypatch, ALICES)
    assert ours.sent == [b"\x1e\x00\x00\x00\x20" + BOBS]
    assert ours.agreed[0] == int.from_bytes(BOTHS)
    assert ours.verified == (b"host key", b"signature")
    assert ours.is_over
    theirs = exchange(KexCurve25519, monkeypatch, ALICES)
    assert vars(theirs) == vars(ours)


@given(st.binary(min_size=32, max_size=32))
def test_curve25519_is_as_paramiko_has_it(secret: bytes) -> None:
    public = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    with pytest.MonkeyPatch.context() as patch:
        ours, theirs = (exchange(engine, patch, public) for engine in (Curve25519, KexCurve25519))
    assert vars(ours) == vars(theirs)


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        b"\x01" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ALICES[:31],
        ALICES + b"x",
        b"",
    ],
)
def test_a_point_that_gives_the_secret_away_is_refused(monkeypatch: pytest.MonkeyPatch, point: bytes) -> None:
    with pytest.raises(SSHException, match="half of the key exchange"):
        exchange(Curve25519, monkeypatch, point)


def test_a_shared_secret_of_zeros_is_refused_whoever_lets_it_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vctui.ssh.curve25519.crypto_scalarmult", lambda secret, other: bytes(32))
    with pytest.raises(SSHException, match="half of the key exchange"):
        exchange(Curve25519, monkeypatch, ALICES)


def test_each_exchange_has_a_secret_of_its_own() -> None:
    sent = []
    for _ in range(20):
        transport = _Agreeing()
        Curve25519(transport).start_kex()
        sent += transport.sent
    assert len(set(sent)) == 20


@pytest.mark.parametrize("size", [0, 3, 4, 10, 47, 60])
def test_a_reply_that_is_cut_short_is_refused(size: int) -> None:
    transport = _Agreeing()
    engine = Curve25519(transport)
    engine.start_kex()
    whole = fields(b"host key", ALICES, b"signature").asbytes()
    with pytest.raises(SSHException, match="too short"):
        engine.parse_next(31, Message(whole[:size]))
    assert not hasattr(transport, "agreed")


@given(st.integers(1, 2**300) | st.integers(1, 300).map(lambda bits: 2**bits))
def test_numbers_are_written_as_paramiko_writes_them(number: int) -> None:
    message = Message()
    message.add_mpint(number)
    assert mpint(number) == message.asbytes()


def test_only_what_paramiko_has_is_replaced() -> None:
    from vctui.ssh.pump import PumpedTransport
    from vctui.ssh.transport import Transport

    replaced: dict[str, Any] = {
        name: engine
        for name, engine in PumpedTransport._kex_info.items()
        if Transport._kex_info[name] is not engine
    }
    curves = {"curve25519-sha256", "curve25519-sha256@libssh.org"}
    assert set(replaced) == {*ENGINES, *curves} & set(Transport._kex_info)
    assert {"diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512"} < set(replaced)
