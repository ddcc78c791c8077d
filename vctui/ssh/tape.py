"""A session as it goes, to be played again: what was typed, what came, and what was kept of it.

Everything is held until the session is over, since a packet may cut a secret: nothing leaves here before it
has been looked for in all that came. docs/recordings.md says what the file holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from vctui.errors import DeviceError
from vctui.ssh.masks import MASK, Span, hide, merged, replaced, secret_spans
from vctui.ssh.model import MIB, CommandOutput
from vctui.ssh.typed import SLACK

_MOST = 4 * MIB
"""Bytes that are recorded of one session."""
_PAUSE = 0.15
"""Shorter pauses between two packets are not worth a line."""
_LONGEST = 5.0
_LINE = "{line}"
"""Stands for what was typed: how many blanks a question has is another number each time."""
_PLACEHOLDER = re.compile(r"\{\w+\}")

_AT_PROMPT = frozenset({"command_rejected", "incomplete", "enable_failed", "auth_failed"})
"""The device would have gone on after these."""

End = Literal["close", "drop", "silent"]


@dataclass(slots=True)
class _Exchange:
    """What was typed, and what came until the next was typed."""

    typed: str | None
    at: float
    behind: str = ""
    """The unfinished line at which it was typed."""
    shown: str = ""
    """What stands for it in the file, when it is a secret or a name."""
    heard: list[tuple[float, bytes]] = field(default_factory=list)


class Tape:
    """Records one session. `secrets` are not to be seen in what comes out."""

    def __init__(self, secrets: Iterable[str | None], newline: str) -> None:
        self._secrets = [secret for secret in secrets if secret]
        self._newline = newline
        self._exchanges = [_Exchange(None, 0.0)]
        self._size = 0
        self._outputs: list[tuple[CommandOutput, str]] = []
        self._failed = ""

    def hear(self, data: bytes, at: float) -> None:
        """Something has come, at that time."""
        self._size += len(data)
        if self._size <= _MOST:
            self._exchanges[-1].heard.append((at, data))

    def type(self, text: str, at: float, behind: str, shown: str = "") -> None:
        """Something is typed, line by line; `shown` stands for it in the file."""
        for line in text.splitlines(keepends=True) if not shown else [text]:
            self._exchanges.append(_Exchange(line, at, behind, shown))

    def keep(self, outputs: Sequence[CommandOutput], failure: str | None) -> None:
        """What was kept of the commands of one target, and the kind of error that ended it."""
        self._outputs += [(output, failure or "" if output.error is not None else "") for output in outputs]
        self._failed = "" if failure is None or any(output.error for output in outputs) else failure

    def document(self, head: dict[str, str], prompt: str, end: End | None) -> str:
        """The file: YAML that `vctui demo --recordings` plays. `end`: how the device left, if it did."""
        chunks = [data for one in self._exchanges for _, data in one.heard]
        joined = b"".join(chunks)
        spans = merged([*self._echoed_secrets(), *secret_spans(joined, self._secrets)])
        masked = iter(replaced(chunks, [(span, MASK) for span in spans]))
        turns = [self._turn(one, [next(masked) for _ in one.heard], prompt) for one in self._exchanges]
        if end is not None:
            turns[-1]["recv"].append({"end": end})
        self._note_outputs(turns)
        about = (
            "A recorded session. Names and addresses are as they were: look through it before you share it."
        )
        if self._size > _MOST:
            about += f" It ends where {_MOST // MIB} MiB had come."
        kept = {key: hide(text, self._secrets) for key, text in head.items() if text}
        shown = {"newline": "\n", "prompt": hide(prompt, self._secrets)}
        return _as_yaml({**kept, "about": about, **shown, "turns": turns})

    def _echoed_secrets(self) -> Iterator[Span]:
        """Where a device has echoed what it should not have, however short it is."""
        at = 0
        for one in self._exchanges:
            data = b"".join(packet for _, packet in one.heard)
            if one.shown:
                for start, end in secret_spans(data, self._secrets, shortest=1):
                    yield at + start, at + end
            at += len(data)

    def _turn(self, one: _Exchange, packets: list[bytes], prompt: str) -> dict[str, Any]:
        if one.typed is None:
            return {"recv": _pieces(one, packets)}
        line = one.typed.removesuffix(self._newline)
        if one.shown or line == one.typed:
            key = "send" if line != one.typed else "key"
            return {key: one.shown or one.typed, "recv": _pieces(one, packets)}
        if line.strip():
            return {"send": hide(line, self._secrets), "recv": _pieces(one, packets)}
        echoes = _echoes(b"".join(packets), len(line), one.behind, prompt)
        return {"send": "", "recv": _pieces(one, packets, echoes)}

    def _note_outputs(self, turns: Sequence[dict[str, Any]]) -> None:
        """What was kept, beside what came: so the file says what it is to be tested with."""
        waiting = list(self._outputs)
        for turn in turns:
            if waiting and turn.get("send") and turn["send"] == hide(waiting[0][0].command, self._secrets):
                output, failure = waiting.pop(0)
                lines = output.text.split("\n")[1:-1]
                turn["output"] = hide("".join(f"{line}\n" for line in lines), self._secrets)
                if failure:
                    turn["fails"] = failure
        last = next((turn for turn in reversed(turns) if turn.get("send") and "output" not in turn), None)
        if self._failed and last is not None and not waiting:
            last["fails"] = self._failed


def left_by(failure: DeviceError | None, *, alive: bool) -> End | None:
    """How a device left a session that failed so; None where it did not."""
    if failure is None or failure.kind in _AT_PROMPT:
        return None
    if failure.kind == "disconnected":
        return "close" if alive else "drop"
    return "silent"


def _echoes(data: bytes, blanks: int, *prompts: str) -> list[Span]:
    """Where the blanks of a question stand in what came after it: at its beginning, behind a prompt, or alone
    in a line."""
    if not blanks:
        return []
    behind = b"|".join(re.escape(prompt.rstrip().encode()) for prompt in prompts)
    wanted = rb"(?:\A|[\r\n]|%s) {0,%d}( {%d})(?=[\r\n]|\Z)" % (behind, SLACK, blanks)
    return [found.span(1) for found in re.finditer(wanted, data)]


def _pieces(one: _Exchange, packets: Sequence[bytes], echoes: Sequence[Span] = ()) -> list[Any]:
    """Packets, each in its lines, with the pauses before them."""
    found: list[Any] = []
    place, before = 0, one.at
    for (at, _), data in zip(one.heard, packets, strict=True):
        pause = at - before if before else 0.0
        if pause >= _PAUSE:
            found.append(round(min(pause, _LONGEST), 1))
        before = at
        found += _with_echoes(data, place, echoes)
        place += len(data)
    return found


def _with_echoes(data: bytes, place: int, echoes: Sequence[Span]) -> Iterator[Any]:
    """One packet, in which `{line}` stands for the echo that begins in it."""
    at, end = 0, len(data)
    for start, stop in ((start - place, stop - place) for start, stop in echoes):
        if stop <= 0 or start >= end:
            continue
        if start > at:
            yield _lines(data[at:start])
        if start >= 0:
            yield _LINE
        at = min(stop, end)
    if at < end:
        yield _lines(data[at:])


def _lines(data: bytes) -> Any:
    """A packet as its lines where it is text, else as it is."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data
    if _PLACEHOLDER.search(text):
        return data
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    return lines if len(lines) > 1 else text


def _as_yaml(document: dict[str, Any]) -> str:
    """Outputs stand as blocks, and what came to the byte in quotes."""
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]
        pass

    def text(dumper: Any, value: str) -> Any:
        plain = value.replace("\n", "").isprintable() and not re.search(r"(?m)[ \t]$|^[ \t]*\t", value)
        block = value.endswith("\n") and value.strip() and plain and not value[0].isspace()
        style = "|" if block else '"' if not value.isprintable() else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10**9))
