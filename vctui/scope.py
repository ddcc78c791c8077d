"""Where a credential may be sent: sites, platforms, name patterns and networks, written as one line of text.

`site:lab,core network:10.0.0.0/8` means devices of either site whose address lies in that network. Terms of
one kind widen each other, kinds narrow each other. Names match whole and in either case; `*` and `?` stand
for any characters and for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

from vctui.errors import UsageError

MAX_TEXT = 2000
KINDS = ("name", "network", "platform", "site")
EXAMPLE = "site:lab,core platform:cisco_ios name:core-* network:10.0.0.0/8"
_VALUE = re.compile(r"[^\s,:\[\]\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a device must be for a credential to be sent to it. Each kind that is empty is open."""

    names: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The text that `parse_scope` reads: one for each scope, and empty for anywhere."""
        kinds = zip(KINDS, (self.names, self.networks, self.platforms, self.sites), strict=True)
        return " ".join(f"{kind}:{','.join(values)}" for kind, values in kinds if values)

    def refusal(
        self, *, name: str, host: str, sites: Iterable[str] = (), platforms: Iterable[str] = ()
    ) -> str | None:
        """Why a device is outside; None when it is inside.

        An address that is a host name is in no network: what it stands for is not known beforehand.
        """
        if self.names and not _any_matches(self.names, (name,)):
            return f"its name is not {' or '.join(self.names)}"
        if self.networks and not any(_lies_in(host, network) for network in self.networks):
            return f"its address is not in {' or '.join(self.networks)}"
        if self.platforms and not _any_matches(self.platforms, platforms):
            return f"its platform is not {' or '.join(self.platforms)}"
        if self.sites and not _any_matches(self.sites, sites):
            return f"its site is not {' or '.join(self.sites)}"
        return None


ANYWHERE = Scope()
NOWHERE = Scope(names=("",))
"""What no device matches: for a text that cannot be read."""


def parse_scope(text: str) -> Scope:
    """The scope of a line like EXAMPLE; of an empty one, anywhere. Raises UsageError."""
    if len(text) > MAX_TEXT:
        raise UsageError("the scope is too long", f"Use patterns, as in: {EXAMPLE}")
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for term in text.split():
        kind, colon, values = term.partition(":")
        if not colon or kind not in found:
            raise UsageError(f"the scope's '{_shown(term)}' names no kind", f"Write it as in: {EXAMPLE}")
        for value in values.split(","):
            found[kind].add(_checked(kind, value))
    names, networks, platforms, sites = (tuple(sorted(found[kind])) for kind in KINDS)
    return Scope(names, networks, platforms, sites)


def _checked(kind: str, value: str) -> str:
    if kind == "network":
        try:
            return str(ip_network(value))
        except ValueError as error:
            step = "Write it as in: network:10.0.0.0/8"
            raise UsageError(
                f"the scope's network '{_shown(value)}' is none: {_shown(str(error))}", step
            ) from None
    if not _VALUE.fullmatch(value):
        raise UsageError(f"the scope's {kind} '{_shown(value)}' cannot be", f"Write it as in: {EXAMPLE}")
    return value.casefold()


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:100])


def _any_matches(patterns: Iterable[str], values: Iterable[str]) -> bool:
    folded = [value.casefold() for value in values if value]
    return any(fnmatchcase(value, pattern) for value in folded for pattern in patterns)


def _lies_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network)
    except ValueError:
        return False
