"""A line that says how many devices a job's filter means, a moment after the filter changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual import work
from textual.widgets import Static

from vctui.errors import UsageError
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.records import Device

DELAY = 0.15
"""Seconds without a change before devices are counted."""
FILTER_COLUMNS = frozenset(
    {
        "vendor",
        "device_filter_platform_id",
        "device_filter_site_id",
        "device_filter_role_id",
        "device_filter_name_pattern",
        "device_filter_status",
    }
)
"""The columns of `jobs` that decide which devices match."""


class Matching(Static):
    """Counts with the same function that selects for a run."""

    DEFAULT_CSS = """
    Matching {
        height: 1;
        padding: 0 1;
        background: $boost;
        text-style: bold;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &.-none { color: $text-warning; }
    }
    """

    def __init__(self) -> None:
        super().__init__("reading the inventory…", markup=False)

    def refuse(self, reason: str) -> None:
        """Say why nothing can be counted."""
        self.workers.cancel_node(self)
        self._say(reason, warn=True)

    @work(exclusive=True, group="count", description="count the devices")
    async def count(self, devices: Sequence[Device], values: Mapping[str, Any]) -> None:
        """Count the devices that a row's filter means."""
        await asyncio.sleep(DELAY)
        try:
            chosen, without_address = await asyncio.to_thread(_matching, devices, values)
        except UsageError as error:
            self._say(error.message, warn=True)
            return
        text = (
            f"{chosen} of {len(devices)} devices match" if devices else "the inventory holds no devices yet"
        )
        if without_address:
            text += f"; {without_address} more would, but without an address"
        self._say(text, warn=chosen == 0)

    def _say(self, text: str, *, warn: bool) -> None:
        self.set_class(warn, "-none")
        self.update(safe_line(text), layout=False)


def _matching(devices: Sequence[Device], values: Mapping[str, Any]) -> tuple[int, int]:
    """How many devices match, and how many more would if they had an address. Raises UsageError."""
    from vctui.jobs import check_row, filter_from_row, select

    for column, reason in check_row(values, has_commands=True).items():
        if column in FILTER_COLUMNS:
            raise UsageError(reason)
    selection = select(devices, filter_from_row(values))
    return len(selection.chosen), sum(1 for left in selection.left_out if left.reason == "no address")
