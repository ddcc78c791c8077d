"""The key exchange with Curve25519 (RFC 8731): the client's side, at a good half of what paramiko's costs.

libsodium computes it, which paramiko brings along; it makes a key in half of the time that OpenSSL takes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, ClassVar

from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
from nacl.exceptions import CryptoError
from paramiko.common import byte_chr
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from vctui.ssh.fields import string, strings
from vctui.ssh.kex import conclude

_INIT, _REPLY = 30, 31
_SIZE = 32


class Curve25519:
    """paramiko's transport calls `start_kex` and `parse_next`, and reads `hash_algo`."""

    hash_algo: ClassVar[Callable[..., Any]] = hashlib.sha256

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def start_kex(self) -> None:
        self._secret = secrets.token_bytes(_SIZE)
        self._public = crypto_scalarmult_base(self._secret)
        self._transport._send_message(Message(byte_chr(_INIT) + string(self._public)))
        self._transport._expect_packet(_REPLY)

    def parse_next(self, ptype: int, m: Message) -> None:
        """Verify the server's signature over all that was said, and switch to the new keys."""
        host_key, other, signature = strings(m.asbytes(), 3)
        shared = int.from_bytes(agree(self._secret, other))
        halves = string(self._public) + string(other)
        conclude(self._transport, hashlib.sha256, host_key, signature, halves, shared)


def agree(secret: bytes, other: bytes) -> bytes:
    """What both sides know in the end; never zero, which a server could bring about without any secret."""
    try:
        shared = crypto_scalarmult(secret, other) if len(other) == _SIZE else b""
    except CryptoError:
        shared = b""
    if not any(shared):
        raise SSHException("the server's half of the key exchange is no point of Curve25519, or a weak one")
    return shared
