"""What screens with a form have in common: saving may be refused at a field, and leaving asks."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.message import Message
from textual.screen import Screen

from screens.widgets.confirm import ConfirmScreen
from screens.widgets.field import Field

Result = TypeVar("Result")


class FormScreen(Screen[Result | None]):
    """A form that is dismissed with what was saved, or with None."""

    WHAT: ClassVar[str]
    """What the form is about, at the beginning of a sentence."""

    class Refused(Message):
        """It could not be saved: `column` is the field at fault, if it is one."""

        def __init__(self, reason: str, column: str | None = None) -> None:
            super().__init__()
            self.reason = reason
            self.column = column

    @property
    def changes(self) -> list[Field]:
        """The fields that are not as they were."""
        return [field for field in self.query(Field) if field.changed]

    def forget(self) -> None:
        """Let go of what must not stay when the form is left."""

    def quit_question(self) -> str | None:
        """What would be lost."""
        return f"{self.WHAT} has unsaved changes. Quit without saving?" if self.changes else None

    def action_back(self) -> None:
        """Go back; ask first when something would be lost."""
        changed = self.changes
        if not changed:
            self.dismiss(None)
            return
        names = ", ".join(field.spec.label for field in changed)
        self.app.push_screen(
            ConfirmScreen("Leave without saving?", f"Changed: {names}", yes="Leave", no="Stay"), self._leave
        )

    def _leave(self, accepted: bool | None) -> None:
        if accepted:
            self.forget()
            self.dismiss(None)
