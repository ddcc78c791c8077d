"""What a device is, from what it shows of itself. Pure rules: `probe` collects the evidence.

A line of its own version output makes it certain; the SSH server's identification or a banner makes it
likely; the shape of the prompt makes it possible. By what each platform is known stands in its file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from vctui.ssh.patterns import Patterns
from vctui.ssh.platforms import GENERIC
from vctui.ssh.rules import MAX_LINE, Platform
from vctui.text import safe_line

Confidence = Literal["certain", "likely", "possible", "unknown"]
MOST_COMMANDS = 3
"""A device is asked no more than this: each command it does not know is an entry in its log."""
_LINES = 400
_VERSION, _SERVER, _PROMPT = 100, 10, 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a device showed: `outputs` are (command, text), texts of rejected commands left out."""

    ident: str = ""
    banner: str = ""
    prompt: str = ""
    outputs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Recognition:
    """The platform that the evidence speaks for, how clearly, and which other ones it leaves possible."""

    platform: Platform | None
    confidence: Confidence
    reasons: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class _Candidate:
    platform: Platform
    score: int
    reasons: list[str]


def recognise(evidence: Evidence, platforms: Iterable[Platform]) -> Recognition:
    """The platform for which most speaks; None, and the possible ones, where as much speaks for several."""
    found = [_weigh(platform, evidence) for platform in platforms if platform.name != GENERIC]
    found = sorted((one for one in found if one.score), key=lambda one: -one.score)
    if not found:
        return Recognition(None, "unknown")
    best = found[0]
    equal = [one for one in found if one.score == best.score]
    others = tuple(one.platform.name for one in found[1:4])
    if len(equal) > 1:
        return Recognition(None, "unknown", others=tuple(one.platform.name for one in equal[:6]))
    confidence: Confidence = "possible"
    if best.score >= _VERSION:
        rivals = [one for one in found[1:] if one.score >= _VERSION]
        confidence = "likely" if rivals else "certain"
        others = tuple(one.platform.name for one in rivals)
    elif best.score >= _SERVER:
        confidence = "likely"
    return Recognition(best.platform, confidence, tuple(best.reasons), others)


def next_command(evidence: Evidence, platforms: Iterable[Platform], asked: Iterable[str]) -> str | None:
    """The command that tells most about which platform it is; None when enough has been asked."""
    asked = list(asked)
    if len(asked) >= MOST_COMMANDS:
        return None
    weights: Counter[str] = Counter()
    for platform in platforms:
        if platform.name == GENERIC or platform.identify.command in asked:
            continue
        hints = _weigh(platform, evidence).score
        shaped = not evidence.prompt or platform.looks_like_prompt(evidence.prompt)
        weights[platform.identify.command] += 20 * hints + shaped
    return weights.most_common(1)[0][0] if weights else None


def _weigh(platform: Platform, evidence: Evidence) -> _Candidate:
    marks = platform.identify
    candidate = _Candidate(platform, 0, [])
    for command, text in evidence.outputs:
        lines = [line.strip()[:MAX_LINE] for line in text.splitlines()[:_LINES]]
        line = _find(marks.version, lines)
        if line is not None and _find(marks.excluded, lines) is None:
            candidate.score += _VERSION
            candidate.reasons.append(f"{command}: {safe_line(line, 80)}")
            break
    for what, patterns, text, weight in (
        ("SSH server", marks.ident, evidence.ident, _SERVER),
        ("banner", marks.banner, evidence.banner, _SERVER),
    ):
        line = _find(patterns, [line[:MAX_LINE] for line in text.splitlines()[:_LINES]])
        if line is not None:
            candidate.score += weight
            candidate.reasons.append(f"{what}: {safe_line(line.strip(), 80)}")
    prompt = evidence.prompt.strip()[:MAX_LINE]
    if prompt and any(pattern.fullmatch(prompt) for pattern in marks.prompts):
        candidate.score += _PROMPT
        candidate.reasons.append(f"prompt: {safe_line(prompt, 80)}")
    return candidate


def _find(patterns: Patterns, lines: Iterable[str]) -> str | None:
    return next((line for line in lines if any(pattern.search(line) for pattern in patterns)), None)
