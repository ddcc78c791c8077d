"""`vctui vault`: the credentials. Secrets come from a prompt, stdin or a file, never from arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, add_group, descriptor

if TYPE_CHECKING:
    from vctui.vault import Vault

MAX_KEY_BYTES = 64 * 1024


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui vault`."""
    group = add_group(
        commands,
        "vault",
        "Keep the logins of devices under a master password",
        examples="vctui vault init\nvctui vault add lab -u admin --default\n"
        "pass show lab | vctui vault add lab -u admin --password-stdin",
    )
    init = add_command(group, "init", "Create the vault and choose its master password", init_vault)
    add_command(group, "status", "Show whether there is a vault and how it unlocks", show_status, json=True)
    add = add_command(
        group,
        "add",
        "Add a login; its password is prompted for, or read from stdin",
        add_credential,
        examples="vctui vault add lab -u admin --default\n"
        "vctui vault add keys -u netops --key-file ~/.ssh/id_ed25519",
    )
    add.add_argument("name", metavar="NAME", help="the login's name")
    add.add_argument("--username", "-u", metavar="USER", required=True, help="user name on the devices")
    add.add_argument(
        "--key-file", "-k", metavar="F", help="log in with this private key; no password is asked for"
    )
    add.add_argument("--password-stdin", action="store_true", help="read the password from stdin, one line")
    enable = add.add_mutually_exclusive_group()
    enable.add_argument("--enable-secret", action="store_true", help="prompt for an enable secret as well")
    enable.add_argument(
        "--enable-secret-stdin",
        action="store_true",
        help="read the enable secret from stdin: the line after the password's",
    )
    add.add_argument("--default", "-d", action="store_true", help="use it where nothing else is said")
    add_command(group, "list", "List the logins, without their secrets", list_credentials, json=True)
    default = add_command(group, "set-default", "Make a login the default", set_default)
    default.add_argument("name", metavar="NAME", help="the login's name")
    remove = add_command(group, "remove", "Remove a login", remove_credential)
    remove.add_argument("name", metavar="NAME", help="the login's name")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")
    keep = add_command(
        group, "remember", "Let this user's keyring unlock the vault without the password", remember
    )
    add_command(group, "forget", "Take the vault's key out of the keyring and make it useless", forget)
    for parser in (init, add, remove, keep):
        parser.add_argument(
            "--unlock-fd", metavar="N", type=descriptor, help="read the master password from this descriptor"
        )


def init_vault(args: argparse.Namespace) -> int:
    """Create the vault."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import new_master_password
    from vctui.errors import VaultError
    from vctui.vault import Vault

    vault = Vault(ready_home(args).collector_db)
    if vault.is_initialized():
        raise VaultError("the vault exists already", "Add to it with: vctui vault add NAME -u USER")
    for note in vault.init(new_master_password(vault, descriptor=args.unlock_fd)):
        narrate(note)
    vault.lock()
    narrate("the vault is ready. Next: vctui vault add NAME -u USER --default")
    return 0


def show_status(args: argparse.Namespace) -> int:
    """Print what may be known of a locked vault."""
    from dataclasses import asdict

    from vctui.cli.home import ready_home
    from vctui.cli.output import print_fields, print_json
    from vctui.vault import Vault

    status = Vault(ready_home(args).collector_db).status()
    if args.json:
        print_json(status)
    else:
        fields = {"vault": status.scheme or "not initialised", **asdict(status)}
        del fields["scheme"]
        print_fields({name.replace("_", " "): value for name, value in fields.items()})
    return 0


def add_credential(args: argparse.Namespace) -> int:
    """Add a login."""
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import ask_twice
    from vctui.vault import PassphraseNeeded, ask_secret

    key = _read_key(args.key_file) if args.key_file else None
    with _unlocked(args) as vault:
        password = _password(args, has_key=key is not None)
        enable: str | None = None
        if args.enable_secret_stdin:
            enable = _stdin_line("enable secret")
        elif args.enable_secret:
            enable = ask_twice("Enable secret: ")
        passphrase = None
        while True:
            try:
                added = vault.add(
                    args.name,
                    args.username,
                    password=password,
                    private_key=key,
                    passphrase=passphrase,
                    enable_secret=enable,
                    default=args.default,
                )
                break
            except PassphraseNeeded:
                passphrase = ask_secret(f"Passphrase of {args.key_file}: ")
    narrate(f"{added.name} added{' and made the default' if added.is_default else ''}")
    return 0


def list_credentials(args: argparse.Namespace) -> int:
    """Print the logins."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.vault import Vault

    found = Vault(ready_home(args).collector_db).list()
    if args.json:
        print_json(found)
    elif found:
        print_table(
            ("NAME", "USER", "DEFAULT", "PASSWORD", "KEY", "ENABLE"),
            [(c.name, c.username, c.is_default, c.has_password, c.has_key, c.has_enable) for c in found],
        )
    else:
        narrate("no logins yet. Add one: vctui vault add NAME -u USER --default")
    return 0


