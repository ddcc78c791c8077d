"""The credential manager: every login of the vault, and what opens the vault itself."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Header, Static

from screens import credential_actions
from screens.clipboard import SECONDS
from screens.context import Context
from screens.credential_actions import Overview
from screens.credential_list import COLUMNS, SECRETS, cells, detail, vault_text
from screens.vault_actions import VaultActions
from screens.widgets.ask import AskScreen, Blank
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.field import Choice
from screens.widgets.footer import KeyFooter
from screens.widgets.pick import PickScreen
from screens.widgets.rows import Rows
from vctui.errors import VctuiError
from vctui.records import CredentialInfo
from vctui.text import safe_line


class CredentialsScreen(VaultActions, Screen[None]):
    """Lists the credentials; what changes one asks for the master password first, if the vault is locked."""

    TITLE = "vctui"
    SUB_TITLE = "Credentials"
    CSS_PATH = "credentials.tcss"
    AUTO_FOCUS = "#credentials"
    HELP = """
    ## Credentials

    The logins of devices, sealed with the master password. **Enter** edits one, **n** makes one, **r**
    renames it, **Delete** removes it after saying who uses it, **d** makes it the default: the one that is
    used where a device and a job name no other.

    **c** copies a secret to the clipboard of your terminal, and takes it away again after 20 seconds. Inside
    tmux with `set-clipboard on`, tmux keeps a copy of its own.

    For the vault as a whole: **m** lets a keyring open it without the password (on a host without a desktop
    the kernel's, for 8 hours at most), **f** forgets all of that, **p** changes the master password, **x**
    writes the logins into a sealed file, **i** takes such a file in, **l** locks or unlocks.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="credentials.new", tooltip="Add a login"),
        Binding(
            *("d", "default", "Default"),
            show=False,
            id="credentials.default",
            tooltip="Use it where none is named",
        ),
        Binding("c", "copy", "Copy", id="credentials.copy", tooltip="Copy a secret to the clipboard"),
        Binding("r", "rename", "Rename", show=False, id="credentials.rename", tooltip="Another name"),
        Binding("delete", "remove", "Remove", id="credentials.remove", tooltip="Remove the login"),
        *VaultActions.KEYS,
        Binding("escape", "back", "Back", id="credentials.back", show=False, tooltip="Back to the jobs"),
    ]

    class Loaded(Message):
        """The credentials are read."""

        def __init__(self, found: Overview | None, error: str, select: str | None) -> None:
            super().__init__()
            self.found = found
            self.error = error
            self.select = select

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._scope = context
        self._found: Overview | None = None
        self._rows: Rows[CredentialInfo] = Rows(
            (), COLUMNS, cells, empty="reading the vault…", id="credentials"
        )

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="vault", markup=False)
        yield self._rows
        yield Static(id="detail", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the vault."""
        self._load()

    def on_screen_resume(self) -> None:
        """The vault may have been locked or unlocked meanwhile."""
        self._show_vault()

    @work(thread=True, exclusive=True, group="load", description="read the credentials")
    def _load(self, select: str | None = None) -> None:
        try:
            self.post_message(self.Loaded(credential_actions.overview(self._scope), "", select))
        except VctuiError as error:
            self.post_message(self.Loaded(None, str(error), select))

    @on(Loaded)
    def _show(self, event: Loaded) -> None:
        self._found = event.found
        infos = event.found.infos if event.found else ()
        name = event.select or (self._rows.picked.name if self._rows.picked else None)
        at = next((index for index, info in enumerate(infos) if info.name == name), 0)
        self._rows.show(infos, at, empty=safe_line(event.error) or "no logins yet: n makes one")
        self._show_vault()
        self._show_detail()

    def _show_vault(self) -> None:
        unlocked = self._scope.resolver.is_unlocked
        self.query_one("#vault", Static).update(vault_text(self._found, unlocked=unlocked))

    @on(Rows.Moved)
    def _show_detail(self) -> None:
        self.query_one("#detail", Static).update(detail(self._rows.picked, self._found), layout=False)

    def reload(self, select: str | None = None) -> None:
        """Read the vault again; the cursor goes to the credential of that name."""
        self._load(select)

    async def _edit(self, info: CredentialInfo | None) -> None:
        from screens.credential_edit import CredentialEditScreen

        if not await self.unlocked():
            return
        saved = await self.app.push_screen_wait(CredentialEditScreen(self._scope, info))
        if saved is not None:
            self.say(f"{saved} is saved")
            self._load(saved)

    @work(exclusive=True, group="act", description="add a credential")
    async def action_new(self) -> None:
        """Make a credential."""
        await self._edit(None)

    @on(Rows.Picked)
    @work(exclusive=True, group="act", description="edit a credential")
    async def _open(self) -> None:
        """Edit the credential under the cursor."""
        if self._rows.picked is not None:
            await self._edit(self._rows.picked)

    @work(exclusive=True, group="act", description="choose the default")
    async def action_default(self) -> None:
        """Make the credential under the cursor the default."""
        info = self._rows.picked
        if info is not None and await self.do(credential_actions.set_default, info.name):
            self.say(f"{info.name} is used where a device and a job name no other")
            self._load()

    @work(exclusive=True, group="act", description="rename a credential")
    async def action_rename(self) -> None:
        """Give the credential under the cursor another name."""
        info = self._rows.picked
        if info is None or not await self.unlocked():
            return
        answers = await self.app.push_screen_wait(
            AskScreen(f"Rename {info.name}", [Blank("name", "Its new name", value=info.name)])
        )
        name = answers["name"] if answers else info.name
        if name == info.name or not await self.do(credential_actions.rename, info.name, name):
            return
        users = self._found.users.get(info.id) if self._found else None
        if users and users.jump_hosts:
            hosts = ", ".join(users.jump_hosts)
            self.say(f"config.yaml still calls it {info.name}, for jump host {hosts}", "warning")
        self._load(name)

    @work(exclusive=True, group="act", description="remove a credential")
    async def action_remove(self) -> None:
        """Delete the credential under the cursor, after saying who uses it."""
        info = self._rows.picked
        if info is None:
            return
        users = self._found.users.get(info.id) if self._found else None
        used = (
            f"It is used by {users}: they will use the job's login, else the default one. " if users else ""
        )
        question = ConfirmScreen(
            f"Remove the login {safe_line(info.name)}?",
            safe_line(f"{used}It cannot be brought back."),
            yes="Remove",
            no="Keep",
        )
        if not await self.app.push_screen_wait(question) or not await self.unlocked():
            return
        copies = await self.wait(credential_actions.remove, info.name)
        if copies is not None:
            still = f". An older copy of the database still holds it: {', '.join(copies)}" if copies else ""
            self.say(f"{info.name} is removed{still}")
            self._load()

    @work(exclusive=True, group="act", description="copy a secret")
    async def action_copy(self) -> None:
        """Put a secret of the credential under the cursor on the terminal's clipboard, after a question."""
        info = self._rows.picked
        if info is None:
            return
        choices = [Choice(name, text) for name, (text, has) in SECRETS.items() if getattr(info, has)]
        if not choices:
            self.say("There is nothing to copy: it logs in with the ssh-agent", "warning")
            return
        choice = choices[0]
        if len(choices) > 1:
            picked: Choice | None = await self.app.push_screen_wait(PickScreen("Copy which one?", choices))
            if picked is None:
                return
            choice = picked
        question = ConfirmScreen(
            f"Copy the {choice.text.lower()} of {safe_line(info.name)} to the clipboard?",
            f"Every program of this desktop can read it there. It is overwritten after {SECONDS} seconds.",
            yes="Copy",
            no="Leave it",
        )
        if not await self.app.push_screen_wait(question) or not await self.unlocked():
            return
        found = await self.wait(credential_actions.secret_to_copy, info.name, choice.value)
        if found and self._scope.clipboard.copy(self.app, found):
            self.say(f"Copied, for {SECONDS} seconds; if your terminal allows it (OSC 52)")
        elif found == "":
            self.say("There is no such secret", "warning")

    def action_back(self) -> None:
        """Back to the jobs."""
        self.app.pop_screen()
