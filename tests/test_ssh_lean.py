"""What the lean transport says, agrees on and derives is, byte for byte, what paramiko's own code does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.kex_curve25519 import KexCurve25519
from paramiko.kex_group16 import KexGroup16SHA512
from paramiko.message import Message
from paramiko.ssh_exception import IncompatiblePeer, MessageOrderError
from paramiko.transport import ChannelMap

from tests.fixtures.ssh_device import CREDENTIALS, WAIT, Device
from vctui.questions import HEADLESS
from vctui.ssh.algorithms import (
    CIPHERS,
    KEX,
    KEX_ENGINES,
    KEY_TYPES,
    LEGACY_CIPHERS,
    LEGACY_KEX,
    LEGACY_KEY_TYPES,
    LEGACY_MACS,
    MACS,
)  # fmt: skip
from vctui.ssh.asking import Asking
from vctui.ssh.auth import Login
from vctui.ssh.connect import hang_up, shake_hands
from vctui.ssh.lean import blank, handlers
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.pump import PumpedTransport
from vctui.ssh.transport import Transport

HAS_HYBRIDS = "mlkem768x25519-sha256" in KEX_ENGINES
AGREED = (
    "host_key_type", "local_cipher", "remote_cipher", "local_mac", "remote_mac", "local_compression",
    "remote_compression", "agreed_on_strict_kex", "remote_kex_init",
)  # fmt: skip
STRICT = ["kex-strict-s-v00@openssh.com", "kex-strict-c-v00@openssh.com", "ext-info-s", "none-of-ours"]


@contextmanager
def both(**options: Any) -> Iterator[tuple[Transport, PumpedTransport]]:
    left, right = socket.socketpair()
    with left, right:
        yield Transport(left, **options), PumpedTransport(right, **options)


class Sent(list[bytes]):
    def __call__(self, message: Message) -> None:
        self.append(message.asbytes())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("known", [(), ("ssh-rsa",), ("ecdsa-sha2-nistp384", "ssh-ed25519")])
def test_both_transports_offer_the_same(known: tuple[str, ...], legacy: bool) -> None:
    with both(known=known, legacy=legacy) as pair:
        said = []
        for transport in pair:
            sent = Sent()
            transport._send_message = sent  # type: ignore[attr-defined]
            transport._send_kex_init()  # type: ignore[attr-defined]
            assert transport.local_kex_init == sent[0]
            assert transport.in_kex
            assert not transport.clear_to_send.is_set()
            said.append(sent[0])
    theirs, ours = said
    assert theirs[:1] + theirs[17:] == ours[:1] + ours[17:]
    assert theirs[1:17] != ours[1:17]


def names(*known: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(known), max_size=4, unique=True)


@given(
    kex=names(*KEX, *LEGACY_KEX, *STRICT),
    keys=names(*KEY_TYPES, *LEGACY_KEY_TYPES, "ssh-dss"),
    ciphers=st.tuples(*[names(*CIPHERS, *LEGACY_CIPHERS, "arcfour")] * 2),
    macs=st.tuples(*[names(*MACS, *LEGACY_MACS, "hmac-md5")] * 2),
    compressions=st.tuples(*[names("none", "zlib")] * 2),
    number=st.sampled_from([0, 0, 0, 1]),
    is_rekey=st.booleans(),
    legacy=st.booleans(),
)
def test_both_transports_agree_on_the_same(
    kex: list[str],
    keys: list[str],
    ciphers: tuple[list[str], list[str]],
    macs: tuple[list[str], list[str]],
    compressions: tuple[list[str], list[str]],
    number: int,
    is_rekey: bool,
    legacy: bool,
) -> None:
    kexinit = Message()
    kexinit.add_bytes(bytes(16))
    for each in (kex, keys, *ciphers, *macs, *compressions, [], []):
        kexinit.add_list(each)
    kexinit.add_boolean(False)
    kexinit.add_int(0)
    found: list[object] = []
    with both(legacy=legacy) as pair:
        for transport in pair:
            message = Message(kexinit.asbytes())
            message.seqno = number
            transport.initial_kex_done = is_rekey
            try:
                transport._parse_kex_init(message)  # type: ignore[attr-defined]
            except (IncompatiblePeer, MessageOrderError) as error:
                found.append((type(error), isinstance(error, IncompatiblePeer) and transport.unmatched()))
            else:
                name = next(n for n in transport.preferred_kex if n in kex)
                assert type(transport.kex_engine) is transport._kex_info[name]
                found.append([getattr(transport, each) for each in AGREED])
    assert found[0] == found[1]


@pytest.mark.parametrize("engine", [KexCurve25519, KexGroup16SHA512])
@pytest.mark.parametrize("shared", [0x7F, 0x80, 2**255 - 19, *([b"of a hybrid"] if HAS_HYBRIDS else [])])
def test_both_transports_derive_the_same_keys(engine: Any, shared: int | bytes) -> None:
    with both() as pair:
        keys = []
        for transport in pair:
            transport.kex_engine = engine(transport)
            transport._set_K_H(shared, b"h" * 32)  # type: ignore[attr-defined]
            transport._set_K_H(shared, b"H" * 32)  # type: ignore[attr-defined]
            keys.append([transport._compute_key(each, size) for each in "ABCDEF" for size in (12, 64, 200)])  # type: ignore[attr-defined]
    assert keys[0] == keys[1]


def test_nothing_of_paramikos_connection_is_left_out() -> None:
    left, right = socket.socketpair()
    with left, right:
        stock, lean = paramiko.Transport(left), PumpedTransport(right)
        missing = set(vars(stock)) - set(vars(lean)) - {"_handler_table"}
        assert not missing
        alike = {name for name, value in vars(stock).items() if isinstance(value, str | int | None)}
        assert len(alike) > 30
        for name in alike - {"_name"}:
            assert getattr(lean, name) == getattr(stock, name), name
        assert set(handlers()) == set(vars(stock)["_handler_table"])
        assert not lean.is_alive()


def test_what_connections_share_stays_as_it_is() -> None:
    """What one of them changes is its own: nothing of a session is left for the next one."""
    with Device() as device:
        before = {name: contents(value) for name, value in blank().items()}
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", device.port)) as sock:
                made = shake_hands(sock, ident_timeout=WAIT, kex_timeout=WAIT, make=PumpedTransport)
                try:
                    patience = Deadline(WAIT)
                    asking = Asking(HEADLESS, "r1", Lifeline(), ())
                    Login(made, patience, lambda: CREDENTIALS, asking).run(CREDENTIALS, None)
                    made.open_shell(80, 24, WAIT).sendall(b"x")
                finally:
                    hang_up(made)
        assert {name: contents(value) for name, value in blank().items()} == before


def contents(value: Any) -> object:
    if isinstance(value, dict | list):
        return repr(value)
    return len(value) if isinstance(value, ChannelMap) else value
