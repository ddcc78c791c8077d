"""File names from names that others chose: a device's, a job's, a capture type's."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import PurePosixPath

from vctui.errors import UsageError
from vctui.records import Device

MAX_NAME_BYTES = 180
TOKENS = ("device_name", "device_id", "timestamp", "capture_type")
_TOKEN = re.compile(r"\{([^{}]*)\}")
_UNSAFE = frozenset('/\\*?"<>|')
_MAX_PATTERN = 200
_PLAIN = re.compile(r"\w([\w.-]{0,98}\w)?", re.ASCII)
"""What most names look like; any other is looked at character by character."""


def safe_name(text: str) -> str:
    """One path component for any text.

    An ordinary name is kept. Any other loses what is unsafe and gains a short hash of the whole, so that
    two different names do not end as one.
    """
    if _is_plain(text):
        return text
    normal = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())
    kept = "".join("_" if _is_unsafe(char) else char for char in normal).strip(" .-~_")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_cut(kept, 100)}-{digest}" if kept else f"unnamed-{digest}"


def _is_unsafe(char: str) -> bool:
    return char in _UNSAFE or unicodedata.category(char)[0] == "C" or (char.isspace() and char != " ")


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None or (
        bool(text)
        and text[0] not in " .-~"
        and text[-1] not in " ."
        and not any(_is_unsafe(char) for char in text)
        and len(text.encode()) <= MAX_NAME_BYTES
        and unicodedata.normalize("NFKC", text) == text
    )


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode("utf-8", "ignore").rstrip(" .")


@lru_cache(maxsize=64)
def pattern_problem(pattern: str) -> str | None:
    """Why a text cannot be a filename pattern, to be read after the field's name; None when it can."""
    rest = _TOKEN.sub("", pattern)
    if not set(_TOKEN.findall(pattern)) <= set(TOKENS) or "{" in rest or "}" in rest:
        return "knows only {device_name}, {device_id}, {timestamp} and {capture_type}"
    if "/" in rest:
        return "must be a file name without a folder; folders belong in the output directory"
    unsafe = next((char for char in rest if _is_unsafe(char)), None)
    if unsafe is not None:
        return f"holds {unsafe!a}, which cannot be in a file's name"
    if "{device_name}" not in pattern and "{device_id}" not in pattern:
        return "needs {device_name} or {device_id}: devices must not share a file"
    if "{device_name}{device_id}" in pattern or "{device_id}{device_name}" in pattern:
        return "needs a dash between {device_name} and {device_id}: two devices could share a file"
    if len(pattern) > _MAX_PATTERN:
        return f"is longer than {_MAX_PATTERN} characters"
    return "must not begin with a dot, a dash, a tilde or a blank" if pattern[0] in " .-~" else None


def folder_problem(folder: str) -> str | None:
    """Why a text cannot be a folder of captures, such as `arp` or `lab/arp`; None when it can."""
    parts = PurePosixPath(folder).parts
    if folder.startswith(("/", "~")):
        return "must be relative to the collections folder"
    if not parts or ".." in parts or any(unicodedata.category(char) in ("Cc", "Cs") for char in folder):
        return "must stay inside the collections folder"
    return None


def render_filename(
    pattern: str, *, device_name: str, device_id: int, timestamp: datetime, capture_type: str
) -> str:
    """The name of a capture's file, one safe component; the tokens are those of TOKENS. Raises UsageError."""
    problem = pattern_problem(pattern)
    if problem:
        raise UsageError(f"filename_pattern: {problem}")
    values = {
        "device_name": safe_name(device_name),
        "device_id": str(device_id),
        "timestamp": f"{timestamp:%Y%m%d_%H%M%S}",
        "capture_type": safe_name(capture_type),
    }
    name = _TOKEN.sub(lambda found: values[found[1]], pattern)
    if len(name.encode()) > MAX_NAME_BYTES:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        suffix = PurePosixPath(pattern).suffix if "{" not in PurePosixPath(pattern).suffix else ""
        name = f"{_cut(name, 140)}-{digest}{_cut(suffix, 20)}"
    return name


def distinct_names(devices: Sequence[Device]) -> dict[int, str]:
    """A file-safe name for each device id, no two alike even where case does not count.

    Devices of one name at several sites become `name@site`. Give it the whole inventory, so that a name
    does not depend on which devices a job selects.
    """
    names = {device.id: safe_name(device.name) for device in devices}
    shared = _shared(names)
    for device in devices:
        if names[device.id].casefold() in shared:
            names[device.id] = safe_name(f"{names[device.id]}@{device.site or device.id}")
    while shared := _shared(names):
        for device in devices:
            name = names[device.id]
            if name.casefold() in shared:
                digest = hashlib.sha256(f"{device.id}/{name}".encode()).hexdigest()[:8]
                names[device.id] = f"{_cut(name, 150)}-{digest}"
    return names


def _shared(names: dict[int, str]) -> set[str]:
    return {name for name, count in Counter(map(str.casefold, names.values())).items() if count > 1}
