"""A transport that does less for each connection: no log lines that nobody reads, no lists written anew."""

from __future__ import annotations

import os
import threading
from typing import Any

from paramiko.common import cMSG_KEXINIT
from paramiko.message import Message
from paramiko.ssh_exception import IncompatiblePeer, MessageOrderError

from vctui.ssh.algorithms import agree, kexinit
from vctui.ssh.transport import Transport


class LeanTransport(Transport):
    """Says and computes byte for byte what `Transport` does."""

    H: bytes
    agreed_on_strict_kex: bool
    initial_kex_done: bool
    in_kex: bool
    clear_to_send: threading.Event
    local_kex_init: bytes | None

    def __init__(self, sock: Any, *, debug: bool = False, **options: Any) -> None:
        self._talks = debug
        self._derived_from = b""
        super().__init__(sock, debug=debug, **options)

    def _log(self, level: int, msg: Any, *args: Any) -> None:
        if self._talks:
            super()._log(level, msg, *args)  # type: ignore[misc]

    def _be_quiet(self) -> None:
        """No line is written, so it does not matter where to."""

    def _send_kex_init(self) -> None:
        self.clear_to_send.clear()
        self.in_kex = True
        self.local_kex_init = cMSG_KEXINIT + os.urandom(16) + kexinit(self.offer)
        self._latest_kex_init = self.local_kex_init
        self._send_message(Message(self.local_kex_init))  # type: ignore[attr-defined]

    def _parse_kex_init(self, m: Message) -> None:
        said = m.asbytes()
        try:
            agreed = agree(self.offer, said[16:])
        except IncompatiblePeer:
            super()._parse_kex_init(m)  # type: ignore[misc] # which says why
            return
        if agreed.strict is not None:
            self.agreed_on_strict_kex = agreed.strict
        if self.agreed_on_strict_kex and not self.initial_kex_done and m.seqno != 0:
            raise MessageOrderError("In strict-kex mode, but KEXINIT was not the first packet!")
        self.kex_engine = self._kex_info[agreed.kex](self)
        self.host_key_type = agreed.key
        self.local_cipher, self.remote_cipher = agreed.cipher_out, agreed.cipher_in
        self.local_mac, self.remote_mac = agreed.mac_out, agreed.mac_in
        self.local_compression = self.remote_compression = "none"
        self._remote_ext_info = None
        self.remote_kex_init = cMSG_KEXINIT + said

    def _set_K_H(self, k: Any, h: bytes) -> None:
        super()._set_K_H(k, h)  # type: ignore[misc]
        shared = Message()
        if isinstance(k, bytes):  # a hybrid exchange
            shared.add_string(k)
        else:
            shared.add_mpint(k)
        self._derived_from = shared.asbytes() + h

    def _compute_key(self, id: str, nbytes: int) -> bytes:
        assert self.session_id is not None
        digest = self.kex_engine.hash_algo  # type: ignore[union-attr]
        key: bytes = digest(self._derived_from + id.encode() + self.session_id).digest()
        while len(key) < nbytes:
            key += digest(self._derived_from + key).digest()
        return key[:nbytes]
