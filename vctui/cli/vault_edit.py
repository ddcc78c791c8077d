"""`vctui vault add`, `edit` and `rename`: what a login consists of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command

if TYPE_CHECKING:
    from vctui.records import CredentialInfo

ANY_KEY = "*"
TAKEN_AWAY = ("password", "key", "enable_secret", "agent")


def add_commands(group: argparse._SubParsersAction[Parser]) -> list[Parser]:
    """Add the commands; the parsers of those that unlock the vault."""
    add = add_command(
        group,
        "add",
        "Add a login; its password is prompted for, or read from stdin",
        add_credential,
        examples="vctui vault add lab -u admin --default\n"
        "vctui vault add keys -u netops --key-file ~/.ssh/id_ed25519\n"
        "vctui vault add me -u jdoe --agent 'SHA256:...' --scope 'site:lab network:10.0.0.0/8'",
    )
    edit = add_command(
        group,
        "edit",
        "Change a login; what is not named stays as it is, and without options each part is asked for",
        edit_credential,
        examples="vctui vault edit lab\nvctui vault edit lab --password\n"
        "vctui vault edit lab --scope 'site:lab,core' --no-enable-secret",
    )
    rename = add_command(
        group,
        "rename",
        "Give a login another name; devices and jobs go on using it",
        rename_credential,
        examples="vctui vault rename lab core",
    )
    rename.add_argument("name", metavar="NAME", help="the login's name")
    rename.add_argument("new_name", metavar="NEW", help="its new name")
    for parser, required in ((add, True), (edit, False)):
        parser.add_argument("name", metavar="NAME", help="the login's name")
        parser.add_argument("--username", "-u", metavar="USER", required=required, help="user on the devices")
        parser.add_argument(
            "--key-file", "-k", metavar="F", help="log in with this private key, and the F-cert.pub beside it"
        )
        parser.add_argument("--password-stdin", action="store_true", help="read the password from stdin")
        parser.add_argument(
            "--agent",
            nargs="?",
            const=ANY_KEY,
            metavar="KEY",
            help="sign with a key of the SSH agent: its fingerprint or comment; needed if there are several",
        )
        enable = parser.add_mutually_exclusive_group()
        enable.add_argument("--enable-secret", action="store_true", help="prompt for an enable secret")
        enable.add_argument(
            "--enable-secret-stdin",
            action="store_true",
            help="read the enable secret from stdin: the line after the password's",
        )
        parser.add_argument(
            "--scope",
            metavar="S",
            help="send it only there: site:, platform:, name:, network:; '' is anywhere",
        )
        parser.add_argument("--default", "-d", action="store_true", help="use it where nothing else is said")
    edit.add_argument("--password", action="store_true", help="prompt for a new password")
    for what in TAKEN_AWAY:
        option = what.replace("_", "-")
        edit.add_argument(f"--no-{option}", action="store_true", help=f"take the {option} away")
    return [add, edit, rename]


def add_credential(args: argparse.Namespace) -> int:
    """Add a login."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import unlocked
    from vctui.scope import parse_scope
    from vctui.vault import read_key_file

    scope = parse_scope(args.scope or "")
    key = read_key_file(args.key_file) if args.key_file else None
    with unlocked(ready_home(args), descriptor=args.unlock_fd) as vault:
        password = _password(args, optional=key is not None or args.agent is not None)
        enable = _enable_secret(args)
        added = with_passphrase(
            lambda passphrase: vault.add(
                args.name,
                args.username,
                password=password,
                private_key=key,
                passphrase=passphrase,
                enable_secret=enable,
                agent=args.agent,
                scope=scope,
                default=args.default,
            ),
            args.key_file,
        )
    narrate(f"{added.name} added{' and made the default' if added.is_default else ''}")
    return 0


