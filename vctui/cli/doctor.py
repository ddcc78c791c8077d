"""`vctui doctor`: what is installed, readable and sound, and how to mend what is not."""

from __future__ import annotations

import argparse
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vctui.cli.parsing import Parser, add_command

if TYPE_CHECKING:
    from vctui.config import Settings

LIBRARIES = (
    *("cryptography", "google-re2", "keyring", "ntc-templates", "paramiko", "peewee", "PyYAML", "rich"),
    *("textfsm", "textual", "zxcvbn"),
)
State = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `code` is the exit code that a bad one asks for."""

    what: str
    state: State
    detail: str
    remedy: str | None = None
    code: int = 0


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui doctor`."""
    add_command(
        commands,
        "doctor",
        "Check the installation and the home, and say how to mend what is wrong",
        check_all,
        json=True,
    )


def check_all(args: argparse.Namespace) -> int:
    """Print every finding; the exit code of the worst one."""
    from vctui.cli.home import settings_of
    from vctui.cli.output import print_json, print_table
    from vctui.errors import worst_exit

    settings = settings_of(args)
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _home,
        _permissions,
        _databases,
        _politeness,
        _jump_hosts,
        _templates,
        _platforms,
        _argon2,
        _keyring,
        _audit,
    )
    findings = [finding for check in checks for finding in check(settings)]
    if args.json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(
            ("CHECK", "STATE", "FOUND", "TO MEND IT"),
            [(f.what, f.state, f.detail, f.remedy) for f in findings],
        )
    return worst_exit([finding.code for finding in findings if finding.state == "bad"])


def _python(settings: Settings) -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    from vctui import __version__

    yield Finding("vctui", "ok", __version__)
    yield Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")
    for name in LIBRARIES:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "bad", "not installed", "Install vctui again: pip install vctui", 1)


def _home(settings: Settings) -> Iterator[Finding]:
    from vctui.cli.logs import LogFile
    from vctui.config import require_home
    from vctui.errors import HomeError, StorageError

    try:
        require_home(settings)
    except HomeError as error:
        yield Finding("home", "bad", error.message, error.next_step, error.exit_code)
    else:
        yield Finding("home", "ok", str(settings.home))
    if settings.log_file is not None:
        try:
            LogFile(settings.log_file).close()
        except StorageError as error:
            yield Finding("log", "bad", error.message, error.next_step, error.exit_code)
        else:
            yield Finding("log", "ok", f"{settings.log_file} ({settings.log_level})")


def _permissions(settings: Settings) -> Iterator[Finding]:
    """Whatever holds secrets or captures is for its owner alone."""
    paths = (settings.home, settings.collector_db, settings.dcim_db, settings.known_hosts)
    open_ones = [path for path in (*paths, settings.collections_dir, settings.logs_dir) if _others_may(path)]
    for path in open_ones:
        yield Finding("permissions", "bad", f"{path} is open to others", f"chmod go-rwx {path}", 14)
    if not open_ones and settings.home.is_dir():
        yield Finding("permissions", "ok", "the home is closed to others")


