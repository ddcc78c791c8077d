"""The packet layer of a pumped connection, in the place of paramiko's.

paramiko's own reads the socket twice for each packet, compares MACs byte by byte in Python and sends each
packet by itself. This one takes whatever has arrived, hands out the packets in it, and collects what is to be
sent until somebody waits for an answer. It does no input or output: the pump moves the bytes.
"""

from __future__ import annotations

from typing import Any

from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from vctui.ssh.packets import Inbound, Mac, Nonce, Outbound


class Packets(Packetizer):
    """Asks for new keys after 512 MiB or 2**29 packets under one set, as paramiko does."""

    _initial_kex_done: bool

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.inbound = Inbound()
        self.outbound = Outbound()
        self._unsent: list[bytes] = []
        self._switched = 0
        self.wants_rekey = False
        self._sock = sock
        self._is_closed = False
        # How much may follow once we have asked for new keys.
        self._last_packet: int = self.REKEY_PACKETS + self.REKEY_PACKETS_OVERFLOW_MAX
        self._last_byte: int = self.REKEY_BYTES + self.REKEY_BYTES_OVERFLOW_MAX

    # keys

    def set_inbound_cipher(
        self, block_engine: Any, block_size: int, mac_engine: Any, mac_size: int, mac_key: Any,
        etm: bool = False, aead: bool = False, iv_in: bytes | None = None,
    ) -> None:  # fmt: skip
        mac, nonce = _keys(mac_engine, mac_size, mac_key, iv_in if aead else None)
        self.inbound.set_cipher(block_engine, block_size, mac, nonce, etm=etm)
        self._switch(1)

    def set_outbound_cipher(
        self, block_engine: Any, block_size: int, mac_engine: Any, mac_size: int, mac_key: Any,
        sdctr: bool = False, etm: bool = False, aead: bool = False, iv_out: bytes | None = None,
    ) -> None:  # fmt: skip
        mac, nonce = _keys(mac_engine, mac_size, mac_key, iv_out if aead else None)
        # A padding of zeros harms no cipher that makes a new key stream for each packet.
        self.outbound.set_cipher(block_engine, block_size, mac, nonce, etm=etm, random=not (sdctr or aead))
        self._switch(2)

    def _switch(self, direction: int) -> None:
        self._switched |= direction
        if self._switched == 3:
            self._switched = 0
            self.wants_rekey = False

    def reset_seqno_in(self) -> None:
        self.inbound.sequence = 0

    def reset_seqno_out(self) -> None:
        self.outbound.sequence = 0

    def need_rekey(self) -> bool:
        return self.wants_rekey

    # messages

    def next_payload(self) -> bytes | None:
        """What the other side has sent; None when there is no whole packet yet. Raises SSHException."""
        inbound = self.inbound
        payload = inbound.take()
        if payload is not None:
            if inbound.volume >= self.REKEY_BYTES or inbound.packets >= self.REKEY_PACKETS:
                self._has_much(inbound)
            if not inbound.sequence:
                self._check_sequence()
        return payload

    def _has_much(self, inbound: Inbound) -> None:
        if self.wants_rekey and (inbound.packets >= self._last_packet or inbound.volume >= self._last_byte):
            raise SSHException("Remote transport is ignoring rekey requests")
        self.wants_rekey = True

    def send_message(self, data: Message) -> None:
        self.send(data.asbytes())

    def send(self, payload: bytes) -> None:
        """Seal a message; it leaves when somebody waits for an answer."""
        outbound = self.outbound
        self._unsent.append(outbound.seal(payload))
        if not outbound.sequence:
            self._check_sequence()
        if outbound.packets >= self.REKEY_PACKETS or outbound.volume >= self.REKEY_BYTES:
            self.wants_rekey = True

    def _check_sequence(self) -> None:
        if not self._initial_kex_done:
            raise SSHException("Sequence number rolled over during initial kex!")

    def write_all(self, out: Any) -> None:
        """Text from before the first packet."""
        self._unsent.append(out)

    def take_unsent(self) -> bytes:
        """What is to be put on the wire now."""
        unsent = b"".join(self._unsent)
        self._unsent.clear()
        return unsent

    # the rest of what paramiko's transport asks of it

    @property
    def closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed = True
        self._sock.close()

    def start_handshake(self, timeout: float) -> None:
        """No timer: whoever waits has a deadline."""

    def set_inbound_compressor(self, compressor: Any) -> None:
        raise SSHException("compression is not offered")

    set_outbound_compressor = set_inbound_compressor


def _keys(digest: Any, size: int, key: bytes | None, nonce: bytes | None) -> tuple[Mac | None, Nonce | None]:
    mac = Mac(key, digest().name, size) if digest is not None and key is not None else None
    return mac, Nonce(nonce) if nonce is not None else None
