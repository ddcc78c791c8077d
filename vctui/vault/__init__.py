"""The vault: credentials sealed in collector.db, and the ways to unlock them."""

from vctui.vault.checks import PassphraseNeeded
from vctui.vault.keyring_slot import forget, remember
from vctui.vault.process import harden_process
from vctui.vault.resolver import CredentialResolver
from vctui.vault.store import Vault, VaultStatus
from vctui.vault.unlock import UnlockSource, ask_secret, find_unlock_source, require_unlock_source

__all__ = [
    "CredentialResolver",
    "PassphraseNeeded",
    "UnlockSource",
    "Vault",
    "VaultStatus",
    "ask_secret",
    "find_unlock_source",
    "forget",
    "harden_process",
    "remember",
    "require_unlock_source",
]