def _others_may(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except OSError:
        return False


def _databases(settings: Settings) -> Iterator[Finding]:
    """The whole file is looked through for damage; opening checks pragmas, tables and columns."""
    import sqlite3

    from vctui.errors import VctuiError
    from vctui.storage import History, Inventory, JobStore, check_database

    yield Finding("SQLite", "ok", sqlite3.sqlite_version)
    for path, stores in (
        (settings.collector_db, (History, JobStore)),
        (settings.dcim_db, (Inventory,)),
        (settings.templates_db, ()),
    ):
        if not path.exists():
            yield Finding(path.name, "bad", f"{path} is missing", "vctui init --force", 10)
            continue
        try:
            check_database(path)
            for store in stores:
                store(path, read_only=True).close()
        except VctuiError as error:
            yield Finding(path.name, "bad", error.message, error.next_step, error.exit_code)
        else:
            yield Finding(path.name, "ok", f"sound, {path.stat().st_size // 1024} KiB")


def _politeness(settings: Settings) -> Iterator[Finding]:
    """A name in `aaa_domains` that nothing has would leave its devices without a limit."""
    from vctui.errors import VctuiError
    from vctui.storage import Inventory
    from vctui.vault import CredentialResolver

    if not settings.politeness.domains:
        return
    try:
        with Inventory(settings.dcim_db) as inventory, CredentialResolver(settings) as resolver:
            known = {
                "sites": {name for row in inventory.sites() for name in (row.slug, row.name)},
                "platforms": {
                    n for row in inventory.platforms() for n in (row.slug, row.name, row.device_type)
                },
                "roles": {name for row in inventory.roles() for name in (row.slug, row.name)},
                "credentials": {credential.name for credential in resolver.credentials()},
            }
    except VctuiError:
        return  # the check of the databases names it
    for domain in settings.politeness.domains:
        for kind, names in known.items():
            strange = sorted(getattr(domain, kind) - {name.casefold() for name in names})
            if strange:
                what = f"aaa_domains.{domain.name}.{kind}: there is no {', '.join(strange)}"
                yield Finding("politeness", "bad", what, f"Correct {settings.config_file}", 2)


def _jump_hosts(settings: Settings) -> Iterator[Finding]:
    """The way to each jump host and device, without going it; what was passed over on the way."""
    from vctui.errors import VctuiError
    from vctui.jobs import NoRoute, Routes
    from vctui.ssh import KnownHosts
    from vctui.storage import Inventory
    from vctui.vault import CredentialResolver

    if not settings.jump_hosts and settings.ssh_config is None:
        return
    problems: dict[str, int] = {}
    behind = 0
    try:
        with Inventory(settings.dcim_db) as inventory, CredentialResolver(settings) as resolver:
            devices, logins = inventory.devices(), resolver.credentials()
        routes = Routes(settings, KnownHosts(settings.known_hosts), logins)
        for device in devices:
            try:
                behind += bool(routes.to(device))
            except NoRoute as error:
                problems[str(error)] = problems.get(str(error), 0) + 1
    except VctuiError as error:
        yield Finding("jump hosts", "bad", error.message, error.next_step, error.exit_code)
        return
    for warning in routes.warnings:
        yield Finding("ssh_config", "note", warning)
    for problem, count in problems.items():
        who = "1 device" if count == 1 else f"{count} devices"
        yield Finding("jump hosts", "bad", f"{who}: {problem}", f"Correct {settings.config_file}", 2)
    if not problems:
        yield Finding("jump hosts", "ok", f"{len(settings.jump_hosts)}, {behind} devices behind jump hosts")


def _templates(settings: Settings) -> Iterator[Finding]:
    from vctui.errors import VctuiError
    from vctui.validation import read_templates

    if not settings.templates_db.exists():
        return
    try:
        count = len(read_templates(settings.templates_db))
    except VctuiError as error:
        yield Finding("templates", "bad", error.message, error.next_step, error.exit_code)
        return
    if count:
        yield Finding("templates", "ok", f"{count}")
    else:
        yield Finding("templates", "note", "none", "vctui templates import --ntc")


def _platforms(settings: Settings) -> Iterator[Finding]:
    """The rules, the user's own files one by one, and devices that the generic rules have to do for."""
    from vctui.errors import VctuiError
    from vctui.ssh import BadPlatformFile, check_file, load_platforms, platform_name
    from vctui.storage import Inventory

    own = settings.platforms_dir
    names: set[str] = set()
    for file in sorted(own.glob("*.yaml")) if own.is_dir() else ():
        try:
            names |= set(check_file(file, own).names)
        except BadPlatformFile as error:
            for problem in error.problems:
                yield Finding("platform file", "bad", f"{file}: {problem}", "See docs/platforms.md", 2)
        else:
            yield Finding("platform file", "ok", str(file))
    yield Finding("platforms", "ok", f"{len(load_platforms().distinct())} built in")
    try:
        with Inventory(settings.dcim_db, read_only=True) as inventory:
            devices = inventory.devices()
    except VctuiError:
        return  # the database has its own finding
    unknown = [d.name for d in devices if platform_name(d.kind) is None and d.kind.lower() not in names]
    if unknown:
        shown = f"{', '.join(unknown[:3])}{' and others' if len(unknown) > 3 else ''}"
        yield Finding(
            "platforms",
            "note",
            f"{len(unknown)} devices of no known platform: {shown}",
            "vctui devices probe --unknown",
        )


def _argon2(settings: Settings) -> Iterator[Finding]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.backends.openssl import backend
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id(salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=64)
    except UnsupportedAlgorithm:
        yield Finding("Argon2id", "note", f"{backend.openssl_version_text()} lacks it: new vaults use scrypt")
    else:
        yield Finding("Argon2id", "ok", backend.openssl_version_text())


def _keyring(settings: Settings) -> Iterator[Finding]:
    import keyring
    from keyring.errors import KeyringError

    from vctui.vault import kernel_keyring_problem

    try:
        backend = keyring.get_keyring()
        there = backend.priority > 0
    except (KeyringError, RuntimeError):
        there = False
    problem = kernel_keyring_problem()
    if there:
        yield Finding("keyring", "ok", str(backend.name))
    elif problem is None:
        yield Finding("keyring", "ok", "no desktop's; the kernel's serves")
    else:
        yield Finding(
            "keyring", "note", f"no desktop's, and {problem.message}", "vctui asks for the master password"
        )


def _audit(settings: Settings) -> Iterator[Finding]:
    from vctui.errors import VctuiError
    from vctui.storage import Audit

    if not settings.home.is_dir():
        return
    try:
        report = Audit(settings.home).check()
    except VctuiError as error:
        yield Finding("audit", "bad", error.message, error.next_step, error.exit_code)
        return
    if report.problems:
        step = "See all of it with: vctui audit verify"
        yield Finding("audit", "bad", report.problems[0], step, 13)
    else:
        yield Finding("audit", "ok", f"{report.entries} entries, whole")
