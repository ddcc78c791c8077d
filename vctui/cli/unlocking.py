"""Unlocking the vault, and asking for secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.vault import Vault


def unlock(vault: Vault, *, descriptor: int | None = None) -> None:
    """Unlock with the first source that offers something, else with a prompt. Raises VaultError."""
    from vctui.cli.output import narrate
    from vctui.vault import harden_process, require_unlock_source

    harden_process()
    vault.require()
    source = require_unlock_source(vault, unlock_fd=descriptor)
    if source.note:
        narrate(f"vctui: {source.note}")
    source.unlock(vault)


@contextmanager
def unlocked(settings: Settings, *, descriptor: int | None = None) -> Iterator[Vault]:
    """The home's vault, unlocked; locked again at the end. Raises VaultError."""
    from vctui.vault import CredentialResolver

    with CredentialResolver(settings) as resolver:
        unlock(resolver.vault, descriptor=descriptor)
        yield resolver.vault


def master_password(vault: Vault, *, descriptor: int | None = None) -> str:
    """The master password itself, where a keyring's key would not do. Raises VaultError."""
    from vctui.cli.output import narrate
    from vctui.vault import ask_secret, find_unlock_source, harden_process

    harden_process()
    vault.require()
    source = find_unlock_source(vault, unlock_fd=descriptor, keyrings=False)
    if source is None:
        return ask_secret("Master password: ")
    if source.note:
        narrate(f"vctui: {source.note}")
    return source.password


def new_master_password(vault: Vault, *, descriptor: int | None = None) -> str:
    """The password of a vault to be: from a descriptor, the environment, or a prompt that asks twice."""
    from vctui.vault import harden_process

    harden_process()
    if descriptor is not None:
        return read_secret(descriptor, "")
    return os.environ.get("VCOLLECTOR_VAULT_PASS") or ask_twice("New master password: ")


def read_secret(descriptor: int | None, prompt: str, *, option: str = "--unlock-fd") -> str:
    """A secret from the next line of a descriptor, or from a prompt. Raises VaultError."""
    from vctui.vault import ask_secret, harden_process, read_descriptor

    harden_process()
    return ask_secret(prompt) if descriptor is None else read_descriptor(descriptor, option)


def ask_twice(prompt: str) -> str:
    """A secret that is typed the same twice. Raises VaultError."""
    from vctui.errors import VaultError
    from vctui.vault import ask_secret

    secret = ask_secret(prompt)
    if secret and ask_secret("The same again: ") != secret:
        raise VaultError("the two entries differ", "Nothing was stored; try again")
    return secret


def ask_line(prompt: str) -> str:
    """One line, typed in sight, without spaces at its ends."""
    from vctui.text import safe_line

    sys.stderr.write(safe_line(prompt))
    sys.stderr.flush()
    return sys.stdin.readline().strip()
