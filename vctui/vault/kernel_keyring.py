"""The Linux kernel's keyring, for hosts without a desktop: in memory, with a time limit, gone with the login.

Reached through libkeyutils, which comes with OpenSSH or Kerberos on nearly every host. A key lies in the
keyring of the login session, which every shell and every tmux window of that login shares. A tmux that
outlived its login has none any more: there the user's own keyring serves, and only the time limit ends it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from typing import Any

from vctui.vault.keyrings import KeyringUnavailable

SESSION = -3
USER = -4
USER_SESSION = -5
OWN_PROCESS = -2
MOST_COPIES = 8
KEY_TYPE = b"user"
MAX_BYTES = 4096
_ENDED = (errno.EKEYREVOKED, errno.EKEYEXPIRED) if sys.platform == "linux" else ()


class KernelKeyring:
    """One text for each account, readable by this user's processes of the same login."""

    def set(self, account: str, text: str, seconds: int) -> None:
        """Keep a text for so long; it takes the place of the account's old one. Raises KeyringUnavailable."""
        data = text.encode("ascii")
        place, name = _place(), _name(account)
        self.delete(account)
        # First where only this process sees it: a key without its time limit is never among the others.
        key = _call("add_key", KEY_TYPE, name, data, len(data), OWN_PROCESS)
        _call("keyctl_set_timeout", key, seconds)
        _call("keyctl_link", key, place)
        _call("keyctl_unlink", key, OWN_PROCESS)

    def get(self, account: str) -> str | None:
        """What is kept for an account; None when there is nothing. Raises KeyringUnavailable."""
        buffer = ctypes.create_string_buffer(MAX_BYTES)
        try:
            key = _find(account)
            size = _call("keyctl_read", key, buffer, MAX_BYTES)
            _call("keyctl_unlink", key, OWN_PROCESS)
        except _NoKey:
            return None
        return buffer.raw[: min(size, MAX_BYTES)].decode("ascii", "replace")

    def delete(self, account: str) -> bool:
        """Forget what is kept for an account; whether there was anything. Raises KeyringUnavailable."""
        found = False
        for _ in range(MOST_COPIES):
            try:
                _call("keyctl_invalidate", _find(account))
            except _NoKey:
                break
            found = True
        return found

    @property
    def ends_with_login(self) -> bool:
        """Whether what is kept goes when the user logs out. Raises KeyringUnavailable."""
        return _place() == SESSION


def kernel_keyring_problem() -> KeyringUnavailable | None:
    """Why the kernel's keyring cannot be used here; None when it can."""
    try:
        _id(USER)
    except KeyringUnavailable as problem:
        return problem
    return None


class _NoKey(KeyringUnavailable):
    """There is no such key, or its time is over."""


def _find(account: str) -> int:
    """The account's key, made this process's own: else no session but the one that stored it may use it."""
    try:
        return _call("keyctl_search", SESSION, KEY_TYPE, _name(account), OWN_PROCESS)
    except _NoKey:
        return _call("keyctl_search", USER, KEY_TYPE, _name(account), OWN_PROCESS)


def _place() -> int:
    """The login's keyring, or the user's where the login is over or has none of its own.

    The kernel shows the user's in place of a missing one, but what is put there goes with the process.
    """
    return USER if _id(SESSION) in (None, _id(USER_SESSION)) else SESSION


def _id(place: int) -> int | None:
    try:
        return _call("keyctl_get_keyring_ID", place, 0)
    except _NoKey:
        return None


def _name(account: str) -> bytes:
    return f"vctui:{account}".encode()


def _call(function: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    library = _library()
    if library is None:
        raise KeyringUnavailable("this host has no kernel keyring", "On Linux, install: keyutils")
    result: int = getattr(library, function)(*arguments)
    if result >= 0:
        return result
    code = ctypes.get_errno()
    if code in (errno.ENOKEY, *_ENDED):
        raise _NoKey("there is no such key in the kernel's keyring")
    raise KeyringUnavailable(f"the kernel's keyring cannot be used: {os.strerror(code)}")


@cache
def _library() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    try:
        library = ctypes.CDLL("libkeyutils.so.1", use_errno=True)
    except OSError:
        return None
    integer, text = ctypes.c_int32, ctypes.c_char_p
    takes: dict[str, list[Any]] = {
        "keyctl_get_keyring_ID": [integer, ctypes.c_int],
        "keyctl_search": [integer, text, text, integer],
        "add_key": [text, text, text, ctypes.c_size_t, integer],
        "keyctl_set_timeout": [integer, ctypes.c_uint],
        "keyctl_link": [integer, integer],
        "keyctl_unlink": [integer, integer],
        "keyctl_invalidate": [integer],
        "keyctl_read": [integer, text, ctypes.c_size_t],
    }
    for name, arguments in takes.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = ctypes.c_long if name == "keyctl_read" else integer
    return library
