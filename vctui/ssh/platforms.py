"""The rules for each kind of device, read once from `platforms/*.yaml`.

A user's own folder of such files may add platforms and replace built-in ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path

from vctui.ssh.platform_file import BadPlatformFile, PlatformFile, read_file
from vctui.ssh.rules import Pager, Platform

GENERIC = "generic"
_BUILT_IN = Path(__file__).with_name("platforms")
_NAMES = re.compile(rb"^names: \[([\w., -]+)\]$", re.MULTILINE)
_HEAD = 1024
"""Bytes of a file in which its names stand, as a rule."""
_PUNCTUATION = re.compile(r"[\W_]+")
_REMEMBERED = 1000
_TRANSPORTS = re.compile(r"[\W_](ssh|telnet|serial)$")


class BuiltIn:
    """A file of the program's own, of which only the names are read until somebody asks for the rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.file = str(path)
        with path.open("rb", buffering=0) as file:
            found = _NAMES.search(file.read(_HEAD))
        self.names = tuple(found[1].decode().replace(" ", "").split(",")) if found else self._whole.names

    @cached_property
    def _whole(self) -> PlatformFile:
        return PlatformFile(self.file, read_file(self._path))

    @property
    def like(self) -> str | None:
        return self._whole.like

    def platform(self, base: Platform | None, more_pagers: tuple[Pager, ...]) -> Platform:
        return self._whole.platform(base, more_pagers)


class Platforms(Mapping[str, Platform]):
    """Every platform by each of its names. The built-in ones are made when they are first asked for."""

    def __init__(self, files: Iterable[PlatformFile | BuiltIn], below: Platforms | None = None) -> None:
        self._below = below
        self._files = {name: file for file in files for name in file.names}
        self._made: dict[int, Platform] = {}
        self._found: dict[str, Platform | None] = {}
        self._keys = {_squeeze(name): name for name in reversed(list(self))}

    def __getitem__(self, name: str) -> Platform:
        if name in self._files:
            return self._make(self._files[name], ())
        if self._below is None:
            raise KeyError(name)
        return self._below[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._files, **dict.fromkeys(self._below or ())})

    def __len__(self) -> int:
        return len(set(self._files) | set(self._below or ()))

    def find(self, device_type: str) -> Platform | None:
        """The platform of a netmiko device type, an inventory's slug or a name, however it is written."""
        if device_type in self._found:
            return self._found[device_type]
        key = _squeeze(device_type)
        name = self._keys.get(key) or self._keys.get(
            _squeeze(_TRANSPORTS.sub("", device_type.strip().lower()))
        )
        found = self[name] if name is not None else None
        if len(self._found) < _REMEMBERED:
            self._found[device_type] = found
        return found

    def distinct(self) -> list[Platform]:
        """Each platform once, by name."""
        found = {platform.name: platform for platform in map(self.__getitem__, self)}
        return [found[name] for name in sorted(found)]

    def _make(self, file: PlatformFile | BuiltIn, above: tuple[str, ...]) -> Platform:
        made = self._made.get(id(file))
        if made is None:
            generic = None if file.names[0] == GENERIC else self[GENERIC]
            base = self._base(file, above)
            made = file.platform(base, generic.pagers if generic else ())
            self._made[id(file)] = made
        return made

    def _base(self, file: PlatformFile | BuiltIn, above: tuple[str, ...]) -> Platform | None:
        """The platform that a file is like: a file that takes a built-in's name means the built-in one."""
        if file.like is None:
            return None
        if file.file in above:
            raise BadPlatformFile(file.file, [f"like: {file.like} is like this one itself"])
        other = self._files.get(file.like)
        if other is not None and other is not file:
            return self._make(other, (*above, file.file))
        if self._below is not None and file.like in self._below:
            return self._below[file.like]
        raise BadPlatformFile(file.file, [f"like: there is no platform {file.like}"])


def _squeeze(name: str) -> str:
    """`Cisco IOS-XE`, `cisco-ios-xe` and `cisco_iosxe` are one name."""
    return _PUNCTUATION.sub("", name.lower())


def load_platforms(overrides: Path | None = None) -> Platforms:
    """All platforms, the user's own before the built-in ones. Raises BadPlatformFile.

    Files are read again when they have changed, so that a long-lived program sees what its user edits.
    """
    if overrides is None or not overrides.is_dir():
        return _built_in()
    seen = sorted((file.name, file.stat().st_mtime_ns) for file in overrides.glob("*.yaml"))
    return _with_own(overrides, tuple(seen))


@lru_cache(maxsize=8)
def _with_own(overrides: Path, seen: tuple[tuple[str, int], ...]) -> Platforms:
    files = _own_files(overrides)
    platforms = Platforms(files, _built_in())
    # A user's mistake is to be known before a run, not when the first such device is reached.
    for file in files:
        platforms[file.names[0]]
    return platforms


@lru_cache(maxsize=1)
def _built_in() -> Platforms:
    return Platforms(BuiltIn(file) for file in sorted(_BUILT_IN.glob("*.yaml")))


def _own_files(folder: Path) -> list[PlatformFile]:
    return [
        PlatformFile(str(file), read_file(file, own=True), own=True) for file in sorted(folder.glob("*.yaml"))
    ]


def get_platform(device_type: str, overrides: Path | None = None) -> Platform:
    """The rules for a device type, slug or name; the generic ones for what is not known."""
    platforms = load_platforms(overrides)
    return platforms.find(device_type) or platforms[GENERIC]


@lru_cache(maxsize=4096)
def platform_name(device_type: str) -> str | None:
    """The name under which a built-in platform is known; None for what is not known."""
    found = _built_in().find(device_type)
    return found.name if found is not None else None


def check_file(path: Path, overrides: Path | None = None) -> Platform:
    """The rules in a file of the user's, as they would stand beside the others. Raises BadPlatformFile."""
    file = PlatformFile(str(path), read_file(path, own=True), own=True)
    rest: list[PlatformFile] = []
    if overrides is not None and overrides.is_dir() and file.like is not None:
        rest = [other for other in _own_files(overrides) if not Path(other.file).samefile(path)]
    return Platforms([*rest, file], _built_in())[file.names[0]]
