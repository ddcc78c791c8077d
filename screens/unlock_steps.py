"""What the first screen waits for: is there a home, a vault, a key to it. Plain calls, made from a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vctui.config import require_home
from vctui.errors import HomeError, VctuiError, WrongPassword

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.config import Settings

Step = Literal["init", "create", "password", "unlocked", "broken"]


@dataclass(frozen=True, slots=True)
class Found:
    """What comes next, and what the user should know about it."""

    step: Step
    error: str = ""
    note: str = ""


def look(context: Context, *, ask: bool) -> Found:
    """Find out what is missing; unlock with a key that is at hand, unless the user is to be asked."""
    try:
        require_home(context.settings)
    except HomeError as error:
        # A folder that cannot be read is no folder to fill.
        absent = error.next_step is not None and "init" in error.next_step
        return Found("init") if absent else Found("broken", str(error))
    try:
        if not context.resolver.is_initialized:
            return Found("create")
        return Found("password") if ask else _try_sources(context)
    except VctuiError as error:
        return Found("broken", str(error))


def _try_sources(context: Context) -> Found:
    from vctui.vault import find_unlock_source

    try:
        source = find_unlock_source(context.resolver.vault)
        if source is None:
            return Found("password")
        context.resolver.unlock_with(source)
    except WrongPassword:
        return Found("password", "The password or key of this computer does not open the vault")
    except VctuiError as error:
        return Found("password", str(error))
    return Found("unlocked", note=source.note or "")


def make_home(settings: Settings) -> None:
    """Create the home and fill its templates. Raises VctuiError; then nothing is left behind."""
    from vctui.storage import TemplateRow, TemplateStore, init_home
    from vctui.validation import ntc_rows

    init_home(settings)
    TemplateStore(settings.templates_db).upsert_many(TemplateRow(**row) for row in ntc_rows())
