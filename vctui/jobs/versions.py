"""Which replaced captures are worth keeping: not those that differ only in an uptime or an entry's age."""

from __future__ import annotations

from dataclasses import replace

from vctui.config import Settings
from vctui.errors import VctuiError
from vctui.jobs.judge import Piece
from vctui.ssh import Patterns, differ_only_in, get_platform
from vctui.storage import SavedCapture, drop_version, read_regular, sha256_of

_LARGEST = 4 * 1024 * 1024
"""Bytes of the largest text that is looked through; a larger one is always another version."""


def mark_unchanged(saved: SavedCapture, piece: Piece, device_type: str, settings: Settings) -> SavedCapture:
    """The same, with `stands_for` where it differs from what it replaced in volatile parts only."""
    if saved.version is None or settings.versions == "all" or saved.size > _LARGEST:
        return saved
    platform = get_platform(device_type, settings.platforms_dir)
    patterns: Patterns = ()
    for step, _, _ in piece.parts:
        patterns += platform.volatile_lines(step.command)
    try:
        if not patterns or saved.version.stat().st_size > _LARGEST:
            return saved
        old = read_regular(saved.version).decode(errors="replace")
        if not differ_only_in(old, piece.text, patterns):
            return saved
        return replace(saved, stands_for=sha256_of(saved.version))
    except (OSError, VctuiError):
        return saved  # kept as the version that it is


def forget_unchanged(saved: SavedCapture) -> None:
    """Remove the version that a capture stands for, once history says so."""
    if saved.version is not None and saved.stands_for is not None:
        drop_version(saved.version)
