"""Private keys to log in with: read once for all their devices, the passphrase asked when none is stored."""

from __future__ import annotations

import base64
import binascii
import io
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from paramiko.pkey import PublicBlob

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.agent import Agent
from vctui.ssh.asking import Asking
from vctui.ssh.turns import TURNS
from vctui.text import safe_line

_CERTIFICATE = re.compile(
    r"^\s*(?P<type>\S+-cert-v01@openssh\.com)\s+(?P<blob>[A-Za-z0-9+/=]+).*$", re.MULTILINE
)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_TRIES = 3
"""How often a passphrase may be mistyped; no device hears of it."""


class _NeedsPassphrase(Exception):
    """The key is locked, and there is no passphrase, or not the right one."""


@dataclass(slots=True)
class _Slot:
    """One key: whoever comes first opens it, under the lock; the others wait for that."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    key: paramiko.PKey | None = None
    failure: DeviceError | None = None


class KeyRing:
    """The keys of one run. Threads may share it."""

    def __init__(self, agent: Agent | None = None) -> None:
        self._lock = threading.Lock()
        self._slots: dict[SSHCredentials, _Slot] = {}
        self._agent = agent or Agent()

    def key(self, credentials: SSHCredentials, asking: Asking) -> paramiko.PKey | None:
        """The key to sign with, or None without one. Raises DeviceError: nothing has been sent by then."""
        if not credentials.agent and not credentials.private_key:
            return None
        with self._lock:
            slot = self._slots.setdefault(credentials, _Slot())
        if slot.key is not None:
            return slot.key
        with TURNS.resting(), slot.lock:
            if slot.failure is not None:
                raise slot.failure.again()
            if slot.key is None:
                try:
                    slot.key = self._open(credentials, asking)
                except DeviceError as error:
                    if not asking.is_cancelled:
                        slot.failure = error.again()
                    raise
            return slot.key

    def _open(self, credentials: SSHCredentials, asking: Asking) -> paramiko.PKey:
        return self._agent.key(credentials) if credentials.agent else _load(credentials, asking)

    def forget(self) -> None:
        """Let go of all keys."""
        with self._lock:
            self._slots.clear()


def _load(credentials: SSHCredentials, asking: Asking) -> paramiko.PKey:
    text = credentials.private_key or ""
    of = f"the private key of credential {safe_line(credentials.name or credentials.username, 60)!r}"
    certificate = _CERTIFICATE.search(text)
    data = _CERTIFICATE.sub("", text).strip().encode() + b"\n"
    try:
        private = _unlock(data, credentials, asking, of)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DeviceError(
            "auth_failed", f"{of} cannot be read", "Check the key and its passphrase in the vault"
        ) from error
    key = _for_paramiko(private, of)
    if certificate is not None:
        _certify(key, certificate["type"], certificate["blob"], of)
    return key


def _unlock(data: bytes, credentials: SSHCredentials, asking: Asking, of: str) -> object:
    """The key that `data` holds, with the stored passphrase or with one that a person gives."""
    try:
        return _read(data, credentials.passphrase)
    except _NeedsPassphrase:
        if credentials.passphrase is not None:
            raise ValueError from None
    for _ in range(_TRIES):
        answer = asking.passphrase(credentials)
        if answer is None:
            break
        try:
            return _read(data, answer)
        except _NeedsPassphrase:
            asking.passphrase_was_wrong(credentials)
    raise DeviceError("auth_failed", f"{of} needs its passphrase", "Add the passphrase to the credential")


def _read(data: bytes, passphrase: str | None) -> object:
    """Raises _NeedsPassphrase, or ValueError and the like for what is no key."""
    is_openssh = b"BEGIN OPENSSH PRIVATE KEY" in data
    load: Callable[[bytes, bytes | None], object] = (
        serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    )
    try:
        return load(data, passphrase.encode() if passphrase else None)
    except TypeError:
        if not passphrase:
            raise _NeedsPassphrase from None
        return load(data, None)  # a passphrase that is not needed does no harm
    except ValueError:
        if passphrase and _is_locked(load, data):
            raise _NeedsPassphrase from None
        raise


def _is_locked(load: Callable[[bytes, bytes | None], object], data: bytes) -> bool:
    """True for a key that is whole, and asks for a passphrase."""
    try:
        load(data, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def _for_paramiko(key: object, of: str) -> paramiko.PKey:
    if isinstance(key, rsa.RSAPrivateKey):
        return paramiko.RSAKey(key=key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return paramiko.ECDSAKey(vals=(key, key.public_key()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        plain = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        return paramiko.Ed25519Key.from_private_key(io.StringIO(plain.decode()))
    raise DeviceError("auth_failed", f"{of} is of a kind that is not used", "Use Ed25519, ECDSA or RSA")


def _certify(key: paramiko.PKey, kind: str, text: str, of: str) -> None:
    """Have the key present its certificate. Raises DeviceError for one that no server would take."""
    next_step = "Get a new certificate, and store it below the key in the credential"
    try:
        blob = base64.b64decode(text, validate=True)
        certificate = serialization.load_ssh_public_identity(f"{kind} {text}".encode())
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise DeviceError("auth_failed", f"the certificate below {of} cannot be read", next_step) from error
    assert isinstance(certificate, serialization.SSHCertificate)
    certified = certificate.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    if certified.split()[1].decode() != key.get_base64():
        raise DeviceError("auth_failed", f"the certificate below {of} is of another key", next_step)
    if certificate.type is not serialization.SSHCertificateType.USER:
        raise DeviceError("auth_failed", f"the certificate below {of} is one of a host", next_step)
    if time.time() >= certificate.valid_before:
        raise DeviceError("auth_failed", f"the certificate below {of} has expired", next_step)
    key.public_blob = PublicBlob(kind, blob)
