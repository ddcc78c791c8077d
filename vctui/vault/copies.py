"""Older copies of the database beside it: they still hold what was changed or removed since."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from vctui.errors import VctuiError
from vctui.vault.store import Vault


def old_copies(vault: Vault) -> tuple[Path, ...]:
    """The copies that were made before the first change and before an upgrade, if they are still there."""
    return tuple(sorted(vault.path.parent.glob(f"{vault.path.name}.before-*")))


def copies_with(vault: Vault, name: str) -> tuple[Path, ...]:
    """The copies that hold a credential of this name; one that cannot be read counts as one."""
    found: list[Path] = []
    for copy in old_copies(vault):
        names = {name}
        with suppress(VctuiError):
            names = {info.name for info in Vault(copy).list()}
        if name in names:
            found.append(copy)
    return tuple(found)
