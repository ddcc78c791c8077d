"""Unlocking the vault, and asking for secrets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vctui.vault import Vault


def unlock(vault: Vault, *, descriptor: int | None = None) -> None:
    """Unlock with the first source that offers something, else with a prompt. Raises VaultError."""
    from vctui.cli.output import narrate
    from vctui.vault import harden_process, require_unlock_source

    harden_process()
    source = require_unlock_source(vault, unlock_fd=descriptor)
    if source.note:
        narrate(f"vctui: {source.note}")
    source.unlock(vault)


def new_master_password(vault: Vault, *, descriptor: int | None = None) -> str:
    """The password of a vault to be: from a descriptor, the environment, or a prompt that asks twice."""
    from vctui.vault import find_unlock_source, harden_process

    harden_process()
    if descriptor is not None:
        source = find_unlock_source(vault, unlock_fd=descriptor)
        return source.password if source else ""
    return os.environ.get("VCOLLECTOR_VAULT_PASS") or ask_twice("New master password: ")


def ask_twice(prompt: str) -> str:
    """A secret that is typed the same twice. Raises VaultError."""
    from vctui.errors import VaultError
    from vctui.vault import ask_secret

    secret = ask_secret(prompt)
    if secret and ask_secret("The same again: ") != secret:
        raise VaultError("the two entries differ", "Nothing was stored; try again")
    return secret
