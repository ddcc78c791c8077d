"""SSH's packets, taken apart and put together: AES-GCM, encrypt-then-MAC, MAC-and-encrypt, and plain ones.

Nothing here reads or writes: bytes go in and payloads come out, and the other way round.
"""

from __future__ import annotations

import hmac
import os
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from paramiko.ssh_exception import SSHException

MAX_PACKET = 256 * 1024
"""As OpenSSH has it. The standard asks for 35,000 bytes; our channels ask for packets of 32 KiB."""
_TAG = 16
_IMPOSSIBLE = "a packet of an impossible size"
_SEQUENCES = 1 << 32
_COUNTS = 1 << 64


class Mac(NamedTuple):
    """A keyed hash, cut to `size` bytes."""

    key: bytes
    digest: str
    size: int

    def of(self, sequence: int, data: bytes) -> bytes:
        return hmac.digest(self.key, sequence.to_bytes(4) + data, self.digest)[: self.size]


class Nonce:
    """What AES-GCM must never see twice under one key: a counter, started by the key exchange."""

    __slots__ = ("_count", "_fixed")

    def __init__(self, first: bytes) -> None:
        self._fixed, self._count = first[:4], int.from_bytes(first[4:])

    def next(self) -> bytes:
        nonce = self._fixed + self._count.to_bytes(8)
        self._count = (self._count + 1) % _COUNTS
        return nonce


class Inbound:
    """Takes packets out of the bytes that arrive, whatever pieces they come in. Raises SSHException."""

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._pieces: list[bytes] = []  # what has come since `_data` turned out to be too short
        self._missing = 0
        self._first = b""  # the decrypted first block of a packet that is not all there
        self._engine: Any = None
        self._block = 8
        self._mac: Mac | None = None
        self._nonce: Nonce | None = None
        self._take = Inbound._take_block
        self.sequence = 0
        self.volume = self.packets = 0  # since the last keys

    def set_cipher(self, engine: Any, block: int, mac: Mac | None, nonce: Nonce | None, *, etm: bool) -> None:
        self._engine, self._block, self._mac, self._nonce = engine, block, mac, nonce
        self._take = Inbound._take_etm if etm else Inbound._take_block
        self.volume = self.packets = 0

    def feed(self, data: bytes) -> None:
        if len(data) < self._missing:
            self._missing -= len(data)
            self._pieces.append(data)
            return
        self._missing = 0
        if self._pieces or self._at < len(self._data):
            data = b"".join((self._data[self._at :], *self._pieces, data))
            self._pieces.clear()
        self._data, self._at = data, 0

    def take_line(self) -> bytes | None:
        """A line without its end, from before the first packet; None when it is not all there yet."""
        end = self._data.find(b"\n", self._at)
        if end < 0:
            return None
        line = self._data[self._at : end]
        self._at = end + 1
        return line.removesuffix(b"\r")

    @property
    def waiting(self) -> int:
        """How many bytes have arrived that are not taken."""
        return len(self._data) - self._at

    @property
    def sequence_of_last(self) -> int:
        return (self.sequence - 1) % _SEQUENCES

    def take(self) -> bytes | None:
        """The payload of the next packet; None when it is not all there yet."""
        data, at = self._data, self._at
        if self._missing or at == len(data):
            return None
        plain = self._take_gcm(data, at, self._nonce) if self._nonce else self._take(self)
        if plain is None:
            return None
        padding = plain[0]
        end = len(plain) - padding
        if padding < 4 or end < 2:
            raise SSHException("a packet with impossible padding")
        self.packets += 1
        self.sequence = (self.sequence + 1) % _SEQUENCES
        return plain[1:end]

    def _ends(self, size: int, unencrypted: int, trailer: int) -> int:
        """Where the packet ends whose length is `size`, or 0 when it is not all there yet."""
        if not 5 <= size <= MAX_PACKET or (4 - unencrypted + size) % self._block:
            raise SSHException(_IMPOSSIBLE)
        end = self._at + 4 + size + trailer
        if end > len(self._data):
            self._missing = end - len(self._data)
            return 0
        self.volume += end - self._at
        return end

    def _length(self) -> bytes | None:
        header = self._data[self._at : self._at + 4]
        if len(header) < 4:
            self._missing = 4 - len(header)
            return None
        return header

    def _take_gcm(self, data: bytes, at: int, nonce: Nonce) -> bytes | None:
        """AES-GCM: the length in the clear, the rest encrypted and authenticated in one go.

        Nearly all packets come here, so it does by itself what `_length` and `_ends` do.
        """
        start = at + 4
        header = data[at:start]
        if len(header) < 4:
            self._missing = 4 - len(header)
            return None
        size = int.from_bytes(header)
        if not 5 <= size <= MAX_PACKET or size % self._block:
            raise SSHException(_IMPOSSIBLE)
        end = start + size + _TAG
        if end > len(data):
            self._missing = end - len(data)
            return None
        self._at = end
        self.volume += end - at
        try:
            plain: bytes = self._engine.decrypt(nonce.next(), data[start:end], header)
        except InvalidTag:
            raise SSHException("Mismatched MAC") from None
        return plain

    def _take_etm(self) -> bytes | None:
        """Encrypt, then MAC: the length in the clear, the MAC over what was sent."""
        assert self._mac is not None
        header = self._length()
        if header is None:
            return None
        end = self._ends(int.from_bytes(header), 4, self._mac.size)
        if not end:
            return None
        sent, mac = self._data[self._at : end - self._mac.size], self._data[end - self._mac.size : end]
        self._at = end
        if not hmac.compare_digest(self._mac.of(self.sequence, sent), mac):
            raise SSHException("Mismatched MAC")
        plain: bytes = self._engine.update(sent[4:])
        return plain

    def _take_block(self) -> bytes | None:
        """MAC, and encrypt: the length is inside the first block. Before the first keys there is neither."""
        if not self._first:
            first = self._data[self._at : self._at + self._block]
            if len(first) < self._block:
                self._missing = self._block - len(first)
                return None
            self._first = first if self._engine is None else self._engine.update(first)
        trailer = self._mac.size if self._mac else 0
        end = self._ends(int.from_bytes(self._first[:4]), 0, trailer)
        if not end:
            return None
        rest, mac = self._data[self._at + self._block : end - trailer], self._data[end - trailer : end]
        plain: bytes = self._first + (rest if self._engine is None else self._engine.update(rest))
        self._first, self._at = b"", end
        if self._mac and not hmac.compare_digest(self._mac.of(self.sequence, plain), mac):
            raise SSHException("Mismatched MAC")
        return plain[4:]


