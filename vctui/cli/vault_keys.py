"""`vctui vault`: what opens it (master password, keyrings, scheme), and carrying it to another home."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from vctui.cli.parsing import Parser, add_command, descriptor

if TYPE_CHECKING:
    from vctui.vault import Changed, Imported

LEFT_OUT = 3
CONFLICTS = ("skip", "rename", "replace")
UNITS = {"m": 60, "h": 3600, "d": 86400}
LONGEST = 30 * 86400


def add_commands(group: argparse._SubParsersAction[Parser]) -> list[Parser]:
    """Add the commands; the parsers of those that unlock the vault."""
    change = add_command(
        group,
        "change-password",
        "Choose another master password; --unlock-fd reads the old and the new one, a line each",
        change_master_password,
        examples="vctui vault change-password",
    )
    upgrade = add_command(
        group,
        "upgrade",
        "Move a vault of VelocityCollector to vctui's own scheme; VelocityCollector cannot open it any more",
        upgrade_vault,
        examples="vctui vault upgrade",
    )
    upgrade.add_argument("-y", "--yes", action="store_true", help="do not ask")
    export = add_command(
        group,
        "export",
        "Write logins into a file that is sealed with a password of its own",
        export_credentials,
        examples="vctui vault export logins.vault\nvctui vault export lab.vault lab lab-enable",
    )
    export.add_argument("file", metavar="F", help="the new file")
    export.add_argument("names", metavar="NAME", nargs="*", help="only these logins")
    taking = add_command(
        group,
        "import",
        "Add the logins of such a file, or of another home's collector.db",
        import_credentials,
        examples="vctui vault import logins.vault\n"
        "vctui vault import ~/old/collector.db --on-conflict rename",
        json=True,
    )
    taking.add_argument("file", metavar="F", help="the file")
    taking.add_argument(
        "--on-conflict",
        choices=CONFLICTS,
        default="skip",
        help="what becomes of a login whose name is taken by another (skip)",
    )
    for parser in (export, taking):
        parser.add_argument(
            "--password-fd",
            metavar="N",
            type=descriptor,
            help="read the file's password from this descriptor",
        )
    keep = add_command(
        group,
        "remember",
        "Let a keyring unlock the vault without the password: the desktop's, else the kernel's",
        remember_vault,
        examples="vctui vault remember\nvctui vault remember --for 8h",
    )
    keep.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=duration,
        help="for so long, as in 30m, 8h or 5d (the kernel's keyring: 8h)",
    )
    add_command(
        group,
        "forget",
        "Make every key that a keyring has to the vault useless",
        forget_vault,
        examples="vctui vault forget",
    )
    return [change, upgrade, export, taking, keep]


def duration(text: str) -> int:
    """`30m`, `8h` or `5d` as seconds, from one minute to thirty days."""
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 60 <= seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time from 1m to 30d, such as 8h")
    return seconds


def change_master_password(args: argparse.Namespace) -> int:
    """Let another password open the vault."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import ask_twice, read_secret
    from vctui.vault import change_password, open_vault

    vault = open_vault(ready_home(args))
    vault.require()
    own = vault.status().scheme == "vctui"
    old = read_secret(args.unlock_fd, "Present master password: ")
    if args.unlock_fd is not None:
        new = read_secret(args.unlock_fd, "")
    else:
        vault.scheme_of_password(old, source="change-password")
        new = ask_twice("New master password: ")
    try:
        changed = change_password(vault, old, new)
    finally:
        vault.lock()
    narrate("the master password is changed")
    if own:
        narrate("keys that keyrings hold still open the vault; make them useless with: vctui vault forget")
    else:
        narrate("VelocityCollector opens the vault with the new password too; keyrings must be told again")
    return _tell(changed)


