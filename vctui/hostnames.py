"""What may stand for a host or a user, before it reaches a resolver, a file, another host or a shell."""

from __future__ import annotations

import re

_NO_USER = re.compile(r"""^-|\s|[`'"$;&<>|(){}]|\\$""")
_HOST = re.compile(r"[\w.:%\[\]][\w.:%\[\]-]{0,254}")


def is_host(host: str) -> bool:
    """True for a name or address, and for nothing that means more to a resolver, a file or a shell."""
    return _HOST.fullmatch(host) is not None


def is_user(name: str) -> bool:
    """True for a user name that means nothing more to a shell or a command line than its letters."""
    return bool(name) and name.isprintable() and _NO_USER.search(name) is None
