"""What a credential may be made of: its name, its user name, its private key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from vctui.config import expand
from vctui.errors import UsageError, VaultError
from vctui.text import safe_line
from vctui.vault.kdf import encode_password
from vctui.vault.schemes import AGENT, PASSPHRASE, PASSWORD, PRIVATE_KEY

MAX_NAME = 100
MAX_USERNAME = 256
MAX_SECRET_BYTES = 64 * 1024
MAX_AGENT_KEY = 4096
_CERTIFICATE = re.compile(r"^\S+-cert-v01@openssh\.com [A-Za-z0-9+/=]+.*$", re.MULTILINE)
SHELL_CHARACTERS = frozenset("'\"`$;&<>|(){}[]*?!")


class FieldRefused(VaultError):
    """One part of a credential cannot be used: `field` is name, username, scope, or a secret's field."""

    def __init__(self, field: str, message: str, next_step: str | None = None) -> None:
        super().__init__(message, next_step)
        self.field = field


class PassphraseNeeded(FieldRefused):
    """The private key is encrypted and no passphrase came with it: ask for it and try again."""

    def __init__(self) -> None:
        super().__init__(PASSPHRASE, "the private key is protected by a passphrase")


def check_name(name: str) -> str:
    """A credential's name, unchanged. Raises VaultError with the reason it is refused."""
    if not name or name != name.strip():
        raise FieldRefused("name", "a credential's name must not be empty or have spaces at its ends")
    if len(name) > MAX_NAME:
        raise FieldRefused("name", f"a credential's name must not be longer than {MAX_NAME} characters")
    if name.startswith("-") or not name.isprintable():
        raise FieldRefused(
            "name", f"'{safe_line(name)}' cannot be a credential's name", "Use letters, digits, . _ and -"
        )
    return name


def check_username(username: str) -> str:
    """A user name that no ssh command line could mistake for anything else. Raises VaultError."""
    if not username:
        raise FieldRefused("username", "a credential needs a user name")
    if (
        len(username) > MAX_USERNAME
        or username.startswith("-")
        or username.endswith("\\")
        or not username.isprintable()
        or any(character.isspace() or character in SHELL_CHARACTERS for character in username)
    ):
        raise FieldRefused(
            "username",
            f"'{safe_line(username)}' cannot be a user name",
            "It must not begin with '-' or hold spaces, control characters or shell characters",
        )
    return username


def check_fields(values: Mapping[str, str]) -> dict[str, str]:
    """The secrets of a credential as they will be stored, by field; empty ones are left out.

    An empty passphrase beside a key that needs one means that it is asked for at each run.
    Raises PassphraseNeeded, or VaultError, and repeats no secret in it.
    """
    given = {name: value for name, value in values.items() if value}
    for name, value in given.items():
        if len(encode_password(value)) > MAX_SECRET_BYTES:
            raise FieldRefused(name, f"the {name.replace('_', ' ')} is larger than 64 KiB")
    if PRIVATE_KEY in given:
        given[PRIVATE_KEY] = check_private_key(given[PRIVATE_KEY], values.get(PASSPHRASE))
    elif PASSPHRASE in given:
        raise FieldRefused(PASSPHRASE, "a passphrase was given without a private key")
    elif PASSWORD not in given and AGENT not in given:
        raise FieldRefused(PASSWORD, "a credential needs a password, a private key or the SSH agent")
    if AGENT in given:
        check_agent(given[AGENT])
    return given


def read_key_file(name: str) -> str:
    """The text of a private key's file, and of the certificate beside it if there is one.

    Raises UsageError.
    """
    path = expand(name)
    certificate = path.with_name(f"{path.name}-cert.pub")
    text = _read_text(path)
    return f"{text.rstrip()}\n{_read_text(certificate)}" if certificate.is_file() else text


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SECRET_BYTES + 1)
        if len(data) > MAX_SECRET_BYTES:
            raise UsageError(f"{path}: larger than 64 KiB", "This is not a private key")
        return data.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text", "Give a key in PEM or OpenSSH format") from None


def check_agent(key: str) -> str:
    """What names the key of the agent: fingerprint, public line, comment, ANY_KEY. Raises VaultError."""
    if len(key) > MAX_AGENT_KEY or not key.isprintable():
        raise FieldRefused(
            AGENT,
            f"'{safe_line(key, 80)}' names no key of the agent",
            "Give its fingerprint, its comment or its public line; see: ssh-add -l",
        )
    return key


def check_private_key(text: str, passphrase: str | None) -> str:
    """The key's text with plain line ends. Raises PassphraseNeeded, or VaultError with the reason.

    The line of an OpenSSH certificate may follow the key. An empty passphrase is one that is not stored.
    """
    text = text.replace("\r\n", "\n").strip() + "\n"
    if text.startswith("PuTTY-User-Key-File"):
        raise FieldRefused(
            PRIVATE_KEY, "this is a PuTTY key", "Convert it first: puttygen KEY.ppk -O private-openssh -o KEY"
        )
    if "PRIVATE KEY-----" not in text:
        raise FieldRefused(
            PRIVATE_KEY, "this is not a private key", "Give the file without .pub, in PEM or OpenSSH form"
        )
    data = encode_password(_CERTIFICATE.sub("", text).strip() + "\n")
    password = encode_password(passphrase) if passphrase else None
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, password)
    except TypeError:
        if password is None:
            if passphrase == "":
                return text
            problem: VaultError = PassphraseNeeded()
        else:
            problem = FieldRefused(
                PASSPHRASE, "the private key has no passphrase", "Leave the passphrase empty"
            )
    except UnsupportedAlgorithm:
        problem = FieldRefused(PRIVATE_KEY, "the private key is of a kind that is not supported")
    except ValueError:
        if password is not None and _is_protected(load, data):
            problem = FieldRefused(
                PASSPHRASE, "the passphrase does not open the private key", "Type it again"
            )
        else:
            hint = "The file may be damaged or cut short"
            problem = FieldRefused(PRIVATE_KEY, "the private key cannot be read", hint)
    else:
        if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            return text
        problem = FieldRefused(PRIVATE_KEY, "only RSA, ECDSA and Ed25519 keys can be used for SSH")
    # Raised outside the handlers, so that no inner exception (and what it quotes) hangs on to this one.
    raise problem


def _is_protected(load: Callable[[bytes, None], object], data: bytes) -> bool:
    """Whether a key is whole as far as that can be told without its passphrase, and asks for one."""
    try:
        load(data, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False