class Outbound:
    """Makes packets."""

    def __init__(self) -> None:
        self._engine: Any = None
        self._block = 8
        self._mac: Mac | None = None
        self._nonce: Nonce | None = None
        self._etm = False
        self._random = False
        self.sequence = 0
        self.volume = self.packets = 0  # since the last keys

    def set_cipher(
        self, engine: Any, block: int, mac: Mac | None, nonce: Nonce | None, *, etm: bool, random: bool
    ) -> None:
        self._engine, self._block, self._mac, self._nonce = engine, block, mac, nonce
        self._etm, self._random = etm, random
        self.volume = self.packets = 0

    def seal(self, payload: bytes) -> bytes:
        """The packet for a payload."""
        clear = 4 if self._nonce or self._etm else 0
        padding = 4 + -(len(payload) + 9 - clear) % self._block
        filler = os.urandom(padding) if self._random else bytes(padding)
        header = (len(payload) + padding + 1).to_bytes(4)
        plain = b"%c%b%b" % (padding, payload, filler)
        if self._engine is None:
            packet = header + plain
        elif self._nonce:
            packet = header + self._engine.encrypt(self._nonce.next(), plain, header)
        elif self._etm:
            packet = header + self._engine.update(plain)
        else:
            packet = self._engine.update(header + plain)
        if self._mac:
            packet += self._mac.of(self.sequence, packet if self._etm else header + plain)
        self.sequence = (self.sequence + 1) % _SEQUENCES
        self.volume += len(packet)
        self.packets += 1
        return packet