def edit_credential(args: argparse.Namespace) -> int:
    """Change a login."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import has_terminal, narrate
    from vctui.cli.unlocking import ask_twice, unlocked
    from vctui.errors import CredentialNotFound, UsageError
    from vctui.scope import parse_scope
    from vctui.text import safe_line
    from vctui.vault import Edit, open_vault, read_key_file
    from vctui.vault.schemes import AGENT, ENABLE_SECRET, PASSPHRASE, PASSWORD, PRIVATE_KEY

    settings = ready_home(args)
    before = next((info for info in open_vault(settings).list() if info.name == args.name), None)
    if before is None:
        raise CredentialNotFound(f"there is no credential named '{args.name}'", "See: vctui vault list")
    gone = dict(zip(TAKEN_AWAY, (PASSWORD, PRIVATE_KEY, ENABLE_SECRET, AGENT), strict=True))
    secrets: dict[str, str | None] = {
        name: None for option, name in gone.items() if getattr(args, f"no_{option}")
    }
    username, scope_text = args.username, args.scope
    nothing_said = not (
        secrets
        or any(v is not None for v in (username, scope_text, args.key_file, args.agent))
        or any(
            (args.password, args.password_stdin, args.enable_secret, args.enable_secret_stdin, args.default)
        )
    )
    if nothing_said and not has_terminal():
        raise UsageError("nothing is to be changed", "Say what: vctui vault edit --help")
    with unlocked(settings, descriptor=args.unlock_fd) as vault:
        if nothing_said:
            username, secrets, scope_text = _ask_everything(before)
        if args.password_stdin:
            secrets[PASSWORD] = stdin_line("password")
        elif args.password:
            secrets[PASSWORD] = ask_twice(f"New password of {safe_line(args.name, 40)}: ") or None
        if (enable := _enable_secret(args)) is not None:
            secrets[ENABLE_SECRET] = enable or None
        if args.key_file:
            secrets[PRIVATE_KEY] = read_key_file(args.key_file)
        if args.agent is not None:
            secrets[AGENT] = args.agent
        scope = None if scope_text is None else parse_scope(scope_text)

        def change(passphrase: str | None) -> CredentialInfo:
            more = {} if passphrase is None else {PASSPHRASE: passphrase}
            return vault.edit(args.name, Edit(username=username, scope=scope, secrets=secrets | more))

        with_passphrase(change, args.key_file)
        if args.default:
            vault.set_default(args.name)
    narrate(f"{args.name} changed")
    return 0


def rename_credential(args: argparse.Namespace) -> int:
    """Give a login another name."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import unlocked
    from vctui.vault import Edit

    settings = ready_home(args)
    with unlocked(settings, descriptor=args.unlock_fd) as vault:
        vault.edit(args.name, Edit(name=args.new_name))
    narrate(f"{args.name} is called {args.new_name} now")
    for jump in settings.jump_hosts:
        if jump.credential == args.name:
            narrate(f"{settings.config_file} still calls it {args.name}, for jump host {jump.name}")
    return 0


def with_passphrase(store: Callable[[str | None], CredentialInfo], key_file: str | None) -> CredentialInfo:
    """Store a login, and ask for the passphrase of its key when it turns out to need one."""
    from vctui.cli.output import narrate
    from vctui.vault import PassphraseNeeded, ask_secret

    try:
        return store(None)
    except PassphraseNeeded:
        pass
    passphrase = ask_secret(f"Passphrase of {key_file} (empty: ask at each run): ")
    if not passphrase:
        narrate("the passphrase is not stored; it is asked for at each run")
    return store(passphrase)


def _ask_everything(before: CredentialInfo) -> tuple[str | None, dict[str, str | None], str | None]:
    """User name, secrets and scope, asked for one by one; what is left empty stays as it is."""
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import ask_line, ask_twice
    from vctui.vault.schemes import ENABLE_SECRET, PASSWORD

    narrate("what is left empty stays as it is")
    username = ask_line(f"User name [{before.username}]: ") or None
    secrets: dict[str, str | None] = {}
    for name, prompt in ((PASSWORD, "Password: "), (ENABLE_SECRET, "Enable secret: ")):
        if value := ask_twice(prompt):
            secrets[name] = value
    scope = ask_line(f"Scope [{str(before.scope) or 'anywhere'}]: ") or None
    return username, secrets, "" if scope == "anywhere" else scope


def _password(args: argparse.Namespace, *, optional: bool) -> str | None:
    """The password from stdin or a prompt; a login with a key has one only when stdin brings it."""
    from vctui.cli.unlocking import ask_twice
    from vctui.errors import VaultError
    from vctui.text import safe_line

    if args.password_stdin:
        return stdin_line("password")
    if optional:
        return None
    password = ask_twice(f"Password of {safe_line(args.name, 40)}: ")
    if not password:
        raise VaultError("a login needs a password, a key or the SSH agent", "Nothing was stored")
    return password


def _enable_secret(args: argparse.Namespace) -> str | None:
    from vctui.cli.unlocking import ask_twice

    if args.enable_secret_stdin:
        return stdin_line("enable secret")
    return ask_twice("Enable secret: ") if args.enable_secret else None


def stdin_line(what: str) -> str:
    """The next line of stdin as a secret. Raises UsageError when it is missing."""
    from vctui.errors import UsageError

    try:
        line = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError(f"the {what} on stdin is not UTF-8 text") from None
    if not line:
        raise UsageError(f"stdin holds no {what}", "Give it as one line")
    return line
