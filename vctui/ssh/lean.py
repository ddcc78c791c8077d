"""A transport that does less for each connection: no log lines that nobody reads, no lists written anew."""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

import paramiko
from paramiko.common import cMSG_KEXINIT
from paramiko.message import Message
from paramiko.ssh_exception import IncompatiblePeer, MessageOrderError

from vctui.ssh.algorithms import agree, kexinit
from vctui.ssh.fields import mpint, string
from vctui.ssh.packetizer import Packets
from vctui.ssh.transport import Transport

_OWN = {
    "sock",
    "packetizer",
    "lock",
    "clear_to_send_lock",
    "clear_to_send",
    "server_extensions",
    "_handler_table",
}


class Flag:
    """An event for which nobody sleeps: the thread that pumps the connection sets it and looks at it."""

    __slots__ = ("_is_set",)

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False


class _Nowhere:
    """A socket that leads nowhere."""

    def settimeout(self, seconds: float | None) -> None:
        pass


@cache
def _first() -> dict[str, Any]:
    """What paramiko gives a connection at first."""
    return vars(paramiko.Transport(_Nowhere()))  # type: ignore[arg-type]


@cache
def blank() -> dict[str, Any]:
    """The same, but for what belongs to one alone."""
    return {name: value for name, value in _first().items() if name not in _OWN}


@cache
def handlers() -> dict[int, str]:
    """The names of paramiko's methods for the messages of a connection."""
    return {kind: method.__name__ for kind, method in _first()["_handler_table"].items()}


class LeanTransport(Transport):
    """Says and computes byte for byte what `Transport` does."""

    H: bytes
    agreed_on_strict_kex: bool
    initial_kex_done: bool
    in_kex: bool
    clear_to_send: Any
    clear_to_send_lock: threading.Lock
    server_extensions: dict[str, Any]
    local_kex_init: bytes | None

    def __init__(self, sock: Any, *, debug: bool = False, **options: Any) -> None:
        self._talks = debug
        self._derived_from = b""
        super().__init__(sock, debug=debug, **options)

    def _begin(self, sock: Any) -> None:
        """No thread's parts, and nothing anew that stays as it is: all connections share it."""
        vars(self).update(blank())
        self.sock = sock
        self.packetizer = Packets(sock)
        self.lock, self.clear_to_send_lock = threading.Lock(), threading.Lock()
        self.clear_to_send = self.make_event()
        self.server_extensions = {}

    def make_event(self) -> Flag:
        return Flag()

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
        shared = string(k) if isinstance(k, bytes) else mpint(k)  # bytes come of a hybrid exchange
        self._derived_from = shared + h

    def _compute_key(self, id: str, nbytes: int) -> bytes:
        assert self.session_id is not None
        digest = self.kex_engine.hash_algo  # type: ignore[union-attr]
        key: bytes = digest(self._derived_from + id.encode() + self.session_id).digest()
        while len(key) < nbytes:
            key += digest(self._derived_from + key).digest()
        return key[:nbytes]
