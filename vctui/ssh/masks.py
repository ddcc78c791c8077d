"""Hiding secrets in what a device has said, also where packets, lines' ends or escape codes cut them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence

MASK = b"********"
SHORTEST = 4
"""A shorter secret would blot out ordinary words; it is hidden only where a device may echo it."""
Span = tuple[int, int]
_BETWEEN = rb"(?: ?\r\n?|[\x00\n\x08]|\x1b\[[0-9;?]*[ -/]*[@-~])*"
"""What a terminal may put between two characters without showing anything, and where it wraps a line."""
_NAMED = (
    rb"password|passwd|passphrase|secret|shared-secret|pre-shared-key|psk|key-string|wpa-psk|"
    rb"(?:encrypted|authentication|auth|priv(?:acy)?|server|md5|sha)-?(?:password|key)|isakmp key|"
    rb"(?:tacacs|radius)-server(?: host \S+)? key|md5 \d{1,3}(?: md5)?|server-private \S+ key|cipher|"
    rb"(?:snmp-server|snmp|snmp-agent) community(?: (?:read|write))?|community(?=[ \t]+[^\s;]+[ \t]*\{)|"
    rb"^[ \t]+key(?=[ \t]+[5-9][ \t]+\S)"
)
_SETTING = re.compile(
    rb"(?im)(?<![\w-])(?:" + _NAMED + rb")[ \t:=]+(?:\d{1,2}[ \t]+)?"
    rb"(?:(?:encrypted|enc|ascii|hex|plain|simple|(?:irreversible-)?cipher|sha256|sha512|\d{1,2})[ \t]+)*"
    rb"(\"[^\"\r\n]*\"|'[^'\r\n]*'|[^\s\";]+)"
)
"""A setting of a configuration whose value is a secret, clear or not."""
_HASH = re.compile(rb"\$(?:\d{1,2}[a-z]?|sha\d*|y)\$[^\s\";]{8,}")
_KEY_BLOCK = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(?:-----END|\Z)", re.DOTALL)
_KEY_LINE = re.compile(rb"[A-Za-z0-9+/=]{16,}")


def secret_spans(data: bytes, secrets: Iterable[str], *, shortest: int = SHORTEST) -> list[Span]:
    """Where these secrets stand, and what configurations keep secret."""
    spans = [found.span() for pattern in _patterns(secrets, shortest) for found in pattern.finditer(data)]
    spans += [found.span(1) for found in _SETTING.finditer(data)]
    spans += [found.span() for found in _HASH.finditer(data)]
    for block in _KEY_BLOCK.finditer(data):
        spans += [found.span() for found in _KEY_LINE.finditer(data, *block.span(1))]
    return merged(spans)


def hide(text: str, secrets: Iterable[str]) -> str:
    """A text with a mask in place of each of them."""
    data = text.encode("utf-8", "surrogatepass")
    (masked,) = replaced([data], [(span, MASK) for span in secret_spans(data, secrets)])
    return masked.decode("utf-8", "surrogatepass")


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order, and none within another."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def replaced(chunks: Sequence[bytes], changes: Sequence[tuple[Span, bytes]]) -> list[bytes]:
    """The chunks with something else in some places, which count from the beginning of the first.

    What reaches over several chunks is replaced in the first of them, and gone from the others.
    """
    found, at, first = [], 0, 0
    for chunk in chunks:
        end = at + len(chunk)
        while first < len(changes) and changes[first][0][1] <= at:
            first += 1
        found.append(b"".join(_pieces(chunk, at, end, changes, first)))
        at = end
    return found


def _pieces(
    chunk: bytes, at: int, end: int, changes: Sequence[tuple[Span, bytes]], first: int
) -> Iterator[bytes]:
    place = at
    for (start, stop), new in changes[first:]:
        if start >= end:
            break
        yield chunk[place - at : max(place, start) - at]
        if start >= at:
            yield new
        place = min(stop, end)
    yield chunk[place - at :]


def _patterns(secrets: Iterable[str], shortest: int) -> Iterator[re.Pattern[bytes]]:
    """A secret as it is and as devices send it that know no UTF-8; of a key, each line."""
    for secret in {line for text in secrets for line in text.splitlines() if len(line) >= shortest}:
        if secret.startswith("-----"):
            continue
        codings = {secret.encode("utf-8", "surrogatepass")}
        with contextlib.suppress(UnicodeEncodeError):
            codings.add(secret.encode("latin-1"))
        for coding in codings:
            yield re.compile(_BETWEEN.join(re.escape(coding[i : i + 1]) for i in range(len(coding))))
