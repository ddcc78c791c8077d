"""Forms for the keyboard: fields one below the other, arrows and Enter to go between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from screens.widgets.field import Field


class Form(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Fields, one below the other. Arrows, Enter and Tab go from one to the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "move(-1)", "Field above", id="form.up", show=False),
        Binding("down,enter,tab", "move(1)", "Next field", id="form.down", show=False),
        Binding("pageup", "jump(-8)", "Eight fields up", id="form.page_up", show=False),
        Binding("pagedown", "jump(8)", "Eight fields down", id="form.page_down", show=False),
    ]

    @dataclass
    class Entered(Message):
        """The cursor came into a field."""

        field: Field

    @property
    def fields(self) -> Sequence[Field]:
        """Every field, from the top."""
        return list(self.query(Field))

    @property
    def current(self) -> Field | None:
        """The field with the cursor."""
        focused = self.screen.focused
        return None if focused is None else _field_of(focused)

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_move(1)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say which field the cursor is in."""
        if (field := self.current) is not None:
            self.post_message(self.Entered(field))

    def action_move(self, by: int) -> None:
        """Move to another field; beyond the last one comes the first."""
        fields = self.fields
        if self.current is not None:
            fields[(fields.index(self.current) + by) % len(fields)].focus_editor()

    def action_jump(self, by: int) -> None:
        """Move several fields at once, not beyond the ends."""
        fields = self.fields
        if self.current is not None:
            at = fields.index(self.current) + by
            fields[max(0, min(at, len(fields) - 1))].focus_editor()


def _field_of(widget: Widget) -> Field | None:
    return next((node for node in widget.ancestors_with_self if isinstance(node, Field)), None)
