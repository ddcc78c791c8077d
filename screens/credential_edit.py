"""One credential: its name, its secrets (which are entered and never shown), and where it may be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Header, Static

from screens.context import Context
from screens.credential_actions import Entered, can_be_asked_later, field_at_fault, save
from screens.credential_fields import LIMITS, PUBLIC, SECRET, SecretField, stored
from screens.form_screen import FormScreen
from screens.widgets.field import Field
from screens.widgets.footer import KeyFooter
from screens.widgets.form import Form
from vctui.errors import VctuiError
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.records import CredentialInfo


class CredentialEditScreen(FormScreen[str]):
    """Edits one credential, or makes one; dismissed with its name once it is saved, else with None."""

    WHAT = "The credential"
    TITLE = "vctui"
    CSS_PATH = "credential_edit.tcss"
    HELP = """
    ## A credential

    A login needs a password, a private key or a key of your ssh-agent; it may have several, and devices are
    offered what they ask for. **A secret that is stored is not shown**: leave its box empty to keep it, type
    to replace it, **^r** to take it away.

    A private key is the name of its file, or the key itself: paste it into the box.

    The **scope** binds the credential to sites, platforms, names and networks. It is sent to no other device,
    whatever the inventory or a job says.

    **↑ ↓** and **Enter** go from field to field. **^s** saves, **Escape** goes back.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="credential.save", tooltip="Save it and go back"),
        Binding(
            "ctrl+r", "take_away", "Take away", id="credential.gone", tooltip="Take the stored secret away"
        ),
        Binding("escape", "back", "Back", id="credential.back", tooltip="Go back without saving"),
    ]

    class Saved(Message):
        """It is in the vault."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Refused(FormScreen.Refused):
        """`for_later`: the key's passphrase may be asked for at each run instead."""

        def __init__(self, reason: str, column: str | None, *, for_later: bool) -> None:
            super().__init__(reason, column)
            self.for_later = for_later

    def __init__(self, context: Context, info: CredentialInfo | None) -> None:
        super().__init__()
        self._scope = context
        self._info = info
        self._pending: Entered | None = None
        self._ask_later = False
        """Whether the user was told that the key's passphrase can be left out."""
        self.sub_title = safe_line(f"Credential {info.name}") if info else "New credential"

    def compose(self) -> ComposeResult:
        info = self._info
        values = {
            "name": info.name if info else "",
            "username": info.username if info else "",
            "scope": str(info.scope) if info else "",
            "default": info.is_default if info else False,
        }
        yield Header()
        with Form():
            for spec in PUBLIC:
                yield Field(spec, values[spec.column])
            for spec in SECRET:
                yield SecretField(spec, stored=stored(info, spec.column))
            for spec in LIMITS:
                yield Field(spec, values[spec.column])
        yield Static(id="hint", markup=False)
        yield KeyFooter()

    @on(Form.Entered)
    def _explain(self, event: Form.Entered) -> None:
        self.query_one("#hint", Static).update(event.field.spec.hint, layout=False)

    def _field(self, column: str) -> Field:
        return self.query_one(f"#field-{column}", Field)

    def action_take_away(self) -> None:
        """Take the stored secret of this field away, or keep it after all."""
        current = self.query_one(Form).current
        if isinstance(current, SecretField):
            current.toggle_taken_away()

    def action_save(self) -> None:
        """Check and save, behind the screen."""
        if self._info is not None and not self.changes:
            self.app.notify("Nothing was changed", markup=False)
            self.dismiss(None)
            return
        for field in self.query(Field):
            field.show_problem(None)
        secrets: dict[str, str | None] = {
            field.spec.column: field.entered or None for field in self.query(SecretField) if field.changed
        }
        if self._ask_later and "ssh_key" in secrets:
            secrets.setdefault("ssh_key_passphrase", "")
        text = {column: str(self._field(column).value or "") for column in ("name", "username", "scope")}
        from_file = any(field.is_file for field in self.query(SecretField))
        # Handed over here and taken there: no message and no worker holds a secret.
        self._pending = Entered(text, secrets, from_file, bool(self._field("default").value))
        self._store()

    @work(thread=True, exclusive=True, group="save", description="save the credential")
    def _store(self) -> None:
        entered, self._pending = self._pending, None
        if entered is None:
            return
        try:
            self.post_message(self.Saved(save(self._scope, self._info, entered)))
        except VctuiError as error:
            column, for_later = field_at_fault(error), can_be_asked_later(error)
            self.post_message(self.Refused(str(error), column, for_later=for_later))

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        if event.for_later:
            self._ask_later = True
            event.reason = "this key needs its passphrase; ^s again: ask for it at each run"
        if event.column is not None:
            field = self._field(event.column)
            field.show_problem(event.reason)
            field.focus_editor()
        self.notify(safe_line(f"Not saved: {event.reason}"), severity="error", markup=False)

    @on(Saved)
    def _saved(self, event: Saved) -> None:
        self.forget()
        self.dismiss(event.name)

    def forget(self) -> None:
        """Empty the boxes of secrets."""
        for field in self.query(SecretField):
            field.forget()
