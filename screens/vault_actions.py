"""What can be done with the vault as a whole: lock, remember, change the password, carry it elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar, cast

from textual import work
from textual.binding import Binding
from textual.screen import Screen

from screens import credential_actions
from screens.context import Context
from screens.strength import judge, load_judge
from screens.widgets.ask import Answers, AskScreen, Blank
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.field import Choice
from screens.widgets.pick import PickScreen
from vctui.config import expand
from vctui.errors import VctuiError, WrongPassword
from vctui.text import safe_line

Result = TypeVar("Result")
Severity = Literal["information", "warning", "error"]


class VaultActions(Screen[None]):
    """The keys of the vault, for the screen that lists its credentials."""

    _scope: Context
    KEYS: ClassVar[tuple[Binding, ...]] = (
        Binding(
            *("l", "lock", "Lock/unlock"),
            show=False,
            id="vault.lock",
            tooltip="Lock the vault now, or unlock it",
        ),
        Binding(
            *("m", "remember", "Remember"),
            show=False,
            id="vault.remember",
            tooltip="Let a keyring open the vault without the password",
        ),
        Binding(
            *("f", "forget", "Forget"), show=False, id="vault.forget", tooltip="Make keyrings' keys useless"
        ),
        Binding(
            *("p", "password", "Master password"),
            show=False,
            id="vault.password",
            tooltip="Choose another master password",
        ),
        Binding(
            *("x", "export", "Export"), show=False, id="vault.export", tooltip="Write the logins into a file"
        ),
        Binding(
            *("i", "import", "Import"), show=False, id="vault.import", tooltip="Add the logins of a file"
        ),
        Binding(
            *("u", "upgrade", "Upgrade"),
            show=False,
            id="vault.upgrade",
            tooltip="Move a vault of VelocityCollector to vctui's own scheme",
        ),
    )

    def reload(self, select: str | None = None) -> None:
        """Read the vault again."""
        raise NotImplementedError

    def say(self, text: str, severity: Severity = "information") -> None:
        """Tell the user something."""
        self.app.notify(safe_line(text), severity=severity, timeout=8, markup=False)

    async def wait(self, call: Callable[..., Result], *arguments: Any, guess: bool = False) -> Result | None:
        """Call something that waits for the disk; a failure is shown, and the result is then None.

        `guess` is set where a master password is tried: wrong ones have to wait longer and longer.
        """
        if guess and (seconds := self._scope.throttle.wait()) > 0:
            self.say(f"Wait {seconds} s before the next attempt", "warning")
            return None
        try:
            result = await asyncio.to_thread(call, self._scope, *arguments)
        except VctuiError as error:
            if guess and isinstance(error, WrongPassword):
                self._scope.throttle.failed()
            self.say(str(error), "error")
            return None
        if guess:
            self._scope.throttle.passed()
        return result

    async def do(self, call: Callable[..., None], *arguments: Any) -> bool:
        """Call something that returns nothing; whether it worked."""

        def run(*arguments: Any) -> bool:
            call(*arguments)
            return True

        return bool(await self.wait(run, *arguments))

    async def unlocked(self) -> bool:
        """Whether the vault is open; asks for the master password when it is not."""
        if self._scope.resolver.is_unlocked:
            return True
        from screens.unlock import UnlockScreen

        opened: bool | None = await self.app.push_screen_wait(UnlockScreen(self._scope))
        return bool(opened)

    @work(exclusive=True, group="act", description="lock or unlock")
    async def action_lock(self) -> None:
        """Lock the vault, or ask for the master password."""
        from screens.unlock import UnlockScreen

        if self._scope.resolver.is_unlocked:
            self._scope.lock()
        else:
            await self.app.push_screen_wait(UnlockScreen(self._scope, ask=True))
        self.reload()

    @work(exclusive=True, group="act", description="remember")
    async def action_remember(self) -> None:
        """Give a keyring a key to the vault."""
        if not await self.unlocked():
            return
        given = await self.wait(credential_actions.remember)
        if given is not None:
            end = ", or the end of this login" if given.where == "login" else ""
            self.say(f"The vault now opens by {given}{end}. f forgets it")
            self.reload()

    @work(exclusive=True, group="act", description="forget")
    async def action_forget(self) -> None:
        """Make every keyring's key useless."""
        had_one = await self.wait(credential_actions.forget)
        if had_one is not None:
            self.say(
                "No keyring opens the vault any more" if had_one else "No keyring had a key to the vault"
            )
            self.reload()

    @work(exclusive=True, group="act", description="change the master password")
    async def action_password(self) -> None:
        """Choose another master password."""
        load = asyncio.create_task(asyncio.to_thread(load_judge))
        blanks = [
            Blank("old", "Present master password", secret=True),
            Blank("new", "New master password", secret=True),
            Blank("again", "Once more", secret=True),
        ]
        await load
        answers = await self.app.push_screen_wait(
            AskScreen("Change the master password", blanks, check=_two_alike, comment=_strength)
        )
        if not answers:
            return
        changed = await self.wait(
            credential_actions.change_password, answers["old"], answers["new"], guess=True
        )
        answers.clear()
        if changed is None:
            return
        self.say(
            "The master password is changed. Keys that keyrings hold still open the vault; f forgets them"
        )
        for name in changed.damaged:
            self.say(f"{name}: a secret does not open; enter it anew", "warning")
        self.reload()

    @work(exclusive=True, group="act", description="export")
    async def action_export(self) -> None:
        """Write every credential into a sealed file."""
        if not await self.unlocked():
            return
        blanks = [
            Blank("file", "New file", value="~/vctui-logins.vault"),
            Blank("new", "Password for the file", secret=True),
            Blank("again", "Once more", secret=True),
        ]
        answers = await self.app.push_screen_wait(AskScreen("Export the logins", blanks, check=_two_alike))
        if not answers:
            return
        done = await self.wait(_export, answers["file"], answers["new"])
        answers.clear()
        if done is not None:
            self.say(f"{done[0]} logins written")
            for name in done[1]:
                self.say(f"{name} does not open and was left out", "warning")

    @work(exclusive=True, group="act", description="import")
    async def action_import(self) -> None:
        """Add the credentials of an export, or of another home's collector.db."""
        if not await self.unlocked():
            return
        blanks = [
            Blank("file", "An export, or another home's collector.db"),
            Blank("password", "Its password", secret=True),
        ]
        answers = await self.app.push_screen_wait(AskScreen("Import logins", blanks))
        if not answers:
            return
        choices = [
            Choice("skip", "leave it out"),
            Choice("rename", "add it under another name"),
            Choice("replace", "put it in the other's place"),
        ]
        choice: Choice | None = await self.app.push_screen_wait(
            PickScreen("A login whose name is taken by another:", choices)
        )
        if choice is None:
            return
        done = await self.wait(_import, answers["file"], answers["password"], choice.value)
        answers.clear()
        if done is None:
            return
        result, damaged = done
        added = len(result.added) + len(result.renamed)
        self.say(f"{added} added, {len(result.replaced)} replaced, {len(result.skipped)} left out")
        for name, reason in [*result.refused, *((name, "does not open") for name in damaged)]:
            self.say(f"{name}: {reason}", "warning")
        self.reload()

    @work(exclusive=True, group="act", description="upgrade the vault")
    async def action_upgrade(self) -> None:
        """Move a vault of VelocityCollector to vctui's own scheme."""
        scheme = await self.wait(credential_actions.scheme)
        if scheme != credential_actions.OLD:
            self.say("The vault is in vctui's own scheme already" if scheme else "There is no vault yet")
            return
        question = ConfirmScreen(
            "Move the vault to vctui's own scheme?",
            "VelocityCollector cannot open it any more after that. The old vault stays in a copy beside it, "
            "which can be guessed at cheaply until you delete it.",
            yes="Upgrade",
            no="Leave it",
        )
        if not await self.app.push_screen_wait(question):
            return
        blank = Blank("old", "Master password", secret=True)
        answers = await self.app.push_screen_wait(AskScreen("Upgrade the vault", [blank]))
        if not answers:
            return
        done = await self.wait(credential_actions.upgrade, answers["old"], guess=True)
        answers.clear()
        if done is not None:
            names = ", ".join(copy.name for copy in done.old_copies)
            self.say(f"{done.changed.credentials} logins moved. The old vault is still in: {names}")
            for name in done.changed.damaged:
                self.say(f"{name}: a secret does not open; enter it anew", "warning")
            self.reload()


def _two_alike(answers: Answers) -> str | None:
    return None if answers["new"] == answers["again"] else "The two are not the same; type both again"


def _strength(name: str, text: str) -> str:
    return judge(text) if name == "new" else ""


def _export(context: Context, file: str, password: str) -> tuple[int, Any]:
    return credential_actions.write_export(context, expand(file), password)


def _import(context: Context, file: str, password: str, conflict: str) -> tuple[Any, Any]:
    return credential_actions.take_import(context, expand(file), password, cast(Any, conflict))
