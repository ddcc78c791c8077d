"""What an OpenSSH client configuration says of a host, for those who ask for it. No command in it is run.

`Host`, `Match` (all, host, originalhost) and `Include` are followed; of the options, HostName, Port, User,
IdentityFile and ProxyJump are read. A `Match` by anything else, `exec` above all, applies to no host.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vctui.errors import UsageError
from vctui.hostnames import is_host, is_user
from vctui.ssh.hostkey_index import match_list
from vctui.text import safe_line

_MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 16
_MAX_HOPS = 8
_LINE = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(.*)", re.DOTALL)
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<host>\[[^\]]+\]|[^:@\[\]/]+)(?::(?P<port>\d{1,5}))?/?")
_TOKEN = re.compile(r"%(.)")
_READ = ("hostname", "port", "user", "identityfile", "proxyjump", "proxycommand")


@dataclass(frozen=True, slots=True)
class SSHHost:
    """What the file says of one host. What it does not say is None or empty."""

    name: str
    host: str
    """HostName, or the name itself."""
    port: int | None = None
    user: str | None = None
    identity_files: tuple[Path, ...] = ()
    has_command: bool = False
    """It has a ProxyCommand, which is not run here."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """Patterns for a host's name as it is given, or for its host name; of `kind` "" for nobody."""

    kind: str
    patterns: str = "*"
    negated: bool = False

    def fits(self, name: str, host: str) -> bool:
        if not self.kind:
            return False
        # `Host` heeds the case, `Match` does not.
        subject = name if self.kind == "as typed" else (host if self.kind == "host" else name).lower()
        return match_list(subject.encode(), self.patterns.encode()) != self.negated


@dataclass(frozen=True, slots=True)
class _Option:
    where: str
    conditions: tuple[_Condition, ...]
    keyword: str
    values: tuple[str, ...]


