"""Typed access to what a YAML file says; each error names the file and the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from vctui.errors import UsageError


def expand(path: str | Path) -> Path:
    """A path with `~` and `~user` written out. Raises UsageError for a user who does not exist."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path}: there is no such user", "Write the folder out") from None


class Values:
    """One mapping of the file, `section` being where it stands in it."""

    def __init__(self, file: Path, data: dict[str, Any], section: str = "") -> None:
        self._file = file
        self._data = data
        self._section = section
        self._read: set[str] = set()

    def _get(self, key: str, *old_names: str) -> Any:
        for name in (key, *old_names):
            self._read.add(name)
        return next((self._data[k] for k in (key, *old_names) if self._data.get(k) is not None), None)

    def _refuse(self, key: str, reason: str) -> UsageError:
        dotted = f"{self._section}.{key}" if self._section else key
        return UsageError(f"{self._file}: {dotted}: {reason}")

    def section(self, key: str) -> dict[str, Any]:
        value = self._get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._refuse(key, "must be a mapping")
        return {str(k): v for k, v in value.items()}

    def within(self, key: str) -> Self:
        """The mapping under this key; an empty one when it is not there."""
        return type(self)(self._file, self.section(key), f"{self._section}.{key}" if self._section else key)

    def each(self, key: str) -> dict[str, Self]:
        """The mappings under this key by their names."""
        inner = self.within(key)
        return {name: inner.within(name) for name in inner._data}

    def names(self, key: str) -> tuple[str, ...]:
        """One name or a list of them; none when the key is not there."""
        value = self._get(key)
        if value is None:
            return ()
        names = value if isinstance(value, list) else [value]
        texts = [str(name).strip() for name in names if isinstance(name, str | int)]
        if not names or len(texts) != len(names) or not all(texts):
            raise self._refuse(key, "must be a name or a list of names")
        return tuple(texts)

    def text(self, key: str) -> str | None:
        """One word or line; None when the key is not there."""
        value = self._get(key)
        if value is None:
            return None
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not text or not text.isprintable():
            raise self._refuse(key, "must be a text")
        return text

    def flag(self, key: str) -> bool:
        """True or false; false when the key is not there."""
        value = self._get(key)
        if value is not None and not isinstance(value, bool):
            raise self._refuse(key, "must be true or false")
        return bool(value)

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number; None when the key is not there."""
        value = self.number(key, None, low, high)
        if value is not None and value != int(value):
            raise self._refuse(key, f"must be a whole number from {low} to {high}")
        return None if value is None else int(value)

    def refuse(self, reason: str) -> UsageError:
        """The error for the mapping as a whole."""
        return UsageError(f"{self._file}: {self._section}: {reason}")

    def path(self, key: str, default: Any, *old_names: str) -> Any:
        value = self._get(key, *old_names)
        if value is None:
            return default
        if not isinstance(value, str) or not value or "\0" in value:
            raise self._refuse(key, "must be a path")
        try:
            return self._file.parent / expand(value)
        except UsageError as error:
            raise self._refuse(key, error.message) from None

    def number(
        self, key: str, default: float | None, low: float, high: float, *old_names: str
    ) -> float | None:
        value = self._get(key, *old_names)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._refuse(key, f"must be a number from {low:g} to {high:g}")
        return value

    def choice(self, key: str, default: Any, choices: tuple[str, ...]) -> Any:
        value = self._get(key)
        if value is None:
            return default
        for choice in choices:
            if isinstance(value, str) and value.lower() == choice.lower():
                return choice
        raise self._refuse(key, f"must be one of {', '.join(choices)}")

    def class_name(self, key: str) -> str | None:
        value = self._get(key)
        if value is None:
            return None
        module, _, name = str(value).partition(":")
        if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
            raise self._refuse(key, "must be module:Class")
        return str(value)

    def unread(self) -> list[str]:
        prefix = f"{self._section}." if self._section else ""
        return [prefix + key for key in self._data if key not in self._read]
