"""Reading known_hosts: its lines as entries, and an index over them which is quick to build and to ask.

Plain and hashed names, `[host]:port`, wildcards, negation, `@revoked` and `@cert-authority` are read as by
OpenSSH. A line that cannot be read is passed over, never an error. Keys are only decoded when asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

Marker = Literal["", "revoked", "cert-authority"]

_MARKERS: dict[bytes, Marker] = {b"@revoked": "revoked", b"@cert-authority": "cert-authority"}
KEY_STRINGS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ssh-dss": 4,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
"""Key type → strings in its blob, after the type's own."""


def fingerprint(blob: bytes) -> str:
    """The SHA-256 fingerprint as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def host_name(host: str, port: int = 22) -> str:
    """How known_hosts names a host: in brackets with its port, unless that is 22."""
    host = host.strip().lower()
    return host if port == 22 else f"[{host}]:{port}"


def name_bytes(host: str, port: int) -> bytes:
    return host_name(host, port).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class HostKeyEntry:
    """One usable line of the file; `line` counts from 1."""

    names: str
    key_type: str
    blob: bytes
    line: int = 0
    marker: Marker = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)


class _Line(NamedTuple):  # a file may have a hundred thousand: nothing is made faster
    number: int
    marker: Marker
    names: bytes
    key: bytes


_RECENT = 1000
_is_pattern = re.compile(rb"[*?!]").search


class HostKeyIndex:
    """Which lines speak of which host."""

    def __init__(self) -> None:
        self._count = 0
        self._exact: dict[bytes, list[_Line]] = {}
        self._hashed: list[tuple[bytes, bytes, _Line]] = []
        self._unhashed: dict[bytes, tuple[int, list[_Line]]] = {}
        """Name → how many hashed lines were compared with it, and which of them it is in: each costs 2 µs."""
        self._patterns: list[_Line] = []
        self._recent: dict[bytes, list[HostKeyEntry]] = {}
        """What was found lately: a session asks before it connects, and again for the key that came."""

    def extend(self, data: bytes) -> None:
        """Take in more of the file: whole lines."""
        self._recent.clear()
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for number, text in enumerate(lines, start=self._count + 1):
            line = _split(number, text)
            if line is None:
                continue
            if line.names.startswith(b"|1|"):
                self._add_hashed(line)
            elif _is_pattern(line.names):
                self._patterns.append(line)
            else:
                for name in line.names.lower().split(b","):
                    self._exact.setdefault(name, []).append(line)
        self._count += len(lines)

    def lookup(self, name: bytes) -> list[HostKeyEntry]:
        """The readable entries for a host as known_hosts names it, markers included, in the file's order."""
        if name in self._recent:
            return self._recent[name]
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        found = self._recent[name] = self._look_up(name)
        return found

    def _look_up(self, name: bytes) -> list[HostKeyEntry]:
        lines = {line.number: line for line in self._exact.get(name, ())}
        lines |= {line.number: line for line in self._in_hashed(name)}
        lines |= {line.number: line for line in self._patterns if match_list(name, line.names.lower())}
        entries = (_entry(lines[number]) for number in sorted(lines))
        return [entry for entry in entries if entry is not None]

    def _in_hashed(self, name: bytes) -> list[_Line]:
        compared, found = self._unhashed.get(name, (0, []))
        if compared < len(self._hashed):
            for salt, digest, line in self._hashed[compared:]:
                if hmac.digest(salt, name, "sha1") == digest:
                    found = [*found, line]
            self._unhashed[name] = len(self._hashed), found
        return found

    def _add_hashed(self, line: _Line) -> None:
        salt, _, digest = line.names[3:].partition(b"|")
        try:
            self._hashed.append((base64.b64decode(salt), base64.b64decode(digest), line))
        except (binascii.Error, ValueError):
            return


def without_name(line: bytes, name: bytes, note: bytes) -> list[bytes]:
    """What replaces a line that speaks of `name`: the line without it, and the old one as a comment."""
    comment = b"# " + note + b": " + line.strip()
    parts = line.split(None, 1)
    names = parts[0]
    if len(parts) < 2 or names.startswith(b"|1|"):
        return [comment]
    others = [other for other in names.split(b",") if other.lower() != name]
    if match_list(name, b",".join(others).lower()):
        others.append(b"!" + name)
    if not any(not other.startswith(b"!") for other in others):
        return [comment]
    return [comment, b",".join(others) + b" " + parts[1].rstrip()]


def _split(number: int, text: bytes) -> _Line | None:
    parts = text.split(None, 2)
    if len(parts) < 3 or parts[0][:1] == b"#":
        return None
    if parts[0][:1] != b"@":
        return _Line(number, "", parts[0], parts[1] + b" " + parts[2])
    marker = _MARKERS.get(parts[0])
    return None if marker is None else _Line(number, marker, parts[1], parts[2])


def _entry(line: _Line) -> HostKeyEntry | None:
    parts = line.key.split(None, 2)
    if len(parts) < 2:
        return None
    key_type = parts[0].decode("latin-1")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    if not _is_key(key_type, blob):
        return None
    return HostKeyEntry(line.names.decode("utf-8", "replace"), key_type, blob, line.number, line.marker)


def _is_key(key_type: str, blob: bytes) -> bool:
    """True for a whole key of that type: its strings, and nothing behind them."""
    strings: list[bytes] = []
    at = 0
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4])
        strings.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    if at != len(blob) or not strings or strings[0] != key_type.encode("latin-1"):
        return False
    if key_type == "ssh-ed25519" and len(strings[-1]) != 32:
        return False
    return len(strings) == 1 + KEY_STRINGS.get(key_type, -1)


def match_list(name: bytes, patterns: bytes) -> bool:
    """Whether one of the patterns, which stand between commas, fits, and none that begins with `!`."""
    found = False
    for pattern in patterns.split(b","):
        if pattern[:1] == b"!":
            if _match(name, pattern[1:]):
                return False
        elif _match(name, pattern):
            found = True
    return found


def _match(name: bytes, pattern: bytes) -> bool:
    """`*` is any text, `?` any one character, and nothing else is special."""
    at = position = 0
    star = restart = -1
    while at < len(name):
        if position < len(pattern) and pattern[position : position + 1] == b"*":
            star, restart = position, at
            position += 1
        elif position < len(pattern) and pattern[position : position + 1] in (b"?", name[at : at + 1]):
            at, position = at + 1, position + 1
        elif star >= 0:
            restart += 1
            at, position = restart, star + 1
        else:
            return False
    return not pattern[position:].strip(b"*")