def set_default(args: argparse.Namespace) -> int:
    """Make a login the default."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.vault import Vault

    Vault(ready_home(args).collector_db).set_default(args.name)
    narrate(f"{args.name} is the default")
    return 0


def remove_credential(args: argparse.Namespace) -> int:
    """Remove a login after a yes."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import confirm, narrate
    from vctui.errors import CredentialNotFound
    from vctui.vault import Vault

    if all(info.name != args.name for info in Vault(ready_home(args).collector_db).list()):
        raise CredentialNotFound(f"there is no credential named '{args.name}'", "See: vctui vault list")
    if not confirm(f"Remove the login {args.name}?", yes=args.yes):
        narrate("nothing was removed")
        return 0
    with _unlocked(args) as vault:
        vault.remove(args.name)
    narrate(f"{args.name} removed")
    return 0


def remember(args: argparse.Namespace) -> int:
    """Give the keyring a key to the vault."""
    from vctui.cli.output import narrate
    from vctui.vault import remember as give_key

    with _unlocked(args) as vault:
        narrate(f"{give_key(vault)} now unlocks the vault. Take it back with: vctui vault forget")
    return 0


def forget(args: argparse.Namespace) -> int:
    """Take the keyring's key away."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.vault import Vault
    from vctui.vault import forget as take_key

    had_one = take_key(Vault(ready_home(args).collector_db))
    narrate("the keyring no longer unlocks the vault" if had_one else "no keyring had a key to the vault")
    return 0


@contextmanager
def _unlocked(args: argparse.Namespace) -> Iterator[Vault]:
    """The home's vault, unlocked; locked again at the end."""
    from vctui.cli.home import ready_home
    from vctui.cli.unlocking import unlock
    from vctui.vault import CredentialResolver

    with CredentialResolver(ready_home(args)) as resolver:
        unlock(resolver.vault, descriptor=args.unlock_fd)
        yield resolver.vault


def _password(args: argparse.Namespace, *, has_key: bool) -> str | None:
    """The password from stdin or a prompt; a login with a key has one only when stdin brings it."""
    from vctui.cli.unlocking import ask_twice
    from vctui.errors import VaultError

    if args.password_stdin:
        return _stdin_line("password")
    if has_key:
        return None
    password = ask_twice("Password: ")
    if not password:
        raise VaultError("a login needs a password or a key", "Nothing was stored")
    return password


def _stdin_line(what: str) -> str:
    """The next line of stdin as a secret. Raises UsageError when it is missing."""
    from vctui.errors import UsageError

    try:
        line = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError(f"the {what} on stdin is not UTF-8 text") from None
    if not line:
        raise UsageError(f"stdin holds no {what}", "Give it as one line")
    return line


def _read_key(name: str) -> str:
    """The text of a private key file. Raises UsageError."""
    from vctui.config import expand
    from vctui.errors import UsageError

    path = expand(name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_KEY_BYTES + 1)
        if len(data) > MAX_KEY_BYTES:
            raise UsageError(f"{path}: larger than 64 KiB", "This is not a private key")
        return data.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text", "Give a key in PEM or OpenSSH format") from None
