"""The vault: credentials sealed in collector.db, and the ways to unlock them."""

from vctui.process import harden_process
from vctui.vault.checks import FieldRefused, PassphraseNeeded, read_key_file
from vctui.vault.contents import Edit
from vctui.vault.copies import copies_with
from vctui.vault.intake import CONFLICTS, Conflict, Imported, import_items
from vctui.vault.kernel_keyring import kernel_keyring_problem
from vctui.vault.keyring_slot import Remembered, forget, remember, remembered
from vctui.vault.password import Changed, change_password
from vctui.vault.resolver import CredentialResolver, open_vault
from vctui.vault.store import Vault, VaultStatus
from vctui.vault.transfer import (
    Item,
    check_target,
    export_vault,
    is_database,
    read_database,
    read_export,
    read_file,
)
from vctui.vault.unlock import (
    UnlockSource,
    ask_secret,
    find_unlock_source,
    read_descriptor,
    require_unlock_source,
)
from vctui.vault.upgrade import Upgraded, upgrade
from vctui.vault.users import Users, all_users, users_of

__all__ = [
    "CONFLICTS",
    "Changed",
    "Conflict",
    "CredentialResolver",
    "Edit",
    "FieldRefused",
    "Imported",
    "Item",
    "PassphraseNeeded",
    "Remembered",
    "UnlockSource",
    "Upgraded",
    "Users",
    "Vault",
    "VaultStatus",
    "all_users",
    "ask_secret",
    "change_password",
    "check_target",
    "copies_with",
    "export_vault",
    "find_unlock_source",
    "forget",
    "harden_process",
    "import_items",
    "is_database",
    "kernel_keyring_problem",
    "open_vault",
    "read_database",
    "read_descriptor",
    "read_export",
    "read_file",
    "read_key_file",
    "remember",
    "remembered",
    "require_unlock_source",
    "upgrade",
    "users_of",
]
