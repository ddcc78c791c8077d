"""Certificates of hosts: whether an authority that known_hosts names vouches for a key."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import SSHCertificate, SSHCertificateType

from vctui.ssh.hostkey_index import HostKeyEntry, match_list

CERTIFICATE = "-cert-v01@openssh.com"


class NotCertified(Exception):
    """Why a certificate does not count."""


def certified_by(
    certificate: bytes, key: bytes, host: str, authorities: Sequence[HostKeyEntry]
) -> HostKeyEntry:
    """The authority's line. Raises NotCertified: it is another key's or host's, expired, or nobody's."""
    found = _read(certificate)
    if found.type is not SSHCertificateType.HOST:
        raise NotCertified("it is one of a user")
    if _blob(found.public_key()) != key:
        raise NotCertified("it is of another key")
    signer = _blob(found.signature_key())
    authority = next((entry for entry in authorities if entry.blob == signer), None)
    if authority is None:
        raise NotCertified("its authority is not known")
    try:
        found.verify_cert_signature()
    except InvalidSignature:
        raise NotCertified("its signature is wrong") from None
    if not found.valid_after <= time.time() < found.valid_before:
        raise NotCertified("it is not valid now")
    if found.critical_options:
        raise NotCertified("it has a condition that is not known")
    if found.valid_principals and not _names(found.valid_principals, host):
        raise NotCertified(f"it is not for {host.lower()}")
    return authority


def _read(certificate: bytes) -> SSHCertificate:
    size = int.from_bytes(certificate[:4])
    line = certificate[4 : 4 + size] + b" " + base64.b64encode(certificate)
    try:
        found = serialization.load_ssh_public_identity(line)
    except (ValueError, UnsupportedAlgorithm):
        raise NotCertified("it cannot be read") from None
    if not isinstance(found, SSHCertificate):
        raise NotCertified("it is none")
    return found


def _blob(key: serialization.SSHCertPublicKeyTypes) -> bytes:
    text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64decode(text.split()[1])


def _names(principals: Sequence[bytes], host: str) -> bool:
    return any(match_list(host.lower().encode(), principal.lower()) for principal in principals)
