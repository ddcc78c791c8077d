"""The fields of SSH's messages as bytes, for the messages that each connection sends and reads."""

from __future__ import annotations

import struct

from paramiko.common import MSG_CHANNEL_REQUEST
from paramiko.ssh_exception import SSHException

_REQUEST = struct.Struct(">BI")
_SIZE = struct.Struct(">IIII")


def string(data: bytes) -> bytes:
    """A field of any bytes, led by their number."""
    return len(data).to_bytes(4) + data


def mpint(number: int) -> bytes:
    """A field of a number above 0, as short as it can be, with room for a sign."""
    return string(number.to_bytes(number.bit_length() // 8 + 1))


def strings(message: bytes, count: int) -> list[bytes]:
    """The first `count` fields of bytes of a message. Raises SSHException when they are not all there."""
    found, at = [], 0
    for _ in range(count):
        end = at + 4 + int.from_bytes(message[at : at + 4])
        if end > len(message) or at + 4 > len(message):
            raise SSHException("a message that is too short")
        found.append(message[at + 4 : end])
        at = end
    return found


def shell_requests(channel: int, columns: int, rows: int) -> tuple[bytes, bytes]:
    """The messages that ask a channel for a terminal of that size, and for a shell on it."""
    head = _REQUEST.pack(MSG_CHANNEL_REQUEST, channel)
    terminal = string(b"vt100") + _SIZE.pack(columns, rows, 0, 0) + string(b"")
    return head + string(b"pty-req") + b"\x01" + terminal, head + string(b"shell") + b"\x01"
