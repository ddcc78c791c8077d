"""Where the key to the vault comes from: `--unlock-fd`, systemd, the keyring, the environment.

A prompt on the terminal comes last. Every source is read once and tried once.
"""

from __future__ import annotations

import getpass
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vctui.errors import VaultError
from vctui.vault import keyring_slot
from vctui.vault.keyring_slot import SlotKey
from vctui.vault.store import Vault

SourceKind = Literal["unlock-fd", "credentials-directory", "keyring", "environment", "prompt"]
ENVIRONMENT = "VCOLLECTOR_VAULT_PASS"
CREDENTIAL = "vctui"
"""The name of the file in $CREDENTIALS_DIRECTORY."""
MAX_PASSWORD_BYTES = 4096
ENVIRONMENT_NOTE = (
    f"{ENVIRONMENT} can be read by other processes of this user; safer: systemd's LoadCredential=vctui, "
    "--unlock-fd, or once: vctui vault remember"
)
NO_SOURCE_STEP = (
    "Use --unlock-fd N, systemd's LoadCredential=vctui or a keyring (vctui vault remember), "
    "or run it on a terminal"
)


@dataclass(frozen=True, slots=True)
class UnlockSource:
    """A way to unlock the vault that was found, and what the user should know about it."""

    kind: SourceKind
    note: str | None = None
    """For stderr."""
    password: str = field(default="", repr=False)
    slot_key: SlotKey | None = field(default=None, repr=False)

    def unlock(self, vault: Vault) -> None:
        """Unlock, in one attempt. Raises WrongPassword."""
        if self.slot_key is not None:
            vault.unlock_key(self.slot_key.slot, self.slot_key.key, source=self.kind)
        else:
            vault.unlock(self.password, source=self.kind)


def find_unlock_source(
    vault: Vault,
    *,
    unlock_fd: int | None = None,
    environ: Mapping[str, str] = os.environ,
    keyrings: bool = True,
) -> UnlockSource | None:
    """The first source that offers something, without asking anybody; None when there is none.

    Raises VaultError for a source that was named but cannot be read. A keyring may take up to 3 seconds;
    without `keyrings`, the source found has the password itself.
    """
    if unlock_fd is not None:
        return UnlockSource("unlock-fd", password=read_descriptor(unlock_fd))
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder and (password := _read_credential(Path(folder) / CREDENTIAL)) is not None:
        return UnlockSource("credentials-directory", password=password)
    slot_key = keyring_slot.find_key(vault) if keyrings else None
    if slot_key is not None:
        return UnlockSource("keyring", slot_key=slot_key)
    if password := environ.get(ENVIRONMENT):
        return UnlockSource("environment", note=ENVIRONMENT_NOTE, password=password)
    return None


def require_unlock_source(
    vault: Vault, *, unlock_fd: int | None = None, environ: Mapping[str, str] = os.environ
) -> UnlockSource:
    """As `find_unlock_source`, and a prompt at the end. Raises VaultError at once without a terminal."""
    source = find_unlock_source(vault, unlock_fd=unlock_fd, environ=environ)
    return source or UnlockSource("prompt", password=ask_secret("Master password: "))


def ask_secret(prompt: str) -> str:
    """Ask on the terminal, without echo. Raises VaultError without a terminal, or when it would echo."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        raise VaultError("there is no terminal to ask on, and no other source", NO_SOURCE_STEP) from None
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            raise VaultError("the terminal would show what is typed", NO_SOURCE_STEP) from None
        except EOFError:
            raise VaultError("nothing was entered") from None


def read_descriptor(descriptor: int, option: str = "--unlock-fd") -> str:
    """The next line of a file descriptor, which is left open for what follows it. Raises VaultError."""
    what = f"{option} {descriptor}"
    line = bytearray()
    try:
        if os.isatty(descriptor):
            raise VaultError(
                f"{what} is a terminal", "Use a pipe or a file, or leave the option out for a prompt"
            )
        while len(line) <= MAX_PASSWORD_BYTES:
            byte = os.read(descriptor, 1)
            if byte in (b"", b"\n"):
                break
            line += byte
    except OSError as error:
        raise VaultError(f"{what} cannot be read: {error.strerror}", "Open it, as in: 3< FILE") from None
    return _as_password(bytes(line), what)


def _read_credential(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_PASSWORD_BYTES + 2)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultError(f"{file} cannot be read: {error.strerror}", "Check its owner") from None
    return _as_password(data.removesuffix(b"\n"), str(file))


def _as_password(data: bytes, what: str) -> str:
    data = data.removesuffix(b"\r")
    if not data or len(data) > MAX_PASSWORD_BYTES:
        raise VaultError(f"{what} holds no master password")
    text = data.decode("utf-8", "surrogateescape")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise VaultError(f"{what} holds no UTF-8 text")
    return text
