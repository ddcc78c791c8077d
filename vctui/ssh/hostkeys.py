"""Which host keys are trusted: a known_hosts file, read fast, and never left half written."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from vctui.errors import HostKeyRefused, StorageError, UsageError
from vctui.hostnames import is_host
from vctui.ssh.hostcerts import CERTIFICATE, NotCertified, certified_by
from vctui.ssh.hostkey_index import (
    HostKeyEntry,
    HostKeyIndex,
    fingerprint,
    host_name,
    name_bytes,
    without_name,
)
from vctui.text import safe_line

KeyStatus = Literal["ok", "unknown", "changed", "revoked"]


@dataclass(frozen=True, slots=True)
class ScannedKey:
    """The key which a host presented in a key exchange; nothing says yet that it is genuine."""

    host: str
    port: int
    key_type: str
    blob: bytes
    certificate: bytes = b""
    """The certificate that it came in, if any."""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def base64(self) -> str:
        return base64.b64encode(self.blob).decode()

    @property
    def facts(self) -> dict[str, Any]:
        """What may be noted of it."""
        kind = safe_line(self.key_type, 60)
        return {"host": self.host, "port": self.port, "key_type": kind, "fingerprint": self.fingerprint}

    @property
    def line(self) -> str:
        """The line for known_hosts, without a newline."""
        return f"{host_name(self.host, self.port)} {self.key_type} {self.base64}"


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What the file says of a presented key, and the entries that made it say so."""

    status: KeyStatus
    entries: tuple[HostKeyEntry, ...] = ()
    certificate: str = ""
    """Why the certificate that came with the key does not count."""


Note = Callable[[str, list[dict[str, Any]]], None]
"""Keeps what was decided: the kind of decision, and its facts."""


