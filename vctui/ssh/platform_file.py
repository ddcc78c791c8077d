"""One platform file: YAML in, rules out, and a sentence for everything in it that is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any

from vctui.errors import UsageError
from vctui.ssh.patterns import LazyPattern, Patterns, check_pattern, lazy_pattern
from vctui.ssh.rules import (
    EndMarker,
    Gate,
    Marks,
    Pager,
    Pagers,
    Platform,
    Privilege,
    Volatile,
    changes_configuration,
)

MAX_FILE = 64 * 1024
ANSWERS = ("username", "password")
NEWLINES = ("\n", "\r", "\r\n")
_HARMFUL = (
    *("reload", "reboot", "configure terminal", "copy a b", "delete a", "erase startup-config", "format a"),
    *("write memory", "shutdown", "system reset", "request system reboot", "rm -rf a", "set a b", "clear a"),
)
_KEYS = frozenset(Platform.__dataclass_fields__) - {"name", "file"} | {"like"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}")
_PATTERNS = ("context", "errors", "filters", "paging_commands", "prompts", "reading", "writing")
_TEXTS = ("logout", "title", "vendor")


class BadPlatformFile(UsageError):
    """A platform file with mistakes; `problems` has all of them."""

    def __init__(self, file: str, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{file}: {problems[0]}{more}", f"Check it with: vctui platforms validate {file}")
        self.problems = tuple(problems)


def read_file(file: Any, *, own: bool = False) -> dict[str, Any]:
    """The mapping in a file. Raises BadPlatformFile."""
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadPlatformFile(str(file), ["is not UTF-8 text"]) from error
    except OSError as error:
        raise BadPlatformFile(str(file), [f"cannot be read: {error.strerror}"]) from error
    if len(text) > MAX_FILE:
        raise BadPlatformFile(str(file), ["is larger than 64 KiB: this is no platform file"])
    try:
        # libyaml is ten times as fast, but a file that is nested too deeply ends the process.
        loader = yaml.SafeLoader if own else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        data = yaml.load(text, loader)  # noqa: S506 - both are safe
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadPlatformFile(str(file), [f"line {line}: {error.problem or 'not YAML'}"]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadPlatformFile(str(file), [f"not YAML: {str(error).splitlines()[0]}"]) from error
    if not isinstance(data, dict):
        raise BadPlatformFile(str(file), ["must hold 'key: value' lines"])
    return {str(key): value for key, value in data.items()}


class PlatformFile:
    """What one file holds. `own` files, which nobody has tested, are looked at more closely."""

    def __init__(self, file: str, data: Mapping[str, Any], *, own: bool = False) -> None:
        self.file = file
        self._data = data
        self._own = own
        self._problems: list[str] = []
        self.names = self._names()
        like = data.get("like")
        if like is not None and not isinstance(like, str):
            self._refuse("like", "must be the name of another platform, as in cisco_ios")
        self.like = like.strip().lower() if isinstance(like, str) else None

    def _names(self) -> tuple[str, ...]:
        names = tuple(name.strip().lower() for name in self._texts("names"))
        bad = next((name for name in names if not _NAME.fullmatch(name)), None)
        if bad is not None:
            self._refuse("names", f"{bad!r} is no name: letters, digits, '_', '-' and '.' only")
        if not names and not self._problems:
            self._refuse("names", "is missing: the device types these rules are for, as in [cisco_ios]")
        if self._problems:
            raise BadPlatformFile(self.file, self._problems)
        return names

    def platform(self, base: Platform | None, more_pagers: tuple[Pager, ...]) -> Platform:
        """The rules: those of `base`, and what the file says in their place. Raises BadPlatformFile."""
        for key in sorted(set(self._data) - _KEYS):
            close = get_close_matches(key, _KEYS, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(_KEYS))}"
            self._refuse(key, f"no such key; {hint}")
        values: dict[str, Any] = {key: self._patterns(key) for key in _PATTERNS if key in self._data}
        values |= {key: self._text(key) for key in _TEXTS if key in self._data}
        readers = {
            "alternation": lambda: self._flag("alternation"),
            "columns": self._columns,
            "end_markers": self._end_markers,
            "legacy_algorithms": lambda: self._flag("legacy_algorithms"),
            "login": self._login,
            "newline": self._newline,
            "pagers": lambda: Pagers(dict.fromkeys(self._pagers() + more_pagers)),
            "paging_off": self._paging_off,
            "privilege": self._privilege,
            "volatile": self._volatile,
        }
        values |= {key: read() for key, read in readers.items() if key in self._data}
        values["identify"] = self._identify()
        if base is None:
            values.setdefault("pagers", Pagers(more_pagers))
            if not self._data.get("prompts"):
                self._refuse("prompts", "is missing: the shapes of the prompt, as regular expressions")
        for pattern in values.get("reading", ()) if self._own else ():
            taken = next((command for command in _HARMFUL if pattern.match(command)), None)
            if taken:
                self._refuse("reading", f"{pattern.pattern!r} takes {taken!r}, which does not only read")
        if self._problems:
            raise BadPlatformFile(self.file, self._problems)
        values |= {"name": self.names[0], "names": self.names, "file": self.file}
        values.setdefault("title", self.names[0])
        return replace(base, **values) if base is not None else Platform(**values)

    def _refuse(self, key: str, reason: str) -> None:
        self._problems.append(f"{key}: {reason}")

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self._data.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self._refuse(key, "must be a list of texts, as in [one, two]")
            return ()
        return tuple(value)

    def _text(self, key: str) -> str:
        value = self._data[key]
        if isinstance(value, str) and value.isprintable():
            return value
        self._refuse(key, "must be a text of one line")
        return ""

    def _flag(self, key: str) -> bool:
        if not isinstance(self._data[key], bool):
            self._refuse(key, "must be true or false")
        return bool(self._data[key])

    def _newline(self) -> str:
        if self._data["newline"] in NEWLINES:
            return str(self._data["newline"])
        self._refuse("newline", r'must be "\n", "\r" or "\r\n"')
        return "\n"

    def _columns(self) -> int:
        value = self._data["columns"]
        if isinstance(value, int) and not isinstance(value, bool) and 20 <= value <= 2000:
            return value
        self._refuse("columns", "must be a whole number from 20 to 2000")
        return 80

    def _paging_off(self) -> tuple[str, ...]:
        commands = self._texts("paging_off")
        for command in commands:
            if changes_configuration(command):
                self._refuse("paging_off", f"{command!r} changes the device's configuration")
            elif not command.isprintable():
                self._refuse("paging_off", f"{command!r} is more than one line")
        return commands

    def _patterns(self, key: str) -> Patterns:
        return self._compiled(key, self._texts(key))

    def _compiled(self, key: str, texts: tuple[str, ...]) -> Patterns:
        return tuple(pattern for text in texts if (pattern := self._pattern(key, text)))

    def _pattern(self, key: str, text: str, *, empty: bool = False) -> re.Pattern[str] | None:
        try:  # the program's own are looked at by its tests
            reason = check_pattern(text, empty=empty) if self._own else None
            if reason is None:
                return lazy_pattern(text)
        except ValueError as error:
            reason = str(error)
        self._refuse(key, reason)
        return None

    def _rows(self, key: str, needed: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """The entries of a list of mappings; a single one may stand for itself."""
        value = self._data[key]
        rows = value if isinstance(value, list) else [value] if value is not None else []
        good: list[dict[str, Any]] = []
        for row in rows:
            if not isinstance(row, dict) or not set(needed) <= set(row) <= {*needed, *allowed}:
                also = f", and may have {', '.join(allowed)}" if allowed else ""
                self._refuse(key, f"each entry needs {', '.join(needed)}{also}")
            elif not all(_is_text(row[name]) or name == "lines" for name in row):
                self._refuse(key, "must hold texts")
            else:
                good.append(row)
        return good

    def _pagers(self) -> tuple[Pager, ...]:
        rows = self._rows("pagers", ("match", "key"))
        return tuple(Pager(p, row["key"]) for row in rows if (p := self._pattern("pagers", row["match"])))

    def _login(self) -> tuple[Gate, ...]:
        gates: list[Gate] = []
        for row in self._rows("login", ("match",), ("send", "answer")):
            pattern, answer = self._pattern("login", row["match"]), row.get("answer", "")
            if ("send" in row) == ("answer" in row) or (answer and answer not in ANSWERS):
                self._refuse(
                    "login", f"each entry needs match, and either send or answer ({', '.join(ANSWERS)})"
                )
            elif pattern is not None:
                gates.append(Gate(pattern, row.get("send", ""), answer))
        return tuple(gates)

    def _end_markers(self) -> tuple[EndMarker, ...]:
        key = "end_markers"
        pairs = [(self._pattern(key, row["command"], empty=True), self._pattern(key, row["last"]))
                 for row in self._rows(key, ("command", "last"))]  # fmt: skip
        return tuple(EndMarker(command, last) for command, last in pairs if command and last)

    def _volatile(self) -> tuple[Volatile, ...]:
        found: list[Volatile] = []
        for row in self._rows("volatile", ("command", "lines")):
            lines = row["lines"]
            if not isinstance(lines, list) or not all(map(_is_text, lines)):
                self._refuse("volatile", "lines must be a list of texts")
                continue
            command = self._pattern("volatile", row["command"], empty=True)
            if command is not None:
                found.append(Volatile(command, self._compiled("volatile", tuple(lines))))
        return tuple(found)

    def _privilege(self) -> tuple[Privilege, ...]:
        steps: list[Privilege] = []
        for row in self._rows("privilege", ("command", "unprivileged", "password"), ("username",)):
            password = self._pattern("privilege", row["password"])
            username = self._pattern("privilege", row["username"]) if "username" in row else None
            if password is not None:
                steps.append(
                    Privilege(row["command"].strip().lower(), row["unprivileged"], password, username)
                )
        return tuple(steps)

    def _identify(self) -> Marks:
        value = self._data.get("identify") or {}
        keys = ("banner", "command", "excluded", "ident", "prompts", "version")
        if not isinstance(value, dict) or not set(value) <= set(keys):
            self._refuse("identify", f"must be a mapping of {', '.join(keys)}")
            return Marks()
        inner = PlatformFile(self.file, {**value, "names": ["x"]}, own=self._own)
        patterns = {key: inner._patterns(key) for key in keys if key in value and key != "command"}
        command = inner._text("command") if "command" in value else Marks().command
        self._problems += [f"identify.{problem}" for problem in inner._problems]
        return Marks(command=command, **patterns)


def as_file(platform: Platform) -> dict[str, Any]:
    """What a file has to hold for these rules; what is as it is by default is left out."""
    plain: dict[str, Any] = _plain(platform)
    default: dict[str, Any] = _plain(Platform(name="", prompts=()))
    first = {key: plain[key] for key in ("names", "title", "vendor")}
    return {key: value for key, value in (first | plain).items() if key in _KEYS and value != default[key]}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {key: inner for key, inner in found.items() if isinstance(value, Platform) or inner}
    if isinstance(value, LazyPattern):
        return value.pattern
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