class OpenSSHConfig:
    """A file and what it includes. Reading and asking raise UsageError with the line that cannot be used."""

    def __init__(self, path: Path) -> None:
        self.warnings: list[str] = []
        """Lines that are passed over, and why."""
        self._home = Path.home()
        self._options = tuple(self._read(path, (), 0))

    def lookup(self, name: str) -> SSHHost:
        """The options for a host as a person would type it."""
        found, files = self._collect(name)
        host = self._host_name(name, found)
        known = SSHHost(
            name,
            host,
            self._port(found.get("port")),
            self._user(found.get("user")),
            has_command="proxycommand" in found and found["proxycommand"].values[0].lower() != "none",
        )
        return replace(known, identity_files=tuple(self._files(known, files)))

    def path(self, name: str) -> tuple[SSHHost, ...]:
        """The jump hosts on the way to a host, the nearest first."""
        return self._path(name, 0)

    def _path(self, name: str, depth: int) -> tuple[SSHHost, ...]:
        option = self._collect(name)[0].get("proxyjump")
        if option is None or option.values[0].lower() == "none":
            return ()
        hops = [self._hop(option.where, text) for text in option.values[0].split(",")]
        if depth + len(hops) > _MAX_HOPS:
            raise UsageError(f"{option.where}: ProxyJump: more than {_MAX_HOPS} hops")
        # As OpenSSH does: only the nearest one may have jump hosts of its own.
        return (*self._path(hops[0].name, depth + len(hops)), *hops)

    def _hop(self, where: str, text: str) -> SSHHost:
        found = _JUMP.fullmatch(text.strip())
        if found is None or not is_host(name := found["host"].strip("[]")):
            raise UsageError(f"{where}: ProxyJump: {safe_line(text, 60)!r} is no host")
        known = self.lookup(name)
        user, port = found["user"], found["port"]
        if user is not None:
            known = replace(known, user=_checked_user(where, user))
        return known if port is None else replace(known, port=_checked_port(where, port))

    def _collect(self, name: str) -> tuple[dict[str, _Option], list[_Option]]:
        """The first value of each option counts; of IdentityFile, every one."""
        found: dict[str, _Option] = {}
        files: list[_Option] = []
        for option in self._options:
            host = found["hostname"].values[0].replace("%h", name) if "hostname" in found else name
            if not all(condition.fits(name, host) for condition in option.conditions):
                continue
            if option.keyword == "identityfile":
                files.append(option)
            else:
                found.setdefault(option.keyword, option)
        return found, files

    def _host_name(self, name: str, found: dict[str, _Option]) -> str:
        option = found.get("hostname")
        if option is None:
            return name
        host = _TOKEN.sub(lambda m: {"h": name, "%": "%"}.get(m[1], " "), option.values[0])
        if not is_host(host):
            raise UsageError(f"{option.where}: HostName: {safe_line(host, 60)!r} is no host")
        return host

    @staticmethod
    def _port(option: _Option | None) -> int | None:
        return None if option is None else _checked_port(option.where, option.values[0])

    @staticmethod
    def _user(option: _Option | None) -> str | None:
        return None if option is None else _checked_user(option.where, option.values[0])

    def _files(self, known: SSHHost, options: list[_Option]) -> Iterator[Path]:
        local = pwd.getpwuid(os.getuid()).pw_name
        tokens = {"%": "%", "d": str(self._home), "h": known.host, "n": known.name, "u": local}
        tokens |= {"i": str(os.getuid()), "p": str(known.port or 22), "r": known.user or local}
        for option in options:
            text = option.values[0]
            if text.lower() == "none":
                continue
            unknown = [match[0] for match in _TOKEN.finditer(text) if match[1] not in tokens]
            if unknown or "${" in text:
                self._warn(f"{option.where}: IdentityFile: {unknown[0] if unknown else '${'} is not known")
                continue
            yield self._home / Path(_TOKEN.sub(lambda m: tokens[m[1]], text)).expanduser()

    # reading

    def _read(self, path: Path, outer: tuple[_Condition, ...], depth: int) -> Iterator[_Option]:
        conditions = outer
        for number, line in enumerate(_text_of(path).splitlines(), start=1):
            where = f"{path}:{number}"
            found = _LINE.fullmatch(line)
            if found is None:  # a comment, an empty line, or nothing that could matter
                continue
            keyword, values = found[1].lower(), _words(where, found[2])
            if not values:
                continue
            if keyword == "host":
                conditions = (*outer, _Condition("as typed", ",".join(values)))
            elif keyword == "match":
                conditions = (*outer, *self._match(where, values))
            elif keyword == "include":
                if depth >= _MAX_DEPTH:
                    raise UsageError(f"{where}: Include: nested more than {_MAX_DEPTH} deep")
                for pattern in values:
                    base = self._home / ".ssh" / Path(pattern).expanduser()
                    for included in sorted(glob.glob(str(base))):  # noqa: PTH207 - may be absolute
                        yield from self._read(Path(included), conditions, depth + 1)
            elif keyword in _READ:
                yield _Option(where, conditions, keyword, values)

    def _match(self, where: str, values: tuple[str, ...]) -> Iterator[_Condition]:
        words = list(values)
        while words:
            word = words.pop(0).lower()
            criterion, negated = word.removeprefix("!"), word.startswith("!")
            if criterion == "all":
                yield _Condition("name", "*", negated)
            elif criterion in ("host", "originalhost") and words:
                yield _Condition("host" if criterion == "host" else "name", words.pop(0).lower(), negated)
            else:
                what = "is never run" if criterion == "exec" else "is not looked at"
                self._warn(
                    f"{where}: Match {safe_line(criterion, 20)} {what}: what follows applies to no host"
                )
                yield _Condition("")
                return

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def _checked_port(where: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise UsageError(f"{where}: Port: {safe_line(text, 20)!r} is no port")
    return int(text)


def _checked_user(where: str, text: str) -> str:
    if not is_user(text):
        raise UsageError(f"{where}: User: {safe_line(text, 60)!r} is no user name")
    return text


def _words(where: str, text: str) -> tuple[str, ...]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{where}: a quotation mark is missing") from error
    end = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return tuple(words[:end])


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid not in (0, os.getuid()) or status.st_mode & 0o022:
                raise UsageError(f"{path}: others may write it", f"chmod go-w {path}")
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}", "config.yaml names it: ssh_config"
        ) from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path}: larger than 1 MiB", "This is no OpenSSH configuration")
    return data.decode("utf-8", "replace")
