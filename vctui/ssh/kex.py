"""Diffie-Hellman over finite fields at a tenth of paramiko's price, for devices that know no elliptic curves.

paramiko computes it with Python's pow() and exponents of 1,024 bits or as long as the group. Here OpenSSL
computes it, through cryptography, in the groups that it knows by name; in a server's own groups pow() does,
with an exponent of 512 bits, as OpenSSH has it. docs/ssh.md says why that is as safe.
"""

from __future__ import annotations

import hashlib
import secrets
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.common import byte_chr
from paramiko.kex_group14 import KexGroup14SHA256
from paramiko.kex_group16 import KexGroup16SHA512
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from vctui.ssh.fields import mpint, string

EXPONENT_BITS = 512
"""Twice the strength of the strongest cipher, AES-256: OpenSSH's own floor."""
SMALLEST_GROUP, LARGEST_GROUP = 2048, 8192
_WANTED_GROUP = 2048
_INIT, _REPLY = 30, 31
_GEX_GROUP, _GEX_INIT, _GEX_REPLY, _GEX_REQUEST = 31, 32, 33, 34


class Secret(Protocol):
    """One side's secret of one exchange."""

    public: int

    def shared_with(self, other: int) -> int:
        """What both sides know in the end. Raises ValueError for a value that cannot be the other side's."""


class PowerSecret:
    """Python's own arithmetic: slow, and always there."""

    def __init__(self, p: int, g: int) -> None:
        self._p = p
        self._x = secrets.randbits(EXPONENT_BITS - 1) | 1 << (EXPONENT_BITS - 1)
        self.public = pow(g, self._x, p)

    def shared_with(self, other: int) -> int:
        if not 1 < other < self._p - 1:
            raise ValueError("out of range")
        return pow(other, self._x, self._p)


class OpenSSLSecret:
    """OpenSSL's arithmetic, in a group that it knows; the exponent has twice the bits of the strength."""

    def __init__(self, p: int, g: int) -> None:
        self._p = p
        self._numbers, parameters = _parameters(p, g)
        self._key = parameters.generate_private_key()
        self.public: int = self._key.public_key().public_numbers().y

    def shared_with(self, other: int) -> int:
        if not 1 < other < self._p - 1:
            raise ValueError("out of range")
        return int.from_bytes(self._key.exchange(_public_numbers(other, self._numbers).public_key()))


@cache
def _parameters(p: int, g: int) -> tuple[Any, Any]:
    numbers = _parameter_numbers(p, g)
    return numbers, numbers.parameters()


def _gone(*args: Any) -> Any:
    raise UnsupportedAlgorithm("no Diffie-Hellman over finite fields")


_parameter_numbers: Callable[[int, int], Any] = _gone
_public_numbers: Callable[[int, Any], Any] = _gone
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # cryptography will drop them one day; pow() takes over then
    try:
        from cryptography.hazmat.primitives.asymmetric import dh

        _parameter_numbers, _public_numbers = dh.DHParameterNumbers, dh.DHPublicNumbers
    except (ImportError, AttributeError):
        pass

_NAMED = {(KexGroup14SHA256.P, 2), (KexGroup16SHA512.P, 2)}


def new_secret(p: int, g: int) -> Secret:
    """A secret in that group, computed in the cheapest way there is."""
    if (p, g) in _NAMED:
        try:
            return OpenSSLSecret(p, g)
        except UnsupportedAlgorithm:
            pass
    return PowerSecret(p, g)


def conclude(
    transport: Any,
    hash_algo: Callable[..., Any],
    host_key: bytes,
    signature: bytes,
    exchanged: bytes,
    shared: int,
) -> None:
    """Verify the server's signature over all that was said, and switch to the new keys. Raises SSHException.

    `exchanged` is what this kind of exchange has sent, as it stands in what is signed: see RFC 4253, 8.
    """
    said = (
        transport.local_version.encode(), transport.remote_version.encode(),
        transport.local_kex_init, transport.remote_kex_init, host_key,
    )  # fmt: skip
    summary = hash_algo(b"".join(map(string, said)) + exchanged + mpint(shared))
    transport._set_K_H(shared, summary.digest())
    transport._verify_key(host_key, signature)
    transport._activate_outbound()


class _Exchange:
    """The client's side. paramiko's transport calls `start_kex` and `parse_next`, and reads `hash_algo`."""

    hash_algo: ClassVar[Callable[..., Any]] = hashlib.sha256
    _p = 0
    _g = 2
    _secret: Secret

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def _send(self, kind: int, *values: int) -> None:
        message = Message()
        message.add_byte(byte_chr(kind))
        for value in values:
            message.add_mpint(value)
        self._transport._send_message(message)

    def _offer(self, kind: int, answer: int) -> None:
        self._secret = new_secret(self._p, self._g)
        self._send(kind, self._secret.public)
        self._transport._expect_packet(answer)

    def _agree(self, reply: Message, *, sizes: tuple[int, ...] = (), group: tuple[int, ...] = ()) -> None:
        """Verify the server's signature over all that was said, and switch to the new keys."""
        host_key, other, signature = reply.get_string(), reply.get_mpint(), reply.get_binary()
        try:
            shared = self._secret.shared_with(other)
        except ValueError as error:
            raise SSHException("the server's half of the key exchange is out of range") from error
        asked = b"".join(size.to_bytes(4) for size in sizes)
        halves = b"".join(map(mpint, (*group, self._secret.public, other)))
        conclude(self._transport, type(self).hash_algo, host_key, signature, asked + halves, shared)


class Group14SHA256(_Exchange):
    name = "diffie-hellman-group14-sha256"
    _p = KexGroup14SHA256.P

    def start_kex(self) -> None:
        self._offer(_INIT, _REPLY)

    def parse_next(self, ptype: int, m: Message) -> None:
        self._agree(m)


class Group16SHA512(Group14SHA256):
    name = "diffie-hellman-group16-sha512"
    hash_algo = hashlib.sha512
    _p = KexGroup16SHA512.P


class Group14SHA1(Group14SHA256):
    """For old devices, by choice only."""

    name = "diffie-hellman-group14-sha1"
    hash_algo = hashlib.sha1


class GroupExchangeSHA256(_Exchange):
    """The server chooses the group, which is then nobody's by name."""

    name = "diffie-hellman-group-exchange-sha256"
    _sizes = (SMALLEST_GROUP, _WANTED_GROUP, LARGEST_GROUP)

    def start_kex(self) -> None:
        message = Message()
        message.add_byte(byte_chr(_GEX_REQUEST))
        for size in self._sizes:
            message.add_int(size)
        self._transport._send_message(message)
        self._transport._expect_packet(_GEX_GROUP)

    def parse_next(self, ptype: int, m: Message) -> None:
        if ptype == _GEX_REPLY:
            self._agree(m, sizes=self._sizes, group=(self._p, self._g))
            return
        self._p, self._g = m.get_mpint(), m.get_mpint()
        smallest, _, largest = self._sizes
        if not smallest <= self._p.bit_length() <= largest or not 1 < self._g < self._p - 1:
            raise SSHException(f"the server's group of {self._p.bit_length()} bits is out of range")
        self._offer(_GEX_INIT, _GEX_REPLY)


ENGINES = {each.name: each for each in (Group14SHA256, Group16SHA512, Group14SHA1, GroupExchangeSHA256)}
