"""A transport that does less for each connection: no log lines that nobody reads, no lists written anew."""

from __future__ import annotations

import os
import threading
from typing import Any

from paramiko.common import cMSG_KEXINIT
from paramiko.message import Message

from vctui.ssh.algorithms import kexinit
from vctui.ssh.transport import Transport


class LeanTransport(Transport):
    """Says and computes byte for byte what `Transport` does."""

    H: bytes
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

    def _send_kex_init(self) -> None:
        self.clear_to_send.clear()
        self.in_kex = True
        self.local_kex_init = cMSG_KEXINIT + os.urandom(16) + kexinit(self.offer)
        self._latest_kex_init = self.local_kex_init
        self._send_message(Message(self.local_kex_init))  # type: ignore[attr-defined]

    def _set_K_H(self, k: Any, h: bytes) -> None:
        super()._set_K_H(k, h)  # type: ignore[misc]
        shared = Message()
        self._add_K(shared)  # type: ignore[attr-defined]
        self._derived_from = shared.asbytes() + h

    def _compute_key(self, id: str, nbytes: int) -> bytes:
        assert self.session_id is not None
        digest = self.kex_engine.hash_algo  # type: ignore[union-attr]
        key: bytes = digest(self._derived_from + id.encode() + self.session_id).digest()
        while len(key) < nbytes:
            key += digest(self._derived_from + key).digest()
        return key[:nbytes]
