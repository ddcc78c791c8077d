"""A recording: how one device talks, read from YAML. See docs/recordings.md for what stands in the file.

Some recordings are sessions with real devices, byte for byte (`vctui run --record`); others are written by
hand, and know more commands than one session uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from vctui.demo.vocabulary import Resolved, Vocabulary, Words, words
from vctui.errors import DataError

MAX_FILE = 64 * 1024 * 1024
_STEP = "See docs/recordings.md for what stands in a recording"


class End(Enum):
    """How a device ends a session by itself, or leaves it."""

    CLOSE = "close"
    DROP = "drop"
    """The connection, not only the session."""
    SILENT = "silent"
    """Not at all: from there on it says nothing, whatever is typed."""


Piece = str | bytes | float | End
"""What a device sends in one packet, a pause in seconds, or the end."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the client types, and what the device does then. Without `send` and `key`: what it says first."""

    send: str | None = None
    """A line."""
    key: str | None = None
    """Keys without a line's end, as a pager takes them."""
    text: str | None = None
    """The output alone; the echo before it and the prompt behind it come by themselves."""
    recv: tuple[Piece, ...] = ()
    """Or everything to the byte, with echo and prompt."""
    output: str | None = None
    """What a client should keep of `recv`."""
    prompt: str | None = None
    """The prompt from here on."""
    fails: str = ""
    """The kind of error that this must lead to."""


