"""The key exchange with Curve25519 (RFC 8731): the client's side, at half of what paramiko's costs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from paramiko.common import byte_chr
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from vctui.ssh.fields import mpint, string, strings

_INIT, _REPLY = 30, 31


class Curve25519:
    """paramiko's transport calls `start_kex` and `parse_next`, and reads `hash_algo`."""

    hash_algo: ClassVar[Callable[..., Any]] = hashlib.sha256

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def start_kex(self) -> None:
        self._secret = X25519PrivateKey.generate()
        self._public = self._secret.public_key().public_bytes_raw()
        self._transport._send_message(Message(byte_chr(_INIT) + string(self._public)))
        self._transport._expect_packet(_REPLY)

    def parse_next(self, ptype: int, m: Message) -> None:
        """Verify the server's signature over all that was said, and switch to the new keys."""
        transport = self._transport
        host_key, other, signature = strings(m.asbytes(), 3)
        shared = int.from_bytes(agree(self._secret, other))
        said = b"".join(
            map(
                string,
                (
                    transport.local_version.encode(), transport.remote_version.encode(),
                    transport.local_kex_init, transport.remote_kex_init,
                    host_key, self._public, other,
                ),
            )
        )  # fmt: skip
        transport._set_K_H(shared, hashlib.sha256(said + mpint(shared)).digest())
        transport._verify_key(host_key, signature)
        transport._activate_outbound()


def agree(secret: X25519PrivateKey, other: bytes) -> bytes:
    """What both sides know in the end; never zero, which a server could choose without any secret."""
    try:
        shared = secret.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError as error:
        raise SSHException("the server's half of the key exchange is no point of Curve25519") from error
    if not any(shared):
        raise SSHException("the server's half of the key exchange has no secret in it")
    return shared
