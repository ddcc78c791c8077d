"""`vctui vault`: the credentials. Secrets come from a prompt, stdin or a file, never from arguments."""

from __future__ import annotations

import argparse

from vctui.cli import vault_edit, vault_keys
from vctui.cli.parsing import Parser, add_command, add_group, descriptor


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui vault`."""
    group = add_group(
        commands,
        "vault",
        "Keep the logins of devices under a master password",
        examples="vctui vault init\nvctui vault add lab -u admin --default\n"
        "pass show lab | vctui vault add lab -u admin --password-stdin\nvctui vault remember --for 8h",
    )
    init = add_command(
        group,
        "init",
        "Create the vault and choose its master password",
        init_vault,
        examples="vctui vault init",
    )
    add_command(
        group,
        "status",
        "Show whether there is a vault, how it unlocks, and which keyring has a key to it",
        show_status,
        examples="vctui vault status --json",
        json=True,
    )
    unlocking = [init, *vault_edit.add_commands(group)]
    add_command(
        group,
        "list",
        "List the logins, without their secrets",
        list_credentials,
        examples="vctui vault list --json",
        json=True,
    )
    default = add_command(
        group, "set-default", "Make a login the default", set_default, examples="vctui vault set-default lab"
    )
    default.add_argument("name", metavar="NAME", help="the login's name")
    remove = add_command(
        group,
        "remove",
        "Remove a login, after saying who uses it",
        remove_credential,
        examples="vctui vault remove lab",
    )
    remove.add_argument("name", metavar="NAME", help="the login's name")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")
    unlocking += [remove, *vault_keys.add_commands(group)]
    for parser in unlocking:
        parser.add_argument(
            "--unlock-fd", metavar="N", type=descriptor, help="read the master password from this descriptor"
        )


def init_vault(args: argparse.Namespace) -> int:
    """Create the vault."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.cli.unlocking import new_master_password
    from vctui.errors import VaultError
    from vctui.vault import open_vault

    vault = open_vault(ready_home(args))
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
    from vctui.vault import open_vault, remembered

    vault = open_vault(ready_home(args))
    status = vault.status()
    given = remembered(vault) if status.scheme else ()
    if args.json:
        print_json({**asdict(status), "remembered": given})
    else:
        print_fields(
            {
                "vault": status.scheme or "not initialised",
                "derivation": status.derivation,
                "credentials": status.credentials,
                "remembered": [str(place) for place in given] or "no",
            }
        )
    return 0


def list_credentials(args: argparse.Namespace) -> int:
    """Print the logins."""
    from dataclasses import asdict

    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.vault import open_vault

    found = open_vault(ready_home(args)).list()
    if args.json:
        print_json([{**asdict(info), "scope": str(info.scope)} for info in found])
    elif found:
        print_table(
            ("NAME", "USER", "DEFAULT", "PASSWORD", "KEY", "AGENT", "ENABLE", "SCOPE"),
            [
                (
                    *(c.name, c.username, c.is_default, c.has_password),
                    *(c.has_key, c.has_agent, c.has_enable, str(c.scope)),
                )
                for c in found
            ],
        )
    else:
        narrate("no logins yet. Add one: vctui vault add NAME -u USER --default")
    return 0


def set_default(args: argparse.Namespace) -> int:
    """Make a login the default."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import narrate
    from vctui.vault import open_vault

    open_vault(ready_home(args)).set_default(args.name)
    narrate(f"{args.name} is the default")
    return 0


def remove_credential(args: argparse.Namespace) -> int:
    """Remove a login after a yes."""
    from vctui.cli.home import ready_home
    from vctui.cli.output import confirm, narrate
    from vctui.cli.unlocking import unlocked
    from vctui.vault import copies_with, open_vault, users_of

    settings = ready_home(args)
    found = next((info for info in open_vault(settings).list() if info.name == args.name), None)
    users = users_of(settings, found) if found else None
    used = f" It is used by {users}." if users else ""
    # The vault may still list one whose row is gone; only the unlocked vault knows.
    if found and not confirm(f"Remove the login {args.name}?{used}", yes=args.yes):
        narrate("nothing was removed")
        return 0
    with unlocked(settings, descriptor=args.unlock_fd) as vault:
        vault.remove(args.name)
        copies = copies_with(vault, args.name)
    narrate(f"{args.name} removed")
    for copy in copies:
        narrate(f"an older copy of the database still holds it, sealed: {copy}")
    if users:
        narrate(f"{users} will use the job's login, else the default one")
    return 0
