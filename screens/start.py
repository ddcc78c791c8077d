"""What is asked between the preview and the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

    from screens.context import Context
    from vctui.jobs import Plan


async def ask_before(app: App[Any], context: Context, plan: Plan) -> Plan | None:
    """Unlock the vault, then ask about new host keys: in this order, so that no password is sent unasked.

    Returns what is left of the plan, or None when the run shall not be. Called from a worker of a screen.
    """
    if not context.resolver.is_unlocked:
        from screens.unlock import UnlockScreen

        if not await app.push_screen_wait(UnlockScreen(context)):
            return None
    if context.settings.host_keys != "ask" or not plan.unknown_hosts:
        return plan
    from screens.hostkeys import HostKeysScreen

    refused = await app.push_screen_wait(HostKeysScreen(context, plan.unknown_hosts))
    if refused is None:
        return None
    items = tuple(item for item in plan.items if (item.host, item.port) not in refused)
    if not items:
        app.notify("No device is left: all host keys are new", severity="warning", markup=False)
        return None
    return replace(plan, items=items)
