"""Login pacing: what config.yaml may say, what falls under which limit, and what devices see of it."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fixtures.served_home import Heard, runner, serve_home
from tests.fixtures.small_home import add_job
from tests.fixtures.ssh_device import CREDENTIALS, Counts, Device, Reply, Script, Terminal, cli
from vctui.config import Settings, load_settings
from vctui.errors import UsageError
from vctui.events import DeviceFinished, DevicePhase, Event
from vctui.jobs import pacing
from vctui.jobs.plan import PlanItem
from vctui.jobs.routes import PlannedHop
from vctui.politeness import Domain, Limit, Politeness
from vctui.records import Device as Row
from vctui.ssh import Lifeline, Target

ARP = "10.0.0.1\r\n"

# what config.yaml may say

FULL = """\
politeness:
  logins_per_second: 20
  at_once: 50
  per_site: {logins_per_second: 5}
  per_jump: {at_once: 9}
  aaa_domains:
    tacacs-eu:
      sites: [Amsterdam, 10]
      credentials: lab
      logins_per_second: 0.5
      at_once: 4
"""


def read(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "config.yaml").write_text(text)
    return load_settings(tmp_path, {})


def test_config_says_all_limits(tmp_path: Path) -> None:
    settings = read(tmp_path, FULL)
    domain = Domain(
        "tacacs-eu", Limit(0.5, 4), sites=frozenset({"amsterdam", "10"}), credentials=frozenset({"lab"})
    )
    assert settings.politeness == Politeness(Limit(20, 50), Limit(5), Limit(at_once=9), (domain,))
    assert settings.unknown_keys == ()
    assert not read(tmp_path, "").politeness


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("politeness: fast", "politeness: must be a mapping"),
        ("politeness: {at_once: 0}", "politeness.at_once: must be a number from 1 to 1000"),
        ("politeness: {at_once: 1.5}", "politeness.at_once: must be a whole number from 1 to 1000"),
        ("politeness: {logins_per_second: 0}", "politeness.logins_per_second: must be a number from 0.01"),
        ("politeness: {logins_per_secnd: 2}", "politeness: does not know logins_per_secnd"),
        ("politeness: {per_site: {at_onse: 2}}", "politeness.per_site: does not know at_onse"),
        ("politeness: {per_jump: {at_onse: 2}}", "politeness.per_jump: does not know at_onse"),
        ("politeness: {aaa_domains: [eu]}", "politeness.aaa_domains: must be a mapping"),
        ("politeness: {aaa_domains: {eu: {at_once: 2}}}", "aaa_domains.eu: names no sites, platforms, roles"),
        ("politeness: {aaa_domains: {eu: {sites: ams}}}", "aaa_domains.eu: limits nothing: give logins_per"),
        (
            "politeness: {aaa_domains: {eu: {sites: ams, at_once: 2, site: x}}}",
            "politeness.aaa_domains.eu: does not know site",
        ),
        (
            "politeness: {aaa_domains: {eu: {sites: [[]], at_once: 2}}}",
            "politeness.aaa_domains.eu.sites: must be a name or a list of names",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "config.yaml") in str(caught.value)
    assert reason in str(caught.value)


# what falls under which limit


def item(
    name: str, *, site: str = "ams", role: str = "core", credential: str = "lab", jump: tuple[str, ...] = ()
) -> PlanItem:
    row = Row(id=1, name=name, site=site, site_name=site.upper(), role=role, platform="cisco_ios")
    return PlanItem(
        device=row, host="127.0.0.1", port=22, device_type="cisco_ios", credential=credential,
        credential_id=1, commands=(), template=None, path=Path("x"), host_known=True,
        jump=tuple(PlannedHop(hop, "127.0.0.1", 22, "lab", 1, True) for hop in jump),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "names"),
    [
        (item("a"), {"all", ("site", "ams"), ("domain", "eu")}),
        (item("a", site="nyc"), {"all", ("site", "nyc")}),
        (item("a", site="", credential="Radius"), {"all", ("domain", "radius")}),
        (item("a", credential="radius"), {"all", ("site", "ams"), ("domain", "eu"), ("domain", "radius")}),
        (item("a", role="access"), {"all", ("site", "ams")}),
        (
            item("a", site="nyc", jump=("bastion", "nyc-1")),
            {"all", ("site", "nyc"), ("jump", "bastion"), ("jump", "nyc-1")},
        ),
    ],
)
def test_a_device_falls_under_each_limit_that_names_it(one: PlanItem, names: set[object]) -> None:
    eu = Domain("eu", Limit(1), sites=frozenset({"ams", "fra"}), roles=frozenset({"core"}))
    radius = Domain("radius", Limit(1), credentials=frozenset({"radius"}))
    meters = pacing.Meters(Politeness(Limit(1), Limit(1), Limit(1), (eu, radius)))
    assert set(meters.names(one)) == names


class Clock(Lifeline):
    """A line that lets its waits pass at once, and notes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now = 1000.0
        self.waits: list[float] = []
        monkeypatch.setattr("vctui.jobs.pacing.time.monotonic", lambda: self.now)

    def pause(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds


def pacer(politeness: Politeness, items: Mapping[str, PlanItem]) -> pacing.Pacer:
    return pacing.Pacer(pacing.Meters(politeness), lambda target: items[target.device])


def target(name: str) -> Target:
    return Target(name, "127.0.0.1", CREDENTIALS, ())


def test_logins_are_so_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = pacer(Politeness(Limit(4)), {"a": item("a")})
    for _ in range(4):
        pace.admit(target("a"), clock)
    assert clock.waits == [0.25, 0.25, 0.25]
    clock.now += 10
    pace.admit(target("a"), clock)
    pace.admit(target("a"), clock)
    assert clock.waits[3:] == [0.25], "time without logins is not saved up for a burst"


def test_a_slow_site_does_not_slow_another(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    items = {"a": item("a", site="ams"), "n": item("n", site="nyc")}
    pace = pacer(Politeness(per_site=Limit(0.5)), items)
    pace.admit(target("a"), clock)
    pace.admit(target("n"), clock)
    assert clock.waits == []
    pace.admit(target("n"), clock)
    assert clock.waits == [2.0]


def test_devices_behind_one_jump_host_share_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    items = {"a": item("a", jump=("one",)), "b": item("b", jump=("one", "two")), "c": item("c")}
    pace = pacer(Politeness(per_jump=Limit(2)), items)
    for name in ("a", "b", "c"):
        pace.admit(target(name), clock)
    assert clock.waits == [0.5]


def test_who_would_wait_long_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = pacer(Politeness(Limit(0.25)), {"a": item("a")})
    first, second, third = (target("a") for _ in range(3))
    assert (pace.wait(first), pace.wait(second)) == (0.0, 0.0)
    assert pace.wait(third) == 3.0, "its turn is 8 s away, and it would come 5 s early at most"
    pace.admit(first, clock)
    clock.now += 3
    assert pace.wait(third) == 0.0


def test_a_place_is_given_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = pacer(Politeness(Limit(at_once=1)), {"a": item("a")})
    first, second, third = (target("a") for _ in range(3))
    assert pace.wait(first) == 0.0
    pace.admit(first, clock)
    assert pace.wait(second) > 0
    pace.left(first)
    pace.left(first)
    assert pace.wait(second) == 0.0
    assert pace.wait(third) > 0
    pace.left(second)  # it failed before it came to a login
    assert pace.wait(third) == 0.0


def test_runs_of_one_home_share_their_limits(tmp_path: Path) -> None:
    polite = Politeness(Limit(at_once=1))
    one, other = (pacing.make_pacer(tmp_path, polite, lambda _: item("a")) for _ in range(2))
    elsewhere = pacing.make_pacer(tmp_path / "b", polite, lambda _: item("a"))
    assert one is not None
    assert other is not None
    assert elsewhere is not None
    assert one.wait(target("a")) == 0.0
    assert other.wait(target("a")) > 0
    assert elsewhere.wait(target("a")) == 0.0
    assert pacing.make_pacer(tmp_path, Politeness(), lambda _: item("a")) is None


# what devices see of it


class Underway:
    """How many devices are between a connection and its password, in all and at each site."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self.most = self.most_at_a_site = 0
        self.order: list[str] = []

    def begin(self, site: str) -> None:
        with self._lock:
            self.order.append(site)
            self._now[site] += 1
            self.most = max(self.most, self._now.total())
            self.most_at_a_site = max(self.most_at_a_site, *self._now.values())

    def end(self, site: str) -> None:
        with self._lock:
            self._now[site] -= 1


class Attempts(Counts):
    """Tells when a password has come."""

    def __init__(self, on_password: Callable[[], None]) -> None:
        object.__setattr__(self, "on_password", on_password)
        super().__init__()

    def __setattr__(self, name: str, value: int) -> None:
        super().__setattr__(name, value)
        if name == "password" and value:
            self.on_password()  # type: ignore[attr-defined]


class Watched(Device):
    """A device that says when it is connected to, and when its password has come."""

    def __init__(self, script: Script, underway: Underway, site: str) -> None:
        super().__init__(script)
        self._underway, self._site = underway, site
        self.counts = Attempts(lambda: underway.end(site))

    def serve(self, sock: socket.socket) -> None:
        self._underway.begin(self._site)
        super().serve(sock)


@contextmanager
def fleet(
    tmp_path: Path, count: int, config: str, arp: Reply = ARP, sites: tuple[str, ...] = ("lab",)
) -> Iterator[tuple[Settings, dict[str, Device], Underway]]:
    """A home with so many devices, at these sites in turn, and the job `arp` that means them all."""
    underway = Underway()
    script = cli("r1#", {"show arp": arp})
    with ExitStack() as stack:
        site_of = {f"r{n}": sites[n % len(sites)] for n in range(count)}
        devices: dict[str, Device] = {
            name: stack.enter_context(Watched(script, underway, site)) for name, site in site_of.items()
        }
        settings = serve_home(tmp_path, devices, config=config, sites=site_of)
        add_job(settings, "arp", command="show arp", max_workers=count)
        yield settings, devices, underway


def test_logins_are_limited_and_sessions_are_not(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def arp(terminal: Terminal) -> None:
        together.wait(20)
        terminal.write(ARP)

    heard = Heard()
    with fleet(tmp_path, 8, "politeness: {at_once: 2}\n", arp) as (settings, _, underway):
        result = runner(settings, heard).run_job(job_slug="arp")
    assert result.success_count == 8, heard.finished()
    assert underway.most <= 2


def test_each_site_has_its_own_limit(tmp_path: Path) -> None:
    config = "politeness: {per_site: {at_once: 1}}\n"
    with fleet(tmp_path, 8, config, sites=("ams", "nyc")) as (settings, _, underway):
        result = runner(settings, Heard()).run_job(job_slug="arp")
    assert result.success_count == 8
    assert underway.most_at_a_site == 1
    assert Counter(underway.order) == {"ams": 4, "nyc": 4}


def test_failures_give_their_place_back(tmp_path: Path) -> None:
    heard = Heard()
    with fleet(tmp_path, 5, "politeness: {at_once: 1}\n") as (settings, _, _underway):
        settings.known_hosts.write_text("")
        result = runner(settings, heard, host_keys="strict").run_job(job_slug="arp")
    assert {e.error_kind for e in heard.finished().values()} == {"host_key_unknown"}
    assert result.failed_count == 5


def test_cancelling_ends_the_wait_for_a_turn(tmp_path: Path) -> None:
    cancel, second = threading.Event(), threading.Event()
    logging_in: list[str] = []

    def sink(event: Event) -> None:
        if isinstance(event, DevicePhase) and event.phase == "authenticating":
            logging_in.append(event.device)
            if len(logging_in) == 2:
                second.set()
        if isinstance(event, DeviceFinished) and event.status == "ok":
            second.wait(20)
            cancel.set()

    with fleet(tmp_path, 6, "politeness: {logins_per_second: 0.2}\n") as (settings, devices, _):
        result = runner(settings, sink, cancel=cancel).run_job(job_slug="arp")
        connected = sum(device.connections for device in devices.values())
        logins = sum(device.counts.total for device in devices.values())
    assert (result.success_count, result.cancelled_count) == (1, 5)
    assert (connected, logins) == (2, 1), "a device whose turn is far away has no connection"
