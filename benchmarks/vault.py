"""What the vault costs, and what a hostile header may cost: figures beside their limits.

    python -m benchmarks.vault [--rounds 20]

Keys are derived as in production. `gap` is the longest time that an event loop in the same process did not
come to its turn while a thread unlocked, as in the full-screen program.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import platform
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.vault import collector, put_rows, rows_of
from vctui.errors import VctuiError, WrongPassword
from vctui.storage import Audit
from vctui.vault import Vault, change_password

MASTER = "correct horse battery staple"
CREDENTIALS = 1000
AUDIT_LINES = 10_000


@dataclass(frozen=True)
class Figure:
    """One thing measured: milliseconds, or MiB where the name says so."""

    name: str
    value: float
    limit: str


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of a call; errors of the vault are part of it."""
    start = time.perf_counter()
    with contextlib.suppress(VctuiError):
        call()
    return (time.perf_counter() - start) * 1000


def full_vault(folder: Path) -> Vault:
    """A vault with a thousand credentials. All but the first are copies that would not open."""
    vault = Vault(collector(folder))
    vault.init(MASTER)
    vault.add("login1", "admin", password="secret", enable_secret="enable")
    for table in ("credentials", "vctui_credentials"):
        row = rows_of(vault.path, table)[0]
        put_rows(vault.path, table, [(n, f"{row[1]}-{n}", *row[2:]) for n in range(2, CREDENTIALS + 1)])
    return vault


def wrong(vault: Vault) -> None:
    with contextlib.suppress(WrongPassword):
        vault.unlock("wrong horse battery staple")


def unlocking(vault: Vault, rounds: int) -> list[Figure]:
    """Right and wrong passwords, in turn so that the machine treats both alike."""
    right_ms, wrong_ms = [], []
    for _ in range(rounds):
        right_ms.append(timed(lambda: Vault(vault.path).unlock(MASTER)))
        wrong_ms.append(timed(lambda: wrong(Vault(vault.path))))
    p95 = sorted(right_ms)[int(len(right_ms) * 0.95)]
    apart = abs(statistics.mean(right_ms) / statistics.mean(wrong_ms) - 1) * 100
    return [
        Figure("unlock, median ms", statistics.median(right_ms), ">= 150"),
        Figure("unlock, p95 ms", p95, "<= 1500"),
        Figure("right and wrong apart, percent", apart, "<= 10"),
    ]


def gap(vault: Vault) -> Figure:
    """The longest pause of an event loop that ticks every 5 ms while a thread unlocks."""

    async def tick() -> float:
        longest, done = 0.0, threading.Event()

        def work() -> None:
            for _ in range(5):
                Vault(vault.path).unlock(MASTER)
            done.set()

        threading.Thread(target=work).start()
        before = time.perf_counter()
        while not done.is_set():
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        return longest * 1000

    return Figure("gap of the event loop, ms", asyncio.run(tick()), "<= 100")


def hostile(vault: Vault) -> list[Figure]:
    """A header that asks for 2 GiB, refused."""
    head = json.dumps(
        {"format": 1, "kdf": "argon2id", "m": 2_097_152, "t": 3, "p": 4, "salt": "A" * 22 + "=="}
    )
    slot = rows_of(vault.path, "vctui_vault_slots")[0]
    put_rows(vault.path, "vctui_vault_slots", [(*slot[:3], head, *slot[4:])])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = timed(lambda: Vault(vault.path).unlock(MASTER))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    put_rows(vault.path, "vctui_vault_slots", [slot])
    return [Figure("refusing 2 GiB, ms", took, "<= 50"), Figure("refusing 2 GiB, MiB", grown, "<= 16")]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        vault = full_vault(Path(folder))
        audit = Audit(folder)
        devices = [{"device": f"sw{n}", "credential": 1} for n in range(AUDIT_LINES)]
        figures = [
            *unlocking(vault, rounds),
            gap(vault),
            *hostile(vault),
            Figure(
                f"changing the password of {CREDENTIALS}, ms",
                timed(lambda: change_password(vault, MASTER, "another horse")),
                "<= 2000",
            ),
            Figure("one line of audit, ms", timed(lambda: audit.write("vault_unlocked")), ""),
            Figure(
                f"{AUDIT_LINES} lines at once, ms",
                timed(lambda: audit.write_many("credential_used", devices)),
                "",
            ),
            Figure(f"checking {AUDIT_LINES} lines, ms", timed(audit.check), ""),
        ]
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for figure in figures:
        print(f"{figure.name:40} {figure.value:10.1f}   {figure.limit}")


if __name__ == "__main__":
    main()