class KnownHosts:
    """A known_hosts file. It is read when asked, and again when it has changed; threads may share it.

    Reading raises StorageError when the file is there and cannot be read; one that is not there is empty.
    `note` hears of each change before it is made, and may refuse it by raising.
    """

    def __init__(self, path: str | Path, note: Note = lambda kind, facts: None) -> None:
        self.path = Path(path).expanduser()
        self._note = note
        self._lock = threading.RLock()
        self._stamp: tuple[int, int, int] | None = None
        self._data = b""
        self._index = HostKeyIndex()

    def lookup(self, host: str, port: int = 22) -> list[HostKeyEntry]:
        """All readable entries for a host, markers included, in the file's order."""
        with self._lock:
            self._refresh()
            return self._index.lookup(name_bytes(host, port))

    def is_known(self, host: str, port: int = 22) -> bool:
        """True when the file has a key for this host that could be accepted, or an authority over it."""
        return any(entry.marker != "revoked" for entry in self.lookup(host, port))

    def key_types(self, host: str, port: int = 22) -> tuple[str, ...]:
        """The types of a host's known keys: negotiated first, so that they can be compared.

        CERTIFICATE is the first where an authority could vouch for the host.
        """
        entries = self.lookup(host, port)
        plain = dict.fromkeys(entry.key_type for entry in entries if not entry.marker)
        certified = any(entry.marker == "cert-authority" for entry in entries)
        return (*((CERTIFICATE,) if certified else ()), *plain)

    def check(self, host: str, port: int, key_type: str, blob: bytes, certificate: bytes = b"") -> KeyCheck:
        """Compare a presented key. A known host with a key of yet another type counts as changed.

        A certificate of an authority that the file names for this host takes the place of a known key.
        """
        entries = self.lookup(host, port)
        revoked = [entry for entry in entries if entry.marker == "revoked"]
        if mine := tuple(entry for entry in revoked if entry.blob == blob):
            return KeyCheck("revoked", mine)
        reason = ""
        if certificate:
            try:
                authority = certified_by(
                    certificate, blob, host, [e for e in entries if e.marker == "cert-authority"]
                )
            except NotCertified as error:
                reason = str(error)
            else:
                if withdrawn := tuple(entry for entry in revoked if entry.blob == authority.blob):
                    return KeyCheck("revoked", withdrawn)
                return KeyCheck("ok", (authority,))
        plain = tuple(e for e in entries if not e.marker)
        same = tuple(e for e in plain if (e.key_type, e.blob) == (key_type, blob))
        if same:
            return KeyCheck("ok", same)
        return KeyCheck("changed", plain, reason) if plain else KeyCheck("unknown", certificate=reason)

    def add(self, keys: Iterable[ScannedKey]) -> int:
        """Trust keys; those that are there already stay as they are. Returns how many were added.

        Raises HostKeyRefused when a host has another key of that type (that is what `replace` is for) or the
        key is revoked, and StorageError when the file cannot be written.
        """
        wanted = list({key.line: key for key in keys}.values())
        for key in wanted:
            if not is_host(key.host):
                raise UsageError(f"{safe_line(key.host, 80)!r} is no host name or address")
        added: list[ScannedKey] = []

        def with_new(data: bytes) -> bytes:
            self._take(data)
            added.extend(key for key in wanted if self._is_new(key))
            if added:
                self._note("host_key_trusted", [key.facts for key in added])
            return _with_lines(data, [key.line for key in added])

        with self._lock:
            self._rewrite(with_new)
        return len(added)

    def replace(
        self, host: str, port: int, new_key: ScannedKey, expected_fingerprint: str
    ) -> list[HostKeyEntry]:
        """Trust the key of replaced hardware; its old lines stay as comments and are returned.

        Raises HostKeyRefused when the new key is not the one whose fingerprint the user has from elsewhere.
        """
        name = host_name(host, port)
        if _bare(new_key.fingerprint) != _bare(expected_fingerprint):
            raise HostKeyRefused(
                f"{name} presents {new_key.fingerprint}, not {safe_line(expected_fingerprint, 80)}",
                "Read the fingerprint on the device's console again; nothing was changed",
            )
        replaced: list[HostKeyEntry] = []
        note = b"replaced " + datetime.now(UTC).isoformat(timespec="seconds").encode()

        def with_replaced(data: bytes) -> bytes:
            self._take(data)
            replaced.extend(e for e in self._index.lookup(name_bytes(host, port)) if not e.marker)
            gone = {entry.line for entry in replaced}
            kept: list[bytes] = []
            for number, line in enumerate(data.split(b"\n"), start=1):
                kept += without_name(line, name_bytes(host, port), note) if number in gone else [line]
            key = ScannedKey(host, port, new_key.key_type, new_key.blob)
            self._note("host_key_replaced", [{**key.facts, "old": [e.fingerprint for e in replaced]}])
            return _with_lines(b"\n".join(kept), [key.line])

        with self._lock:
            self._rewrite(with_replaced)
        return replaced

    def _is_new(self, key: ScannedKey) -> bool:
        entries = self._index.lookup(name_bytes(key.host, key.port))
        same_type = [e for e in entries if e.key_type == key.key_type and e.marker != "cert-authority"]
        if any(e.blob == key.blob and not e.marker for e in same_type):
            return False
        if any(e.blob == key.blob or not e.marker for e in same_type):
            raise HostKeyRefused(
                f"{self.path}:{same_type[0].line}: {host_name(key.host, key.port)} has another key there",
                "After a replacement use: vctui hosts replace DEVICE --fingerprint SHA256:...",
            )
        return True

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if stamp != self._stamp:
                self._take(self.path.read_bytes())
                self._stamp = stamp
        except FileNotFoundError:
            self._take(b"")
            self._stamp = None
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be read: {error.strerror}", "Check its owner") from error

    def _take(self, data: bytes) -> None:
        if data == self._data:
            return
        grown = data.startswith(self._data) and (not self._data or self._data.endswith(b"\n"))
        if grown:
            self._index.extend(data[len(self._data) :])
        else:
            self._index = HostKeyIndex()
            self._index.extend(data)
        self._data = data

    def _rewrite(self, change: Callable[[bytes], bytes]) -> None:
        # A link is followed, so that a shared file stays one.
        path = Path(os.path.realpath(self.path))
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(path):
                data = path.read_bytes() if path.exists() else b""
                changed = change(data)
                if changed != data:
                    _write(path, changed)
        except OSError as error:
            raise StorageError(
                f"{path}: cannot be written: {error.strerror}", "Check its folder's owner and free space"
            ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's lock; it is a file of its own, since the file itself is replaced by renaming."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    for stale in path.parent.glob(f".{path.name}.*.tmp"):  # of a killed process: we hold the lock
        stale.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _with_lines(data: bytes, lines: list[str]) -> bytes:
    if not lines:
        return data
    if data and not data.endswith(b"\n"):
        data += b"\n"
    return data + b"".join(line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)


def _bare(text: str) -> str:
    return text.strip().removeprefix("SHA256:").rstrip("=")
