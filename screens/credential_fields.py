"""The form of a credential: what can be entered, and boxes for secrets that are stored but never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from screens.widgets.field import Field, FieldSpec
from screens.widgets.secret import KeyInput, SecretInput

if TYPE_CHECKING:
    from vctui.records import CredentialInfo

PUBLIC = (
    FieldSpec("name", "Name", "What you call it. Devices and jobs keep it when it is renamed."),
    FieldSpec("username", "User name", "The user to log in as."),
)
PASSPHRASE = "ssh_key_passphrase"  # noqa: S105 - the name of a field
SECRET = (
    FieldSpec("password", "Password", "Of that user."),
    FieldSpec("ssh_key", "Private key", "Its file, or paste the key itself."),
    FieldSpec(PASSPHRASE, "Key passphrase", "Of a key that needs one; empty: asked for at each run."),
    FieldSpec("enable_secret", "Enable secret", "For devices that ask for it."),
    FieldSpec("agent", "SSH agent key", "Fingerprint or comment; * is the only one."),
)
KEPT = "Empty keeps it; ^r takes it away."
LIMITS = (
    FieldSpec(
        "scope", "Scope", "Sent only there, as in: site:lab,core name:rt-* network:10.0.0.0/8", empty=""
    ),
    FieldSpec("default", "Default", "Used where a device and a job name no other.", "flag"),
)
HAS: Mapping[str, str] = {
    "password": "has_password",
    "ssh_key": "has_key",
    "enable_secret": "has_enable",
    "agent": "has_agent",
}


class SecretField(Field):
    """A box for a secret: what is stored is not shown, and what is typed is not kept anywhere else."""

    def __init__(self, spec: FieldSpec, *, stored: bool) -> None:
        super().__init__(replace(spec, hint=f"{spec.hint} {KEPT}") if stored else spec, None)
        self.stored = stored
        self.taken_away = False
        """Whether the stored one is to go."""
        if spec.column == "ssh_key":
            self._editor: Input = KeyInput(compact=True)
        elif spec.column == "agent":
            self._editor = Input(compact=True, select_on_focus=False)
        else:
            self._editor = SecretInput(compact=True)
        self._say_stored()

    def _say_stored(self) -> None:
        if self.taken_away:
            self._editor.placeholder = "will be taken away (^r keeps it)"
        else:
            self._editor.placeholder = "stored; empty keeps it" if self.stored else ""

    @on(Input.Changed)
    def _secret_edited(self, event: Input.Changed) -> None:
        # The field below would keep a copy of the text to tell changes by.
        event.stop()
        event.prevent_default()
        self.show_problem(None)
        self.post_message(self.Changed(self))

    def toggle_taken_away(self) -> None:
        """Take the stored one away, or keep it after all."""
        if self.stored:
            self._editor.value = ""
            self.taken_away = not self.taken_away
            self._say_stored()

    @property
    def changed(self) -> bool:
        """Whether anything is to be done with it."""
        return self.taken_away or bool(self._editor.value)

    @property
    def entered(self) -> str:
        """What was typed; of a key that was pasted, the key."""
        pasted = self._editor.pasted if isinstance(self._editor, KeyInput) else ""
        return pasted or self._editor.value

    @property
    def is_file(self) -> bool:
        """Whether what was typed names a key's file."""
        return isinstance(self._editor, KeyInput) and not self._editor.pasted and bool(self._editor.value)

    def forget(self) -> None:
        """Let go of what was typed."""
        self._editor.value = ""


def stored(info: CredentialInfo | None, column: str) -> bool:
    """Whether a credential has such a secret. Of passphrases only the vault knows."""
    if info is None:
        return False
    return bool(getattr(info, HAS[column])) if column in HAS else False