def upgrade_vault(args: argparse.Namespace) -> int:
    """Move the vault to vctui's own scheme after a yes."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import confirm, narrate
    from vctui.cli.unlocking import master_password
    from vctui.vault import open_vault, upgrade

    vault = open_vault(ready_home(args))
    vault.require()
    if vault.status().scheme == "vctui":
        narrate("the vault is in vctui's own scheme already")
        return 0
    question = "Move the vault to vctui's own scheme? VelocityCollector cannot open it any more after that."
    if not confirm(question, yes=args.yes):
        narrate("nothing was changed")
        return 0
    try:
        done = upgrade(vault, master_password(vault, descriptor=args.unlock_fd))
    finally:
        vault.lock()
    if done is None:
        narrate("the vault is in vctui's own scheme already")
        return 0
    narrate(f"{_logins(done.changed.credentials)} moved to vctui's own scheme, with the ids they had")
    for copy in done.old_copies:
        narrate(f"the old vault is still in {copy}")
    narrate(
        "whoever gets an old copy can guess at its master password cheaply: delete the copies once you need "
        "them no more (shred -u FILE), and change passwords that were in copies which are out of your hands"
    )
    return _tell(done.changed)


def export_credentials(args: argparse.Namespace) -> int:
    """Write logins into a sealed file."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import ask_twice, read_secret, unlocked
    from vctui.config import expand
    from vctui.vault import check_target, export_vault

    settings, file = ready_home(args), expand(args.file)
    check_target(file)
    with unlocked(settings, descriptor=args.unlock_fd) as vault:
        password = (
            read_secret(args.password_fd, "", option="--password-fd")
            if args.password_fd is not None
            else ask_twice("Password for the file: ")
        )
        done = export_vault(vault, file, password, names=args.names)
    narrate(f"{_logins(len(done.names))} written to {args.file}; take them in with: vctui vault import FILE")
    for name in done.damaged:
        narrate(f"{name} does not open and was left out")
    return LEFT_OUT if done.damaged else 0


def import_credentials(args: argparse.Namespace) -> int:
    """Add the logins of a file."""
    from dataclasses import asdict

    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json
    from vctui.cli.unlocking import read_secret, unlocked
    from vctui.config import expand
    from vctui.vault import import_items, is_database, read_database, read_export, read_file

    file = expand(args.file)
    data = read_file(file)
    with unlocked(ready_home(args), descriptor=args.unlock_fd) as vault:
        password = read_secret(args.password_fd, f"Password of {args.file}: ", option="--password-fd")
        damaged: tuple[str, ...] = ()
        if is_database(data):
            items, damaged = read_database(file, password)
        else:
            items = read_export(data, password, vault.kdf)
        result = import_items(vault, items, conflict=args.on_conflict, source=str(file))
    if args.json:
        print_json({**asdict(result), "damaged": damaged})
    else:
        for line in _summary(result):
            narrate(line)
        for name in damaged:
            narrate(f"{name}: does not open, and was left out")
    return LEFT_OUT if damaged or result.refused or result.skipped else 0


def _summary(result: Imported) -> list[str]:
    lines = [f"{name}: {reason}" for name, reason in result.refused]
    lines += [f"{name}: there is another of that name; see --on-conflict" for name in result.skipped]
    lines += [f"{old} is called {new} here" for old, new in result.renamed]
    lines += [f"{name} replaced" for name in result.replaced]
    added = len(result.added) + len(result.renamed)
    return [*lines, f"{added} added, {len(result.replaced)} replaced, {len(result.unchanged)} unchanged"]


def remember_vault(args: argparse.Namespace) -> int:
    """Give a keyring a key to the vault."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import unlocked
    from vctui.vault import remember

    with unlocked(ready_home(args), descriptor=args.unlock_fd) as vault:
        given = remember(vault, seconds=args.seconds)
    end = " or the end of this login" if given.where == "login" else ""
    narrate(f"the vault now opens by {given}{end}. Take it back with: vctui vault forget")
    return 0


def forget_vault(args: argparse.Namespace) -> int:
    """Take the keyrings' keys away."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.vault import forget, open_vault

    had_one = forget(open_vault(ready_home(args)))
    narrate("no keyring unlocks the vault any more" if had_one else "no keyring had a key to the vault")
    return 0


def _logins(count: int) -> str:
    return f"{count} login{'' if count == 1 else 's'}"


def _tell(changed: Changed) -> int:
    from vctui.cli.output import narrate

    for note in changed.notes:
        narrate(note)
    for name in changed.damaged:
        narrate(f"{name}: a secret does not open; enter it anew with: vctui vault edit {name}")
    return LEFT_OUT if changed.damaged else 0
