"""What a master password that is being typed is worth, and whether Caps Lock may be in the way."""

from __future__ import annotations

import fcntl
import sys

WORDS = ("very weak", "weak", "fair", "good", "strong")
GUESSES = (1e6, 1e9, 1e11, 1e13)
"""What it takes to be better than each word but the last; a thief of the file makes 10,000 a second."""
LOOKED_AT = 60
"""Characters that are judged: more of them only take time."""
_CONSOLE_LEDS = 0x4B64
_CAPS_LED = 4
_FEW = 3


def load_judge() -> None:
    """Read the lists of common passwords, which takes a tenth of a second, before they are needed."""
    import zxcvbn  # noqa: F401 - for its effect


def judge(password: str) -> str:
    """One line on a password: a bar, a word, how long a thief of the file would guess, and some advice."""
    if not password:
        return ""
    from zxcvbn import zxcvbn

    found = zxcvbn(password[:LOOKED_AT])
    score = sum(found["guesses"] >= enough for enough in GUESSES)
    time = found["crack_times_display"]["offline_slow_hashing_1e4_per_second"]
    advice = found["feedback"]["warning"] or next(iter(found["feedback"]["suggestions"]), "")
    bar = "■" * (score + 1) + "□" * (len(WORDS) - 1 - score)
    return f"{bar} {WORDS[score]}: a thief of the file guesses it in {time}. {advice}".strip()


def caps_hint(text: str) -> str:
    """What to say about Caps Lock: what the console knows, else what the letters make likely."""
    if _console_has_caps_lock():
        return "Caps Lock is on"
    letters = [char for char in text if char.isalpha()]
    return "All capitals: is Caps Lock on?" if len(letters) >= _FEW and text.isupper() else ""


def _console_has_caps_lock() -> bool:
    """Only a Linux console tells; a terminal emulator does not."""
    if sys.platform != "linux":
        return False
    try:
        leds = fcntl.ioctl(0, _CONSOLE_LEDS, b"\0")
    except (OSError, ValueError):
        return False
    return bool(leds[0] & _CAPS_LED)
