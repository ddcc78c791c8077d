"""The rules for each kind of device, read once from `platforms/*.yaml`.

A user's own folder of such files may add platforms and replace built-in ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from vctui.errors import UsageError
from vctui.ssh.rules import EndMarker, Pager, Patterns, Platform, Privilege, changes_configuration

GENERIC = "generic"
_MAX_FILE = 64 * 1024


def get_platform(device_type: str, overrides: Path | None = None) -> Platform:
    """The rules for a netmiko device type; the generic ones for a type that is not known."""
    platforms = load_platforms(overrides)
    return platforms.get(device_type.strip().lower().removesuffix("_ssh"), platforms[GENERIC])


class _Folder(Protocol):
    def iterdir(self) -> Iterable[Any]: ...


@lru_cache(maxsize=8)
def load_platforms(overrides: Path | None = None) -> Mapping[str, Platform]:
    """All platforms by each of their names. Raises UsageError that names file, key and reason."""
    found: dict[str, _Values] = {}
    folders: list[_Folder] = [resources.files("vctui.ssh") / "platforms"]
    if overrides is not None and overrides.is_dir():
        folders.append(overrides)
    for folder in folders:
        files = [file for file in folder.iterdir() if str(file.name).endswith(".yaml")]
        for file in sorted(files, key=lambda file: str(file.name)):
            values = _Values(str(file), _read(file))
            found |= dict.fromkeys(values.names(), values)
    generic = found[GENERIC].platform(())
    made = {id(values): values.platform(generic.pagers) for values in found.values()}
    return {name: made[id(values)] for name, values in found.items()} | {GENERIC: generic}


def _read(file: Any) -> dict[str, Any]:
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error
    if len(text) > _MAX_FILE:
        raise UsageError(f"{file}: larger than 64 KiB", "This is not a platform file")
    try:
        # Without libyaml, reading all platforms takes 0.1 s instead of 0.01.
        data = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{file}: line {line}: {error.problem or 'not YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{file}: must hold 'key: value' lines")
    return {str(key): value for key, value in data.items()}


class _Values:
    """The typed reading of one platform file."""

    _KEYS = frozenset(Platform.__dataclass_fields__) - {"name"} | {"names"}

    def __init__(self, file: str, data: dict[str, Any]) -> None:
        self._file = file
        self._data = data
        for key in data:
            if key not in self._KEYS:
                raise self._refuse(key, f"no such key; there are {', '.join(sorted(self._KEYS))}")

    def _refuse(self, key: str, reason: str) -> UsageError:
        return UsageError(f"{self._file}: {key}: {reason}")

    def names(self) -> tuple[str, ...]:
        names = self._texts("names", self._data.get("names"))
        if not names:
            raise self._refuse("names", "is missing: the device types these rules are for")
        return tuple(name.lower() for name in names)

    def platform(self, more_pagers: tuple[Pager, ...]) -> Platform:
        get = self._data.get
        prompts = self._patterns("prompts", get("prompts"))
        if not prompts:
            raise self._refuse("prompts", "is missing: the shapes of the prompt, as regular expressions")
        newline = get("newline", "\n")
        legacy = get("legacy_algorithms", False)
        if newline not in ("\n", "\r", "\r\n"):
            raise self._refuse("newline", r'must be "\n", "\r" or "\r\n"')
        if not isinstance(legacy, bool):
            raise self._refuse("legacy_algorithms", "must be true or false")
        paging_off = self._texts("paging_off", get("paging_off"))
        for command in paging_off:
            if changes_configuration(command):
                raise self._refuse("paging_off", f"{command!r} changes the device's configuration")
        return Platform(
            name=self.names()[0],
            prompts=prompts,
            paging_off=paging_off,
            paging_commands=self._patterns("paging_commands", get("paging_commands")),
            pagers=self._pagers() + more_pagers,
            privilege=self._privilege(),
            errors=self._patterns("errors", get("errors")),
            reading=self._patterns("reading", get("reading")),
            end_markers=self._end_markers(),
            context=self._patterns("context", get("context")),
            newline=newline,
            legacy_algorithms=legacy,
        )

    def _texts(self, key: str, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self._refuse(key, "must be a list of texts")
        return tuple(value)

    def _patterns(self, key: str, value: Any) -> Patterns:
        return tuple(self._pattern(key, text) for text in self._texts(key, value))

    def _pattern(self, key: str, text: str) -> re.Pattern[str]:
        try:
            return re.compile(text)
        except re.error as error:
            raise self._refuse(key, f"{text!r} is no regular expression: {error}") from error

    def _rows(self, key: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
        rows = self._data.get(key) or []
        for row in rows if isinstance(rows, list) else [rows]:
            if not isinstance(row, dict) or set(row) != set(fields):
                raise self._refuse(key, f"each entry needs {', '.join(fields)}")
            if not all(isinstance(text, str) and text for text in row.values()):
                raise self._refuse(key, "must hold texts")
        return list(rows) if isinstance(rows, list) else [rows]

    def _pagers(self) -> tuple[Pager, ...]:
        rows = self._rows("pagers", ("match", "key"))
        return tuple(Pager(self._pattern("pagers", row["match"]), row["key"]) for row in rows)

    def _end_markers(self) -> tuple[EndMarker, ...]:
        rows = self._rows("end_markers", ("command", "last"))
        return tuple(EndMarker(self._pattern("end_markers", row["command"]), row["last"]) for row in rows)

    def _privilege(self) -> Privilege | None:
        rows = self._rows("privilege", ("command", "unprivileged", "password"))
        if not rows:
            return None
        row = rows[0]
        pattern = self._pattern("privilege", row["password"])
        return Privilege(row["command"].lower(), row["unprivileged"], pattern)
