"""The rows of the table: the work, who does it, and what vctui is to reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from benchmarks.ssh_fleet import Settings

Figure = Literal[
    "rate", "p50", "cpu", "rss", "seconds", "MB/s", "CPU ms/MB", "lag p99", "lag max", "load s", "look-up ms",
    "lines", "failed",
]  # fmt: skip
FIGURES: dict[Figure, str] = {
    "rate": "devices/s",
    "p50": "p50 ms",
    "cpu": "CPU ms/dev",
    "rss": "RSS MiB",
    "seconds": "seconds",
    "MB/s": "MB/s",
    "CPU ms/MB": "CPU ms/MB",
    "lag p99": "lag p99 ms",
    "lag max": "lag max ms",
    "load s": "load s",
    "look-up ms": "look-up ms",
    "lines": "lines",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure of one client, or how many times another client's it is, and its bound."""

    figure: Figure
    at_least: float | None = None
    at_most: float | None = None
    against: str | None = None
    of: str = "vctui"

    @property
    def text(self) -> str:
        """The goal in words."""
        beside = f", times that of {self.against}" if self.against else ""
        return f"{self.of}: {FIGURES[self.figure]}{beside}"

    @property
    def bound(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def is_met(self, value: float) -> bool:
        """Whether a value is within the bound."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work, done by several clients in turn."""

    name: str
    title: str
    clients: tuple[str, ...]
    columns: tuple[Figure, ...]
    goals: tuple[Goal, ...] = ()
    fleet: Settings = field(default_factory=Settings)
    devices: int = 120
    workers: int = 12
    command: str = "show ip arp"
    repeat: int = 1
    sign: str = "Internet"
    rounds: int = 3
    pinned: bool = True
    ticking: bool = False
    hops: int = 0
    """How many OpenSSH jump hosts with their default limits the devices stand behind."""
    home: bool = False
    """Whether a home with an inventory of the fleet is made for it."""
    kind: Literal["sessions", "keys"] = "sessions"
    patience: float = 20.0
    limit: float = 90.0
    """Seconds after which a client is stopped."""
    fewer: dict[str, int] = field(default_factory=dict)
    """Clients that get fewer devices, and one round, because they take so long."""
    quick_devices: int = 0


LIBSSH2, ASYNCSSH, RAW, CLIENT, NETMIKO = (
    "ssh2-python",
    "asyncssh",
    "paramiko raw",
    "paramiko SSHClient",
    "netmiko",
)
SCRAPLI, WAITS = "scrapli", "VelocityCollector's waits"
RUN, CHECKED, TRANSPORT = "vctui run", "vctui run, validated", "vctui transport"
_RATE: tuple[Figure, ...] = ("rate", "p50", "cpu", "rss", "failed")
_LAG: tuple[Figure, ...] = ("seconds", "lag p99", "lag max", "cpu", "rss", "failed")
_BULK: tuple[Figure, ...] = ("MB/s", "CPU ms/MB", "rss", "failed")
_WAN = Settings(rtt=0.2, think=1.0)

ROWS = (
    Row(
        "12",
        "12 workers, 120 devices, 50 ms think",
        ("vctui", RUN, CHECKED, LIBSSH2, ASYNCSSH, RAW, CLIENT, NETMIKO, SCRAPLI, WAITS),
        _RATE,
        (
            Goal("rate", at_least=0.95, against=LIBSSH2),
            Goal("rate", at_least=1.4, against=ASYNCSSH),
            Goal("rate", at_least=5, against=NETMIKO),
            Goal("rate", at_least=100, against=WAITS),
            Goal("cpu", at_most=2.3, against=LIBSSH2),
            Goal("cpu", at_most=3.5, against=LIBSSH2, of=RUN),
        ),
        Settings(think=0.05),
        rounds=5,
        home=True,
        fewer={WAITS: 24},
        quick_devices=48,
    ),
    Row(
        "200",
        "200 workers, 400 devices, 50 ms think",
        ("vctui", LIBSSH2, ASYNCSSH, RAW, NETMIKO, SCRAPLI),
        _RATE,
        (Goal("rate", at_least=1.5, against=ASYNCSSH), Goal("rate", at_least=2.5, against=NETMIKO)),
        Settings(think=0.05),
        devices=400,
        workers=200,
        quick_devices=200,
    ),
    Row(
        "200-cores",
        "200 workers, 400 devices, 50 ms think, all cores for client and simulator",
        ("vctui", LIBSSH2, ASYNCSSH, RAW),
        _RATE,
        (Goal("rate", at_least=0.8, against=LIBSSH2),),
        Settings(think=0.05),
        devices=400,
        workers=200,
        pinned=False,
        quick_devices=200,
    ),
    Row(
        "500",
        "500 sessions at once, 200 ms round trip, 1 s think",
        ("vctui", LIBSSH2, ASYNCSSH, RAW),
        _LAG,
        (Goal("seconds", at_most=5), Goal("lag p99", at_most=10), Goal("lag max", at_most=50)),
        _WAN,
        devices=500,
        workers=500,
        ticking=True,
        patience=60,
        fewer={RAW: 500},
        quick_devices=250,
    ),
    Row(
        "1000",
        "1,000 sessions at once, 200 ms round trip, 1 s think",
        ("vctui", LIBSSH2, ASYNCSSH),
        _LAG,
        (Goal("seconds", at_most=10), Goal("lag max", at_most=250), Goal("failed", at_most=0)),
        _WAN,
        devices=1000,
        workers=1000,
        ticking=True,
        patience=60,
        rounds=2,
        quick_devices=500,
    ),
    Row(
        "2mb",
        "2 MB output, big writes",
        ("vctui", TRANSPORT, RAW, LIBSSH2, ASYNCSSH, NETMIKO, SCRAPLI),
        _BULK,
        (Goal("MB/s", at_least=1.5, against=RAW),),
        devices=2,
        workers=1,
        command="show running-config",
        sign="interface GigabitEthernet",
        repeat=5,
        quick_devices=1,
    ),
    Row(
        "2mb-512",
        "2 MB output, 512-byte writes",
        ("vctui", TRANSPORT, RAW, LIBSSH2, ASYNCSSH, NETMIKO, SCRAPLI),
        _BULK,
        (Goal("CPU ms/MB", at_most=0.333, against=RAW),),
        Settings(chunk=512),
        devices=2,
        workers=1,
        command="show running-config",
        sign="interface GigabitEthernet",
        repeat=5,
        quick_devices=1,
    ),
    Row(
        "group14",
        "a server with diffie-hellman-group14-sha256 only",
        ("vctui", RAW, LIBSSH2, ASYNCSSH),
        _RATE,
        (Goal("cpu", at_most=10),),
        Settings(kex="diffie-hellman-group14-sha256"),
        devices=60,
        quick_devices=24,
    ),
    Row(
        "gex",
        "a server with diffie-hellman-group-exchange-sha256 only, 2048 bits",
        ("vctui", RAW),
        _RATE,
        (Goal("cpu", at_most=25),),
        Settings(kex="diffie-hellman-group-exchange-sha256"),
        devices=60,
        quick_devices=24,
    ),
    Row(
        "jump",
        "60 devices behind an OpenSSH jump host with its default limits, all at once",
        ("vctui", "paramiko, a login each"),
        ("seconds", "p50", "cpu", "rss", "failed"),
        (Goal("failed", at_most=0),),
        Settings(think=0.05),
        devices=60,
        workers=60,
        rounds=10,
        hops=1,
        quick_devices=60,
    ),
    Row(
        "jump-2",
        "60 devices behind two of them, one behind the other",
        ("vctui",),
        ("seconds", "p50", "cpu", "rss", "failed"),
        (Goal("failed", at_most=0),),
        Settings(think=0.05),
        devices=60,
        workers=60,
        rounds=10,
        hops=2,
        quick_devices=60,
    ),
    Row(
        "floods",
        "12 devices that send without end, each stopped at a limit",
        ("vctui floods",),
        ("seconds", "cpu", "rss", "lag p99", "lag max", "failed"),
        (
            Goal("rss", at_most=400, of="vctui floods"),
            Goal("failed", at_most=0, of="vctui floods"),
        ),
        devices=12,
        command="show flood",
        ticking=True,
        quick_devices=12,
    ),
    Row(
        "10000",
        "10,000 devices, 500 workers, everything on: validation, fsync, rows",
        (CHECKED,),
        ("seconds", "rate", "cpu", "rss", "lag p99", "lag max", "failed"),
        (Goal("failed", at_most=0, of=CHECKED), Goal("rss", at_most=600, of=CHECKED)),
        Settings(think=0.05),
        devices=10_000,
        workers=500,
        rounds=1,
        ticking=True,
        home=True,
        pinned=False,
        patience=60,
        limit=1800,
        quick_devices=1000,
    ),
    Row(
        "known_hosts",
        "known_hosts of 100,000 lines",
        ("vctui", "paramiko HostKeys"),
        ("lines", "load s", "look-up ms", "rss", "failed"),
        (Goal("load s", at_most=2), Goal("look-up ms", at_most=0.1)),
        kind="keys",
        devices=100_000,
        quick_devices=100_000,
    ),
    Row(
        "known_hosts-hashed",
        "known_hosts of 10,000 hashed lines",
        ("vctui", "paramiko HostKeys"),
        ("lines", "load s", "look-up ms", "rss", "failed"),
        kind="keys",
        command="hashed",
        devices=10_000,
        quick_devices=10_000,
    ),
)
