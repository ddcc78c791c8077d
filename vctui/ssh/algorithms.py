"""Which algorithms are offered, in which order; and what a device has, when none of them is among it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from paramiko.kex_curve25519 import KexCurve25519
from paramiko.message import Message
from paramiko.ssh_exception import IncompatiblePeer
from paramiko.transport import Transport as ParamikoTransport

from vctui.ssh.hostcerts import CERTIFICATE

_EXTENSION = re.compile(r"ext-info-|kex-strict-")
# Elliptic curves first: finite-field Diffie-Hellman costs a hundred times more. Only names that the
# installed paramiko knows are offered.
KEX = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "mlkem768x25519-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
)
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
LEGACY_KEX = (
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group1-sha1",
)
LEGACY_CIPHERS = ("aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc")
LEGACY_MACS = ("hmac-sha1",)
LEGACY_KEY_TYPES = ("ssh-rsa",)
LEGACY = frozenset(LEGACY_KEX + LEGACY_CIPHERS + LEGACY_MACS + LEGACY_KEY_TYPES)

_PARAMIKO = vars(ParamikoTransport)
KEX_ENGINES: dict[str, Any] = {**_PARAMIKO["_kex_info"], "curve25519-sha256": KexCurve25519}
KNOWN = {*KEX_ENGINES, *_PARAMIKO["_cipher_info"], *_PARAMIKO["_mac_info"], *_PARAMIKO["_key_info"]}
"""All that the installed paramiko has, whether it is offered or not."""
_LISTS = (
    ("key exchange", "kex", ("kex_algo_list",)),
    ("host key", "keys", ("server_key_algo_list",)),
    ("cipher", "ciphers", ("client_encrypt_algo_list", "server_encrypt_algo_list")),
    ("MAC", "macs", ("client_mac_algo_list", "server_mac_algo_list")),
)
"""What has to be agreed upon, and under which names paramiko keeps both sides' lists."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one connection offers, best first."""

    kex: tuple[str, ...]
    keys: tuple[str, ...]
    """Types of host keys."""
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    pubkeys: tuple[str, ...]
    """Types of keys to log in with."""

    def unmatched(self, lists: Mapping[str, list[str]]) -> tuple[str, tuple[str, ...]]:
        """What a server's lists have nothing in common with this for, and what they have instead."""
        for kind, ours, theirs in _LISTS:
            for each in theirs:
                names = [name for name in lists.get(each, ()) if not _EXTENSION.match(name)]
                if not set(getattr(self, ours)).intersection(names):
                    return kind, tuple(names)
        return "algorithm", ()


@lru_cache(256)
def make_offer(known: tuple[str, ...], legacy: bool) -> Offer:
    """The offer to a host with known keys of these types; `legacy` adds what only old devices need.

    CERTIFICATE among them stands for certificates of any type, whose authority is known.
    """
    keys = _known(KEY_TYPES + LEGACY_KEY_TYPES * legacy)
    certificates = _known(tuple(f"{name}{CERTIFICATE}" for name in keys)) if CERTIFICATE in known else ()
    return Offer(
        kex=_known(KEX + LEGACY_KEX * legacy),
        keys=(*certificates, *sorted(keys, key=lambda name: _family(name) not in known)),
        ciphers=_known(CIPHERS + LEGACY_CIPHERS * legacy),
        macs=_known(MACS + LEGACY_MACS * legacy),
        pubkeys=keys,
    )


@lru_cache(256)
def kexinit(offer: Offer) -> bytes:
    """What a client says with it to begin a key exchange, after the random bytes."""
    message = Message()
    message.add_list([*offer.kex, "ext-info-c", "kex-strict-c-v00@openssh.com"])
    message.add_list(list(offer.keys))
    for names in (offer.ciphers, offer.ciphers, offer.macs, offer.macs, ("none",), ("none",), (), ()):
        message.add_list(list(names))
    message.add_boolean(False)
    message.add_int(0)
    return message.asbytes()


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a client and a server use with each other."""

    kex: str
    key: str
    cipher_out: str
    cipher_in: str
    mac_out: str
    mac_in: str
    strict: bool | None
    """Whether the server keeps to the strict key exchange; None when it does not say so."""


@lru_cache(64)
def agree(offer: Offer, lists: bytes) -> Agreement:
    """The first of ours that the server has too, of each kind; `lists` is its KEXINIT without random bytes.

    Devices of one kind say the same. Raises IncompatiblePeer.
    """
    message = Message(lists)
    kex, keys, ciphers_out, ciphers_in, macs_out, macs_in, *compressions = (
        message.get_list() for _ in range(8)
    )
    if not all("none" in each for each in compressions):
        raise IncompatiblePeer("no acceptable compression")
    strict = [name for name in kex if name.startswith("kex-strict-")]
    return Agreement(
        kex=_first(offer.kex, kex),
        key=_first(offer.keys, keys),
        cipher_out=_first(offer.ciphers, ciphers_out),
        cipher_in=_first(offer.ciphers, ciphers_in),
        mac_out=_first(offer.macs, macs_out),
        mac_in=_first(offer.macs, macs_in),
        strict="kex-strict-s-v00@openssh.com" in strict if strict else None,
    )


def _first(ours: tuple[str, ...], theirs: list[str]) -> str:
    for name in ours:
        if name in theirs:
            return name
    raise IncompatiblePeer("no algorithm in common")


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in KNOWN)


def _family(key_type: str) -> str:
    """The key type that known_hosts names, of a signature algorithm."""
    return "ssh-rsa" if key_type.startswith("rsa-") else key_type
