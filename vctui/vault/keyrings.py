"""Which keyrings may be trusted with a key, and asking them without ever waiting for long.

Only keyrings that encrypt are used, and one that does not answer within three seconds counts as absent: on a
jump host, D-Bus may hang.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from vctui.errors import VaultError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

TIMEOUT = 3.0
REFUSED_MODULES = ("keyrings.alt", "keyring.backends.fail", "keyring.backends.null")

T = TypeVar("T")


class KeyringUnavailable(VaultError):
    """No keyring that can be trusted, or it does not answer."""


def ask(question: Callable[[KeyringBackend], T]) -> T:
    """What the system's keyring answers within the time limit. Raises KeyringUnavailable.

    The question runs in a daemon thread, which is left behind when it hangs.
    """
    answers: queue.Queue[tuple[T] | None] = queue.Queue()

    def run() -> None:
        try:
            answers.put((question(_trusted_backend()),))
        except Exception:  # noqa: BLE001 - backends raise what their daemon's library raises: all means absent
            answers.put(None)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT)
    except queue.Empty:
        raise KeyringUnavailable("the keyring does not answer") from None
    if answer is None:
        raise KeyringUnavailable("there is no keyring here that can be used")
    return answer[0]


def _trusted_backend() -> KeyringBackend:
    import keyring
    from keyring.backends.chainer import ChainerBackend
    from keyring.errors import NoKeyringError

    chosen = keyring.get_keyring()
    candidates = chosen.backends if isinstance(chosen, ChainerBackend) else [chosen]
    for backend in candidates:
        if _is_trusted(backend):
            return backend
    raise NoKeyringError


def _is_trusted(backend: KeyringBackend) -> bool:
    kinds = type(backend).__mro__
    return not any(
        kind.__module__.startswith(REFUSED_MODULES) or "plaintext" in kind.__name__.lower() for kind in kinds
    )
