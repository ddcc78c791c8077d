"""The credential manager at 80x24, by keyboard alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keyring
import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from screens.app import VctuiApp
from screens.context import Context, Throttle
from screens.credential_edit import CredentialEditScreen
from screens.credential_fields import SecretField
from screens.credentials import CredentialsScreen
from screens.jobs import JobsScreen
from screens.unlock import UnlockScreen
from screens.widgets.ask import AskScreen
from screens.widgets.confirm import ConfirmScreen
from screens.widgets.field import Field
from screens.widgets.pick import PickScreen
from screens.widgets.secret import KeyInput
from tests.fixtures.reach import holders
from tests.fixtures.screens import HOSTILE, assert_harmless, is_on, row_texts, shown, text_of, until
from tests.fixtures.small_home import make_home
from tests.fixtures.vault import FAST, LEGACY_PASSWORD, key_text, legacy_collector, put_rows, rows_of
from tests.test_vault_keyring import MemoryKeyring
from vctui.storage import Audit, Inventory
from vctui.vault import CredentialResolver, Vault

MASTER = "correct horse"


@pytest.fixture
def context(tmp_path: Path) -> Context:
    settings = make_home(tmp_path)
    resolver = CredentialResolver(settings)
    resolver.vault = Vault(settings.collector_db, kdf=FAST, audit=Audit(settings.home))
    resolver.vault.init(MASTER)
    resolver.vault.add("lab", "admin", password="secret", enable_secret="enable")
    resolver.vault.add("keys", "netops", private_key=key_text())
    return Context(settings, resolver)


@asynccontextmanager
async def manager(context: Context) -> Any:
    """The program, on the credential manager."""
    app = VctuiApp(context, unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_on(app, JobsScreen))
        await pilot.press("f2")
        await until(pilot, lambda: is_on(app, CredentialsScreen) and "no logins" not in text(app))
        await until(pilot, lambda: text_of(app, "#vault") != "")
        yield app, pilot


def text(app: VctuiApp) -> str:
    return " ".join(row_texts(app, "#credentials"))


async def fill(pilot: Pilot[Any], **values: str) -> None:
    """Type into the fields of the form, or the blanks of a question."""
    for name, value in values.items():
        screen = pilot.app.screen
        box = screen.query_one(f"#blank-{name}" if isinstance(screen, AskScreen) else f"#field-{name} Input")
        assert isinstance(box, Input)
        box.value = value
    await pilot.pause()


async def answer(pilot: Pilot[Any], **values: str) -> None:
    """Fill a question in and send it."""
    await until(pilot, lambda: is_on(pilot.app, AskScreen))
    await fill(pilot, **values)
    last = list(pilot.app.screen.query(Input))[-1]
    last.focus()
    await pilot.press("enter")
    await pilot.pause()


def said(app: VctuiApp) -> str:
    return "\n".join(note.message for note in app._notifications)


def has_error(field: Field) -> bool:
    return bool(field.error)


async def back_on_list(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: is_on(pilot.app, CredentialsScreen))
    await pilot.app.workers.wait_for_complete(
        [worker for worker in pilot.app.workers if worker.group == "load" and not worker.is_finished]
    )
    await pilot.pause()


async def test_the_list_says_what_each_is_and_who_uses_it(context: Context) -> None:
    with Inventory(context.settings.dcim_db) as inventory:
        table = context.settings.home / "more.csv"
        table.write_text(
            "name,primary_ip4,platform,site,role,status,credential\nsw9,192.0.2.9,x,y,z,active,lab\n"
        )
        inventory.import_csv(table, credential_id={"lab": 1}.get)
    async with manager(context) as (app, pilot):
        rows = row_texts(app, "#credentials")
        assert rows[0].split() == ["keys", "netops", "key", "anywhere"]
        assert rows[1].split() == ["lab", "admin", "default", "password;", "enable", "anywhere"]
        assert "Vault open" in text_of(app, "#vault")
        assert "nobody by name" in text_of(app, "#detail")
        await pilot.press("down")
        assert "Used by: 1 device (sw9)" in text_of(app, "#detail")


async def test_a_login_is_made_by_keyboard(context: Context) -> None:
    async with manager(context) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, CredentialEditScreen))
        await pilot.press(*"core", "enter", *"netops", "enter", *"pw1", "ctrl+s")
        await back_on_list(pilot)
        assert "core is saved" in said(app)
        assert "core" in text(app)
        assert context.resolver.get_ssh_credentials("core").password == "pw1"


async def test_an_empty_box_keeps_the_secret_and_the_id_stays(context: Context) -> None:
    before = context.resolver.get_ssh_credentials("lab")
    async with manager(context) as (app, pilot):
        await pilot.press("down", "enter")
        await until(pilot, lambda: is_on(app, CredentialEditScreen))
        assert "stored; empty keeps it" in shown(app)
        assert "secret" not in shown(app).replace("Enable secret", "")
        await fill(pilot, name="core", scope="site:lab")
        await pilot.press("ctrl+s")
        await back_on_list(pilot)
    after = context.resolver.get_ssh_credentials("core")
    assert (after.id, after.password, after.enable_secret) == (before.id, "secret", "enable")
    assert str(after.scope) == "site:lab"


async def test_a_secret_is_replaced_and_taken_away(context: Context) -> None:
    async with manager(context) as (app, pilot):
        await pilot.press("down", "enter")
        await until(pilot, lambda: is_on(app, CredentialEditScreen))
        await fill(pilot, password="another")
        app.screen.query_one("#field-enable_secret", SecretField).focus_editor()
        await pilot.press("ctrl+r")
        assert "will be taken away" in shown(app)
        await pilot.press("ctrl+s")
        await back_on_list(pilot)
    got = context.resolver.get_ssh_credentials("lab")
    assert (got.password, got.enable_secret) == ("another", None)


async def test_a_key_is_pasted_and_never_shown(context: Context) -> None:
    key = key_text(passphrase="pp")
    async with manager(context) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, CredentialEditScreen))
        await fill(pilot, name="pasted", username="netops")
        box = app.screen.query_one(KeyInput)
        box.focus()
        box.post_message(Paste(key))
        await pilot.pause()
        assert "(pasted: " in shown(app)
        assert "PRIVATE KEY" not in shown(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "needs its passphrase" in shown(app))
        passphrase = app.screen.query_one("#field-ssh_key_passphrase", Field)
        await fill(pilot, ssh_key_passphrase="not the phrase")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "does not open the private key" in passphrase.error)
        assert passphrase.has_focus_within, "what is typed next does not wipe the key out"
        await fill(pilot, ssh_key_passphrase="pp")
        await pilot.press("ctrl+s")
        await back_on_list(pilot)
    got = context.resolver.get_ssh_credentials("pasted")
    assert (got.private_key, got.passphrase) == (key, "pp")


async def test_a_key_comes_from_a_file_and_its_passphrase_may_be_asked_later(
    context: Context, tmp_path: Path
) -> None:
    file = tmp_path / "id"
    file.write_text(key_text(passphrase="pp"))
    async with manager(context) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, CredentialEditScreen))
        await fill(pilot, name="file", username="netops", ssh_key=str(tmp_path / "none"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "cannot be read" in said(app))
        await fill(pilot, ssh_key=str(file))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "^s again" in shown(app))
        await pilot.press("ctrl+s")
        await back_on_list(pilot)
    got = context.resolver.get_ssh_credentials("file")
    assert (got.private_key, got.passphrase) == (file.read_text(), None)


async def test_what_is_wrong_is_said_at_its_field(context: Context) -> None:
    async with manager(context) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, CredentialEditScreen))
        for values, column in (
            ({"name": "x", "username": "-o"}, "username"),
            ({"username": "u", "scope": "nonsense"}, "scope"),
            ({"scope": ""}, "password"),
            ({"ssh_key_passphrase": "without a key"}, "ssh_key_passphrase"),
            ({"ssh_key_passphrase": "", "password": "x", "name": "lab"}, "name"),
        ):
            await fill(pilot, **values)
            await pilot.press("ctrl+s")
            field = app.screen.query_one(f"#field-{column}", Field)
            await until(pilot, partial(has_error, field))
            assert "^s again" not in field.error
        await pilot.press("escape")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        await pilot.press("y")
        await back_on_list(pilot)


async def test_default_rename_and_remove(context: Context) -> None:
    async with manager(context) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "keys is used where" in said(app))
        await back_on_list(pilot)
        await pilot.press("r")
        await answer(pilot, name="pem")
        await until(pilot, lambda: "pem" in text(app))
        await pilot.press("down")
        await until(pilot, lambda: "lab" in row_texts(app, "#credentials")[0])
        await pilot.press("home", "delete")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        assert "lab" in text_of(app, "#question")
        await pilot.press("y")
        await until(pilot, lambda: "lab is removed" in said(app))
        await back_on_list(pilot)
        await until(pilot, lambda: "lab" not in text(app))
    assert [(info.name, info.is_default) for info in context.resolver.credentials()] == [("pem", True)]


async def test_a_secret_is_copied_after_a_question_and_noted(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    async with manager(context) as (app, pilot):
        assert app._driver is not None
        await pilot.press("down", "c")
        await until(pilot, lambda: is_on(app, PickScreen))
        await pilot.press("enter")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        assert "password of lab" in text_of(app, "#question")
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("y")
        await until(pilot, lambda: "Copied" in said(app))
        assert "\x1b]52;c;c2VjcmV0\a" in written
        assert app.clipboard == ""
    kinds = [entry for entry in Audit(context.settings.home).entries() if entry["kind"] == "secret_copied"]
    assert [(entry["name"], entry["secret"]) for entry in kinds] == [("lab", "password")]


async def test_a_locked_vault_is_listed_and_asks_before_changes(context: Context) -> None:
    context.resolver.lock()
    async with manager(context) as (app, pilot):
        assert "Vault locked" in text_of(app, "#vault")
        assert "lab" in text(app)
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, UnlockScreen) and app.screen.state == "password")
        await pilot.press("escape")
        await back_on_list(pilot)
        await pilot.press("l")
        await until(pilot, lambda: is_on(app, UnlockScreen) and app.screen.state == "password")
        app.screen.query_one("#password", Input).value = MASTER
        await pilot.press("enter")
        await back_on_list(pilot)
        await until(pilot, lambda: "Vault open" in text_of(app, "#vault"))
        await pilot.press("l")
        await until(pilot, lambda: "Vault locked" in text_of(app, "#vault"))


async def test_the_master_password_is_changed_with_a_word_on_its_strength(context: Context) -> None:
    now = [0.0]
    context.throttle = Throttle(lambda: now[0])
    async with manager(context) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: is_on(app, AskScreen))
        await fill(pilot, new="password1")
        await until(pilot, lambda: "very weak" in shown(app))
        await answer(pilot, old=MASTER, new="battery staple", again="another")
        await until(pilot, lambda: "not the same" in shown(app))
        assert [box.value for box in app.screen.query(Input)] == ["", "", ""]
        await answer(pilot, old="wrong horse", new="battery staple", again="battery staple")
        await until(pilot, lambda: "wrong" in said(app))
        await pilot.press("p")
        await answer(pilot, old=MASTER, new="battery staple", again="battery staple")
        await until(pilot, lambda: "Wait 1 s" in said(app))
        now[0] += 1
        await pilot.press("p")
        await answer(pilot, old=MASTER, new="battery staple", again="battery staple")
        await until(pilot, lambda: "is changed" in said(app))
        await back_on_list(pilot)
    Vault(context.settings.collector_db, kdf=FAST).unlock("battery staple")


async def test_a_keyring_remembers_and_forgets(context: Context) -> None:
    keyring.set_keyring(MemoryKeyring())
    async with manager(context) as (app, pilot):
        await pilot.press("m")
        await until(pilot, lambda: "remembered by the desktop's keyring" in text_of(app, "#vault"))
        await pilot.press("f")
        await until(pilot, lambda: "remembered" not in text_of(app, "#vault"))
        assert "No keyring opens the vault any more" in said(app)


async def test_logins_are_exported_and_imported(context: Context, tmp_path: Path) -> None:
    file = tmp_path / "out.vault"
    async with manager(context) as (app, pilot):
        await pilot.press("x")
        await answer(pilot, file=str(file), new="of the file", again="of the file")
        await until(pilot, lambda: "2 logins written" in said(app))
        await back_on_list(pilot)
        await pilot.press("i")
        await answer(pilot, file=str(file), password="of the file")
        await until(pilot, lambda: is_on(app, PickScreen))
        await pilot.press("enter")
        await until(pilot, lambda: "0 added, 0 replaced, 0 left out" in said(app))
        await back_on_list(pilot)


async def test_a_vault_of_velocitycollector_is_upgraded(context: Context, tmp_path: Path) -> None:
    source = legacy_collector(tmp_path / "old")
    context.resolver.vault = Vault(source, kdf=FAST, audit=Audit(context.settings.home))
    context.resolver.vault.unlock(LEGACY_PASSWORD)
    async with manager(context) as (app, pilot):
        assert "VelocityCollector's scheme" in text_of(app, "#vault")
        await pilot.press("u")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        assert "cannot open it any more" in text_of(app, "#detail")
        await pilot.press("y")
        await answer(pilot, old=LEGACY_PASSWORD)
        await until(pilot, lambda: "1 logins moved" in said(app))
        await back_on_list(pilot)
        assert "before-upgrade" in said(app)
    assert context.resolver.vault.status().scheme == "vctui"


async def test_names_from_elsewhere_are_harmless(context: Context) -> None:
    row = rows_of(context.settings.collector_db, "credentials")[0]
    names = [(10 + n, f"{name}", name, *row[3:]) for n, name in enumerate(HOSTILE)]
    put_rows(context.settings.collector_db, "credentials", names)
    async with manager(context) as (app, pilot):
        for _ in range(len(HOSTILE) + 2):
            assert_harmless(app)
            await pilot.press("down")
        await pilot.press("home", "delete")
        await until(pilot, lambda: is_on(app, ConfirmScreen))
        assert_harmless(app)


async def test_nothing_typed_outlives_its_screen(context: Context) -> None:
    typed = "".join(["CANARY", "-typed"])
    async with manager(context) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: is_on(app, CredentialEditScreen))
        await fill(pilot, name="x", username="y", password=typed, enable_secret=typed)
        assert holders(typed, skip=(typed,))
        await pilot.press("ctrl+s")
        await back_on_list(pilot)
        assert holders(typed, skip=(globals(), test_nothing_typed_outlives_its_screen.__code__)) == []
