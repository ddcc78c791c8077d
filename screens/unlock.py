"""The first screen: unlocks the vault, or makes the home and the vault that are not there yet."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Header, Input, Static

from screens.context import Context
from screens.strength import caps_hint, judge, load_judge
from screens.unlock_steps import Found, look, make_home
from screens.widgets.footer import KeyFooter
from screens.widgets.secret import SecretInput
from vctui.errors import VctuiError, WrongPassword
from vctui.text import safe_line

State = Literal["looking", "init", "making", "create", "password", "checking", "locked_out", "broken"]
TEXTS: dict[State, tuple[str, str]] = {
    "looking": ("Looking for a key to the vault, trying the keyring…", ""),
    "init": (
        "There is no home here yet. Create it, with empty databases, usual platforms and TextFSM templates?",
        "y creates it, n or Escape ends the program.",
    ),
    "making": ("Creating the home and reading the templates in…", ""),
    "create": (
        "This home has no vault yet. Choose a master password: it seals every credential; it is not stored.",
        "Enter goes on. Escape goes on without a vault: jobs can be seen and edited, not run.",
    ),
    "password": (
        "Master password:",
        "Enter unlocks. Escape goes on locked: jobs can be seen and edited, not run.",
    ),
    "checking": ("Checking the password…", ""),
    "locked_out": (
        "Wrong password too often.",
        "Enter asks again, once the pause is over. Escape goes on locked.",
    ),
    "broken": ("This home cannot be opened.", "Escape ends the program."),
}
HOME_NOT_READY = 10
"""The exit code of a home that is not initialised."""


class UnlockScreen(Screen[bool]):
    """Dismissed with True once the vault is unlocked, with False when the user goes on without.

    Keys that are at hand (systemd, keyring, environment) are tried first, unless `ask` is set.
    """

    TITLE = "vctui"
    SUB_TITLE = "Unlock"
    CSS_PATH = "unlock.tcss"
    HELP = """
    ## Unlock

    The vault holds the credentials of the devices, sealed with the master password. Before you are asked,
    systemd's credential, the keyring (`vctui vault remember`) and `VCOLLECTOR_VAULT_PASS` are tried.

    **Enter** unlocks. **Escape** goes on locked: jobs can be seen and edited; a run asks again. After a wrong
    password the next attempt has to wait: 1, 2, 4, 8, 16, then 30 seconds. The waiting is no defence against
    somebody who has the file: a long password is.

    The vault locks itself when nothing is done for a while, after a working day, when the computer slept and
    when the terminal goes (`vault: lock_after, lock_at_latest` in config.yaml). Runs go on meanwhile.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "init", "Create", id="unlock.init", tooltip="Create the home folder"),
        Binding("n,escape", "leave", "No", id="unlock.leave", tooltip="End the program"),
        Binding("escape", "skip", "Stay locked", id="unlock.skip", tooltip="Go on without unlocking"),
        Binding("enter", "again", "Try again", id="unlock.again", tooltip="Ask for the password again"),
    ]

    class Looked(Message):
        """What is there is known."""

        def __init__(self, found: Found) -> None:
            super().__init__()
            self.found = found

    class Tried(Message):
        """A password was tried, or a vault or a home made: `error` says why it failed."""

        def __init__(self, back: State, error: str | None, *, wrong: bool = False, note: str = "") -> None:
            super().__init__()
            self.back: State = back
            """Where to go on after a failure."""
            self.error = error
            self.wrong = wrong
            self.note = note

    def __init__(self, context: Context, *, ask: bool = False, why: str = "") -> None:
        super().__init__()
        self._scope = context
        self._ask = ask
        self._why = why
        self.state: State = "looking"
        """What the screen waits for."""
        self._pause = ""
        """What is said while an attempt has to wait, before the seconds that are left."""

    def compose(self) -> ComposeResult:
        yield Header()
        with Vertical(id="card") as card:
            card.border_title = "vctui"
            yield Static(safe_line(self._why), id="why", markup=False)
            yield Static(safe_line(f"Home {self._scope.settings.home}"), id="home", markup=False)
            yield Static(id="message", markup=False)
            yield SecretInput("master password", id="password")
            yield Static(id="strength", markup=False)
            yield SecretInput("once more", id="again")
            yield Static(id="error", markup=False)
            yield Static(id="next", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Look what is there."""
        self.query_one("#why").display = bool(self._why)
        self._enter("looking")
        self.set_interval(0.5, self._count_down)
        self._look()

    def _enter(self, state: State, error: str = "") -> None:
        """Show what the screen waits for now; passwords that were typed are gone."""
        self.state = state
        self._pause = ""
        message, following = TEXTS[state]
        for box in self.query(SecretInput):
            box.value = ""
        self.set_class(state == "password", "-password")
        self.set_class(state == "create", "-create")
        self.query_one("#message", Static).update(message)
        self.query_one("#next", Static).update(following)
        self.query_one("#error", Static).update(safe_line(error))
        if state == "create":
            self._load_judge()
        self.set_focus(self.query_one("#password") if state in ("password", "create") else None)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what the present state understands."""
        if action == "init":
            return self.state == "init"
        if action == "leave":
            return self.state in ("init", "broken")
        if action == "skip":
            return self.state in ("create", "password", "locked_out")
        if action == "again":
            return self.state == "locked_out"
        return True

    @work(thread=True, exclusive=True, group="unlock", description="look for a key")
    def _look(self) -> None:
        self.post_message(self.Looked(look(self._scope, ask=self._ask or self._scope.must_ask)))

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        found = event.found
        if found.step == "unlocked":
            self._unlocked(found.note)
        elif found.step == "password" and self._scope.throttle.is_locked_out:
            self._enter("locked_out", found.error)
        else:
            self._enter(found.step, found.error)

    def _unlocked(self, note: str) -> None:
        self._scope.throttle.passed()
        self._scope.must_ask = False
        if note:
            self.app.notify(safe_line(note), severity="warning", timeout=10, markup=False)
        self.dismiss(True)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value:
            self._pause = ""
            self.query_one("#error", Static).update(caps_hint(event.value))
        if self.state == "create" and event.input.id == "password":
            self.query_one("#strength", Static).update(safe_line(judge(event.value)))

    @work(thread=True, exclusive=True, group="judge", description="read the common passwords")
    def _load_judge(self) -> None:
        load_judge()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        password, again = (box.value for box in self.query(SecretInput))
        if self.state == "create":
            if event.input.id == "password":
                self.query_one("#again").focus()
            elif password != again:
                self._enter("create", "The two are not the same; type both again")
            else:
                self._enter("checking")
                self._create(password)
        elif self.state == "password" and password:
            if self._scope.throttle.wait():
                self._count("Too early")
                return
            self._enter("checking")
            self._unlock(password)

    def _count(self, what: str) -> None:
        """Say how long the next attempt has to wait, and go on saying it."""
        self._pause = what
        self._count_down()

    def _count_down(self) -> None:
        if self._pause:
            seconds = self._scope.throttle.wait()
            when = f"in {seconds} s" if seconds else "now"
            self.query_one("#error", Static).update(f"{self._pause}; the next attempt is accepted {when}")

    @work(thread=True, exclusive=True, group="unlock", description="unlock the vault")
    def _unlock(self, password: str) -> None:
        """Deriving the key takes a fifth of a second or more."""
        try:
            self._scope.resolver.unlock_vault(password)
        except WrongPassword:
            self.post_message(self.Tried("password", "Wrong master password", wrong=True))
        except VctuiError as error:
            self.post_message(self.Tried("password", str(error)))
        else:
            self.post_message(self.Tried("password", None))

    @work(thread=True, exclusive=True, group="unlock", description="create the vault")
    def _create(self, password: str) -> None:
        try:
            notes = self._scope.resolver.vault.init(password)
        except VctuiError as error:
            self.post_message(self.Tried("create", str(error)))
        else:
            self.post_message(self.Tried("create", None, note=". ".join(notes)))

    def action_init(self) -> None:
        """Create the home folder."""
        self._enter("making")
        self._make_home()

    @work(thread=True, exclusive=True, group="unlock", description="create the home")
    def _make_home(self) -> None:
        try:
            make_home(self._scope.settings)
        except VctuiError as error:
            self.post_message(self.Tried("init", str(error)))
        else:
            self.post_message(self.Looked(look(self._scope, ask=True)))

    @on(Tried)
    def _tried(self, event: Tried) -> None:
        if event.error is None:
            self._unlocked(event.note)
            return
        if not event.wrong:
            self._enter(event.back, event.error)
            return
        self._scope.throttle.failed()
        self._enter("locked_out" if self._scope.throttle.is_locked_out else event.back)
        self._count(event.error)

    def action_again(self) -> None:
        """After too many wrong passwords: offer the box again, once the pause is over."""
        if self._scope.throttle.wait():
            self._count("Too early")
        else:
            self._enter("password")

    def action_skip(self) -> None:
        """Go on locked."""
        self.dismiss(False)

    def action_leave(self) -> None:
        """End the program: without a home there is nowhere to go."""
        self.app.exit(return_code=HOME_NOT_READY)
