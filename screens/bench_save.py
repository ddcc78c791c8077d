"""Saving the bench's draft: its name is asked for, and it is stored as a template of the user's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from screens.bench_ask import save_template
from screens.widgets.ask_text import AskText
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from textual.screen import Screen

    from screens.template_editor import TemplateEditor
    from vctui.config import Settings


async def save_draft(screen: Screen[None], settings: Settings, editor: TemplateEditor) -> str | None:
    """The name under which the draft was stored; None when it was not, and the user knows why."""
    from vctui.storage import template_name_problem

    draft = editor.draft
    if draft is None or not draft.changed:
        screen.notify("Nothing was changed: Enter on a candidate opens its text", markup=False)
        return None
    if editor.problems:
        screen.notify("Not saved: TextFSM refuses it; F8 goes to the line", severity="error", markup=False)
        return None
    known = "A template of this name is replaced; an import leaves yours alone."
    ask = AskText("Save the template as", draft.name, known, check=template_name_problem)
    name = await screen.app.push_screen_wait(ask)
    if not name:
        return None
    try:
        await asyncio.to_thread(save_template, settings, name, draft.text)
    except VctuiError as error:
        screen.notify(safe_line(f"Not saved: {error}"), severity="error", markup=False)
        return None
    screen.notify(f"Saved: {name}", markup=False)
    return name