@dataclass(frozen=True, slots=True)
class Enable:
    """The way from user mode to enable mode."""

    command: Words
    prompt: str
    refused: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One device, or one kind of device."""

    name: str
    file: Path
    prompt: str
    platform: str = ""
    """The device type in an inventory."""
    about: str = ""
    ssh_version: str = "SSH-2.0-OpenSSH_9.2"
    banner: str = ""
    motd: str = ""
    newline: str = "\r\n"
    """What ends a line: of `text`, and where `recv` has a bare line feed."""
    user_prompt: str = ""
    user_mode: bool = False
    """The login lands below the enable mode."""
    page_length: int = 24
    pager: str = ""
    """Asked after each page; "": there is no pager."""
    pager_erase: str = ""
    enable: Enable | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    think: float = 0.0
    turns: tuple[Turn, ...] = field(default=(), repr=False)
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary({}), repr=False)

    @property
    def needs_secret(self) -> bool:
        """Whether a client needs the enable secret to get through."""
        return self.user_mode or any("{secret}" in (turn.send or "") for turn in self.turns)

    def checks(self) -> Iterator[tuple[str, str | None, str]]:
        """What a client can be tested with: command, the output to keep, and the error it must lead to."""
        for turn in self.turns:
            wanted = turn.text if turn.output is None else turn.output
            if turn.send and (wanted is not None or turn.fails):
                yield turn.send, wanted, turn.fails


def load_recordings(folder: Path) -> dict[str, Recording]:
    """The recordings below a folder, by name: `NAME.yaml`, or `NAME/device.yaml` with answers beside it."""
    files = [*folder.glob("*.yaml"), *folder.glob("*/device.yaml")]
    return {found.name: found for found in map(load_recording, sorted(files))}


def load_recording(file: Path) -> Recording:
    """One recording. Raises DataError that names the file and what is wrong with it."""
    try:
        if file.stat().st_size > MAX_FILE:
            raise _bad(file, "is larger than 64 MiB")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        data = yaml.load(file.read_text(encoding="utf-8"), loader)  # noqa: S506 - both are safe
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(file, "cannot be read") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _bad(file, str(error).replace("\n", " ")) from error
    if not isinstance(data, dict):
        raise _bad(file, "holds no 'key: value' lines")
    return _Reader(file, data).recording()


def _bad(file: Path, reason: str) -> DataError:
    return DataError(f"{file}: not a recording: {reason}", _STEP)


_TEXTS = (
    "platform",
    "about",
    "ssh_version",
    "banner",
    "motd",
    "newline",
    "user_prompt",
    "pager",
    "pager_erase",
)
_ERRORS = ("unknown", "incomplete", "ambiguous")
_LISTS = ("settings", "logout", "privileged")
_TURN = {"send", "key", "text", "recv", "output", "prompt", "fails"}
_KEYS = {
    *_TEXTS, *_ERRORS, *_LISTS, "prompt", "page_length", "enable", "user_mode", "think", "turns",
    "paging_off", "aliases",
}  # fmt: skip


class _Reader:
    """The typed reading of one file."""

    def __init__(self, file: Path, data: Mapping[Any, Any]) -> None:
        self._file = file
        self._data = data

    def recording(self) -> Recording:
        unknown = [str(key) for key in self._data if key not in _KEYS]
        if unknown:
            raise _bad(self._file, f"no such key: {', '.join(unknown)}")
        if "prompt" not in self._data:
            raise _bad(self._file, "prompt is missing")
        texts = {key: self._text(self._data, key) for key in _TEXTS if key in self._data}
        turns = (*self._turns(), *self._answers())
        folder = self._file.parent.name
        return Recording(
            **texts,
            file=self._file,
            name=folder if self._file.stem == "device" else self._file.stem,
            prompt=self._text(self._data, "prompt"),
            user_mode=self._typed(self._data, "user_mode", bool, default=False),
            page_length=self._typed(self._data, "page_length", int, default=24),
            think=float(self._typed(self._data, "think", (int, float), default=0.0)),
            enable=self._enable(),
            errors={key: self._text(self._data, key) for key in _ERRORS if key in self._data},
            turns=turns,
            vocabulary=self._vocabulary(turns),
        )

    def _typed(self, data: Mapping[Any, Any], key: str, kind: Any, *, default: Any = None) -> Any:
        value = data.get(key, default)
        if not isinstance(value, kind):
            raise _bad(self._file, f"{key} is {value!r}, which it cannot be")
        return value

    def _text(self, data: Mapping[Any, Any], key: str) -> str:
        return str(self._typed(data, key, str))

    def _list(self, key: str) -> list[str]:
        found: list[Any] = self._typed(self._data, key, list, default=[])
        return [str(item) for item in found]

    def _mapping(self, key: str) -> dict[str, str]:
        found: dict[Any, Any] = self._typed(self._data, key, dict, default={})
        return {str(name): self._text(found, name) for name in found}

    def _enable(self) -> Enable | None:
        if "enable" not in self._data:
            return None
        values = self._mapping("enable")
        if set(values) != {"command", "prompt", "refused"}:
            raise _bad(self._file, "enable needs command, prompt and refused")
        return Enable(words(values["command"]), values["prompt"], values["refused"])

    def _turns(self) -> Iterator[Turn]:
        for number, row in enumerate(self._typed(self._data, "turns", list, default=[]), start=1):
            if not isinstance(row, dict) or not set(row) <= _TURN or {"send", "key"} <= set(row):
                raise _bad(self._file, f"turn {number}: there are {', '.join(sorted(_TURN))}")
            if ("text" in row) == ("recv" in row):
                raise _bad(self._file, f"turn {number}: needs either text or recv")
            texts = {key: self._text(row, key) for key in row if key != "recv"}
            pieces = row.get("recv", [])
            yield Turn(
                **texts, recv=tuple(map(self._piece, pieces if isinstance(pieces, list) else [pieces]))
            )

    def _piece(self, item: Any) -> Piece:
        if isinstance(item, dict) and list(item) == ["end"] and item["end"] in [end.value for end in End]:
            return End(item["end"])
        if isinstance(item, list) and all(isinstance(line, str) for line in item):
            return "".join(item)
        if isinstance(item, str | bytes | float) or type(item) is int:
            return item
        raise _bad(self._file, f"recv: {item!r} is neither text, nor a pause, nor an end")

    def _answers(self) -> Iterator[Turn]:
        """Outputs in files of their own: the name is the command, with "_" for blanks."""
        if self._file.stem == "device":
            for path in sorted(self._file.parent.glob("*.txt")):
                yield Turn(send=path.stem.replace("_", " "), text=path.read_text(encoding="utf-8"))

    def _vocabulary(self, turns: tuple[Turn, ...]) -> Vocabulary:
        known: dict[Words, Resolved] = {}
        for turn in turns:
            if turn.send and turn.text is not None:
                known.setdefault(words(turn.send), Resolved("output", turn.text))
        for alias, command in self._mapping("aliases").items():
            if words(command) not in known:
                raise _bad(self._file, f"aliases: there is no {command!r}")
            known[words(alias)] = known[words(command)]
        special: dict[Words, Resolved] = {
            words(command): Resolved("quiet") for command in self._list("settings")
        }
        for command, reply in self._mapping("paging_off").items():
            special[words(command)] = Resolved("paging_off", reply)
        special |= {words(command): Resolved("logout") for command in self._list("logout")}
        enable = self._enable()
        if enable:
            special |= {enable.command: Resolved("enable"), ("disable",): Resolved("disable")}
        return Vocabulary(special | known, frozenset(map(words, self._list("privileged"))))
