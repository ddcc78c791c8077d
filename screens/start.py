"""What is asked between the preview and the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from screens.context import Context
    from screens.hostkeys import Address
    from vctui.jobs import Plan, PlanItem


async def unlocked(app: App[Any], context: Context) -> bool:
    """Whether the vault is open; it is asked for when it is not."""
    if context.resolver.is_unlocked:
        return True
    from screens.unlock import UnlockScreen

    screen: Screen[Any] = UnlockScreen(context)
    return bool(await app.push_screen_wait(screen))


async def refused_hosts(
    app: App[Any], context: Context, items: Sequence[PlanItem]
) -> frozenset[Address] | None:
    """The addresses of new hosts that must not be connected to; None when nothing shall be done at all.

    Jump hosts come first: without trust in one, nothing behind it can be looked at.
    """
    refused: frozenset[Address] = frozenset()
    if context.settings.host_keys != "ask":
        return refused
    from screens.hostkeys import HostKeysScreen
    from vctui.jobs import new_hosts

    for hosts in await asyncio.to_thread(new_hosts, context.settings, items):
        wanted = {place for item in items if refused.isdisjoint(places(item)) for place in places(item)}
        left = [host for host in hosts if host.address in wanted]
        if left:
            answer = await app.push_screen_wait(HostKeysScreen(context, left))
            if answer is None:
                return None
            refused |= answer
    return refused


def places(item: PlanItem) -> set[Address]:
    """Where a device and the jump hosts on the way to it are."""
    return {(item.host, item.port), *((hop.host, hop.port) for hop in item.jump)}


async def ask_before(app: App[Any], context: Context, plan: Plan) -> Plan | None:
    """Unlock the vault, then ask about new host keys: in this order, so that no password is sent unasked.

    Returns what is left of the plan, or None when the run shall not be. Called from a worker of a screen.
    """
    if not await unlocked(app, context):
        return None
    refused = await refused_hosts(app, context, plan.items)
    if not refused:
        return plan if refused is not None else None
    items = tuple(item for item in plan.items if refused.isdisjoint(places(item)))
    if not items:
        app.notify("No device is left: all host keys are new", severity="warning", markup=False)
        return None
    return replace(plan, items=items)
